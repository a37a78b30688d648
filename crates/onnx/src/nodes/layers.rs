//! Layers: products, normalisations, softmax, reductions and windows.

use tensor::Tensor;

use super::Op;
use crate::graph::Graph;
use crate::proto::Value;

/// The nodes of a layer's op, or `None` for another one.
pub(super) fn add(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    match op.name {
        "det" => Some(graph.node("Det", &op.inputs, &[])),
        "layer_norm" => Some(layer_norm(graph, op)),
        "linear" => Some(linear(graph, op)),
        "log_softmax" => Some(graph.node("LogSoftmax", &op.inputs, &[axis(op)])),
        "matmul" => Some(graph.node("MatMul", &op.inputs, &[])),
        "rms_norm" => Some(rms_norm(graph, op)),
        "softmax" => Some(graph.node("Softmax", &op.inputs, &[axis(op)])),
        _ => reduction(graph, op).or_else(|| window(graph, op)),
    }
}

fn axis(op: &Op<'_>) -> (&'static str, Value) {
    ("axis", Value::Int(op.integer("axis")))
}

/// x·Wᵀ + b: one node for a matrix, and a product and a sum for more axes.
fn linear(graph: &mut Graph, op: &Op<'_>) -> String {
    if op.from[0].len() == 2 {
        return graph.node("Gemm", &op.inputs, &[("transB", Value::Int(1))]);
    }
    let turned = graph.node("Transpose", &[op.inputs[1]], &[("perm", Value::Ints(vec![1, 0]))]);
    let product = graph.node("MatMul", &[op.inputs[0], &turned], &[]);
    match op.inputs.get(2) {
        Some(bias) => graph.node("Add", &[&product, bias], &[]),
        None => product,
    }
}

/// The first of the axes that are normalised together, which are the last ones.
fn first_axis(op: &Op<'_>) -> usize {
    op.from[0].len() - op.integer("axes") as usize
}

fn layer_norm(graph: &mut Graph, op: &Op<'_>) -> String {
    let axis = first_axis(op);
    let ones;
    let mut inputs = op.inputs.clone();
    if op.integer("weight") == 0 {
        ones = graph.floats("ones", &Tensor::ones(&op.step.shape[axis..]));
        inputs.insert(1, &ones);
    }
    let attributes = [("axis", Value::Int(axis as i64)), ("epsilon", Value::Float(op.number("eps")))];
    graph.node("LayerNormalization", &inputs, &attributes)
}

/// x/√(mean x² + ε)·γ, which has a node of its own only in later versions.
fn rms_norm(graph: &mut Graph, op: &Op<'_>) -> String {
    let (x, axes) = (op.inputs[0], first_axis(op)..op.from[0].len());
    let axes = graph.integers(&axes.map(|axis| axis as i64).collect::<Vec<_>>());
    let eps = graph.number(op.number("eps"));
    let squares = graph.node("Mul", &[x, x], &[]);
    let mean = graph.node("ReduceMean", &[&squares, &axes], &[("keepdims", Value::Int(1))]);
    let mean = graph.node("Add", &[&mean, &eps], &[]);
    let root = graph.node("Sqrt", &[&mean], &[]);
    let unit = graph.node("Div", &[x, &root], &[]);
    match op.inputs.get(1) {
        Some(weight) => graph.node("Mul", &[&unit, weight], &[]),
        None => unit,
    }
}

fn reduction(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    let kind = match op.name {
        "logsumexp" => "ReduceLogSumExp",
        "max" => "ReduceMax",
        "mean" => "ReduceMean",
        "min" => "ReduceMin",
        "sum" => "ReduceSum",
        _ => return None,
    };
    let axes = op.integers("axes");
    if axes.is_empty() {
        return Some(graph.node("Identity", &[op.inputs[0]], &[]));
    }
    let axes = graph.integers(&axes);
    Some(graph.node(kind, &[op.inputs[0], &axes], &[("keepdims", Value::Int(op.integer("keepdim")))]))
}

/// Ops that move a window, along the last axes of their input.
fn window(graph: &mut Graph, op: &Op<'_>) -> Option<String> {
    let kind = match op.name {
        "avg_pool" => "AveragePool",
        "conv" => "Conv",
        "conv_input" => "ConvTranspose",
        "max_pool" => "MaxPool",
        _ => return None,
    };
    let axes = op.from[0].len() - 2;
    let sizes = |name: &str| op.integers(name)[2 - axes..].to_vec();
    let padding = sizes("padding");
    let mut attributes = vec![
        ("kernel_shape", Value::Ints(sizes("kernel"))),
        ("strides", Value::Ints(sizes("stride"))),
        ("pads", Value::Ints([&padding[..], &padding[..]].concat())),
    ];
    if op.name.ends_with("pool") {
        attributes.push(("ceil_mode", Value::Int(op.integer("ceil_mode"))));
    }
    if op.name == "avg_pool" {
        attributes.push(("count_include_pad", Value::Int(op.integer("counts_padding"))));
    }
    if kind.starts_with("Conv") {
        attributes.push(("dilations", Value::Ints(sizes("dilation"))));
        attributes.push(("group", Value::Int(op.integer("groups"))));
    }
    if op.name == "conv_input" {
        attributes.push(("output_padding", Value::Ints(output_padding(op))));
    }
    Some(graph.node(kind, &op.inputs, &attributes))
}

/// How much the result is larger than what the windows reach, along height and width.
fn output_padding(op: &Op<'_>) -> Vec<i64> {
    // The op is called after the convolution that it turns round, so that its own result is that one's input.
    let [result, kernel, windows] = ["input", "kernel", "output"].map(|name| op.integers(name));
    let [stride, padding, dilation] = ["stride", "padding", "dilation"].map(|name| op.integers(name));
    let reach = |i: usize| (windows[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i];
    (0..2).map(|i| result[i] - reach(i)).collect()
}
