//! Workloads that other frameworks are measured on too, one at a time, each figure as one line of JSON.
//!
//! ```sh
//! MNIST_DIR=… cargo bench --bench peer -- --workload A --threads 1
//! ```
//!
//! - `A`: 784-30-10, sigmoid, quadratic cost, SGD, batches of 10, batch assembly included.
//! - `B`: 784-512-256-10, ReLU, softmax cross-entropy, SGD with momentum, batches of 128.
//! - `C`: 784-2048-2048-10, ReLU, softmax cross-entropy, SGD with momentum, one batch of 512.
//! - `D`: `B` with Adam.
//! - `E`: mean(tanh(x·w + b)²) over 4 Mi elements, forward and backward; with `--variant rule` as one elementwise rule.
//! - `F`, `F1M`: a chain of 10,000 (1,000,000) scalar ops, forward and backward.
//! - `G1`, `G2`: layer normalisation and softmax of [4096, 1024], forward and backward; `G1c`, `G2c` from primitives.
//! - `H1`, `H1024`: inference of the network of `B` at batch 1 and 1024.
//! - `I`: a convolutional network, 16 and 32 channels of 5 × 5 with pooling, then 512-128-10, SGD, one batch of 64.

use std::hint::black_box;
use std::time::Instant;

use wengert::nn::Conv2d;
use wengert::optim::{Method, Optimizer};
use wengert::prelude::*;
use wengert::tensor::{Elementwise, PoolOptions, Scalar};

/// What is asked for on the command line.
struct Args {
    workload: String,
    variant: String,
    threads: usize,
    reps: Option<usize>,
    epochs: Option<usize>,
}

impl Args {
    fn parse() -> Args {
        let mut args = Args { workload: "A".into(), variant: String::new(), threads: 1, reps: None, epochs: None };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(option) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("{option} has no value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{option} {value}: expected a number"));
            match option.as_str() {
                "--workload" => args.workload = value,
                "--variant" => args.variant = value,
                "--threads" => args.threads = number(),
                "--reps" => args.reps = Some(number()),
                "--epochs" => args.epochs = Some(number()),
                _ => panic!("{option}: expected --workload, --variant, --threads, --reps or --epochs"),
            }
        }
        args
    }

    fn put(&self, metric: &str, value: f64, unit: &str) {
        let Args { workload, threads, .. } = self;
        println!(
            r#"{{"peer":"wengert","workload":"{workload}","threads":{threads},"metric":"{metric}","value":{value:.6},"unit":"{unit}"}}"#
        );
    }

    /// The most memory that the process has held, where the system tells.
    fn put_peak(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        let peak: f64 = peak.unwrap_or(f64::NAN);
        self.put("peak_rss", peak / 1024.0, "MiB");
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let n = times.len();
    0.5 * (times[(n - 1) / 2] + times[n / 2])
}

/// How long a core runs before anything is timed, in seconds: other programs have loaded an interpreter by then, or compiled
/// their model, and a core and its memory that were idle take a third longer at first.
const WARM: f64 = 0.5;

/// The median time of `f` in seconds, after `warm` calls and more that are not timed.
fn time(warm: usize, reps: usize, mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..warm).for_each(|_| f());
    while start.elapsed().as_secs_f64() < WARM {
        f();
    }
    let once = |_| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    median((0..reps).map(once).collect())
}

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

    fn relu<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward(x, |z| z.relu())
    }

    /// Multiply-adds of a training step count twice: forward, weights' gradients, and inputs' but for the first layer.
    fn step_flops(&self, batch: usize) -> f64 {
        let layer = |l: &Linear| 2.0 * batch as f64 * l.weight.value().numel() as f64;
        self.layers.iter().map(layer).sum::<f64>() * 3.0 - layer(&self.layers[0])
    }

    fn forward_flops(&self, batch: usize) -> f64 {
        self.layers.iter().map(|l| 2.0 * batch as f64 * l.weight.value().numel() as f64).sum()
    }
}

const MLP: [usize; 4] = [784, 512, 256, 10];
const MOMENTUM: f64 = 0.9;
const RATE: f64 = 0.05;
const ADAM_RATE: f64 = 1e-3;

fn mnist() -> Mnist {
    let folder = std::env::var_os("MNIST_DIR").expect("MNIST_DIR names the folder of the data set");
    Mnist::open(Some(folder.as_ref())).expect("MNIST_DIR holds the data set")
}

/// Whole epochs of training on MNIST.
fn train(
    args: &Args,
    mut model: Mlp,
    (rows, batch): (usize, usize),
    activation: fn(Var<'_>) -> Var<'_>,
    mut step: impl FnMut(&mut Mlp, &mut Tape, Batch),
) {
    let mnist = mnist();
    let (train, _) = mnist.train.split(rows);
    let mut tape = Tape::new();
    let steps = rows / batch;
    let mut seconds = Vec::new();
    for epoch in 0..args.epochs.unwrap_or(3) {
        let start = Instant::now();
        for batch in train.batches(batch).shuffle(1, epoch as u64).take(steps) {
            step(&mut model, &mut tape, batch);
        }
        seconds.push(start.elapsed().as_secs_f64());
        let right: f32 = mnist
            .test
            .batches(1000)
            .map(|batch| {
                let tape: Tape = Tape::inference();
                let outputs = model.forward(tape.constant(batch.images), activation);
                outputs.argmax(-1).equal(&batch.labels).map_elements(|yes| f32::from(u8::from(yes))).sum(..).item()
            })
            .sum();
        args.put(&format!("acc_epoch{}", epoch + 1), 100.0 * f64::from(right) / mnist.test.len() as f64, "%");
    }
    let epoch = median(seconds);
    args.put("s_per_epoch", epoch, "s");
    args.put("us_per_step", 1e6 * epoch / steps as f64, "us");
    args.put("gflops", 1e-9 * model.step_flops(batch) * steps as f64 / epoch, "GFLOP/s");
    args.put_peak();
}

fn nielsen(args: &Args) {
    let mut sgd = Sgd::new(3.0);
    let model = Mlp::new(&[784, 30, 10], Init::Normal(1.0));
    train(
        args,
        model,
        (50_000, 10),
        |z| z.sigmoid(),
        |model, tape, batch| {
            let a = model.forward(tape.constant(batch.images), |z| z.sigmoid()).sigmoid();
            let cost = a.quadratic_cost(batch.labels.one_hot(10));
            sgd.step(model, &cost.backward()).expect("every parameter is reached");
            tape.reset();
        },
    );
}

fn mlp<M: Method>(args: &Args, mut optimizer: Optimizer<M>) {
    train(
        args,
        Mlp::new(&MLP, Init::UniformFanIn),
        (60_000, 128),
        |z| z.relu(),
        |model, tape, batch| {
            let cost = model.relu(tape.constant(batch.images)).cross_entropy(&batch.labels);
            optimizer.step(model, &cost.backward()).expect("every parameter is reached");
            tape.reset();
        },
    );
}

fn wide(args: &Args) {
    let mut model = Mlp::new(&[784, 2048, 2048, 10], Init::UniformFanIn);
    let mut sgd = Sgd::new(RATE).momentum(MOMENTUM);
    let mut tape = Tape::new();
    let mnist = mnist();
    let rows: Vec<usize> = (0..512).collect();
    let mut loss = 0.0;
    let step = time(3, args.reps.unwrap_or(10), || {
        let batch = mnist.train.gather(&rows);
        let cost = model.relu(tape.constant(batch.images)).cross_entropy(&batch.labels);
        sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
        loss = cost.item();
        tape.reset();
    });
    args.put("ms_per_step", 1e3 * step, "ms");
    args.put("gflops", 1e-9 * model.step_flops(512) / step, "GFLOP/s");
    args.put("loss", f64::from(loss), "");
    args.put_peak();
}

/// tanh(x·w + b)².
#[derive(Clone, Copy)]
struct Cell;

impl Elementwise<3> for Cell {
    const NAME: &'static str = "cell";

    #[inline(always)]
    fn eval<A: Scalar>(self, [x, w, b]: [A; 3]) -> A {
        let t = (x * w + b).tanh();
        t * t
    }
}

fn chain(args: &Args) {
    const LEN: usize = 4 << 20;
    let mut rng = rng(5, 0);
    let [x, w, b] = [0; 3].map(|_| Tensor::<f32>::uniform([LEN], -1.0, 1.0, &mut rng));
    let mut tape = Tape::new();
    let rule = args.variant == "rule";
    let mut value = 0.0;
    let seconds = time(2, args.reps.unwrap_or(10), || {
        {
            let (x, w, b) = (tape.constant(x.clone()), tape.leaf(w.clone()), tape.leaf(b.clone()));
            let y = if rule { Var::map(Cell, [x, w, b]) } else { (x * w + b).tanh().square() };
            let cost = y.mean(..);
            let grads = cost.backward();
            black_box((grads.wrt(w), grads.wrt(b)));
            value = cost.item();
        }
        tape.reset();
    });
    args.put("ms", 1e3 * seconds, "ms");
    args.put("eff_gbps", 5.0 * 4e-9 * LEN as f64 / seconds, "GB/s");
    args.put("value", f64::from(value), "");
    args.put_peak();
}

/// h ← h·a, h ← h + b, again and again.
fn scalar_chain<'t>(ops: usize, x: Var<'t>, a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let mut h = x;
    for _ in 0..ops / 2 {
        h = h * a;
        h = h + b;
    }
    h
}

fn scalars(args: &Args) {
    let [x, a, b] = [1.0f32, 0.999, 0.001].map(|x| Tensor::from([x]));
    let mut tape = Tape::new();
    if args.workload == "F1M" {
        let (x, a, b) = (tape.leaf(x), tape.leaf(a), tape.leaf(b));
        let h = scalar_chain(1_000_000, x, a, b);
        args.put("forward_done", 1.0, "");
        let grads = h.backward();
        args.put("backward_done", f64::from(u8::from(grads.get(x).is_some())), "");
        drop(grads);
        drop(tape);
        args.put("drop_done", 1.0, "");
        return args.put_peak();
    }
    const OPS: usize = 10_000;
    let mut value = 0.0;
    let seconds = time(3, args.reps.unwrap_or(20), || {
        {
            let (x, a, b) = (tape.leaf(x.clone()), tape.leaf(a.clone()), tape.leaf(b.clone()));
            value = scalar_chain(OPS, x, a, b).backward().wrt(x).item();
        }
        tape.reset();
    });
    args.put("ns_per_op", 1e9 * seconds / OPS as f64, "ns");
    args.put("value", f64::from(value), "");
    args.put_peak();
}

fn rows(args: &Args) {
    let (rows, cols) = (4096, 1024);
    let mut rng = rng(6, 0);
    let mut random = |shape: &[usize], bound: f64| Tensor::<f32>::uniform(shape, -bound, bound, &mut rng);
    let (x, weight) = (random(&[rows, cols], 2.0), random(&[rows, cols], 1.0));
    let (gamma, beta) = (random(&[cols], 1.0), random(&[cols], 1.0));
    let mut tape = Tape::new();
    let mut value = 0.0;
    let seconds = time(2, args.reps.unwrap_or(10), || {
        {
            let (x, weight) = (tape.leaf(x.clone()), tape.constant(weight.clone()));
            let y = match args.workload.as_str() {
                "G2" => x.softmax(-1),
                "G2c" => {
                    let e = (x - x.max_keepdim(1).stop_gradient()).exp();
                    e / e.sum_keepdim(1)
                }
                "G1" => {
                    let (gamma, beta) = (tape.leaf(gamma.clone()), tape.leaf(beta.clone()));
                    x.layer_norm(Some(gamma), Some(beta), 1e-5)
                }
                _ => {
                    let (gamma, beta) = (tape.leaf(gamma.clone()), tape.leaf(beta.clone()));
                    let c = x - x.mean_keepdim(1);
                    let v = c.square().mean_keepdim(1);
                    c / (v + 1e-5).sqrt() * gamma + beta
                }
            };
            let grads = (y * weight).sum(..).backward();
            value = grads.wrt(x)[[0, 0]];
        }
        tape.reset();
    });
    args.put("ms", 1e3 * seconds, "ms");
    args.put("value", f64::from(value), "");
    args.put_peak();
}

fn infer(args: &Args) {
    let rows = if args.workload == "H1" { 1 } else { 1024 };
    let model = Mlp::new(&MLP, Init::UniformFanIn);
    let x: Tensor = Tensor::uniform([rows, 784], -1.0, 1.0, &mut rng(2, 0));
    let mut tape: Tape = Tape::inference();
    let (warm, reps) = if rows == 1 { (200, 2000) } else { (5, 40) };
    let seconds = time(warm, args.reps.unwrap_or(reps), || {
        black_box(model.relu(tape.constant(x.clone())).value());
        tape.reset();
    });
    args.put("us", 1e6 * seconds, "us");
    args.put("images_per_s", rows as f64 / seconds, "1/s");
    args.put("gflops", 1e-9 * model.forward_flops(rows) / seconds, "GFLOP/s");
    args.put_peak();
}

#[derive(Module)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    dense1: Linear,
    dense2: Linear,
}

impl LeNet {
    fn new() -> LeNet {
        let mut rng = rng(1, 0);
        LeNet {
            conv1: Conv2d::new(1, 16, 5, &mut rng),
            conv2: Conv2d::new(16, 32, 5, &mut rng),
            dense1: Linear::new(512, 128, &mut rng),
            dense2: Linear::new(128, 10, &mut rng),
        }
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let h = self.conv1.forward(x.reshape([x.shape()[0], 1, 28, 28])).relu().max_pool2d(PoolOptions::new(2));
        let h = self.conv2.forward(h).relu().max_pool2d(PoolOptions::new(2));
        self.dense2.forward(self.dense1.forward(h.reshape([x.shape()[0], 512])).relu())
    }
}

fn convolutional(args: &Args) {
    let mut model = LeNet::new();
    let mut sgd = Sgd::new(RATE);
    let mut tape = Tape::new();
    let mnist = mnist();
    let rows: Vec<usize> = (0..64).collect();
    let mut loss = 0.0;
    let step = time(3, args.reps.unwrap_or(20), || {
        let batch = mnist.train.gather(&rows);
        let cost = model.forward(tape.constant(batch.images)).cross_entropy(&batch.labels);
        sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
        loss = cost.item();
        tape.reset();
    });
    args.put("ms_per_step", 1e3 * step, "ms");
    args.put("loss", f64::from(loss), "");
    args.put_peak();
}

fn main() {
    let args = Args::parse();
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global().expect("the only pool");
    match args.workload.as_str() {
        "A" => nielsen(&args),
        "B" => mlp(&args, Sgd::new(RATE).momentum(MOMENTUM)),
        "C" => wide(&args),
        "D" => mlp(&args, Adam::new(ADAM_RATE)),
        "E" => chain(&args),
        "F" | "F1M" => scalars(&args),
        "G1" | "G1c" | "G2" | "G2c" => rows(&args),
        "H1" | "H1024" => infer(&args),
        "I" => convolutional(&args),
        other => println!(r#"{{"peer":"wengert","workload":"{other}","skipped":"not measured here"}}"#),
    }
}
