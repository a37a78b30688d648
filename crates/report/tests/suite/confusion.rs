//! Which class was taken for which.

use report::{Confusion, Error};
use tensor::Tensor;

fn counted() -> Confusion {
    let mut confusion = Confusion::new(["cat", "dog & co", "<b>"]);
    confusion.add(&Tensor::from([0, 0]), &Tensor::from([0, 0]));
    confusion.add(&Tensor::from([1, 1, 1, 0]), &Tensor::from([0, 1, 1, 2]));
    confusion
}

#[test]
fn pairs_are_counted_with_the_truth_as_row() {
    let counts: Vec<Vec<u64>> = (0..3).map(|row| (0..3).map(|column| counted().count(row, column)).collect()).collect();
    assert_eq!(counts, [[2, 1, 0], [0, 2, 0], [1, 0, 0]]);
    assert_eq!((counted().right(), counted().accuracy()), (4, 4.0 / 6.0));
    assert_eq!([0, 1, 2].map(|class| counted().recall(class)), [2.0 / 3.0, 1.0, 0.0]);
    assert_eq!([0, 1].map(|class| counted().precision(class)), [2.0 / 3.0, 2.0 / 3.0]);
    assert!(counted().precision(2).is_nan() && Confusion::of(2).accuracy().is_nan());
}

#[test]
fn a_picture_names_axes_classes_and_counts() {
    let svg = counted().picture("Animals").svg();
    for text in [">Animals<", ">predicted<", ">truth<", ">dog &amp; co<", ">&lt;b&gt;<", ">2<", ">1<"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<rect x=").count(), 9);
    assert!(Confusion::of(0).picture("").svg().ends_with("</svg>\n"));
}

#[test]
fn a_text_has_a_row_for_each_class() {
    let mut confusion = Confusion::of(2);
    confusion.add(&Tensor::from([0, 1, 1]), &Tensor::from([0, 0, 1]));
    assert_eq!(confusion.to_string(), "    0  1\n 0  1  1\n 1  0  1\n");
    assert_eq!(Confusion::of(0).to_string(), " \n");
}

#[test]
fn what_does_not_belong_together_is_an_error() {
    let mut confusion = Confusion::new(["a", "b"]);
    let mut error = |truth: &[i64], predicted: &[i64]| {
        let error = confusion.try_add(&Tensor::from(predicted), &Tensor::from(truth)).unwrap_err();
        assert!(matches!(error, Error::Classes(_)) && confusion == Confusion::new(["a", "b"]), "nothing is added");
        error.to_string()
    };
    assert_eq!(error(&[0, 1], &[0]), "no confusion matrix: found 2 labels and 1 predictions");
    assert_eq!(error(&[0, 1], &[0, 2]), "no confusion matrix: found class 2, expected one of 2");
    assert_eq!(error(&[-1, 1], &[0, 0]), "no confusion matrix: found class -1, expected one of 2");
}

#[test]
#[should_panic(expected = "no class 0 or 3 of 3")]
fn there_is_no_class_after_the_last() {
    counted().count(0, 3);
}
