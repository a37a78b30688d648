//! Trains a multilayer perceptron on MNIST.
//!
//! ```sh
//! cargo run --example mnist_mlp
//! cargo run --example mnist_mlp -- --preset nielsen
//! cargo run --example mnist_mlp -- --checkpoint out/run --resume --early-stopping 3 --log out/log.csv --report out/run.html
//! ```

#[path = "mnist_mlp/course.rs"]
mod course;
#[path = "mnist_mlp/options.rs"]
mod options;
#[path = "mnist_mlp/pictures.rs"]
mod pictures;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use wengert::prelude::*;
use wengert::report::{Confusion, Report};
use wengert::train::{
    self, BoxError, Callback, End, EpochEvent, Flow, Interrupt, Page, Progress, Row, RunState, Trainer,
};

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

/// A line for each epoch, and a lower learning rate for the next.
struct Lines {
    decay: f64,
    images: usize,
    time: Duration,
}

impl Callback for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, f32>) -> Result<Flow, BoxError> {
        let (epoch, right) = (event.row.epoch + 1, event.row.get("validation.right").unwrap_or(0.0));
        let (cost, seconds) = (event.row.get("cost").unwrap_or(f64::NAN), event.time.as_secs_f64());
        println!("Epoch {epoch:>2}: {right} / {}   cost {cost:.5}   {seconds:.2} s", self.images);
        self.time += event.time;
        *event.lr *= self.decay;
        Ok(Flow::Continue)
    }
}

/// What training came to.
struct Trained {
    end: End,
    run: RunState,
    page: Option<Page>,
    time: Duration,
}

fn train(model: &mut Mlp, data: &Images, test: &Images, settings: &Settings) -> Result<Trained, Box<dyn Error>> {
    let mut sgd = Sgd::new(settings.lr).momentum(settings.momentum);
    let mut lines = Lines { decay: settings.decay, images: test.len(), time: Duration::ZERO };
    let mut page = settings.course.page(test.len());
    let trainer = Trainer::new(model, &mut sgd)
        .epochs(settings.epochs)
        .seed(settings.seed)
        .progress(Progress::Bar)
        .validate(|model: &Mlp| [("right", correct(&classify(model, test), test) as f64)].into())
        .with(&mut lines);
    let mut trainer = settings.course.apply(trainer, page.as_mut())?;
    let end = trainer.fit(
        |epoch| data.batches(settings.batch).shuffle(settings.seed, epoch + 1),
        |model, tape, batch| {
            let z = model.forward(tape.constant(batch.images.clone()));
            train::Cost::new(settings.cost.of(z, &batch.labels), batch.labels.numel())
        },
    )?;
    let run = trainer.run().clone();
    drop(trainer);
    Ok(Trained { end, run, page, time: lines.time })
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

fn run(settings: &Settings) -> Result<ExitCode, Box<dyn Error>> {
    course::check_folder(&settings.out)?;
    settings.course.check()?;
    if settings.threads > 0 {
        rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build_global()?;
    }
    let (train_data, test_data) = load(settings)?;
    let mut model = Mlp::new(settings);
    println!("{}\n\n{settings}\n", summary(&model));

    let Trained { end, run, page, time } = train(&mut model, &train_data, &test_data, settings)?;
    match end {
        End::Interrupted => {
            println!("\nInterrupted; --resume goes on from here.");
            return Ok(Interrupt::exit_code());
        }
        End::Stopped(reason) => println!("\nStopped: {reason}."),
        End::Finished => {}
    }
    let percent = |right: f64| 100.0 * right / test_data.len() as f64;
    let classes = classify(&model, &test_data);
    let accuracy = percent(correct(&classes, &test_data) as f64);
    println!("\nTest accuracy {accuracy:.2} % after {:.1} s of training.", time.as_secs_f64());
    let metric = |row: &Row, name| row.get(name).unwrap_or(f64::NAN);
    let point = |row: &Row| (metric(row, "cost"), percent(metric(row, "validation.right")));
    let curve = pictures::learning_curve(&settings.out, &run.history.iter().map(point).collect::<Vec<_>>())?;
    let mistakes = settings.out.join("misclassified.svg");
    pictures::mistakes(&test_data, &classes)?.save(&mistakes)?;
    println!("Learning curve: {}\nMisclassified digits: {}", curve.display(), mistakes.display());
    if let Some(page) = page {
        finish(page.report(&run), settings, &test_data, &classes)?.save(page.path())?;
        println!("Report: {}", page.path().display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds to the page of a run what it came to.
fn finish(page: Report, settings: &Settings, test: &Images, classes: &[i64]) -> Result<Report, Box<dyn Error>> {
    let labels: Vec<i64> = test.labels().iter().map(|&label| i64::from(label)).collect();
    let mut confusion = Confusion::of(10);
    confusion.add(&Tensor::from(classes), &Tensor::from(labels));
    let page = page.section("Test images").picture("", &confusion.picture("Which digit was taken for which"));
    let page = page.images("The first that were misclassified", &pictures::mistakes(test, classes)?)?;
    Ok(page.section("Settings").text(&settings.to_string()))
}

fn main() -> ExitCode {
    match Options::parse().settings().map_err(Into::into).and_then(|settings| run(&settings)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
