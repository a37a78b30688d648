//! Measures.

use tensor::Tensor;
use train::{Accuracy, Mean, Metrics, Throughput, correct_in_top};

#[test]
fn top_k_is_to_the_favour_of_equal_scores_and_never_of_nan() {
    let scores = Tensor::from([[0.2f32, 0.2, 0.6], [1.0, 2.0, 3.0], [f32::NAN, 1.0, 0.0]]);
    let labels = Tensor::from([1, 0, 0]);
    assert_eq!([1, 2, 3].map(|k| correct_in_top(&scores, &labels, k)), [0, 1, 2]);
    let mut top = Accuracy::top(3);
    top.add(&scores, &labels);
    assert_eq!((top.right(), top.examples()), (2, 3));
    assert!(Accuracy::new().value().is_nan());
}

#[test]
#[should_panic(expected = "correct_in_top: label 3, expected one below 3")]
fn a_label_is_a_class() {
    Accuracy::top(2).add(&Tensor::from([[0.2f32, 0.2, 0.6]]), &Tensor::from([3]));
}

#[test]
fn means_weigh_and_throughput_counts() {
    let mut mean = Mean::default();
    assert!(mean.value().is_nan());
    mean.add(1.0, 3);
    mean.add(3.0, 1);
    assert_eq!((mean.value(), mean.count()), (1.5, 4));
    let mut throughput = Throughput::new();
    throughput.add(100);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(throughput.rate() > 0.0 && throughput.rate() <= 5000.0);
}

#[test]
fn numbers_that_json_does_not_know_survive_it() {
    let metrics = Metrics::from([("a", f64::NAN), ("b", f64::NEG_INFINITY), ("c", 0.1), ("d", 3.0)]);
    let text = serde_json::to_string(&metrics).expect("JSON");
    assert_eq!(text, r#"{"a":"NaN","b":"-inf","c":0.1,"d":3.0}"#);
    let back: Metrics = serde_json::from_str(&text).expect("metrics");
    assert!(back.0["a"].is_nan() && back.0["b"] == f64::NEG_INFINITY && back.0["c"] == 0.1 && back.0["d"] == 3.0);
    let wrong = serde_json::from_str::<Metrics>(r#"{"a":"many"}"#).expect_err("a word").to_string();
    assert!(wrong.starts_with("found \"many\", expected a number"), "{wrong}");
}
