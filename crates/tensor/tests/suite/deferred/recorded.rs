//! Recorded gradients of deferred results, and gradients of those.

use tensor::{Tape, Tensor, Var};

use super::{COLS, SHAPE, near, random, same};

#[test]
fn a_recorded_gradient_reads_results_that_wait() {
    let x0: Tensor<f64> = random(SHAPE, 1);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let y = x.tanh();
    let end = y.square();
    let cost = end.sum(..);
    let grads = tape.grad(cost, &[x, y, end, cost]);
    let y0 = x0.tanh();
    let towards_y = 2.0 * &y0;
    near(&grads[0].value(), &(&towards_y * (1.0 - &y0 * &y0)), 1e-15, "x");
    same(&grads[1].value(), &towards_y, "y");
    same(&grads[2].value(), &Tensor::ones(SHAPE), "end");
    same(&grads[3].value(), &Tensor::ones([]), "cost");
    same(cost.backward().wrt(x), &grads[0].value(), "eager and recorded");
}

/// Each reading of the rules of a formula that has a row, a number and an array.
fn formula<'t>(x: Var<'t, f64>, b: Var<'t, f64>, c: Var<'t, f64>) -> Var<'t, f64> {
    ((x * b + c).tanh() * x + (x - c).sigmoid() / (b.square() + 1.0)).square().mean(..)
}

#[test]
fn recorded_and_eager_gradients_agree() {
    let (x0, b0): (Tensor<f64>, Tensor<f64>) = (random(SHAPE, 2), random([COLS], 3));
    let tape = Tape::new();
    let [x, b, c] = [x0, b0, Tensor::full([], 0.3)].map(|x| tape.leaf(x));
    let cost = formula(x, b, c);
    let recorded = tape.grad(cost, &[x, b, c]);
    let eager = cost.backward_retain();
    for (leaf, recorded) in [x, b, c].into_iter().zip(&recorded) {
        near(eager.wrt(leaf), &recorded.value(), 1e-14, "a gradient");
    }
}

/// ∇‖∇f‖², whose rows do not depend on each other but for the mean: pieces of rows give the same.
#[test]
fn gradients_of_gradients() {
    let (x0, v0): (Tensor<f64>, Tensor<f64>) = (random(SHAPE, 4), random(SHAPE, 5));
    let second = |x: &Tensor<f64>, v: &Tensor<f64>| {
        let tape = Tape::new();
        let leaf = tape.leaf(x.clone());
        let y = (leaf * leaf).tanh() * leaf.sin();
        let first = tape.grad(y.sum(..), &[leaf])[0];
        let product = tape.grad((first * tape.constant(v.clone())).sum(..), &[leaf])[0];
        let eager = (first * tape.constant(v.clone())).sum(..).backward();
        near(eager.wrt(leaf), &product.value(), 1e-13, "eager and recorded");
        product.value()
    };
    let large = second(&x0, &v0);
    let pieces = [(0, 80), (80, 83)].map(|(start, len)| second(&x0.narrow(0, start, len), &v0.narrow(0, start, len)));
    near(&large, &Tensor::concat(&pieces, 0), 1e-13, "large and small");
}

#[test]
fn a_third_derivative() {
    let x0: Tensor<f64> = random(SHAPE, 6);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let mut y = x.sin();
    for want in [x0.cos(), -x0.sin(), -x0.cos()] {
        y = tape.grad(y.sum(..), &[x])[0];
        near(&y.value(), &want, 1e-15, "a derivative of sin");
    }
}

/// A gradient recorded towards an interior result, from a seed that waits itself.
#[test]
fn seeds_that_wait() {
    let (x0, s0): (Tensor<f64>, Tensor<f64>) = (random(SHAPE, 7), random(SHAPE, 8));
    let tape = Tape::new();
    let (x, s) = (tape.leaf(x0.clone()), tape.leaf(s0.clone()));
    let y = x.exp();
    let z = y.tanh();
    let grads = tape.vjp(z, s.sin(), &[y, x]);
    let z0 = x0.exp().tanh();
    let towards_y = s0.sin() * (1.0 - &z0 * &z0);
    near(&grads[0].value(), &towards_y, 1e-15, "y");
    near(&grads[1].value(), &(&towards_y * x0.exp()), 1e-14, "x");
}
