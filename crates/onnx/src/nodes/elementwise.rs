//! Ops that work element by element.

use super::Op;
use crate::graph::Graph;
use crate::proto::{Type, Value};

/// Ops that are one node of the same inputs and no attributes.
const SAME: &[(&str, &str)] = &[
    ("abs", "Abs"),
    ("acos", "Acos"),
    ("acosh", "Acosh"),
    ("add", "Add"),
    ("asin", "Asin"),
    ("asinh", "Asinh"),
    ("atan", "Atan"),
    ("atanh", "Atanh"),
    ("ceil", "Ceil"),
    ("cos", "Cos"),
    ("cosh", "Cosh"),
    ("div", "Div"),
    ("erf", "Erf"),
    ("exp", "Exp"),
    ("floor", "Floor"),
    ("gelu", "Gelu"),
    ("inspect_gradient", "Identity"),
    ("ln", "Log"),
    ("map_gradient", "Identity"),
    ("maximum", "Max"),
    ("minimum", "Min"),
    ("mish", "Mish"),
    ("mul", "Mul"),
    ("neg", "Neg"),
    ("norm_root", "Sqrt"),
    ("pow", "Pow"),
    ("recip", "Reciprocal"),
    ("relu", "Relu"),
    ("round", "Round"),
    ("scale_gradient", "Identity"),
    ("selu", "Selu"),
    ("sigmoid", "Sigmoid"),
    ("sign", "Sign"),
    ("sin", "Sin"),
    ("sinh", "Sinh"),
    ("softplus", "Softplus"),
    ("sqrt", "Sqrt"),
    ("sub", "Sub"),
    ("tan", "Tan"),
    ("tanh", "Tanh"),
];

/// The nodes of an elementwise op, or `None` for another one.
pub(super) fn add(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    if let Some((_, kind)) = SAME.iter().find(|(name, _)| *name == op.name) {
        return Some(graph.node(kind, &op.inputs, &[]));
    }
    with_attribute(graph, op).or_else(|| with_number(graph, op)).or_else(|| several(graph, op))
}

fn with_attribute(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    let (kind, name, value) = match op.name {
        "elu" => ("Elu", "alpha", Value::Float(op.number("alpha"))),
        "gelu_tanh" => ("Gelu", "approximate", Value::Text("tanh")),
        "leaky_relu" => ("LeakyRelu", "alpha", Value::Float(op.number("slope"))),
        _ => return None,
    };
    Some(graph.node(kind, &op.inputs, &[(name, value)]))
}

/// Ops with a constant that ONNX takes as an input.
fn with_number(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    let (kind, name, first) = match op.name {
        "add_scalar" => ("Add", "by", false),
        "div_scalar" => ("Div", "by", false),
        "mul_scalar" => ("Mul", "factor", false),
        "powf" => ("Pow", "p", false),
        "powi" => ("Pow", "n", false),
        "scalar_div" => ("Div", "over", true),
        "scalar_sub" => ("Sub", "from", true),
        "clamp" => {
            let [low, high] = ["min", "max"].map(|bound| graph.number(op.number(bound)));
            return Some(graph.node("Clip", &[op.inputs[0], &low, &high], &[]));
        }
        _ => return None,
    };
    let number = graph.number(op.number(name));
    let inputs = if first { [&number, op.inputs[0]] } else { [op.inputs[0], &number] };
    Some(graph.node(kind, &inputs, &[]))
}

/// Ops that take more than one of ONNX's.
fn several(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    let x = *op.inputs.first()?;
    Some(match op.name {
        "equal" => compare(graph, "Equal", op),
        "expm1" => {
            let (y, one) = (graph.node("Exp", &[x], &[]), graph.number(1.0));
            graph.node("Sub", &[&y, &one], &[])
        }
        "less" => compare(graph, "Less", op),
        "less_equal" => compare(graph, "LessOrEqual", op),
        "log1p" => {
            let one = graph.number(1.0);
            let y = graph.node("Add", &[x, &one], &[]);
            graph.node("Log", &[&y], &[])
        }
        "log_sigmoid" => {
            let y = graph.node("Neg", &[x], &[]);
            let y = graph.node("Softplus", &[&y], &[]);
            graph.node("Neg", &[&y], &[])
        }
        "rescale" => {
            let centred = graph.node("Sub", &[x, op.inputs[1]], &[]);
            let scaled = graph.node("Mul", &[&centred, op.inputs[2]], &[]);
            graph.node("Add", &[&scaled, op.inputs[3]], &[])
        }
        "rsqrt" => {
            let y = graph.node("Sqrt", &[x], &[]);
            graph.node("Reciprocal", &[&y], &[])
        }
        "select" => {
            let mask = graph.node("Cast", &[x], &[("to", Value::Int(Type::Bool as i64))]);
            graph.node("Where", &[&mask, op.inputs[1], op.inputs[2]], &[])
        }
        "silu" => {
            let y = graph.node("Sigmoid", &[x], &[]);
            graph.node("Mul", &[x, &y], &[])
        }
        "square" => graph.node("Mul", &[x, x], &[]),
        "trunc" => {
            let (sign, size) = (graph.node("Sign", &[x], &[]), graph.node("Abs", &[x], &[]));
            let size = graph.node("Floor", &[&size], &[]);
            graph.node("Mul", &[&sign, &size], &[])
        }
        _ => return None,
    })
}

/// A comparison, whose outcome is 1 or 0.
fn compare(graph: &mut Graph, kind: &str, op: &Op<'_>) -> String {
    let mask = graph.node(kind, &op.inputs, &[]);
    graph.node("Cast", &[&mask], &[("to", Value::Int(Type::Float as i64))])
}
