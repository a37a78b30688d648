//! Reductions of deferred arrays: sums that wait, and others.

use proptest::prelude::*;
use tensor::{Float, Tape, Tensor, Var};

use super::{COLS, ROWS, SHAPE, near, on_any_threads, random, same};

/// The same reduction of a variable and of a tensor.
macro_rules! reductions {
    ($x:ident) => {
        [
            $x.sum(..),
            $x.mean(..),
            $x.sum_keepdim(..),
            $x.mean_keepdim(..),
            $x.sum([0, 1]),
            $x.sum([1, 0]),
            $x.sum(0),
            $x.sum(1),
            $x.sum_keepdim(-1),
            $x.mean(0),
            $x.max(..),
            $x.min(1),
            $x.logsumexp(-1),
            $x.var(.., 0.0),
            $x.norm(..),
        ]
    };
}

fn of_var<'t, T: Float>(x: Var<'t, T>) -> [Var<'t, T>; 15] {
    reductions!(x)
}

fn of_tensor<T: Float>(x: &Tensor<T>) -> [Tensor<T>; 15] {
    reductions!(x)
}

fn reductions_have_the_bits_of_tensors<T: Float>() {
    let x0: Tensor<T> = random(SHAPE, 1);
    let y0 = x0.tanh() * &x0;
    let want = of_tensor(&y0);
    for (k, want) in want.iter().enumerate() {
        // Looked at before the gradient, after it, and after it only, when it has come by the sum.
        for early in [true, false] {
            let tape = Tape::new();
            let x = tape.leaf(x0.clone());
            let y = of_var(x.tanh() * x)[k];
            if early {
                same(&y.value(), want, &format!("reduction {k} at once"));
            }
            let grads = y.vjp_retain(Tensor::ones(y.shape()));
            same(&y.value(), want, &format!("reduction {k} after a gradient, early: {early}"));
            same(y.vjp_retain(Tensor::ones(y.shape())).wrt(x), grads.wrt(x), "again");
        }
    }
}

#[test]
fn reductions_of_f32_have_the_bits_of_tensors() {
    reductions_have_the_bits_of_tensors::<f32>();
}

#[test]
fn reductions_of_f64_have_the_bits_of_tensors() {
    reductions_have_the_bits_of_tensors::<f64>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Of any length, with the bits of the sum of the array, on any number of threads, before and after a gradient.
    #[test]
    fn sums_of_any_length(len in prop_oneof![(1usize << 17) - 2..(1 << 17) + 3, 1usize << 17..700_000]) {
        let x0: Tensor<f32> = random([len], 2);
        let y0 = (&x0 * &x0).tanh();
        let got = on_any_threads(|| {
            let tape = Tape::new();
            let x = tape.leaf(x0.clone());
            let y = || (x * x).tanh();
            let (sum, mean) = (y().sum(..), y().mean(..));
            let grads = mean.backward_retain();
            vec![sum.value(), mean.value(), grads.wrt(x).clone()]
        });
        same(&got[0], &y0.sum(..), "sum");
        same(&got[1], &y0.mean(..), "mean");
    }
}

#[test]
fn sums_of_sums() {
    let x0: Tensor<f64> = random(SHAPE, 3);
    let mut tape = Tape::new();
    for _ in 0..2 {
        let x = tape.leaf(x0.clone());
        let y = || x.square();
        let want = x0.square().sum(..);
        same(&y().sum(..).sum(..).value(), &want, "sum of a sum");
        same(&y().sum_keepdim(..).mean(..).value(), &want, "mean of a kept sum");
        same(&y().mean(..).sum_keepdim(..).sum(..).value(), &x0.square().mean(..), "three");
        let outer = y().sum(..).mean(..);
        same(outer.backward_retain().wrt(x), &(2.0 * &x0), "gradient");
        same(&outer.value(), &want, "after the gradient");
        tape.reset();
    }
}

#[test]
fn a_sum_that_is_read_further() {
    let x0: Tensor<f64> = random(SHAPE, 4);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let y = x.sin();
    let total = y.sum(..);
    // The array gets a second reader before and after its sum is used, in a chain of its own array.
    let scaled = x * total;
    let again = y * total;
    let cost = (scaled + again).mean(..) + total.exp().ln() + total;
    let (y0, n) = (x0.sin(), (ROWS * COLS) as f64);
    let total0 = y0.sum(..);
    same(&again.value(), &(&y0 * &total0), "again");
    near(&cost.value(), &((&x0 * &total0 + &y0 * &total0).mean(..) + 2.0 * &total0), 1e-10, "cost");
    // ∂/∂x of S·(Σx + S)/n + 2·S, where S = Σ sin x.
    let towards_total = x0.sum(..) * (1.0 / n) + &total0 * (2.0 / n) + 2.0;
    let want = &total0 * (1.0 / n) + x0.cos() * towards_total;
    near(cost.backward().wrt(x), &want, 1e-12, "gradient");
    same(&total.value(), &total0, "the sum");
}

#[test]
fn more_sums_than_one_pass_meets() {
    let tape = Tape::new();
    let leaves: Vec<_> = (0..9).map(|seed| tape.leaf(random::<f64>([1 << 17], seed))).collect();
    let sums: Vec<_> = leaves.iter().map(|x| x.square().mean(..)).collect();
    let unused = leaves[0].tanh().sum(..);
    let cost = sums.iter().copied().reduce(|a, b| a + b).expect("nine");
    let grads = cost.backward_retain();
    for (x, sum) in leaves.iter().zip(&sums) {
        same(&sum.value(), &x.value().square().mean(..), "a mean");
        same(grads.wrt(*x), &(x.value() * 2.0 * (0.5f64.powi(17))), "its gradient");
    }
    same(&unused.value(), &leaves[0].value().tanh().sum(..), "a sum that no gradient came by");
}

/// A reduction of one axis of many is not the sum of all, though an axis of one may be.
#[test]
fn axes_of_one_element() {
    let x0: Tensor<f64> = random([1, ROWS * COLS, 1], 5);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    same(&x.tanh().sum(1).value(), &x0.tanh().sum(1), "the long one");
    same(&x.tanh().sum([0, 1]).value(), &x0.tanh().sum([0, 1]), "two");
    same(&x.tanh().sum(0).value(), &x0.tanh().sum(0), "a short one");
    same(&x.tanh().sum([] as [isize; 0]).value(), &x0.tanh(), "none");
}
