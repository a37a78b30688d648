//! Chapter 6: convolutional networks, in single precision, with the random numbers of the framework.

use std::error::Error;
use std::time::Instant;

use wengert::data::transform::{Affine, Elastic, Transforms};
use wengert::nn::{Conv2d, Flatten, MaxPool2d, Relu, Sigmoid};
use wengert::prelude::*;
use wengert::tensor::ConvOptions;

use super::chart::{Axis, Chart};
use super::expand::{SIDE, expand};
use super::lab::{Lab, progress_bar};
use super::network::Measure;
use super::options::{Architecture, Conv};

/// Of the convolutions' kernels.
const KERNEL: usize = 5;

struct Settings {
    architecture: Architecture,
    dense: Vec<usize>,
    dropout: f64,
    eta: f64,
    lambda: f64,
    batch: usize,
    elastic: bool,
    anneal: bool,
}

impl Settings {
    fn new(options: &Conv) -> Settings {
        let relu = options.network == Architecture::Relu;
        let dense = if options.dropout.is_some() { vec![1000, 1000] } else { vec![100] };
        let lambda = if relu && options.dropout.is_none() { 0.1 } else { 0.0 };
        Settings {
            architecture: options.network,
            dense: options.dense.clone().unwrap_or(dense),
            dropout: options.dropout.unwrap_or(0.0),
            eta: options.eta.unwrap_or(if relu { 0.03 } else { 0.1 }),
            lambda: options.lambda.unwrap_or(lambda),
            batch: options.batch,
            elastic: options.elastic,
            anneal: options.anneal,
        }
    }

    fn model(&self, rng: &mut wengert::tensor::Rng) -> Sequential {
        let channels: &[usize] = if self.architecture == Architecture::Simple { &[1, 20] } else { &[1, 20, 40] };
        let (mut model, mut side) = (Sequential::new(), SIDE);
        for pair in channels.windows(2) {
            // The maximum comes first: the activation is monotonic, and has a quarter of the work.
            model = self.activate(model.add(convolution(pair[0], pair[1], rng)).add(MaxPool2d::new(2)));
            side = (side - (KERNEL - 1)) / 2;
        }
        model = model.add(Flatten);
        let mut inputs = channels[channels.len() - 1] * side * side;
        for &size in &self.dense {
            let layer = dense(inputs, size, Init::Normal((size as f64).sqrt().recip()), Init::Normal(1.0), rng);
            model = self.activate(model.add(Dropout::new(self.dropout)).add(layer));
            inputs = size;
        }
        let zero = Init::Constant(0.0);
        model.add(Dropout::new(self.dropout)).add(dense(inputs, 10, zero, zero, rng))
    }

    fn activate(&self, model: Sequential) -> Sequential {
        match self.architecture {
            Architecture::Relu => model.add(Relu),
            _ => model.add(Sigmoid),
        }
    }
}

fn dense(inputs: usize, outputs: usize, weight: Init, bias: Init, rng: &mut wengert::tensor::Rng) -> Linear {
    Linear::with_init(inputs, outputs, weight, Some(bias), rng)
}

/// Weights from N(0, 1/n), where n counts the weights that lead from a pixel, thinned out by the pooling.
fn convolution(inputs: usize, outputs: usize, rng: &mut wengert::tensor::Rng) -> Conv2d {
    let n = (outputs * KERNEL * KERNEL) as f64 / 4.0;
    let (weight, bias) = (Init::Normal(n.sqrt().recip()), Some(Init::Normal(1.0)));
    Conv2d::with_init(inputs, outputs, KERNEL, ConvOptions::new(), weight, bias, rng)
}

fn forward<'t>(model: &Sequential, tape: &'t Tape, images: Tensor) -> Var<'t> {
    let n = images.shape()[0];
    model.forward(tape.constant(images.reshape([n, 1, SIDE, SIDE])))
}

/// One epoch, with something to be done before each step; cost and accuracy are those of the mini-batches as they came, before their steps.
fn train(
    model: &mut Sequential,
    sgd: &mut Sgd,
    tape: &mut Tape,
    batches: wengert::data::Batches,
    mut before: impl FnMut(usize, &mut Sgd),
) -> Result<Measure, Box<dyn Error>> {
    let bar = progress_bar(batches.len() as u64, "epoch");
    let (mut total, mut correct, mut of) = (0.0, 0, 0);
    for (step, batch) in batches.enumerate() {
        before(step, sgd);
        of += batch.labels.numel();
        let z = forward(model, tape, batch.images);
        let cost = z.cross_entropy(&batch.labels);
        total += f64::from(cost.item()) * batch.labels.numel() as f64;
        correct += z.argmax(1).equal(&batch.labels).count();
        sgd.step(model, &cost.backward())?;
        tape.reset();
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Measure { cost: total / of as f64, correct, of })
}

fn evaluate(model: &Sequential, data: &Images) -> Measure {
    let mut tape = Tape::inference();
    let (mut total, mut correct) = (0.0, 0);
    for batch in data.batches(100) {
        let z = forward(model, &tape, batch.images);
        total += f64::from(z.cross_entropy(&batch.labels).item()) * batch.labels.numel() as f64;
        correct += z.argmax(1).equal(&batch.labels).count();
        tape.reset();
    }
    Measure { cost: total / data.len() as f64, correct, of: data.len() }
}

/// How a network is trained, and on what.
struct Course<'a> {
    lab: &'a Lab,
    settings: &'a Settings,
    training: &'a Images,
    epochs: usize,
}

impl Course<'_> {
    fn batches(&self) -> usize {
        self.training.len().div_ceil(self.settings.batch)
    }

    /// Trains a network and draws how it went.
    fn run(&self, seed: u64) -> Result<Sequential, Box<dyn Error>> {
        let Course { lab, settings, training, epochs } = *self;
        let mut model = settings.model(&mut rng(seed, 0));
        let decay = settings.lambda / self.batches() as f64;
        let mut sgd = Sgd::new(settings.eta).weight_decay(decay).decay_biases(false);
        let mut tape = Tape::seeded(seed + 1);
        let (mut history, mut best) = (Vec::new(), (0, 0.0, 0));
        for epoch in 1..=epochs {
            let start = Instant::now();
            let first = (epoch - 1) * self.batches();
            let order = training.batches(settings.batch).shuffle(seed, epoch as u64);
            let order = match settings.elastic {
                true => order.augment(&distortions(), seed, epoch as u64),
                false => order,
            };
            let trained = train(&mut model, &mut sgd, &mut tape, order, |step, sgd| {
                sgd.set_lr(self.rate((first + step) as u64));
            })?;
            let seconds = start.elapsed().as_secs_f64();
            let (validation, test) = (evaluate(&model, &lab.validation), evaluate(&model, &lab.test));
            println!("Epoch {epoch:>2}: training {trained}   validation {validation}   test {test}   {seconds:.1} s");
            // Of equals the last one, as the book's program has it.
            if validation.correct >= best.0 {
                best = (validation.correct, test.accuracy(), epoch);
            }
            history.push([trained, validation, test].map(|measure| (epoch as f64, measure.accuracy())));
        }
        println!("Test accuracy {:.2} % at the best validation accuracy, after epoch {}", best.1, best.2);
        self.draw(&history)?;
        Ok(model)
    }

    /// The learning rate of a step, counted from 0 over all epochs.
    fn rate(&self, step: u64) -> f64 {
        let steps = (self.epochs * self.batches()) as u64;
        if self.settings.anneal { Schedule::cosine(self.settings.eta, 0.0, steps).lr(step) } else { self.settings.eta }
    }

    fn draw(&self, history: &[[(f64, f64); 3]]) -> Result<(), Box<dyn Error>> {
        let architecture = self.settings.architecture;
        let title = format!("Convolutional network ({architecture:?}): accuracy");
        let curve = |which: usize| history.iter().map(move |epoch| epoch[which]);
        let chart = Chart::new(title, Axis::whole("epoch"), Axis::linear("accuracy, %"))
            .line("training mini-batches", curve(0))
            .line("validation", curve(1))
            .line("test", curve(2));
        self.lab.draw(&format!("conv-{architecture:?}.svg").to_lowercase(), &chart)
    }
}

/// What makes other digits of a digit that are still the same (Simard, Steinkraus and Platt, 2003).
fn distortions() -> Transforms {
    let affine = Affine::new().rotate(-10.0..=10.0).scale(0.9..=1.1).shift(-1.5..=1.5, -1.5..=1.5);
    Transforms::new().add(affine).add(Elastic::new(4.0, 34.0))
}

/// How many images most networks get right; among digits with the same number of votes the probabilities decide.
fn vote(models: &[Sequential], data: &Images) -> usize {
    let mut tape = Tape::inference();
    let ties = 1.0 / (models.len() + 1) as f32;
    let mut correct = 0;
    for batch in data.batches(100) {
        let votes = |model| {
            let z = forward(model, &tape, batch.images.clone()).value();
            z.argmax(1).one_hot(10) + z.softmax(1) * ties
        };
        let votes = models.iter().map(votes).reduce(|a, b| a + b).expect("at least one network");
        correct += votes.argmax(1).equal(&batch.labels).count();
        tape.reset();
    }
    correct
}

pub(crate) fn run(lab: &Lab, options: &Conv) -> Result<(), Box<dyn Error>> {
    let settings = Settings::new(options);
    let training = if options.expand { expand(&lab.training) } else { lab.training.clone() };
    let epochs = lab.epochs(if settings.dropout > 0.0 { 40 } else { 60 });
    let seed = u64::from(lab.seed);
    let Settings { architecture, dropout, eta, lambda, batch, .. } = settings;
    println!("{}\n\n{architecture:?}, {} training images", summary(&settings.model(&mut rng(seed, 0))), training.len());
    println!("η = {eta}, λ = {lambda}, mini-batches of {batch}, dropout {dropout}\n");
    let course = Course { lab, settings: &settings, training: &training, epochs };
    let mut models = Vec::new();
    for member in 0..options.ensemble {
        if options.ensemble > 1 {
            println!("Network {} of {}", member + 1, options.ensemble);
        }
        models.push(course.run(seed + member as u64)?);
    }
    if options.ensemble > 1 {
        let accuracy = 100.0 * vote(&models, &lab.test) as f64 / lab.test.len() as f64;
        println!("Test accuracy {accuracy:.2} % of the {} networks' votes", models.len());
    }
    Ok(())
}
