//! Who looks, and when.

use tensor::{Tape, Tensor, Var, s};

use super::{COLS, ROWS, SHAPE, random, same};

/// tanh(x)·x, as variables: the middle and the end.
fn chain<'t>(x: Var<'t, f64>) -> [Var<'t, f64>; 2] {
    let middle = x.tanh();
    [middle, middle * x]
}

fn slope(x: &Tensor<f64>) -> Tensor<f64> {
    let tape = Tape::new();
    let rows = (0..ROWS).map(|i| {
        let x = tape.leaf(x.narrow(0, i, 1).contiguous());
        chain(x)[1].sum(..).backward_retain().wrt(x).clone()
    });
    Tensor::concat(&rows.collect::<Vec<_>>(), 0)
}

#[test]
fn a_look_at_the_middle_changes_nothing() {
    let x0: Tensor<f64> = random(SHAPE, 1);
    let (middle, end, slope) = (x0.tanh(), &x0.tanh() * &x0, slope(&x0));
    // One bit each: a look at the middle, or at the end, when recorded, and before the gradient.
    for looks in 0..16 {
        let tape = Tape::new();
        let x = tape.leaf(x0.clone());
        let y = chain(x);
        let look = |bit: u32, y: Var<'_, f64>, want| {
            if looks >> bit & 1 == 1 {
                same(&y.value(), want, &format!("looks {looks:b}, {bit}"));
            }
        };
        look(0, y[0], &middle);
        look(1, y[1], &end);
        let cost = y[1].sum(..);
        look(2, y[0], &middle);
        look(3, y[1], &end);
        for _ in 0..2 {
            same(cost.backward_retain().wrt(x), &slope, "retained");
        }
        same(cost.backward().wrt(x), &slope, "gradient");
        same(&y[0].value(), &middle, "the middle afterwards");
        same(&y[1].value(), &end, "the end afterwards");
        same(&cost.value(), &end.sum(..), "the cost afterwards");
    }
}

#[test]
fn a_second_reader_finds_the_value_and_adds_its_gradient() {
    let x0: Tensor<f64> = random(SHAPE, 2);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let middle = x.sin();
    let (first, second, product) = (middle.tanh(), middle * 0.5, middle.t().matmul(middle));
    let cost = first.sum(..) + second.sum(..) + (middle * middle).sum(..);
    let grads = cost.backward_retain();
    let (sin, cos) = (x0.sin(), x0.cos());
    let tanh = sin.tanh();
    let towards_middle = (1.0 - &tanh * &tanh) + 0.5 + 2.0 * &sin;
    super::near(grads.wrt(x), &(towards_middle * cos), 1e-14, "the gradient of three readers");
    same(&product.value(), &sin.t().matmul(&sin), "a product of a deferred array with itself");
    same(&first.value(), &tanh, "the first reader");
    same(&second.value(), &(&sin * 0.5), "the second");
    same(&middle.value(), &sin, "the middle");
}

#[test]
fn one_variable_in_several_chains() {
    let (x0, b0): (Tensor<f32>, Tensor<f32>) = (random(SHAPE, 3), random([COLS], 4));
    let tape = Tape::new();
    let (x, b) = (tape.leaf(x0.clone()), tape.leaf(b0.clone()));
    let costs = [(x * b).tanh().sum(..), (x + b).sum(..), (b - x).sum(..), (x * x).mean(..)];
    let cost = costs.into_iter().reduce(|a, b| a + b).expect("four");
    let grads = cost.backward();
    let (x0, b0) = (x0.cast::<f64>(), b0.cast::<f64>());
    let t = (&x0 * &b0).tanh();
    let d = 1.0 - &t * &t;
    let n = (ROWS * COLS) as f64;
    super::near(&grads.wrt(x).cast(), &(&d * &b0 + 2.0 / n * &x0), 1e-6, "x");
    super::near(&grads.wrt(b).cast(), &((&d * &x0).sum(0) + 2.0 * ROWS as f64), 1e-3, "b");
}

#[test]
fn gradients_that_begin_at_a_deferred_array() {
    let (x0, seed): (Tensor<f64>, Tensor<f64>) = (random(SHAPE, 5), random([COLS, ROWS], 6).t());
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let [middle, end] = chain(x);
    let tanh = x0.tanh();
    let d = 1.0 - &tanh * &tanh;
    // An interior array as the beginning, whatever reads it; then the end; then the interior one again.
    same(middle.vjp_retain(seed.clone()).wrt(x), &(&seed * &d), "from the middle");
    let direct = &seed * &tanh;
    let through = (&seed * &x0) * &d;
    same(end.vjp_retain(seed.clone()).wrt(x), &(&through + &direct), "from the end");
    same(middle.vjp_retain(seed.clone()).wrt(x), &(&seed * &d), "from the middle again");
    same(&end.value(), &(&tanh * &x0), "the end");
    same(&middle.value(), &tanh, "the middle");
    // A number as the incoming gradient of every element.
    let ones = Tensor::full([], 2.0).broadcast_to(SHAPE);
    same(middle.vjp_retain(ones).wrt(x), &(2.0 * d), "from a spread number");
}

#[test]
fn a_stopped_gradient_and_masks() {
    let x0: Tensor<f64> = random(SHAPE, 7);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let middle = x.exp();
    let stopped = middle.stop_gradient();
    let cost = (middle * stopped).sum(..);
    same(cost.backward_retain().wrt(x), &(&x0.exp() * &x0.exp()), "the other factor is a constant");
    let positive = middle.gt(tape.constant(1.0));
    assert_eq!(positive, x0.exp().gt(&Tensor::full([], 1.0)));
    let picked = middle.select(&positive, x.square());
    same(&picked.value(), &x0.exp().select(&positive, x0.square()), "picked");
    let want = x0.exp().select(&positive, 2.0 * &x0);
    same(picked.sum(..).backward().wrt(x), &want, "each branch gets its own");
}

#[test]
fn ops_of_other_kinds_find_the_value() {
    let x0: Tensor<f32> = random(SHAPE, 8);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let y = || x.tanh() + 1.0;
    let y0 = x0.tanh() + 1.0;
    same(&y().slice(s![3.., ..; 2]).value(), &y0.slice(s![3.., ..; 2]), "slice");
    same(&y().t().value(), &y0.t(), "transpose");
    same(&y().reshape([ROWS * COLS]).value(), &y0.reshape([ROWS * COLS]), "reshape");
    same(&y().softmax(-1).value(), &y0.softmax(-1), "softmax");
    same(&Var::concat(&[y(), x], 0).value(), &Tensor::concat(&[&y0, &x0], 0), "concat");
    same(&y().linear(x.narrow(0, 0, 5), None).value(), &y0.linear(&x0.narrow(0, 0, 5), None), "linear");
    assert_eq!(y().shape(), SHAPE);
    assert_eq!((y().rank(), y().numel()), (2, ROWS * COLS));
    // Elementwise ops of its parts are small, and evaluated at once.
    let row = y().narrow(0, 1, 1).exp();
    same(&row.value(), &y0.narrow(0, 1, 1).exp(), "a row");
    let grads = (row.sum(..) + y().max(..)).backward();
    assert!(grads.wrt(x).to_vec().iter().filter(|g| **g != 0.0).count() <= COLS + 1);
}

#[test]
fn printing_shows_the_value() {
    let tape = Tape::new();
    let x = tape.leaf(random::<f64>(SHAPE, 9));
    let (y, late) = (x.exp(), x.exp());
    y.value();
    let tail = |var: Var<'_, f64>| format!("{var:?}").split_once(" = ").expect("a value").1.to_string();
    assert_eq!(tail(late), tail(y));
    assert_eq!(tail(y.tanh().sum(..)), tail(tape.constant(y.value().tanh().sum(..))).replace("leaf", "sum"));
}
