//! The time of whole training steps: batch assembly, forward, backward and update.
//!
//! ```sh
//! cargo bench --bench step
//! RAYON_NUM_THREADS=1 cargo bench --bench step
//! cargo bench --bench step -- --sizes 784-300-100-10 --batch 50 --activation tanh
//! ```
//!
//! - `nielsen`: 784-30-10, sigmoid, quadratic cost, mini-batches of 10, one epoch of 50,000 rows at a time.
//! - `wide`: 784-2048-2048-10, ReLU, softmax cross-entropy, mini-batches of 512; the rate counts its eight matrix
//!   products and nothing else.
//! - With `--sizes`, a network of these (`sigmoid`, `relu` or `tanh`), softmax cross-entropy and momentum instead.

use std::time::Instant;

use wengert::prelude::*;

#[derive(Module)]
struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    fn new(sizes: &[usize], init: Init) -> Mlp {
        let mut rng = rng(1, 0);
        let layer = |s: &[usize]| Linear::with_init(s[0], s[1], init, Some(init), &mut rng);
        Mlp { layers: sizes.windows(2).map(layer).collect() }
    }

    fn forward<'t>(&self, x: Var<'t>, activation: fn(Var<'t>) -> Var<'t>) -> Var<'t> {
        let (output, hidden) = self.layers.split_last().expect("layers");
        output.forward(hidden.iter().fold(x, |x, layer| activation(layer.forward(x))))
    }
}

/// Rows of noise: the time of a step does not depend on what it learns.
fn noise(rows: usize, width: usize) -> Images {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let images = (0..rows * width).map(|_| next()).collect();
    let labels = (0..rows).map(|_| next() % 10).collect();
    Images::new(images, width, labels).expect("as many labels as rows")
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn nielsen() {
    let data = noise(50_000, 784);
    let mut model = Mlp::new(&[784, 30, 10], Init::Normal(1.0));
    let mut sgd = Sgd::new(3.0);
    let mut tape = Tape::new();
    let mut epoch = |number: u64| {
        let start = Instant::now();
        for batch in data.batches(10).shuffle(1, number) {
            let a = model.forward(tape.constant(batch.images), |z| z.sigmoid()).sigmoid();
            let cost = a.quadratic_cost(batch.labels.one_hot(10));
            sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
            tape.reset();
        }
        start.elapsed().as_secs_f64() / 5000.0
    };
    epoch(0);
    let times: Vec<f64> = (1..=9).map(epoch).collect();
    let fastest = times.iter().copied().fold(f64::MAX, f64::min);
    println!("nielsen: {:.2} µs a step (median of 9 epochs; fastest {:.2})", 1e6 * median(times), 1e6 * fastest);
}

const WIDE: [usize; 4] = [784, 2048, 2048, 10];
const BATCH: usize = 512;

/// The operations of the products of a step: each layer's x·Wᵀ and gᵀ·x, and g·W for all layers but the first.
fn flops() -> f64 {
    let product = |size: &[usize]| 2.0 * (BATCH * size[0] * size[1]) as f64;
    let layers = WIDE.windows(2).enumerate();
    layers.map(|(layer, size)| if layer > 0 { 3.0 } else { 2.0 } * product(size)).sum()
}

fn wide() {
    let threads = rayon::current_num_threads();
    let data = noise(BATCH * 4, 784);
    let mut model = Mlp::new(&WIDE, Init::UniformFanIn);
    let mut sgd = Sgd::new(0.05).momentum(0.9);
    let mut tape = Tape::new();
    let mut times = Vec::new();
    for round in 0..8 {
        for batch in data.batches(BATCH).shuffle(1, round) {
            let start = Instant::now();
            let cost = model.forward(tape.constant(batch.images), |z| z.relu()).cross_entropy(&batch.labels);
            sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
            tape.reset();
            if round > 0 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
    }
    let time = median(times);
    println!("wide: {:.1} ms a step, {:.0} GFLOP/s on {threads} threads", 1e3 * time, 1e-9 * flops() / time);
}

/// A network of the command line's.
struct Custom {
    sizes: Vec<usize>,
    batch: usize,
    activation: fn(Var<'_>) -> Var<'_>,
}

impl Custom {
    fn parse() -> Option<Custom> {
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench").peekable();
        words.peek()?;
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text}: expected a number"));
        let mut custom = Custom { sizes: Vec::new(), batch: 32, activation: |z| z.relu() };
        while let Some(option) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("{option} has no value"));
            match (option.as_str(), value.as_str()) {
                ("--sizes", sizes) => custom.sizes = sizes.split('-').map(number).collect(),
                ("--batch", batch) => custom.batch = number(batch),
                ("--activation", "sigmoid") => custom.activation = |z| z.sigmoid(),
                ("--activation", "relu") => custom.activation = |z| z.relu(),
                ("--activation", "tanh") => custom.activation = |z| z.tanh(),
                _ => {
                    panic!("{option} {value}: expected --sizes 784-30-10, --batch 32 or --activation sigmoid|relu|tanh")
                }
            }
        }
        assert!(custom.sizes.len() > 1, "--sizes: expected those of the input and of every layer, as in 784-30-10");
        Some(custom)
    }

    /// Epochs of some 2 s in all, at least 3.
    fn run(&self) {
        let rows = (50 * self.batch).max(5000) / self.batch * self.batch;
        let data = noise(rows, self.sizes[0]);
        let mut model = Mlp::new(&self.sizes, Init::UniformFanIn);
        let mut sgd = Sgd::new(0.01).momentum(0.9);
        let mut tape = Tape::new();
        let mut epoch = |number: u64| {
            let start = Instant::now();
            for batch in data.batches(self.batch).shuffle(1, number) {
                let cost = model.forward(tape.constant(batch.images), self.activation).cross_entropy(&batch.labels);
                sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
                tape.reset();
            }
            start.elapsed().as_secs_f64()
        };
        let epochs = (2.0 / epoch(0)).clamp(3.0, 100.0) as u64;
        let times = (1..=epochs).map(epoch).collect();
        println!("{:.2} µs a step (median of {epochs} epochs)", 1e6 * median(times) / (rows / self.batch) as f64);
    }
}

fn main() {
    if let Some(custom) = Custom::parse() {
        return custom.run();
    }
    nielsen();
    wide();
}
