//! Ops that arrange and pick elements.

use tensor::Tensor;

use super::Op;
use crate::Error;
use crate::graph::Graph;
use crate::proto::Value;
use crate::trace::Size;

/// The nodes of an op that arranges or picks elements, or `None` for another one.
pub(super) fn add(graph: &mut Graph, op: &Op<'_>) -> Result<Option<String>, Error> {
    let Some(&x) = op.inputs.first() else { return Ok(None) };
    Ok(Some(match op.name {
        "broadcast_to" => {
            let shape = graph.sizes(&wide(op)).ok_or_else(|| op.depends_on_batch())?;
            graph.node("Expand", &[x, &shape], &[])
        }
        "concat" => graph.node("Concat", &op.inputs, &[axis(op)]),
        "cumsum" => {
            let along = graph.index(&Tensor::from(op.integer("axis")));
            graph.node("CumSum", &[x, &along], &[("reverse", Value::Int(op.integer("reverse")))])
        }
        "flip" => {
            let axes = op.integers("axes");
            let all = |value: i64| vec![value; axes.len()];
            slice(graph, x, [&all(-1), &all(i64::MIN + 1), &axes, &all(-1)])
        }
        "gather" => {
            let index = index(graph, op);
            graph.node("GatherElements", &[x, &index], &[axis(op)])
        }
        "index_select" => {
            let index = index(graph, op);
            graph.node("Gather", &[x, &index], &[axis(op)])
        }
        "pad" => {
            let widths = graph.integers(&[op.integers("before"), op.integers("after")].concat());
            let value = graph.number(op.number("value"));
            graph.node("Pad", &[x, &widths, &value], &[])
        }
        "permute" => {
            let rank = op.from[0].len() as i64;
            let axes = op.integers("axes").into_iter().map(|axis| axis.rem_euclid(rank)).collect();
            graph.node("Transpose", &[x], &[("perm", Value::Ints(axes))])
        }
        "reshape" => {
            let shape = reshaped(graph, op)?;
            graph.node("Reshape", &[x, &shape], &[("allowzero", Value::Int(1))])
        }
        "scatter_add" => {
            let index = index(graph, op);
            graph.node("ScatterElements", &[x, &index, op.inputs[1]], &[axis(op), ("reduction", Value::Text("add"))])
        }
        "slice" => sliced(graph, op),
        _ => return Ok(None),
    }))
}

fn axis(op: &Op<'_>) -> (&'static str, Value) {
    ("axis", Value::Int(op.integer("axis")))
}

/// The index of an op: an input, in the shape that the op has it in, or a constant.
fn index(graph: &mut Graph, op: &Op<'_>) -> String {
    let index = op.index();
    let Some((k, given)) = op.trace.given(index) else { return graph.index(index) };
    let name = graph.input(k).to_string();
    if given.rank() == index.rank() {
        return name;
    }
    let flat = graph.integers(&[-1]);
    graph.node("Reshape", &[&name, &flat], &[])
}

fn slice(graph: &mut Graph, x: &str, bounds: [&[i64]; 4]) -> String {
    let [starts, ends, axes, steps] = bounds.map(|list| graph.integers(list));
    graph.node("Slice", &[x, &starts, &ends, &axes, &steps], &[])
}

/// A slice, and without the axes of which a single position was picked.
fn sliced(graph: &mut Graph, op: &Op<'_>) -> String {
    let [starts, ends, steps, dropped] = ["starts", "ends", "steps", "dropped"].map(|name| op.integers(name));
    let axes: Vec<i64> = (0..starts.len() as i64).collect();
    let part = slice(graph, op.inputs[0], [&starts, &ends, &axes, &steps]);
    if dropped.is_empty() {
        return part;
    }
    let dropped = graph.integers(&dropped);
    graph.node("Squeeze", &[&part, &dropped], &[])
}

/// The shape to broadcast to, where 1 keeps what an axis has.
fn wide(op: &Op<'_>) -> Vec<Size> {
    let missing = op.to.len() - op.from[0].len();
    let size = |(axis, &size): (usize, &Size)| match axis.checked_sub(missing) {
        Some(axis) if op.from[0][axis] == size => Size::Fixed(1),
        _ => size,
    };
    op.to.iter().enumerate().map(size).collect()
}

/// The shape to reshape to, where −1 stands for what is left of the elements.
fn reshaped(graph: &mut Graph, op: &Op<'_>) -> Result<String, Error> {
    let fixed = |size: &Size| if let Size::Fixed(size) = size { *size as i64 } else { -1 };
    let sizes: Vec<i64> = op.to.iter().map(fixed).collect();
    let open = sizes.iter().filter(|&&size| size < 0).count();
    if open <= 1 && !(open == 1 && sizes.contains(&0)) {
        return Ok(graph.integers(&sizes));
    }
    graph.sizes(op.to).ok_or_else(|| op.depends_on_batch())
}
