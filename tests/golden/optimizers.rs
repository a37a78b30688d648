//! The optimizer cases: twelve steps on Σ scale·(w − target)² + 0.1·Σ w⁴.

use wengert::optim::Sgd;
use wengert::tensor::{Param, Tape, Tensor};

use crate::attrs::Attrs;

const STEPS: usize = 12;

/// The parameters after each step, or `None` for an optimizer without a mapping.
pub(crate) fn steps(
    op: &str,
    attrs: &Attrs,
    w0: Tensor<f64>,
    scale: &Tensor<f64>,
    target: &Tensor<f64>,
) -> Option<Tensor<f64>> {
    if op != "opt_sgd" {
        return None;
    }
    let mut sgd = Sgd::new(attrs.number("lr", 1e-3))
        .momentum(attrs.number("momentum", 0.0))
        .dampening(attrs.number("dampening", 0.0))
        .nesterov(attrs.flag("nesterov"))
        .weight_decay(attrs.number("weight_decay", 0.0));
    let mut w = Param::new("w", w0);
    let mut tape = Tape::new();
    let step = |_| {
        let v = tape.param(&w);
        let error = v - tape.constant(target.clone());
        let cost = (tape.constant(scale.clone()) * error.square()).sum(..) + 0.1 * v.powi(4).sum(..);
        sgd.step(&mut w, &cost.backward()).expect("the cost depends on w");
        tape.reset();
        w.value().clone()
    };
    Some(Tensor::stack(&(0..STEPS).map(step).collect::<Vec<_>>(), 0))
}
