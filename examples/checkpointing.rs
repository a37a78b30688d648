//! The memory of a deep chain of layers with and without checkpoints, measured and drawn against its depth.
//!
//! ```sh
//! cargo run --example checkpointing -- checkpointing.svg
//! ```

use std::error::Error;
use std::time::Instant;

use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};

const WIDTH: usize = 128;
const BATCH: usize = 128;

/// Dense layers of one width.
struct Chain {
    layers: Vec<Linear>,
}

/// What a forward and a backward pass took: the most bytes held by tensors, seconds, and the gradient's bits.
struct Run {
    peak: f64,
    seconds: f64,
    bits: Vec<u32>,
}

impl Chain {
    fn new(depth: usize) -> Chain {
        let mut rng = rng(0, 0);
        Chain { layers: (0..depth).map(|_| Linear::new(WIDTH, WIDTH, &mut rng)).collect() }
    }

    /// Checkpoints around each `block` layers, or none.
    fn run(&self, x: &Tensor, block: Option<usize>) -> Run {
        let dropout = Dropout::new(0.1);
        let layer = |x, layer: &Linear| dropout.forward(layer.forward(x).tanh());
        let tape = Tape::new();
        let start = Instant::now();
        Tensor::<f32>::reset_peak();
        let before = Tensor::<f32>::buffers().live;
        let x = tape.leaf(x.clone());
        let y = match block {
            None => self.layers.iter().fold(x, layer),
            Some(block) => self.layers.chunks(block).fold(x, |x, part| tape.checkpoint(|| part.iter().fold(x, layer))),
        };
        let bits = y.square().sum(..).backward().wrt(x).to_vec().into_iter().map(f32::to_bits).collect();
        let peak = (Tensor::<f32>::buffers().peak - before) as f64;
        Run { peak, seconds: start.elapsed().as_secs_f64(), bits }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let x = Tensor::randn([BATCH, WIDTH], &mut rng(1, 0));
    let mut points = Vec::new();
    println!("depth   MiB, plain   with √depth checkpoints   time ratio");
    for root in [4, 6, 8, 11, 16, 20, 24] {
        let depth = root * root;
        let chain = Chain::new(depth);
        let (plain, checkpointed) = (chain.run(&x, None), chain.run(&x, Some(root)));
        assert_eq!(plain.bits, checkpointed.bits, "the gradients have the same bits");
        let mib = |run: &Run| run.peak / f64::from(1 << 20);
        let ratio = checkpointed.seconds / plain.seconds;
        println!("{depth:5}   {:10.2}   {:23.2}   {ratio:10.2}", mib(&plain), mib(&checkpointed));
        points.push((depth as f64, mib(&plain), mib(&checkpointed)));
    }
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, &points)?;
        println!("drawn in {path}");
    }
    Ok(())
}

fn draw(path: &str, points: &[(f64, f64, f64)]) -> Result<(), wengert::report::Error> {
    let (layers, memory) = (Axis::linear("layers").from(0.0), Axis::linear("memory, MiB").from(0.0));
    Chart::new("Most memory held during forward and backward", layers, memory)
        .line("plain", points.iter().map(|point| (point.0, point.1)))
        .color(Color::RED)
        .line("a checkpoint around each √depth layers", points.iter().map(|point| (point.0, point.2)))
        .color(Color::BLUE)
        .save(path)
}
