//! The elementwise rules, against the standard library's functions or formulas over them.

use tensor::{Float, Tensor};

use super::naive::{Naive, erf, same};
use super::{layouts, random};

type Unary<T> = (&'static str, [f64; 2], fn(&Tensor<T>) -> Tensor<T>, fn(f64) -> f64);
type Binary<T> = (&'static str, fn(&Tensor<T>, &Tensor<T>) -> Tensor<T>, fn(f64, f64) -> f64);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn gelu_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
}

/// Name, domain, rule and reference.
fn unary<T: Float>() -> Vec<Unary<T>> {
    const ANY: [f64; 2] = [-2.5, 2.5];
    const POSITIVE: [f64; 2] = [0.1, 5.0];
    vec![
        ("neg", ANY, |x| -x, |x| -x),
        ("abs", ANY, |x| x.abs(), f64::abs),
        ("sign", ANY, |x| x.sign(), f64::signum),
        ("exp", ANY, |x| x.exp(), f64::exp),
        ("expm1", ANY, |x| x.expm1(), f64::exp_m1),
        ("ln", POSITIVE, |x| x.ln(), f64::ln),
        ("log1p", [-0.9, 3.0], |x| x.log1p(), f64::ln_1p),
        ("sqrt", POSITIVE, |x| x.sqrt(), f64::sqrt),
        ("norm_root", POSITIVE, |x| x.norm_root(), f64::sqrt),
        ("rsqrt", POSITIVE, |x| x.rsqrt(), |x| 1.0 / x.sqrt()),
        ("recip", POSITIVE, |x| x.recip(), f64::recip),
        ("square", ANY, |x| x.square(), |x| x * x),
        ("sin", [-30.0, 30.0], |x| x.sin(), f64::sin),
        ("cos", [-30.0, 30.0], |x| x.cos(), f64::cos),
        ("tan", [-1.4, 1.4], |x| x.tan(), f64::tan),
        ("asin", [-1.0, 1.0], |x| x.asin(), f64::asin),
        ("acos", [-1.0, 1.0], |x| x.acos(), f64::acos),
        ("atan", ANY, |x| x.atan(), f64::atan),
        ("sinh", ANY, |x| x.sinh(), f64::sinh),
        ("cosh", ANY, |x| x.cosh(), f64::cosh),
        ("asinh", ANY, |x| x.asinh(), f64::asinh),
        ("acosh", [1.0, 5.0], |x| x.acosh(), f64::acosh),
        ("atanh", [-0.95, 0.95], |x| x.atanh(), f64::atanh),
        ("floor", ANY, |x| x.floor(), f64::floor),
        ("ceil", ANY, |x| x.ceil(), f64::ceil),
        ("trunc", ANY, |x| x.trunc(), f64::trunc),
        ("round", ANY, |x| x.round(), f64::round_ties_even),
        ("mish", ANY, |x| x.mish(), |x| x * x.exp().ln_1p().tanh()),
        ("tanh", ANY, |x| x.tanh(), f64::tanh),
        ("sigmoid", ANY, |x| x.sigmoid(), sigmoid),
        ("log_sigmoid", ANY, |x| x.log_sigmoid(), |x| sigmoid(x).ln()),
        ("softplus", ANY, |x| x.softplus(), |x| x.exp().ln_1p()),
        ("erf", ANY, |x| x.erf(), erf),
        ("relu", ANY, |x| x.relu(), |x| x.max(0.0)),
        ("leaky_relu", ANY, |x| x.leaky_relu(0.1), |x| if x > 0.0 { x } else { 0.1 * x }),
        ("elu", ANY, |x| x.elu(1.3), |x| if x > 0.0 { x } else { 1.3 * x.exp_m1() }),
        (
            "selu",
            ANY,
            |x| x.selu(),
            |x| 1.050_700_987_355_480_5 * if x > 0.0 { x } else { 1.673_263_242_354_377_2 * x.exp_m1() },
        ),
        ("silu", ANY, |x| x.silu(), |x| x * sigmoid(x)),
        ("gelu", ANY, |x| x.gelu(), |x| 0.5 * x * (1.0 + erf(x / 2f64.sqrt()))),
        ("gelu_tanh", ANY, |x| x.gelu_tanh(), gelu_tanh),
        ("powi", ANY, |x| x.powi(-3), |x| x.powi(-3)),
        ("powf", POSITIVE, |x| x.powf(1.7), |x| x.powf(1.7)),
        ("clamp", ANY, |x| x.clamp(-0.5, 1.0), |x| x.clamp(-0.5, 1.0)),
        ("x + c", ANY, |x| x + T::from_f64(0.5), |x| x + 0.5),
        ("x - c", ANY, |x| x - T::from_f64(0.5), |x| x - 0.5),
        ("x * c", ANY, |x| x * T::from_f64(0.75), |x| x * 0.75),
        ("x / c", ANY, |x| x / T::from_f64(0.75), |x| x / 0.75),
    ]
}

fn binary<T: Float>() -> Vec<Binary<T>> {
    vec![
        ("add", |a, b| a + b, |a, b| a + b),
        ("sub", |a, b| a - b, |a, b| a - b),
        ("mul", |a, b| a * b, |a, b| a * b),
        ("div", |a, b| a / b, |a, b| a / b),
        ("pow", |a, b| a.pow(b), f64::powf),
        ("atan2", |a, b| (a - T::ONE).atan2(b - T::ONE), |a, b| (a - 1.0).atan2(b - 1.0)),
        ("hypot", |a, b| a.hypot(b), f64::hypot),
        ("maximum", |a, b| a.maximum(b), f64::max),
        ("minimum", |a, b| a.minimum(b), f64::min),
        ("select", |a, b| a.select(&b.lt(&Tensor::from(T::ONE)), b), |a, b| if b < 1.0 { a } else { b }),
    ]
}

#[test]
fn rules_of_one_input() {
    unary_at::<f32>();
    unary_at::<f64>();
}

fn unary_at<T: Float>() {
    for (name, [low, high], f, reference) in unary::<T>() {
        for shape in [vec![7, 40], vec![2, 3, 5], vec![], vec![0, 3], vec![3, 0]] {
            let x = random::<T>(&shape, low, high);
            let expected = Naive { shape, data: Naive::of(&x).data.into_iter().map(reference).collect() };
            for x in layouts(&x) {
                same(name, &f(&x), &expected, 8.0);
            }
        }
    }
}

#[test]
fn rules_of_two_inputs() {
    binary_at::<f32>();
    binary_at::<f64>();
}

fn binary_at<T: Float>() {
    let pairs: [[&[usize]; 2]; 8] = [
        [&[3, 4], &[3, 4]],
        [&[30, 40], &[40]],
        [&[3, 1], &[1, 4]],
        [&[], &[2, 3]],
        [&[4, 2, 1], &[3]],
        [&[0, 3], &[3]],
        [&[2, 1], &[2, 0]],
        [&[], &[]],
    ];
    for (name, f, reference) in binary::<T>() {
        for [s, t] in pairs {
            let (a, b) = (random::<T>(s, 0.2, 2.0), random::<T>(t, 0.3, 2.1));
            let shape = a.shape().broadcast(b.shape(), name).expect("shapes broadcast");
            let (a_, b_) = (Naive::of(&a), Naive::of(&b));
            let expected = Naive::from_fn(&shape, |at| reference(a_.stretched(at), b_.stretched(at)));
            for a in layouts(&a) {
                for b in layouts(&b) {
                    same(&format!("{name} of {s:?} and {t:?}"), &f(&a, &b), &expected, 8.0);
                }
            }
        }
    }
}

#[test]
fn numbers_on_the_left() {
    let x = Tensor::from([0.5f32, -4.0]);
    assert_eq!(2.0 + &x, Tensor::from([2.5, -2.0]));
    assert_eq!(2.0 - &x, Tensor::from([1.5, 6.0]));
    assert_eq!(2.0 * &x, Tensor::from([1.0, -8.0]));
    assert_eq!(2.0 / &x, Tensor::from([4.0, -0.5]));
    assert_eq!(1.0 - (1.0 - x.cast::<f64>()), x.cast::<f64>());
}
