//! The experiments of Michael Nielsen's book *Neural Networks and Deep Learning*, one subcommand each.
//!
//! ```sh
//! cargo run --example nielsen -- --help
//! cargo run --example nielsen -- weight-init
//! ```
//!
//! Those of chapters 1, 3 and 5 are in double precision and take the random numbers of the book's programs, so that
//! `weight-init` and `overfitting` give the book's figures image by image. What comes out is in docs/nielsen.md.

#[path = "nielsen/chapter1.rs"]
mod chapter1;
#[path = "nielsen/chapter3.rs"]
mod chapter3;
#[path = "nielsen/chapter5.rs"]
mod chapter5;
#[path = "nielsen/chapter6.rs"]
mod chapter6;
#[path = "nielsen/chart.rs"]
mod chart;
#[path = "nielsen/expand.rs"]
mod expand;
#[path = "nielsen/lab.rs"]
mod lab;
#[path = "nielsen/network.rs"]
mod network;
#[path = "nielsen/options.rs"]
mod options;
#[path = "nielsen/python.rs"]
mod python;
#[path = "nielsen/training.rs"]
mod training;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use lab::Lab;
use options::{Experiment, Options};

fn run(Options { experiment, common }: Options) -> Result<(), Box<dyn Error>> {
    let lab = Lab::open(common)?;
    match experiment {
        Experiment::Chapter1 { hidden, eta } => chapter1::run(&lab, &hidden, eta),
        Experiment::WeightInit { hidden } => chapter3::weight_init(&lab, hidden),
        Experiment::Overfitting => chapter3::overfitting(&lab),
        Experiment::Regularized { hidden } => chapter3::regularized(&lab, hidden),
        Experiment::LearningRates { eta } => chapter3::learning_rates(&lab, &eta),
        Experiment::MoreData => chapter3::more_data(&lab),
        Experiment::EarlyStopping { patience, eta } => chapter3::early_stopping(&lab, patience, eta),
        Experiment::Momentum { momentum, eta } => chapter3::momentum(&lab, &momentum, eta),
        Experiment::Gradients { layers } => chapter5::run(&lab, &layers),
        Experiment::Conv(options) => chapter6::run(&lab, &options),
    }
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
