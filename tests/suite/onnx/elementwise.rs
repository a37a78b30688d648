//! Nodes that work element by element, with broadcasting.

use wengert::files::AnyTensor;
use wengert::tensor::Tensor;

use crate::onnx::case::{Answer, Case, one};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    if let Some(y) = mask(case) {
        return Some(one(y));
    }
    if !case.has_floats(0) {
        return (case.op == "Pow").then(|| Err("the power of an integer".into()));
    }
    unary(case).or_else(|| binary(case)).or_else(|| several(case)).map(one)
}

fn unary(case: &Case) -> Option<Tensor<f32>> {
    let (x, alpha) = (case.x(0), |default| case.number("alpha", default));
    Some(match case.op.as_str() {
        "Abs" => x.abs(),
        "Acos" => x.acos(),
        "Acosh" => x.acosh(),
        "Asin" => x.asin(),
        "Asinh" => x.asinh(),
        "Atan" => x.atan(),
        "Atanh" => x.atanh(),
        "Ceil" => x.ceil(),
        "Celu" => (x / alpha(1.0) as f32).elu(1.0) * alpha(1.0) as f32,
        "Cos" => x.cos(),
        "Cosh" => x.cosh(),
        "Elu" => x.elu(alpha(1.0)),
        "Erf" => x.erf(),
        "Exp" => x.exp(),
        "Floor" => x.floor(),
        "Gelu" if case.text("approximate", "none") == "tanh" => x.gelu_tanh(),
        "Gelu" => x.gelu(),
        "HardSigmoid" => (x * alpha(0.2) as f32 + case.number("beta", 0.5) as f32).clamp(0.0, 1.0),
        "HardSwish" => &x * (&x / 6.0 + 0.5).clamp(0.0, 1.0),
        "Identity" => x,
        "LeakyRelu" => x.leaky_relu(alpha(0.01)),
        "Log" => x.ln(),
        "Mish" => x.mish(),
        "Neg" => -x,
        "Reciprocal" => x.recip(),
        "Relu" => x.relu(),
        "Round" => x.round(),
        "Selu" if case.has_attribute("alpha") => x.elu(alpha(1.0)) * case.number("gamma", 1.0) as f32,
        "Selu" => x.selu(),
        "Shrink" => shrink(case, &x),
        "Sigmoid" => x.sigmoid(),
        "Sign" => x.sign(),
        "Sin" => x.sin(),
        "Sinh" => x.sinh(),
        "Softplus" => x.softplus(),
        "Softsign" => &x / (x.abs() + 1.0),
        "Sqrt" => x.sqrt(),
        "Swish" if alpha(1.0) == 1.0 => x.silu(),
        "Tan" => x.tan(),
        "Tanh" => x.tanh(),
        "ThresholdedRelu" => x.select(&x.gt(&number(alpha(1.0))), number(0.0)),
        _ => return None,
    })
}

fn number(x: f64) -> Tensor<f32> {
    Tensor::from(x as f32)
}

/// x moved by the bias towards 0 where |x| exceeds λ, else 0.
fn shrink(case: &Case, x: &Tensor<f32>) -> Tensor<f32> {
    let (bound, bias) = (case.number("lambd", 0.5), case.number("bias", 0.0));
    (x - x.sign() * bias as f32).select(&x.abs().gt(&number(bound)), number(0.0))
}

fn binary(case: &Case) -> Option<Tensor<f32>> {
    let (a, b) = (case.x(0), || case.x(1));
    Some(match case.op.as_str() {
        "Add" => a + b(),
        "Div" => a / b(),
        "Mul" => a * b(),
        "Pow" => a.pow(case.given(1).unwrap_or_else(|| case.index(1).expect("a power").map_elements(|n| n as f32))),
        "PRelu" => a.select(&a.gt(&number(0.0)), &a * b()),
        "Sub" => a - b(),
        "SwiGLU" => &a * (&a * case.number("alpha", 1.0) as f32).sigmoid() * b(),
        _ => return None,
    })
}

fn several(case: &Case) -> Option<Tensor<f32>> {
    let all = || case.all().into_iter();
    Some(match case.op.as_str() {
        "Clip" => clip(case),
        "Max" => all().reduce(|a, b| a.maximum(b))?,
        "Mean" => all().reduce(|a, b| a + b)? / all().len() as f32,
        "Min" => all().reduce(|a, b| a.minimum(b))?,
        "Sum" => all().reduce(|a, b| a + b)?,
        _ => return None,
    })
}

fn clip(case: &Case) -> Tensor<f32> {
    let bound = |i: usize, none: f64| case.given(i).map_or(none, |bound| f64::from(bound.item()));
    case.x(0).clamp(bound(1, f64::NEG_INFINITY), bound(2, f64::INFINITY))
}

/// Nodes that compare or that work on masks, and the choice by a mask.
fn mask(case: &Case) -> Option<AnyTensor> {
    if case.op == "Where" {
        return Some(case.x(1).select(&case.mask(0)?, case.x(2)).into());
    }
    let masks = || [0, 1].map(|i| case.mask(i).expect("a mask"));
    let mask = match case.op.as_str() {
        "And" => masks()[0].and(&masks()[1]),
        "Not" => case.mask(0)?.not(),
        "Or" => masks()[0].or(&masks()[1]),
        "Xor" => {
            let [a, b] = masks();
            a.or(&b).and(&a.and(&b).not())
        }
        "Equal" => case.given(0)?.equal(&case.x(1)),
        "Greater" => case.given(0)?.gt(&case.x(1)),
        "GreaterOrEqual" => case.given(0)?.ge(&case.x(1)),
        "IsInf" => {
            let is = |side: &str, x: f64| case.flag(side, true).then(|| case.x(0).equal(&number(x)));
            let sides = [is("detect_positive", f64::INFINITY), is("detect_negative", f64::NEG_INFINITY)];
            sides.into_iter().flatten().reduce(|a, b| a.or(&b))?
        }
        "IsNaN" => case.x(0).not_equal(&case.x(0)),
        "Less" => case.given(0)?.lt(&case.x(1)),
        "LessOrEqual" => case.given(0)?.le(&case.x(1)),
        _ => return None,
    };
    Some(mask.into())
}
