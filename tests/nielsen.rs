//! The example `nielsen` against the published figures of Michael Nielsen's book, integer by integer.
//!
//! `NIELSEN_DIR` names a folder with `weight_initialization_30.json` and `overfitting.json`, `MNIST_DIR` one with the MNIST
//! files; without them the tests say that they skip. The first epochs run always, all of them with
//! `cargo test --test nielsen -- --ignored`.

#[path = "../examples/nielsen/expand.rs"]
mod expand;
#[path = "../examples/nielsen/network.rs"]
#[allow(dead_code)]
mod network;
#[path = "../examples/nielsen/python.rs"]
#[allow(dead_code)]
mod python;
#[path = "../examples/nielsen/training.rs"]
#[allow(dead_code)]
mod training;

use std::env;
use std::path::Path;

use serde_json::Value;
use wengert::data::NIELSEN_SCALE;
use wengert::prelude::*;

use training::{SEED, Settings, Trainer};

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

fn counts(list: &Value) -> Vec<usize> {
    list.as_array().expect("a list").iter().map(|count| count.as_u64().expect("a count") as usize).collect()
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
        let expected = counts(&published[name][1]);
        assert_eq!(expected.len(), 30);
        let run = |_| {
            trainer.train();
            trainer.evaluate().correct
        };
        let got: Vec<usize> = (0..epochs).map(run).collect();
        let differences: Vec<i64> = got.iter().zip(&expected).map(|(got, e)| *got as i64 - *e as i64).collect();
        println!("{name}: differences {differences:?}");
        for (epoch, difference) in differences.iter().enumerate() {
            let allowed = if epoch < 10 { 0 } else { 2 };
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
    let expected_counts = [counts(&published[1]), counts(&published[3])];
    let expected_cost = |list: usize, epoch: usize| published[list][epoch].as_f64().expect("a cost");
    let mut largest: f64 = 0.0;
    for i in 0..epochs {
        let epoch = trainer.epoch();
        let errors =
            [(epoch.evaluation.cost, 0), (epoch.training.cost, 2)].map(|(cost, list)| cost - expected_cost(list, i));
        largest = errors.iter().fold(largest, |largest, error| largest.max(error.abs()));
        assert!(largest < 1e-9, "{epoch}: the costs are off by {errors:?}");
        let got = [epoch.evaluation.correct, epoch.training.correct];
        assert_eq!(got, [expected_counts[0][i], expected_counts[1][i]], "{epoch}");
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
