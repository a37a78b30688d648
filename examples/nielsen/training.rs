//! The book's stochastic gradient descent, with its monitors.

use std::fmt;
use std::time::{Duration, Instant};

use wengert::nn::Reduction;
use wengert::prelude::*;

use super::network::{Cost, Measure, Network};
use super::python::{Normal, Twister};

/// The seed of the published figures.
pub(crate) const SEED: u32 = 12_345_678;

/// The hyper-parameters of a run.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) cost: Cost,
    /// The learning rate η.
    pub(crate) eta: f64,
    /// The regularisation λ; each step takes ηλ/n of a weight away, for n training images.
    pub(crate) lambda: f64,
    pub(crate) momentum: f64,
    pub(crate) batch: usize,
}

impl Settings {
    /// Cross-entropy, no momentum, mini-batches of ten.
    pub(crate) fn new(eta: f64, lambda: f64) -> Settings {
        Settings { cost: Cost::CrossEntropy, eta, lambda, momentum: 0.0, batch: 10 }
    }
}

/// Where training stands after an epoch.
#[derive(Clone, Copy)]
pub(crate) struct Epoch {
    /// From 1 on.
    pub(crate) number: usize,
    pub(crate) training: Measure,
    pub(crate) evaluation: Measure,
    /// Of the training, without the measurements.
    pub(crate) time: Duration,
}

/// A network in training.
pub(crate) struct Trainer {
    pub(crate) network: Network,
    pub(crate) sgd: Sgd<f64>,
    settings: Settings,
    training: Images,
    evaluation: Images,
    /// The training images as the epochs so far have shuffled them; each epoch goes on from there.
    order: Vec<usize>,
    random: Twister,
    normal: Normal,
    tape: Tape<f64>,
    epoch: usize,
}

impl Trainer {
    /// A network with the default weights.
    pub(crate) fn new(
        sizes: &[usize],
        settings: Settings,
        training: &Images,
        evaluation: &Images,
        seed: u32,
    ) -> Trainer {
        let mut normal = Normal::new(seed);
        let n = training.len() as f64;
        Trainer {
            network: Network::new(sizes, settings.cost, &mut normal),
            sgd: Sgd::new(settings.eta)
                .momentum(settings.momentum)
                .weight_decay(settings.lambda / n)
                .decay_biases(false),
            settings,
            training: training.clone(),
            evaluation: evaluation.clone(),
            order: (0..training.len()).collect(),
            random: Twister::from_key(&[seed]),
            normal,
            tape: Tape::new(),
            epoch: 0,
        }
    }

    /// Starts anew with large weights; the random numbers and the order of the images go on.
    pub(crate) fn restart_large(&mut self) {
        self.network.draw_large(&mut self.normal);
        self.epoch = 0;
    }

    /// Shuffles the training images, as each epoch does first.
    pub(crate) fn shuffle(&mut self) {
        self.random.shuffle(&mut self.order);
    }

    /// One pass over the training images.
    pub(crate) fn train(&mut self) {
        self.shuffle();
        for rows in self.order.chunks(self.settings.batch) {
            let batch = self.training.gather(rows);
            let z = self.network.forward(self.tape.constant(batch.images.cast::<f64>()));
            let cost = self.network.cost(z, &batch.labels, Reduction::BatchMean);
            let step = self.sgd.step(&mut self.network, &cost.backward());
            step.expect("the cost reaches every layer");
            self.tape.reset();
        }
        self.epoch += 1;
    }

    /// One pass over the training images, and what it brought.
    pub(crate) fn epoch(&mut self) -> Epoch {
        let start = Instant::now();
        self.train();
        Epoch {
            number: self.epoch,
            time: start.elapsed(),
            training: self.network.measure(&self.training, self.settings.lambda),
            evaluation: self.evaluate(),
        }
    }

    pub(crate) fn evaluate(&self) -> Measure {
        self.network.measure(&self.evaluation, self.settings.lambda)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Epoch { number, training, evaluation, time } = self;
        let seconds = time.as_secs_f64();
        write!(f, "Epoch {number:>3}: training {training}   evaluation {evaluation}   {seconds:.2} s")
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cost {:.5}, {:>5} / {}", self.cost, self.correct, self.of)
    }
}
