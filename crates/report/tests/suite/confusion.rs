//! Which class was taken for which.

use report::{Confusion, Error};
use tensor::Tensor;

fn counted() -> Confusion {
    let truth = Tensor::from([0i64, 0, 0, 1, 1, 2]);
    let predicted = Tensor::from([0i64, 0, 1, 1, 1, 0]);
    Confusion::new(&truth, &predicted, ["cat", "dog & co", "<b>"]).unwrap()
}

#[test]
fn pairs_are_counted_with_the_truth_as_row() {
    let counts: Vec<Vec<u64>> = (0..3).map(|row| (0..3).map(|column| counted().count(row, column)).collect()).collect();
    assert_eq!(counts, [[2, 1, 0], [0, 2, 0], [1, 0, 0]]);
    assert_eq!(counted().right(), 4);
}

#[test]
fn a_picture_names_axes_classes_and_counts() {
    let svg = counted().picture("Animals").svg();
    for text in [">Animals<", ">predicted<", ">truth<", ">dog &amp; co<", ">&lt;b&gt;<", ">2<", ">1<"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<rect x=").count(), 9);
    let none = Confusion::new(&Tensor::zeros([0]), &Tensor::zeros([0]), [""; 0]).unwrap();
    assert!(none.picture("").svg().ends_with("</svg>\n"));
}

#[test]
fn what_does_not_belong_together_is_an_error() {
    let labels = |labels: &[i64]| Tensor::from(labels);
    let error = |truth: &[i64], predicted: &[i64]| {
        let error = Confusion::new(&labels(truth), &labels(predicted), ["a", "b"]).unwrap_err();
        assert!(matches!(error, Error::Classes(_)));
        error.to_string()
    };
    assert_eq!(error(&[0, 1], &[0]), "no confusion matrix: found 2 labels and 1 predictions");
    assert_eq!(error(&[0, 1], &[0, 2]), "no confusion matrix: found class 2, expected one of 2 names");
    assert_eq!(error(&[-1, 1], &[0, 0]), "no confusion matrix: found class -1, expected one of 2 names");
}

#[test]
#[should_panic(expected = "no class 0 or 3 of 3")]
fn there_is_no_class_after_the_last() {
    counted().count(0, 3);
}
