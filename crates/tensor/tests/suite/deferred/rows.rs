//! Functions of rows whose gradient comes from a chain: they take it by parts if nothing else reads them.

use tensor::{Float, Tape, Tensor, Var};

use super::{SHAPE, near, on_any_threads, random, same};

const SHAPES: [[usize; 2]; 5] = [SHAPE, [128, 1024], [1, 140_001], [70_001, 2], [131_072, 1]];

const OPS: usize = 5;

/// The function of rows, and its gradient written with arrays.
fn of_rows<'t, T: Float>(number: usize, x: Var<'t, T>, [weight, bias]: [Var<'t, T>; 2]) -> Var<'t, T> {
    match number {
        0 => x.softmax(-1),
        1 => x.log_softmax(1),
        2 => x.layer_norm(Some(weight), Some(bias), 1e-3),
        3 => x.layer_norm(None, Some(bias), 1e-3),
        _ => x.rms_norm(Some(weight), 1e-3),
    }
}

/// The formula behind it: a chain with one reader of y, or more than one.
fn cost<'t, T: Float>(formula: usize, y: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T> {
    match formula {
        0 => (y * w).sum(..),
        1 => ((y * w).tanh() * y).mean(..),
        2 => (y * w).sum(..) + (y * y).sum(..),
        3 => y.sum(0).square().sum(..) + (y * w).sum(..),
        _ => (y * w + y.t().t()).sum(..),
    }
}

const FORMULAS: usize = 5;

/// Every gradient, and the cost before or after them.
fn computed<T: Float>(op: usize, formula: usize, leaves: &[Tensor<T>; 4], early: bool) -> Vec<Tensor<T>> {
    let tape = Tape::new();
    let all = leaves.each_ref().map(|leaf| tape.leaf(leaf.clone()));
    let [x, w, weight, bias] = all;
    let cost = cost(formula, of_rows(op, x, [weight, bias]), w);
    let looked = early.then(|| cost.value());
    let grads = cost.backward();
    let of = |leaf: Var<'_, T>| grads.get(leaf).cloned().unwrap_or_else(|| Tensor::zeros(leaf.shape()));
    [looked.unwrap_or_else(|| cost.value())].into_iter().chain(all.map(of)).collect()
}

/// The same by recorded gradients, which take nothing by parts.
fn recorded<T: Float>(op: usize, formula: usize, leaves: &[Tensor<T>; 4]) -> Vec<Tensor<T>> {
    let tape = Tape::new();
    let all = leaves.each_ref().map(|leaf| tape.leaf(leaf.clone()));
    let [x, w, weight, bias] = all;
    let cost = cost(formula, of_rows(op, x, [weight, bias]), w);
    let grads = tape.grad(cost, &all);
    [cost.value()].into_iter().chain(grads.iter().map(Var::value)).collect()
}

fn leaves<T: Float>(shape: [usize; 2]) -> [Tensor<T>; 4] {
    [random(shape, 1), random(shape, 2), random([shape[1]], 3), random([shape[1]], 4)]
}

#[test]
fn gradients_by_parts_are_those_of_the_whole() {
    for (shape, op) in SHAPES.into_iter().flat_map(|shape| (0..OPS).map(move |op| (shape, op))) {
        let leaves = leaves::<f64>(shape);
        for formula in 0..FORMULAS {
            let (got, want) = (computed(op, formula, &leaves, false), recorded(op, formula, &leaves));
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let bound = 1e-12 * want.to_vec().into_iter().fold(1.0, |size: f64, x| size.max(x.abs()));
                near(got, want, bound, &format!("shape {shape:?}, op {op}, formula {formula}, result {i}"));
            }
        }
    }
}

#[test]
fn neither_threads_nor_an_early_look_change_bits() {
    for (shape, op) in [SHAPE, [70_001, 2]].into_iter().flat_map(|shape| (0..OPS).map(move |op| (shape, op))) {
        let leaves = leaves::<f32>(shape);
        for formula in 0..FORMULAS {
            let late = on_any_threads(|| computed(op, formula, &leaves, false));
            for (i, (got, want)) in computed(op, formula, &leaves, true).iter().zip(&late).enumerate() {
                same(got, want, &format!("shape {shape:?}, op {op}, formula {formula}, result {i}"));
            }
        }
    }
}
