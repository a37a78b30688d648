//! The memory of a deep chain of layers with and without checkpoints, measured and drawn against its depth.
//!
//! ```sh
//! cargo run --example checkpointing -- checkpointing.svg
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use plotters::prelude::*;
use wengert::prelude::*;

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
    if let Some(path) = std::env::args_os().nth(1) {
        draw(path.as_ref(), &points)?;
        println!("drawn in {}", Path::new(&path).display());
    }
    Ok(())
}

fn draw(path: &Path, points: &[(f64, f64, f64)]) -> Result<(), Box<dyn Error>> {
    let (depth, most) = points.last().map_or((1.0, 1.0), |point| (point.0, point.1));
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Most memory held during forward and backward", ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..depth * 1.02, 0.0..most * 1.05)?;
    let number = |x: &f64| format!("{x:.0}");
    chart
        .configure_mesh()
        .x_desc("layers")
        .y_desc("MiB")
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .light_line_style(TRANSPARENT)
        .draw()?;
    type Pick = fn(&(f64, f64, f64)) -> f64;
    let curves: [(&str, RGBColor, Pick); 2] =
        [("plain", RED, |point| point.1), ("a checkpoint around each √depth layers", BLUE, |point| point.2)];
    for (label, color, pick) in curves {
        let series = points.iter().map(|point| (point.0, pick(point)));
        chart
            .draw_series(LineSeries::new(series, color.stroke_width(2)).point_size(3))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(root.present()?)
}
