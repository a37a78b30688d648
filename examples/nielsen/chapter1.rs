//! Chapter 1: `network.py`.

use std::error::Error;

use super::chart::{Axis, Chart, History};
use super::lab::Lab;
use super::network::Cost;
use super::training::{Settings, Trainer};

/// The quadratic cost, all weights and biases from N(0, 1), tested after every epoch.
pub(crate) fn run(lab: &Lab, hidden: &[usize], eta: f64) -> Result<(), Box<dyn Error>> {
    let sizes = [&[784], hidden, &[10]].concat();
    let settings = Settings { cost: Cost::Quadratic, ..Settings::new(eta, 0.0) };
    let mut trainer = Trainer::new(&sizes, settings, &lab.training, &lab.test, lab.seed);
    trainer.restart_large();
    println!("\n{sizes:?}, quadratic cost, η = {eta}; evaluated on the test images");
    let history = lab.train(&mut trainer, lab.epochs(30));
    let best = history.iter().map(|epoch| epoch.evaluation.accuracy()).fold(0.0, f64::max);
    println!("Best test accuracy: {best:.2} %");
    let chart = Chart::new("Quadratic cost: accuracy", Axis::whole("epoch"), Axis::linear("accuracy, %"))
        .history("test", &history, |epoch| epoch.evaluation.accuracy())
        .history("training", &history, |epoch| epoch.training.accuracy());
    lab.draw("chapter1.svg", &chart)
}
