//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use wengert::prelude::Init;

use crate::course::Course;

/// Train a multilayer perceptron on the MNIST digits, and test it after every epoch.
#[derive(Parser)]
#[command(after_help = "Without MNIST files at hand they are downloaded; without a network, digits are generated.")]
pub(crate) struct Options {
    /// Where the defaults of the other flags come from
    #[arg(long, value_enum, default_value = "default")]
    preset: Preset,
    /// Sizes of the hidden layers, comma-separated; the input has 784 pixels, the output 10 classes
    #[arg(long, value_delimiter = ',', num_args = 0..)]
    layers: Option<Vec<usize>>,
    /// Activation of the hidden layers
    #[arg(long, value_enum)]
    activation: Option<Activation>,
    /// What training minimises
    #[arg(long, value_enum)]
    cost: Option<Cost>,
    /// Learning rate of the first epoch
    #[arg(long)]
    lr: Option<f64>,
    /// Momentum of the gradient descent
    #[arg(long)]
    momentum: Option<f64>,
    /// Images in a mini-batch
    #[arg(long)]
    batch: Option<usize>,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<u64>,
    /// Seed of the initial weights and of the shuffling; the same seed gives the same bits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0 takes one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Folder with the four MNIST files (.gz or plain)
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Folder for the pictures; made if it does not exist
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Folder for checkpoints, after every epoch and on Ctrl-C; made if it does not exist
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Also save after every so many steps
    #[arg(long, value_name = "STEPS", requires = "checkpoint", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
    /// Go on from the checkpoint, if there is one; with the other flags as they were it ends in the same bits
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// End after so many epochs without a better test accuracy
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<u64>,
    /// File for the course of the training: epochs as a table if it ends in .csv, else every step as JSON lines
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Folder for TensorBoard's event files
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// File for an HTML page of the run: curves, weights, gradients, confusion matrix, misclassified digits
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Preset {
    /// 784-256-10, ReLU, softmax cross-entropy, momentum: about 98 % in seconds
    Default,
    /// Michael Nielsen's network.py: 784-30-10, sigmoid, quadratic cost, η = 3, mini-batches of 10, weights from
    /// N(0, 1), the first 50,000 images, 30 epochs
    Nielsen,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Activation {
    Relu,
    Sigmoid,
    Tanh,
    Gelu,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Cost {
    /// Softmax cross-entropy
    CrossEntropy,
    /// Cross-entropy of a sigmoid at each output
    SigmoidCrossEntropy,
    /// Half the squared error of a sigmoid at each output
    Quadratic,
}

/// What is run: the flags, with the preset's values where none are given.
pub(crate) struct Settings {
    pub(crate) layers: Vec<usize>,
    pub(crate) activation: Activation,
    pub(crate) cost: Cost,
    pub(crate) init: Init,
    pub(crate) lr: f64,
    /// What the learning rate is multiplied by after each epoch.
    pub(crate) decay: f64,
    pub(crate) momentum: f64,
    pub(crate) batch: usize,
    pub(crate) epochs: u64,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    /// How many of the training images are used; `None` for all.
    pub(crate) train_size: Option<usize>,
    /// What a pixel's byte is multiplied by.
    pub(crate) scale: f32,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) out: PathBuf,
    pub(crate) course: Course,
}

impl Options {
    pub(crate) fn settings(self) -> Result<Settings, String> {
        let nielsen = self.preset == Preset::Nielsen;
        // The preset's value and the default one.
        fn pick<V>(nielsen: bool, book: V, default: V) -> V {
            if nielsen { book } else { default }
        }
        let Options { checkpoint, every, resume, early_stopping, log, tensorboard, report, .. } = self;
        let settings = Settings {
            course: Course { checkpoint, every, resume, early_stopping, log, tensorboard, report },
            layers: self.layers.unwrap_or(pick(nielsen, vec![30], vec![256])),
            activation: self.activation.unwrap_or(pick(nielsen, Activation::Sigmoid, Activation::Relu)),
            cost: self.cost.unwrap_or(pick(nielsen, Cost::Quadratic, Cost::CrossEntropy)),
            init: pick(nielsen, Init::Normal(1.0), Init::UniformFanIn),
            lr: self.lr.unwrap_or(pick(nielsen, 3.0, 0.1)),
            decay: pick(nielsen, 1.0, 0.6),
            momentum: self.momentum.unwrap_or(pick(nielsen, 0.0, 0.9)),
            batch: self.batch.unwrap_or(pick(nielsen, 10, 100)),
            epochs: self.epochs.unwrap_or(pick(nielsen, 30, 6)),
            seed: self.seed,
            threads: self.threads,
            train_size: nielsen.then_some(50_000),
            scale: pick(nielsen, data::NIELSEN_SCALE, 1.0 / 255.0),
            data_dir: self.data_dir,
            out: self.out,
        };
        settings.check()?;
        Ok(settings)
    }
}

impl Settings {
    fn check(&self) -> Result<(), String> {
        match self {
            _ if self.layers.contains(&0) => Err("--layers: a layer of size 0, expected at least 1".into()),
            _ if self.batch == 0 => Err("--batch: 0, expected at least 1".into()),
            _ if self.epochs == 0 => Err("--epochs: 0, expected at least 1".into()),
            _ if !(self.lr.is_finite() && self.lr > 0.0) => {
                Err(format!("--lr: {}, expected a positive number", self.lr))
            }
            _ if !(0.0..1.0).contains(&self.momentum) => {
                Err(format!("--momentum: {}, expected at least 0 and less than 1", self.momentum))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { activation, cost, lr, momentum, batch, seed, .. } = self;
        write!(f, "{activation:?}, {cost:?}, learning rate {lr}, momentum {momentum}, batches of {batch}, seed {seed}")
    }
}
