//! Nodes that reduce, rank, scan or normalise along axes.

use wengert::files::AnyTensor;
use wengert::tensor::{Axes, Tensor};

use crate::onnx::case::{Answer, Case, one};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    if let Some(op) = case.op.strip_prefix("Reduce") {
        return reduce(case, op);
    }
    let x = || case.x(0);
    Some(match case.op.as_str() {
        "ArgMax" => one(position(case, x())),
        "ArgMin" => one(position(case, -x())),
        "CumSum" => one(cumsum(case, x())),
        "Hardmax" => one(hardmax(&x(), case.axis(-1))),
        "LogSoftmax" => one(x().log_softmax(case.axis(-1))),
        "LpNormalization" => one(unit(case, &x())),
        "MeanVarianceNormalization" => one(standard(case, &x())),
        "Softmax" => one(x().softmax(case.axis(-1))),
        "TopK" => {
            let k = case.integers(1).expect("a number")[0] as usize;
            let (y, at) = x().topk(k, case.axis(-1), case.flag("largest", true));
            Ok(vec![y.into(), at.into()])
        }
        _ => return None,
    })
}

/// The axes that the node names, all where it names none.
fn axes(case: &Case) -> Axes {
    let named = case.integers(1).or_else(|| case.list("axes")).filter(|axes| !axes.is_empty());
    named.map_or(Axes::All, |axes| Axes::from(&axes.iter().map(|&axis| axis as isize).collect::<Vec<_>>()[..]))
}

fn reduce(case: &Case, op: &str) -> Option<Answer> {
    let (x, axes, keep) = (case.given(0)?, axes(case), case.flag("keepdims", true));
    // Over no axis at all every element is a reduction of its own.
    let (x, axes) = match axes == Axes::All && case.flag("noop_with_empty_axes", false) {
        true => (x.unsqueeze(-1), Axes::from(-1isize)),
        false => (x, axes),
    };
    let keep = keep && !case.flag("noop_with_empty_axes", false);
    let y = match op {
        "L1" => x.abs().try_sum(axes, keep),
        "L2" => x.try_norm(axes, keep),
        "LogSum" => x.try_sum(axes, keep).map(|sum| sum.ln()),
        "LogSumExp" => x.try_logsumexp(axes, keep),
        "Max" => x.try_max(axes, keep),
        "Mean" => x.try_mean(axes, keep),
        "Min" => x.try_min(axes, keep),
        "Prod" => x.try_prod(axes, keep),
        "Sum" => x.try_sum(axes, keep),
        "SumSquare" => x.square().try_sum(axes, keep),
        _ => return None,
    };
    Some(y.map(|y| vec![y.into()]).map_err(|error| error.to_string()))
}

/// Where the largest element is: the first of equals, or the last.
fn position(case: &Case, x: Tensor<f32>) -> Tensor<i64> {
    let axis = case.axis(0);
    let last = x.shape()[x.shape().axis("position", axis).expect("an axis")] as i64 - 1;
    let at = match case.flag("select_last_index", false) {
        true => x.flip(axis).argmax(axis).map_elements(|at| last - at),
        false => x.argmax(axis),
    };
    if case.flag("keepdims", true) { at.unsqueeze(axis) } else { at }
}

fn cumsum(case: &Case, x: Tensor<f32>) -> Tensor<f32> {
    let axis = case.integers(1).expect("an axis")[0] as isize;
    let turned = |x: Tensor<f32>| if case.flag("reverse", false) { x.flip(axis) } else { x };
    let x = turned(x);
    let sums = x.cumsum(axis);
    turned(if case.flag("exclusive", false) { sums - x } else { sums })
}

/// 1 at the first largest element along an axis, else 0.
fn hardmax(x: &Tensor<f32>, axis: isize) -> Tensor<f32> {
    let x = x.transpose(axis, -1);
    let classes = *x.shape().last().expect("an axis");
    x.argmax(-1).one_hot::<f32>(classes).transpose(axis, -1)
}

/// x over its norm along an axis, and 0 where that is 0.
fn unit(case: &Case, x: &Tensor<f32>) -> Tensor<f32> {
    let axis = case.axis(-1);
    let norm = if case.integer("p", 2) == 1 { x.abs().sum_keepdim(axis) } else { x.norm_keepdim(axis) };
    let zero = Tensor::from(0.0);
    (x / &norm).select(&norm.gt(&zero), &zero)
}

fn standard(case: &Case, x: &Tensor<f32>) -> AnyTensor {
    let axes = || match axes(case) {
        Axes::All => Axes::from([0isize, 2, 3]),
        named => named,
    };
    ((x - x.mean_keepdim(axes())) / (x.var_keepdim(axes(), 0.0).sqrt() + 1e-9)).into()
}
