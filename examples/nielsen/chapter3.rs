//! Chapter 3: what makes networks learn better. The settings are the book's, cross-entropy and mini-batches of ten.

use std::error::Error;
use std::time::Instant;

use wengert::prelude::Images;

use super::chart::{Axis, Chart, History};
use super::lab::Lab;
use super::training::{Epoch, Settings, Trainer};

fn epoch() -> Axis {
    Axis::whole("epoch")
}

fn cost() -> Axis {
    Axis::linear("cost per image, nats")
}

fn accuracy() -> Axis {
    Axis::linear("accuracy, %")
}

/// What the training images of the small experiments are.
const FEW: usize = 1000;

pub(crate) fn weight_init(lab: &Lab, hidden: usize) -> Result<(), Box<dyn Error>> {
    let settings = Settings::new(0.1, 5.0);
    let mut trainer = Trainer::new(&[784, hidden, 10], settings, &lab.training, &lab.validation, lab.seed);
    println!("\nWeights from N(0, 1/inputs); evaluated on the validation images");
    let default = lab.train(&mut trainer, lab.epochs(30));
    trainer.restart_large();
    println!("\nWeights from N(0, 1)");
    let large = lab.train(&mut trainer, lab.epochs(30));
    let chart =
        Chart::new(format!("Initial weights, {hidden} hidden neurons: validation accuracy"), epoch(), accuracy())
            .history("from N(0, 1/inputs)", &default, |epoch| epoch.evaluation.accuracy())
            .history("from N(0, 1)", &large, |epoch| epoch.evaluation.accuracy());
    lab.draw(&format!("weight-init-{hidden}.svg"), &chart)
}

pub(crate) fn overfitting(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let history = long_run(lab, 30, 0.0, &lab.first(FEW), lab.epochs(400));
    draw_run(lab, "overfitting", "Overfitting", &history)
}

pub(crate) fn regularized(lab: &Lab, hidden: usize) -> Result<(), Box<dyn Error>> {
    let few = long_run(lab, hidden, 0.1, &lab.first(FEW), lab.epochs(400));
    let all = long_run(lab, hidden, 5.0, &lab.training, lab.epochs(30));
    draw_run(lab, "regularized-few", "Regularised, few images", &few)?;
    draw_run(lab, "regularized-all", "Regularised, all images", &all)
}

/// η = 0.5 from large weights, evaluated on the test images.
fn long_run(lab: &Lab, hidden: usize, lambda: f64, training: &Images, epochs: usize) -> Vec<Epoch> {
    let settings = Settings::new(0.5, lambda);
    let mut trainer = Trainer::new(&[784, hidden, 10], settings, training, &lab.test, lab.seed);
    trainer.restart_large();
    println!("\n{} training images, λ = {lambda}, η = 0.5; evaluated on the test images", training.len());
    let history = lab.train(&mut trainer, epochs);
    let best = history.iter().map(|epoch| epoch.evaluation.accuracy()).fold(0.0, f64::max);
    println!("Best test accuracy: {best:.2} %");
    history
}

fn draw_run(lab: &Lab, name: &str, title: &str, history: &[Epoch]) -> Result<(), Box<dyn Error>> {
    let cost = Chart::new(format!("{title}: cost"), epoch(), cost())
        .history("training", history, |epoch| epoch.training.cost)
        .history("test", history, |epoch| epoch.evaluation.cost);
    let accuracy = Chart::new(format!("{title}: accuracy"), epoch(), accuracy())
        .history("training", history, |epoch| epoch.training.accuracy())
        .history("test", history, |epoch| epoch.evaluation.accuracy());
    lab.draw(&format!("{name}-cost.svg"), &cost)?;
    lab.draw(&format!("{name}-accuracy.svg"), &accuracy)
}

/// Every rate starts from the same weights and takes the images in the same order.
pub(crate) fn learning_rates(lab: &Lab, rates: &[f64]) -> Result<(), Box<dyn Error>> {
    let runs = rates.iter().map(|&eta| (format!("η = {eta}"), Settings::new(eta, 5.0))).collect();
    let chart = compare_costs(lab, "Learning rates: training cost", runs, lab.epochs(30));
    lab.draw("learning-rates.svg", &chart)
}

pub(crate) fn momentum(lab: &Lab, coefficients: &[f64], eta: f64) -> Result<(), Box<dyn Error>> {
    let settings = |&momentum: &f64| Settings { momentum, ..Settings::new(eta, 5.0) };
    let runs = coefficients.iter().map(|mu| (format!("μ = {mu}"), settings(mu))).collect();
    let chart = compare_costs(lab, &format!("Momentum, η = {eta}: training cost"), runs, lab.epochs(30));
    lab.draw("momentum.svg", &chart)
}

fn compare_costs(lab: &Lab, title: &str, runs: Vec<(String, Settings)>, epochs: usize) -> Chart {
    runs.into_iter().fold(Chart::new(title, epoch(), cost()), |chart, (name, settings)| {
        println!("\n{name}; evaluated on the validation images");
        let mut trainer = Trainer::new(&[784, 30, 10], settings, &lab.training, &lab.validation, lab.seed);
        let history = lab.train(&mut trainer, epochs);
        chart.history(name, &history, |epoch| epoch.training.cost)
    })
}

/// Each size is trained with as many images as 30 epochs of all of them are, and with λ in proportion to it.
pub(crate) fn more_data(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let presented = lab.epochs(30) * lab.training.len();
    let sizes = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
    let mut points = Vec::new();
    println!("\nη = 0.5, λ = size/10,000; evaluated on the validation images after the last epoch");
    for size in sizes.into_iter().filter(|&size| size <= lab.training.len()) {
        let start = Instant::now();
        let settings = Settings::new(0.5, size as f64 * 1e-4);
        let mut trainer = Trainer::new(&[784, 30, 10], settings, &lab.first(size), &lab.validation, lab.seed);
        let epochs = (presented / size).max(1);
        (0..epochs).for_each(|_| trainer.train());
        let measure = trainer.evaluate();
        println!("{size:>6} images, {epochs:>5} epochs: {measure}   {:.1} s", start.elapsed().as_secs_f64());
        points.push((size as f64, measure.accuracy()));
    }
    let chart = Chart::new("More data: validation accuracy", Axis::log("training images"), accuracy())
        .line("30 hidden neurons, cross-entropy, L2", points);
    lab.draw("more-data.svg", &chart)
}

pub(crate) fn early_stopping(lab: &Lab, patience: usize, eta: f64) -> Result<(), Box<dyn Error>> {
    let mut trainer = Trainer::new(&[784, 30, 10], Settings::new(eta, 5.0), &lab.training, &lab.validation, lab.seed);
    println!("\nη = {eta} at first, λ = 5; evaluated on the validation images");
    let (mut history, mut halved) = (Vec::new(), Vec::new());
    let (mut best, mut waited) = (0, 0);
    while history.len() < lab.epochs(1000) {
        let epoch = lab.train(&mut trainer, 1)[0];
        history.push(epoch);
        let improved = epoch.evaluation.correct > best;
        (best, waited) = if improved { (epoch.evaluation.correct, 0) } else { (best, waited + 1) };
        if waited < patience {
            continue;
        }
        let next = trainer.sgd.lr() / 2.0;
        if next < eta / 128.0 {
            println!("No improvement in {patience} epochs at η = {eta}/128: the end");
            break;
        }
        println!("No improvement in {patience} epochs: η = {next}");
        trainer.sgd.set_lr(next);
        halved.push((epoch.number as f64, epoch.evaluation.accuracy()));
        waited = 0;
    }
    println!("Best: {best} / {} after {} epochs", lab.validation.len(), history.len());
    let chart = Chart::new("Early stopping: validation accuracy", epoch(), accuracy())
        .history("validation", &history, |epoch| epoch.evaluation.accuracy())
        .dots("η halved", halved);
    lab.draw("early-stopping.svg", &chart)
}
