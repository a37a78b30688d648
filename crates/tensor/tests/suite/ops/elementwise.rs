//! The elementwise rules.

use tensor::rules::{Equal, Less, LessEqual};
use tensor::{Elementwise, Scalar, Shape, Tensor, Var};

use crate::ops::cases::{Case, any, case, nonzero, off_kinks, positive, spread};

type Unary = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;
type Binary = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;
type Domain = fn(Shape) -> Tensor<f64>;

/// Every rule of one input, with a domain in which it is smooth.
const UNARY: &[(&str, Domain, Unary)] = &[
    ("neg", any, |x| -x),
    ("abs", off_kinks, |x| x.abs()),
    ("sign", off_kinks, |x| x.sign()),
    ("exp", any, |x| x.exp()),
    ("expm1", any, |x| x.expm1()),
    ("ln", positive, |x| x.ln()),
    ("log1p", positive, |x| (x - 1.2).log1p()),
    ("sqrt", positive, |x| x.sqrt()),
    ("norm_root", positive, |x| x.norm_root()),
    ("rsqrt", positive, |x| x.rsqrt()),
    ("recip", nonzero, |x| x.recip()),
    ("square", any, |x| x.square()),
    ("sin", any, |x| x.sin()),
    ("cos", any, |x| x.cos()),
    ("tan", |shape| any(shape) * 0.8, |x| x.tan()),
    ("asin", |shape| any(shape) * 0.5, |x| x.asin()),
    ("acos", |shape| any(shape) * 0.5, |x| x.acos()),
    ("atan", any, |x| x.atan()),
    ("sinh", any, |x| x.sinh()),
    ("cosh", any, |x| x.cosh()),
    ("asinh", any, |x| x.asinh()),
    ("acosh", positive, |x| (x + 1.0).acosh()),
    ("atanh", |shape| any(shape) * 0.5, |x| x.atanh()),
    ("floor", off_kinks, |x| x.floor()),
    ("ceil", off_kinks, |x| x.ceil()),
    ("trunc", off_kinks, |x| x.trunc()),
    ("round", off_kinks, |x| x.round()),
    ("mish", any, |x| x.mish()),
    ("tanh", any, |x| x.tanh()),
    ("sigmoid", any, |x| x.sigmoid()),
    ("log_sigmoid", any, |x| x.log_sigmoid()),
    ("softplus", any, |x| x.softplus()),
    ("erf", any, |x| x.erf()),
    ("relu", off_kinks, |x| x.relu()),
    ("leaky_relu", off_kinks, |x| x.leaky_relu(0.1)),
    ("elu", off_kinks, |x| x.elu(1.3)),
    ("selu", off_kinks, |x| x.selu()),
    ("silu", any, |x| x.silu()),
    ("gelu", any, |x| x.gelu()),
    ("gelu_tanh", any, |x| x.gelu_tanh()),
    ("powi 0", any, |x| x.powi(0)),
    ("powi 1", any, |x| x.powi(1)),
    ("powi 5", any, |x| x.powi(5)),
    ("powi -2", off_kinks, |x| (x + 3.0).powi(-2)),
    ("powf 0", positive, |x| x.powf(0.0)),
    ("powf 2.5", positive, |x| x.powf(2.5)),
    ("powf -0.5", positive, |x| x.powf(-0.5)),
    ("powf 2, any sign", any, |x| x.powf(2.0)),
    ("clamp", off_kinks, |x| x.clamp(-1.0, 0.5)),
    ("x + 2", any, |x| x + 2.0),
    ("2 + x", any, |x| 2.0 + x),
    ("x - 2", any, |x| x - 2.0),
    ("2 - x", any, |x| 2.0 - x),
    ("x * 2", any, |x| x * 2.0),
    ("2 * x", any, |x| 2.0 * x),
    ("x / 2", any, |x| x / 2.0),
    ("2 / x", nonzero, |x| 2.0 / x),
    ("a user's rule, by dual numbers", any, |x| Var::map(Mish, [x])),
];

/// Every rule of two inputs.
const BINARY: &[(&str, [Domain; 2], Binary)] = &[
    ("add", [any, any], |a, b| a + b),
    ("sub", [any, any], |a, b| a - b),
    ("mul", [any, any], |a, b| a * b),
    ("div", [any, nonzero], |a, b| a / b),
    ("pow", [positive, any], |a, b| a.pow(b)),
    ("atan2", [nonzero, nonzero], |a, b| a.atan2(b)),
    ("hypot", [nonzero, nonzero], |a, b| a.hypot(b)),
    ("maximum", [spread, between], |a, b| a.maximum(b)),
    ("minimum", [spread, between], |a, b| a.minimum(b)),
    ("select", [any, off_kinks], |a, b| a.select(&b.value().map_elements(|b| b > 0.0), b)),
    ("select by a scalar", [any, any], |a, b| a.select(&Tensor::from(true), b)),
    ("less", [spread, between], |a, b| Var::map(Less, [a, b])),
    ("less_equal", [spread, between], |a, b| Var::map(LessEqual, [a, b])),
    ("equal", [spread, between], |a, b| Var::map(Equal, [a, b])),
    ("a user's rule of two, by dual numbers", [spread, above], |a, b| Var::map(Angle, [a, b])),
];

/// x·tanh(softplus(x)).
#[derive(Clone, Copy)]
struct Mish;

impl Elementwise<1> for Mish {
    const NAME: &'static str = "mish_by_duals";
    fn eval<A: Scalar>(self, [x]: [A; 1]) -> A {
        x * x.softplus().tanh()
    }
}

/// A rule with branches, divisions and powers, and no derivative of its own.
#[derive(Clone, Copy)]
struct Angle;

impl Elementwise<2> for Angle {
    const NAME: &'static str = "angle";
    fn eval<A: Scalar>(self, [a, b]: [A; 2]) -> A {
        let low = (a.exp_m1() / b).sin() - a.abs() * b.sqrt().ln_1p();
        A::select(a.lt(b), low, a.maximum(b).pow(b) + (a * b).powi(3))
    }
}

/// Numbers halfway between those of [`spread`].
fn between(shape: Shape) -> Tensor<f64> {
    spread(shape) + 0.05
}

/// Positive numbers, none of which is one of [`spread`].
fn above(shape: Shape) -> Tensor<f64> {
    spread(shape) + 1.55
}

pub(crate) fn cases() -> Vec<Case> {
    unary().chain(binary()).collect()
}

fn unary() -> impl Iterator<Item = Case> {
    let shapes = [Shape::from([3, 4]), Shape::from(()), Shape::from([0, 3]), Shape::from([2, 0])];
    UNARY.iter().flat_map(move |&(name, domain, f)| {
        shapes.clone().map(|shape| case(format!("{name} of {shape}"), [domain(shape)], move |x| f(x[0])))
    })
}

fn binary() -> impl Iterator<Item = Case> {
    let shape = |sizes: &[usize]| Shape::from(sizes);
    let pairs: Vec<[Shape; 2]> = [
        [&[2, 3][..], &[2, 3][..]],
        [&[2, 3], &[3]],
        [&[2, 1], &[1, 3]],
        [&[], &[2, 3]],
        [&[4, 2, 1], &[3]],
        [&[], &[]],
        [&[0, 3], &[3]],
        [&[2, 1], &[2, 0]],
    ]
    .map(|pair| pair.map(shape))
    .to_vec();
    BINARY.iter().flat_map(move |&(name, [a, b], f)| {
        pairs.clone().into_iter().map(move |[s, t]| {
            let name = format!("{name} of {s} and {t}");
            case(name, [a(s), b(t)], move |x| f(x[0], x[1]))
        })
    })
}
