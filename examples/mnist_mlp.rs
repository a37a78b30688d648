//! Trains a multilayer perceptron on MNIST.
//!
//! ```sh
//! cargo run --example mnist_mlp
//! cargo run --example mnist_mlp -- --preset nielsen
//! ```

#[path = "mnist_mlp/options.rs"]
mod options;
#[path = "mnist_mlp/pictures.rs"]
mod pictures;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use wengert::prelude::*;

use options::{Activation, Cost, Options, Settings};

/// The model: a plain struct, and a `forward` of two lines.
#[derive(Module)]
struct Mlp {
    layers: Vec<Linear>,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    fn new(settings: &Settings) -> Mlp {
        let mut rng = rng(settings.seed, 0);
        let sizes = [&[784][..], &settings.layers, &[10]].concat();
        let layer = |pair: &[usize]| Linear::with_init(pair[0], pair[1], settings.init, Some(settings.init), &mut rng);
        Mlp { layers: sizes.windows(2).map(layer).collect(), activation: settings.activation }
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (output, hidden) = self.layers.split_last().expect("there is an output layer");
        output.forward(hidden.iter().fold(x, |x, layer| self.activation.apply(layer.forward(x))))
    }
}

impl Activation {
    fn apply(self, x: Var<'_>) -> Var<'_> {
        match self {
            Activation::Relu => x.relu(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Tanh => x.tanh(),
            Activation::Gelu => x.gelu(),
        }
    }
}

impl Cost {
    /// The cost of the output layer's weighted inputs.
    fn of<'t>(self, z: Var<'t>, labels: &Tensor<i64>) -> Var<'t> {
        match self {
            Cost::CrossEntropy => z.cross_entropy(labels),
            Cost::SigmoidCrossEntropy => z.bce_with_logits(labels.one_hot(10)),
            Cost::Quadratic => z.sigmoid().quadratic_cost(labels.one_hot(10)),
        }
    }
}

/// One epoch of training; the mean cost of its batches.
fn train(
    model: &mut Mlp,
    sgd: &mut Sgd,
    tape: &mut Tape,
    data: &Images,
    settings: &Settings,
    epoch: u64,
) -> Result<f64, Box<dyn Error>> {
    let batches = data.batches(settings.batch).shuffle(settings.seed, epoch);
    let bar = progress_bar(batches.len() as u64, &format!("epoch {epoch}"));
    let (mut total, mut count) = (0.0, 0);
    for batch in batches {
        let cost = settings.cost.of(model.forward(tape.constant(batch.images)), &batch.labels);
        total += f64::from(cost.item());
        count += 1;
        sgd.step(model, &cost.backward())?;
        tape.reset();
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(total / f64::from(count))
}

/// The class that the model gives each image.
fn classify(model: &Mlp, data: &Images) -> Vec<i64> {
    let mut tape = Tape::inference();
    let mut classes = Vec::with_capacity(data.len());
    for batch in data.batches(1000) {
        classes.extend(model.forward(tape.constant(batch.images)).argmax(1).to_vec());
        tape.reset();
    }
    classes
}

fn correct(classes: &[i64], data: &Images) -> usize {
    classes.iter().zip(data.labels()).filter(|(class, label)| **class == i64::from(**label)).count()
}

fn progress_bar(len: u64, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} [{eta}]").expect("a valid template");
    ProgressBar::new(len).with_style(style).with_prefix(name.to_string())
}

fn load(settings: &Settings) -> Result<(Images, Images), Box<dyn Error>> {
    let bar = progress_bar(0, "data");
    let mnist = Mnist::open_with(settings.data_dir.as_deref(), &mut |progress| {
        let (done, total) = match progress {
            data::Progress::Download { received, total, .. } => (received, total.unwrap_or(received)),
            data::Progress::Generate { done, total } => (done as u64, total as u64),
            _ => return,
        };
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    println!("Data: {mnist}");
    let train = match settings.train_size.filter(|&size| size < mnist.train.len()) {
        Some(size) => mnist.train.split(size).0,
        None => mnist.train,
    };
    Ok((train.with_scale(settings.scale), mnist.test.with_scale(settings.scale)))
}

fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    pictures::check_folder(&settings.out)?;
    if settings.threads > 0 {
        rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build_global()?;
    }
    let (train_data, test_data) = load(settings)?;
    let mut model = Mlp::new(settings);
    let mut sgd = Sgd::new(settings.lr).momentum(settings.momentum);
    let mut tape = Tape::seeded(settings.seed);
    println!("{}\n\n{settings}\n", summary(&model));

    let mut history = Vec::new();
    let mut training_time = Duration::ZERO;
    for epoch in 1..=settings.epochs {
        let start = Instant::now();
        let cost = train(&mut model, &mut sgd, &mut tape, &train_data, settings, epoch)?;
        let time = start.elapsed();
        training_time += time;
        let right = correct(&classify(&model, &test_data), &test_data);
        println!("Epoch {epoch:>2}: {right} / {}   cost {cost:.5}   {:.2} s", test_data.len(), time.as_secs_f64());
        history.push((cost, 100.0 * right as f64 / test_data.len() as f64));
        sgd.set_lr(sgd.lr() * settings.decay);
    }
    let classes = classify(&model, &test_data);
    let accuracy = 100.0 * correct(&classes, &test_data) as f64 / test_data.len() as f64;
    println!("\nTest accuracy {accuracy:.2} % after {:.1} s of training.", training_time.as_secs_f64());
    let curve = pictures::learning_curve(&settings.out, &history)?;
    let mistakes = pictures::mistakes(&settings.out, &test_data, &classes)?;
    println!("Learning curve: {}\nMisclassified digits: {}", curve.display(), mistakes.display());
    Ok(())
}

fn main() -> ExitCode {
    match Options::parse().settings().map_err(Into::into).and_then(|settings| run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
