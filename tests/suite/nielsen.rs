//! The example `nielsen` against the published figures of Michael Nielsen's book, integer by integer.
//!
//! `NIELSEN_DIR` names a folder with `weight_initialization_30.json` and `overfitting.json`, `MNIST_DIR` one with the MNIST
//! files; without them the tests say that they skip. The first epochs run always, all of them with
//! `cargo test --test suite nielsen -- --ignored`.

#[path = "../../examples/nielsen/expand.rs"]
mod expand;
#[path = "../../examples/nielsen/network.rs"]
#[allow(dead_code)]
mod network;
#[path = "../../examples/nielsen/python.rs"]
#[allow(dead_code)]
mod python;
#[path = "../../examples/nielsen/training.rs"]
#[allow(dead_code)]
mod training;

use std::env;
use std::path::Path;

use serde_json::Value;
use wengert::data::NIELSEN_SCALE;
use wengert::prelude::*;

use training::{Epoch, SEED, Settings, Trainer};

const SIZES: [usize; 3] = [784, 30, 10];

/// The published file of this name, and MNIST with the book's pixels; nothing where one of them is missing.
fn published(name: &str) -> Option<(Value, Mnist)> {
    let (Some(folder), Some(mnist)) = (env::var_os("NIELSEN_DIR"), env::var_os("MNIST_DIR")) else {
        eprintln!("skipped: NIELSEN_DIR and MNIST_DIR do not both name a folder");
        return None;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join(name)).expect("the published file");
    let mut mnist = Mnist::open(Some(mnist.as_ref())).expect("the MNIST files");
    mnist.train = mnist.train.with_scale(NIELSEN_SCALE);
    mnist.test = mnist.test.with_scale(NIELSEN_SCALE);
    Some((serde_json::from_str(&text).expect("the published file is JSON"), mnist))
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// The first ten epochs must agree in every integer, the others may differ by 2.
///
/// The second network goes on with the order of the images and the random numbers that the first left behind after 30
/// epochs; a shorter run only shuffles for those that it leaves out.
fn weight_initialization(epochs: usize) {
    let Some((published, mnist)) = published("weight_initialization_30.json") else { return };
    let (training, validation) = mnist.train.split(50_000);
    let mut trainer = Trainer::new(&SIZES, Settings::new(0.1, 5.0), &training, &validation, SEED);
    for name in ["default_weight_initialization", "large_weight_initialization"] {
        let expected = numbers(&published[name][1]);
        assert_eq!(expected.len(), 30, "{name}");
        let run = |_| {
            trainer.train();
            trainer.evaluate().correct as f64
        };
        let got: Vec<f64> = (0..epochs).map(run).collect();
        let differences: Vec<f64> = got.iter().zip(&expected).map(|(got, expected)| got - expected).collect();
        println!("{name}: differences {differences:?}");
        for (epoch, difference) in differences.iter().enumerate() {
            let allowed = if epoch < 10 { 0.0 } else { 2.0 };
            assert!(difference.abs() <= allowed, "{name}, epoch {}: {got:?}, expected {expected:?}", epoch + 1);
        }
        (epochs..30).for_each(|_| trainer.shuffle());
        trainer.restart_large();
    }
}

#[test]
fn the_first_epochs_of_both_initialisations_are_the_published_ones() {
    weight_initialization(10);
}

#[test]
#[ignore = "takes half a minute"]
fn all_epochs_of_both_initialisations_are_the_published_ones() {
    weight_initialization(30);
}

/// Test cost, test accuracy, training cost, training accuracy: the costs within 1e-9, the counts the same.
fn overfitting(epochs: usize) {
    let Some((published, mnist)) = published("overfitting.json") else { return };
    let training = mnist.train.split(1000).0;
    let mut trainer = Trainer::new(&SIZES, Settings::new(0.5, 0.0), &training, &mnist.test, SEED);
    trainer.restart_large();
    let costs = [0, 2].map(|list| numbers(&published[list]));
    let counts = [1, 3].map(|list| numbers(&published[list]));
    assert!(costs.iter().chain(&counts).all(|list| list.len() == 400));
    let mut largest: f64 = 0.0;
    for (i, expected) in counts[0].iter().zip(&counts[1]).enumerate().take(epochs) {
        let epoch = trainer.epoch();
        let Epoch { evaluation, training, .. } = epoch;
        let error = (evaluation.cost - costs[0][i]).abs().max((training.cost - costs[1][i]).abs());
        assert!(error < 1e-9, "{epoch}: a cost is off by {error:e}");
        assert_eq!((evaluation.correct as f64, training.correct as f64), (*expected.0, *expected.1), "{epoch}");
        largest = largest.max(error);
    }
    println!("overfitting: {epochs} epochs with every count equal, the costs within {largest:e}");
}

#[test]
fn the_first_epochs_of_overfitting_are_the_published_ones() {
    overfitting(100);
}

#[test]
#[ignore = "takes half a minute"]
fn all_epochs_of_overfitting_are_the_published_ones() {
    overfitting(400);
}
