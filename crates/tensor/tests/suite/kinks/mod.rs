//! Kinks, ties, infinities and NaN: the conventions that a gradient follows where calculus leaves a choice.

mod tables;

use tables::{ANGLES, Function, INF, KINKS, NAN, POWERS, ROOTS, Row, STABLE, TIES, ZERO_TIMES_INFINITY, guarded};
use tensor::{Tape, Tensor, Var, rng};

#[test]
fn kinks() {
    KINKS.iter().for_each(check);
}

#[test]
fn angles() {
    ANGLES.iter().for_each(check);
}

#[test]
fn powers() {
    POWERS.iter().for_each(check);
}

#[test]
fn roots_and_poles() {
    ROOTS.iter().for_each(check);
}

#[test]
fn zero_times_infinity() {
    ZERO_TIMES_INFINITY.iter().for_each(check);
}

#[test]
fn ties() {
    TIES.iter().for_each(check);
}

#[test]
fn extreme_inputs() {
    STABLE.iter().for_each(check);
}

/// Compares a row's value, and its gradients by the eager pass and by the recorded one.
fn check(&(name, inputs, f, value, gradients): &Row) {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(Tensor::from(*x))).collect();
    let y = f(&x);
    same(&format!("{name}: value"), &y.value().to_vec(), value);
    let eager = y.vjp_retain(Tensor::ones(y.shape()));
    let recorded = tape.vjp(y, tape.constant(Tensor::ones(y.shape())), &x);
    for (i, (&x, expected)) in x.iter().zip(gradients).enumerate() {
        let eager = eager.get(x).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()));
        same(&format!("{name}: gradient {i}"), &eager.to_vec(), expected);
        same(&format!("{name}: recorded gradient {i}"), &recorded[i].value().to_vec(), expected);
    }
}

/// Equal up to rounding; NaN only where NaN is expected.
fn same(what: &str, got: &[f64], expected: &[f64]) {
    let close = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-15 * b.abs().max(1.0);
    let equal = got.len() == expected.len() && got.iter().zip(expected).all(|(&a, &b)| close(a, b));
    assert!(equal, "{what}: {got:?}, expected {expected:?}");
}

/// The second derivative of Σ f, both by differentiating the recorded gradient eagerly and by recording it again.
fn second(x: &[f64], f: Function, expected: &[f64]) {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from(x));
    let slope = tape.grad(f(&[x]).sum(..), &[x])[0].sum(..);
    same("second derivative", &slope.backward_retain().wrt(x).to_vec(), expected);
    same("recorded second derivative", &tape.grad(slope, &[x])[0].value().to_vec(), expected);
}

#[test]
fn second_derivatives_at_kinks() {
    second(&[0.0, 4.0, -1.0], |x| guarded(x[0], |x| x.sqrt()), &[0.0, -1.0 / 32.0, 0.0]);
    second(&[0.0, 2.0, -1.0], |x| guarded(x[0], |x| x.ln()), &[0.0, -0.25, 0.0]);
    second(&[0.0, 2.0], |x| guarded(x[0], |x| x.recip()), &[0.0, 0.25]);
    second(&[0.0, 4.0], |x| x[0].sqrt() * 0.0, &[0.0, 0.0]);
    second(&[0.0, 0.0], |x| x[0].norm(..), &[0.0, 0.0]);
    second(&[0.0, 0.0], |x| x[0].hypot(x[0]), &[0.0, 0.0]);
    second(&[0.0, 0.0], |x| x[0].atan2(x[0]), &[0.0, 0.0]);
    second(&[-1000.0, 1000.0], |x| x[0].mish(), &[0.0, 0.0]);
    second(&[0.0, -1.0, 2.0], |x| x[0].relu() * x[0], &[0.0, 0.0, 2.0]);
    second(&[0.0, -1.0, 2.0], |x| x[0].abs() * x[0], &[0.0, -2.0, 2.0]);
    second(&[0.0, 1.0], |x| x[0].powf(2.0), &[2.0, 2.0]);
    second(&[0.0, 1.0], |x| x[0].powi(2), &[2.0, 2.0]);
    second(&[0.0, 1.0], |x| x[0].pow(x[0].tape().constant(2.0)), &[2.0, 2.0]);
    second(&[0.0, 1.0], |x| x[0].pow(x[0].tape().constant(1.0)), &[0.0, 0.0]);
    second(&[-1000.0, 1000.0], |x| x[0].softplus(), &[0.0, 0.0]);
    second(&[-1000.0, 1000.0], |x| x[0].gelu(), &[0.0, 0.0]);
    second(&[-INF, -INF], |x| x[0].logsumexp(0), &[0.0, 0.0]);
    second(&[-INF, 0.0, 0.0], |x| x[0].softmax(0).narrow(0, 1, 1), &[0.0, 0.0, 0.0]);
    second(&[-INF, 0.0, 0.0], |x| x[0].log_softmax(0).narrow(0, 1, 1), &[0.0, 0.0, 0.0]);
    second(&[2.0, 2.0], |x| x[0].max(..).square(), &[1.0, 1.0]);
}

#[test]
fn nan_propagates() {
    let x = Tensor::from([NAN, 1.0, -1.0]);
    let first_is_nan = |what: &str, y: Tensor<f64>| {
        assert_eq!(y.to_vec().iter().map(|y| y.is_nan()).collect::<Vec<_>>(), [true, false, false], "{what}");
    };
    first_is_nan("relu", x.relu());
    first_is_nan("clamp", x.clamp(-0.5, 0.5));
    first_is_nan("sign", x.sign());
    first_is_nan("abs", x.abs());
    first_is_nan("leaky_relu", x.leaky_relu(0.1));
    first_is_nan("elu", x.elu(1.0));
    first_is_nan("sigmoid", x.sigmoid());
    first_is_nan("softplus", x.softplus());
    for (a, b) in [(&x, &Tensor::from(0.0)), (&Tensor::from(0.0), &x)] {
        first_is_nan("maximum", a.maximum(b));
        first_is_nan("minimum", a.minimum(b));
    }
}

/// At every position of rows that are shorter and longer than the vectors they are reduced by.
#[test]
fn nan_propagates_through_max_and_min() {
    for n in [1, 2, 31, 33, 200] {
        for at in [0, n / 2, n - 1] {
            let x = Tensor::from_fn([n], |i| if i[0] == at { f32::NAN } else { i[0] as f32 });
            let square = x.unsqueeze(1).broadcast_to([n, 3]);
            for y in [x.max(..), x.min(..), square.max(0), square.min(0), square.t().max(1), square.t().min(1)] {
                assert!(y.to_vec().iter().all(|y| y.is_nan()), "NaN at {at} of {n}: {y}");
            }
        }
    }
}

#[test]
fn reductions_of_nothing() {
    let x = Tensor::<f64>::zeros([2, 0]);
    assert_eq!(x.sum(1), Tensor::zeros([2]));
    assert_eq!(x.sum(..).item(), 0.0);
    assert_eq!(x.prod(1), Tensor::ones([2]));
    assert_eq!(x.prod(..).item(), 1.0);
    assert_eq!(x.norm(1), Tensor::zeros([2]));
    assert_eq!(x.logsumexp(1), Tensor::full([2], -INF));
    assert!(x.mean(1).to_vec().iter().all(|y| y.is_nan()));
    assert!(x.mean(..).item().is_nan());
    assert!(x.var(.., 0.0).item().is_nan());
    for y in [x.sum(0), x.mean(0), x.max(0), x.min(0), x.prod(0), x.norm(0), x.logsumexp(0), x.var(0, 1.0)] {
        assert_eq!(y.shape().to_vec(), [0]);
    }
    let message = |error: tensor::Error| error.to_string();
    assert_eq!(x.try_max(1, false).map_err(message), Err("max: expected axis 1 not empty, got shape [2, 0]".into()));
    assert_eq!(x.try_min(.., true).map_err(message), Err("min: expected axis 1 not empty, got shape [2, 0]".into()));
    assert_eq!(x.try_argmax(1).map_err(message), Err("argmax: expected axis 1 not empty, got shape [2, 0]".into()));
}

#[test]
fn gradients_of_reductions_of_nothing() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::zeros([2, 0]));
    for y in [x.sum(..), x.prod(..), x.norm(..), x.mean(..), x.logsumexp(..), x.var(.., 0.0)] {
        assert_eq!(y.backward_retain().get(x).map_or(vec![2, 0], |g| g.shape().to_vec()), [2, 0]);
        assert_eq!(tape.grad(y, &[x])[0].shape().to_vec(), [2, 0]);
    }
}

#[test]
fn negative_axes_count_from_the_end() {
    let x = Tensor::<f64>::randn([2, 3, 4], &mut rng(0, 0));
    for axis in 0..3 {
        let back = axis - 3;
        assert_eq!(x.sum(axis), x.sum(back));
        assert_eq!(x.prod_keepdim(axis), x.prod_keepdim(back));
        assert_eq!(x.max(axis), x.max(back));
        assert_eq!(x.softmax(axis), x.softmax(back));
        assert_eq!(x.argmax(axis), x.argmax(back));
        assert_eq!(x.transpose(0, axis), x.transpose(-3, back));
        assert_eq!(Tensor::concat(&[&x, &x], axis), Tensor::concat(&[&x, &x], back));
        assert_eq!(x.unsqueeze(axis), x.unsqueeze(back - 1));
        assert_eq!(x.narrow(axis, 1, 1), x.narrow(back, 1, 1));
    }
}

#[test]
fn argmax_takes_the_first_of_equals_and_nan_as_largest() {
    let x = Tensor::from([[1.0, 3.0, 3.0], [NAN, 5.0, NAN], [2.0, NAN, 9.0], [-INF, -INF, -INF]]);
    assert_eq!(x.argmax(1), Tensor::from([1i64, 0, 1, 0]));
    assert_eq!(x.argmax(0), Tensor::from([1i64, 2, 1]));
}

/// A user's rule without a derivative follows the same conventions.
#[test]
fn dual_numbers_follow_the_conventions() {
    use tensor::{Elementwise, Scalar};

    #[derive(Clone, Copy)]
    struct SafeRoot;
    impl Elementwise<1> for SafeRoot {
        const NAME: &'static str = "safe_root";
        fn eval<A: Scalar>(self, [x]: [A; 1]) -> A {
            A::select(x.le(x.lit(0.0)), x.lit(0.0), x.sqrt())
        }
    }
    let f: Function = |x| Var::map(SafeRoot, [x[0]]);
    check(&("safe_root", &[&[0.0, 4.0, -1.0]], f, &[0.0, 2.0, 0.0], &[&[0.0, 0.25, 0.0]]));
    second(&[0.0, 4.0, -1.0], f, &[0.0, -1.0 / 32.0, 0.0]);
}
