//! Bounds on gradients, by their norm and by value.

use optim::{Error, Sgd, clip_norm, clip_value, global_norm, try_clip_norm};
use tensor::{Float, Gradients, Param, Tape, Tensor};

/// Gradients that are the given ones: those of Σ g·p.
fn gradients<T: Float>(params: &[(&Param<T>, &[T])]) -> Gradients<T> {
    let tape = Tape::new();
    let dot = |(p, g): &(&Param<T>, &[T])| (tape.param(p) * tape.constant(*g)).sum(..);
    params.iter().map(dot).reduce(|a, b| a + b).expect("a parameter").backward()
}

fn pair<T: Float>(a: &[T], b: &[T]) -> (Param<T>, Param<T>, Gradients<T>) {
    let (p, q) = (Param::new("p", Tensor::ones([a.len()])), Param::new("q", Tensor::ones([b.len()])));
    let grads = gradients(&[(&p, a), (&q, b)]);
    (p, q, grads)
}

#[test]
fn one_factor_for_all_parameters() {
    let (p, q, mut grads) = pair(&[1.0f64, 2.0], &[2.0]);
    assert_eq!(clip_norm(&mut grads, 1.5), 3.0);
    assert_eq!(*grads.wrt(&p), Tensor::from([0.5, 1.0]));
    assert_eq!(*grads.wrt(&q), Tensor::from([1.0]));
    assert_eq!(clip_norm(&mut grads, 1.5), 1.5);
    assert_eq!(*grads.wrt(&p), Tensor::from([0.5, 1.0]));
    assert_eq!(clip_norm(&mut grads, 0.0), 1.5);
    assert_eq!(global_norm(&grads), 0.0);
    assert_eq!(clip_norm(&mut grads, 0.0), 0.0);
}

#[test]
fn leaves_are_no_parameters() {
    let p = Param::new("p", [1.0f64]);
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([3.0]));
    let mut grads = (x * tape.param(&p)).sum(..).backward();
    assert_eq!(clip_norm(&mut grads, 1.0), 3.0);
    assert_eq!((grads.wrt(x).item(), grads.wrt(&p).item()), (1.0, 1.0));
    clip_value(&mut grads, 0.25);
    assert_eq!((grads.wrt(x).item(), grads.wrt(&p).item()), (1.0, 0.25));
    assert_eq!(grads.params().count(), 1);
}

#[test]
fn squares_out_of_range_do_no_harm() {
    for scale in [1e-30f32, 1e30] {
        let (p, _, mut grads) = pair(&[3.0 * scale, 0.0], &[4.0 * scale]);
        let norm = global_norm(&grads);
        assert!((norm / f64::from(scale) - 5.0).abs() < 1e-5, "{norm}");
        clip_norm(&mut grads, norm / 2.0);
        let half = grads.wrt(&p)[[0]] / scale;
        assert!((half - 1.5).abs() < 1e-5, "{half}");
    }
    let (_, _, grads) = pair(&[1e200f64], &[1e200]);
    assert!((global_norm(&grads) / 1e200 - 2f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_norm_that_is_no_number_is_an_error_or_no_step() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (mut p, q, mut grads) = pair(&[1.0, bad], &[2.0]);
        let error = try_clip_norm(&mut grads, 1.0).unwrap_err();
        assert!(matches!(error, Error::Norm(norm) if !norm.is_finite()));
        assert_eq!((grads.wrt(&p)[[0]], grads.wrt(&q)[[0]]), (1.0, 2.0), "left as they are");
        assert!(!clip_norm(&mut grads, 1.0).is_finite());
        assert_eq!(*grads.wrt(&p), Tensor::zeros([2]));
        Sgd::new(0.1).step(&mut p, &grads).unwrap();
        assert_eq!(*p.value(), Tensor::ones([2]));
    }
    let text = Error::Norm(f64::NAN).to_string();
    assert_eq!(text, "clip_norm: the norm of the gradients is NaN, expected a finite number");
}

#[test]
fn values_are_clamped_and_nan_stays() {
    let (p, q, mut grads) = pair(&[-5.0f64, 0.5], &[f64::INFINITY, f64::NAN]);
    clip_value(&mut grads, 1.0);
    assert_eq!(*grads.wrt(&p), Tensor::from([-1.0, 0.5]));
    assert_eq!(grads.wrt(&q)[[0]], 1.0);
    assert!(grads.wrt(&q)[[1]].is_nan());
}

#[test]
fn empty_parameters_have_no_norm() {
    let (_, _, mut grads) = pair(&[], &[2.0f32]);
    assert_eq!(clip_norm(&mut grads, 1.0), 2.0);
}

#[test]
#[should_panic(expected = "clip_norm: a norm of at most NaN, expected 0 or more")]
fn the_bound_is_a_number() {
    let (_, _, mut grads) = pair(&[1.0f32], &[2.0]);
    clip_norm(&mut grads, f64::NAN);
}
