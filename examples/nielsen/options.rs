//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use super::training::SEED;

/// Run the experiments of Michael Nielsen's book "Neural Networks and Deep Learning".
///
/// Cost and accuracy on training and evaluation images are printed by epoch, and their curves drawn.
#[derive(Parser)]
#[command(
    allow_negative_numbers = true,
    subcommand_value_name = "EXPERIMENT",
    subcommand_help_heading = "Experiments",
    after_help = "Without MNIST files at hand they are downloaded; without a network, digits are generated, which are \
                  easier than MNIST. `nielsen EXPERIMENT --help` has the experiment's own flags."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) experiment: Experiment,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What all experiments share.
#[derive(Args)]
#[command(next_help_heading = "For every experiment")]
pub(crate) struct Common {
    /// Passes over the training images, instead of the book's number
    #[arg(long, global = true, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Take only the first N training images, and no more than N to evaluate on, for a short run
    #[arg(long, global = true, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Seed of the initial weights and of the shuffling; the default is that of the book's figures
    #[arg(long, global = true, default_value_t = SEED)]
    pub(crate) seed: u32,
    /// Folder with the four MNIST files (.gz or plain)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder for the pictures; made if it does not exist
    #[arg(long, global = true, value_name = "DIR", default_value = "nielsen-out")]
    pub(crate) out: PathBuf,
}

#[derive(Subcommand)]
pub(crate) enum Experiment {
    /// Chapter 1: the first network, with the quadratic cost
    Chapter1 {
        /// Sizes of the hidden layers, comma-separated
        #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "30", value_parser = size)]
        hidden: Vec<usize>,
        /// Learning rate
        #[arg(long, default_value_t = 3.0, value_parser = positive)]
        eta: f64,
    },
    /// Chapter 3: weights from N(0, 1/inputs) against weights from N(0, 1)
    WeightInit {
        /// Neurons of the hidden layer
        #[arg(long, default_value_t = 30, value_parser = size)]
        hidden: usize,
    },
    /// Chapter 3: 400 epochs on 1,000 images without regularisation
    Overfitting,
    /// Chapter 3: L2 regularisation, on 1,000 images and on all
    Regularized {
        /// Neurons of the hidden layer
        #[arg(long, default_value_t = 30, value_parser = size)]
        hidden: usize,
    },
    /// Chapter 3: the training cost under several learning rates
    LearningRates {
        /// Learning rates, comma-separated
        #[arg(long, value_delimiter = ',', default_values_t = [0.025, 0.25, 2.5], value_parser = positive)]
        eta: Vec<f64>,
    },
    /// Chapter 3: accuracy by the number of training images
    MoreData,
    /// Chapter 3: the learning rate halved whenever nothing has improved for n epochs, down to 1/128
    EarlyStopping {
        /// How many epochs without improvement are waited for
        #[arg(long, default_value_t = 10, value_parser = size)]
        patience: usize,
        /// Learning rate of the first epochs
        #[arg(long, default_value_t = 0.5, value_parser = positive)]
        eta: f64,
    },
    /// Chapter 3: the training cost under several momentum coefficients
    Momentum {
        /// Momentum coefficients, comma-separated
        #[arg(long, value_delimiter = ',', default_values_t = [0.0, 0.5, 0.9], value_parser = fraction)]
        momentum: Vec<f64>,
        /// Learning rate
        #[arg(long, default_value_t = 0.025, value_parser = positive)]
        eta: f64,
    },
    /// Chapter 5: how fast the layers of deep networks learn
    Gradients {
        /// Numbers of hidden layers (of 30 neurons each), comma-separated
        #[arg(long, value_delimiter = ',', default_values_t = [2, 3, 4], value_parser = size)]
        layers: Vec<usize>,
    },
    /// Chapter 6: convolutional networks
    Conv(Conv),
}

#[derive(Args)]
pub(crate) struct Conv {
    /// The network, and its learning rate and λ unless they are given
    #[arg(long, value_enum, default_value = "simple")]
    pub(crate) network: Architecture,
    /// Train on each image and on it shifted by a pixel up, down, left and right
    #[arg(long)]
    pub(crate) expand: bool,
    /// Turn, stretch, shift and elastically distort each image a little, anew in each epoch
    #[arg(long)]
    pub(crate) elastic: bool,
    /// Let the learning rate fall to 0 along half a cosine
    #[arg(long)]
    pub(crate) anneal: bool,
    /// Networks that are trained one after the other and vote
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = size)]
    pub(crate) ensemble: usize,
    /// Probability of dropout before every dense layer; with it λ is 0 and there are two dense layers of 1000
    #[arg(long, value_name = "P", value_parser = fraction)]
    pub(crate) dropout: Option<f64>,
    /// Sizes of the dense layers before the output, comma-separated [default: 100]
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub(crate) dense: Option<Vec<usize>>,
    /// Learning rate [default: 0.1; 0.03 for relu]
    #[arg(long, value_parser = positive)]
    pub(crate) eta: Option<f64>,
    /// Regularisation λ; each step takes ηλ/(number of mini-batches) of a weight away [default: 0; 0.1 for relu]
    #[arg(long, value_parser = amount)]
    pub(crate) lambda: Option<f64>,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 10, value_parser = size)]
    pub(crate) batch: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Architecture {
    /// One convolution with pooling, a dense layer; sigmoid
    Simple,
    /// Two convolutions with pooling, a dense layer; sigmoid
    Double,
    /// The same with ReLU and regularisation
    Relu,
}

fn size(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or("expected a whole number, at least 1".into())
}

fn number(text: &str, expected: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|&x: &f64| x.is_finite() && fits(x)).ok_or(format!("expected {expected}"))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, "a positive number", |x| x > 0.0)
}

fn amount(text: &str) -> Result<f64, String> {
    number(text, "a number, at least 0", |x| x >= 0.0)
}

fn fraction(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and less than 1", |x| (0.0..1.0).contains(&x))
}
