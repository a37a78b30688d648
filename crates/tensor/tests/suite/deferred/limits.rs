//! Where deferring begins and ends: sizes, shapes, chains, stacks.

use std::thread;

use tensor::{Elementwise, Scalar, Tape, Tensor, Var};

use super::{COLS, ROWS, SHAPE, near, panic_of, random, same};

#[test]
fn shapes_about_the_limit() {
    for n in [(1 << 17) - 1, 1 << 17, (1 << 17) + 1] {
        let x0: Tensor<f64> = random([n], 1);
        let tape = Tape::new();
        let x = tape.leaf(x0.clone());
        let y = (x * x).tanh();
        same(y.sum(..).backward_retain().wrt(x), &slope_of_tanh_square(&x0), &format!("{n} elements"));
        same(&y.value(), &(&x0 * &x0).tanh(), &format!("{n} elements"));
    }
}

/// d/dx tanh(x·x), in the order in which the tape works it out.
fn slope_of_tanh_square(x: &Tensor<f64>) -> Tensor<f64> {
    let y = (x * x).tanh();
    let g = (1.0 - &y * &y) * x;
    &g + &g
}

#[test]
fn results_larger_than_every_input() {
    let (a0, b0): (Tensor<f64>, Tensor<f64>) = (random([ROWS, 1], 2), random([COLS], 3));
    let tape = Tape::new();
    let (a, b) = (tape.leaf(a0.clone()), tape.leaf(b0.clone()));
    let y = (a * b).tanh();
    let y0 = (&a0 * &b0).tanh();
    same(&y.value(), &y0, "an outer product");
    let grads = y.sum(..).backward();
    let d = 1.0 - &y0 * &y0;
    near(grads.wrt(a), &(&d * &b0).sum_keepdim(1), 1e-11, "column");
    near(grads.wrt(b), &(&d * &a0).sum(0), 1e-11, "row");
}

/// The wide result has the shape of no input; a large input alone decides nothing.
#[test]
fn shapes_that_stretch_a_large_input() {
    let (x0, b0): (Tensor<f64>, Tensor<f64>) = (random([1 << 17], 4), random([2, 1], 5));
    let tape = Tape::new();
    let (x, b) = (tape.leaf(x0.clone()), tape.leaf(b0.clone()));
    let y = x.tanh() * b;
    same(&y.value(), &(x0.tanh() * &b0), "stretched");
    let same_size = x.sin() + tape.constant(Tensor::ones([1, 1 << 17]));
    same(&same_size.value(), &(x0.sin() + Tensor::ones([1, 1 << 17])), "of another rank");
    let grads = (y.sum(..) + same_size.sum(..)).backward();
    near(grads.wrt(b), &(Tensor::ones([2, 1]) * x0.tanh().sum(..)), 1e-9, "b");
    let d = 1.0 - x0.tanh().square();
    near(grads.wrt(x), &(d * b0.sum(..) + x0.cos()), 1e-14, "x");
}

#[test]
fn errors_are_those_of_small_arrays() {
    let tape = Tape::<f64>::new();
    let (x, other) = (tape.leaf(random(SHAPE, 6)), Tape::new());
    let y = x.tanh();
    let wrong = tape.leaf(Tensor::ones([COLS + 1]));
    let message = format!("add: shapes [{ROWS}, {COLS}] and [{}] do not broadcast", COLS + 1);
    assert_eq!(panic_of(|| _ = y.add(wrong)), message);
    assert_eq!(y.try_add(wrong).unwrap_err().to_string(), message);
    assert_eq!(x.value().try_add(wrong.value()).unwrap_err().to_string(), message);
    let reversed = message
        .replace(&format!("[{ROWS}, {COLS}] and [{}]", COLS + 1), &format!("[{}] and [{ROWS}, {COLS}]", COLS + 1));
    assert_eq!(wrong.try_add(y).unwrap_err().to_string(), reversed);
    let foreign = other.leaf(random(SHAPE, 6));
    let message = y.try_mul(foreign).unwrap_err().to_string();
    assert_eq!(message, "mul: inputs are on different tapes; expected one");
    assert!(panic_of(|| drop(y.backward())).starts_with("backward: expected a cost of one element"));
    assert!(panic_of(|| _ = y.item()).starts_with("item: expected a single element"));
    // What failed has left nothing behind.
    same(y.sum(..).backward().wrt(x), &(1.0 - y.value().square()), "after the errors");
}

/// x₀·x₁ + x₂ + … + xₙ₋₁/2.
#[derive(Clone, Copy)]
struct Many<const N: usize>;

impl<const N: usize> Elementwise<N> for Many<N> {
    const NAME: &'static str = "many";
    fn eval<A: Scalar>(self, x: [A; N]) -> A {
        let product = x[0] * x[1 % N];
        x[2.min(N)..].iter().fold(product, |sum, &x| sum + x) + x[N - 1] * x[0].lit(0.5)
    }
}

/// A rule of `N` inputs, each a deferred result, under another deferred op.
fn many<const N: usize>() {
    let x0: [Tensor<f64>; N] = std::array::from_fn(|i| random(SHAPE, i as u64));
    let tape = Tape::new();
    let x = x0.each_ref().map(|x| tape.leaf(x.clone()));
    let y = Var::map(Many::<N>, x.map(|x| x.sin())).tanh();
    let y0 = Tensor::map(Many::<N>, x0.each_ref().map(|x| x.sin())).tanh();
    let grads = y.sum(..).backward();
    same(&y.value(), &y0, &format!("{N} inputs"));
    let g = 1.0 - &y0 * &y0;
    for i in 0..N {
        let half = if i == N - 1 { 0.5 } else { 0.0 };
        let mut d = Tensor::full(SHAPE, half + if i > 1 { 1.0 } else { 0.0 });
        if i < 2 {
            d = d + x0[(i + 1) % 2 % N].sin() * if N == 1 { 2.0 } else { 1.0 };
        }
        near(grads.wrt(x[i]), &(&g * d * x0[i].cos()), 1e-14, &format!("input {i} of {N}"));
    }
}

#[test]
fn rules_of_one_to_six_inputs() {
    many::<1>();
    many::<2>();
    many::<3>();
    many::<4>();
    many::<5>();
    many::<6>();
}

#[test]
fn one_array_as_every_argument() {
    let x0: Tensor<f64> = random(SHAPE, 7);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let t = x.sin();
    let t0 = x0.sin();
    let all = Var::map(Many::<4>, [t; 4]);
    same(&all.value(), &Tensor::map(Many::<4>, [&t0; 4]), "four times");
    near(all.sum(..).backward_retain().wrt(x), &((2.0 * &t0 + 2.5) * x0.cos()), 1e-14, "four times");
    let u = x.sin();
    let squares = u * (u + u);
    same(&squares.value(), &(&t0 * (&t0 + &t0)), "t·(t + t)");
    near(squares.sum(..).backward().wrt(x), &(4.0 * &t0 * x0.cos()), 1e-14, "t·(t + t)");
}

/// Two, four, eight … readings of one array, each an argument twice.
#[test]
fn squares_of_squares() {
    let x0: Tensor<f64> = random(SHAPE, 8);
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let (mut y, mut y0) = (x, x0.clone());
    for _ in 0..12 {
        (y, y0) = (y * y, &y0 * &y0);
    }
    let grads = y.sum(..).backward();
    same(&y.value(), &y0, "x to the 4096th");
    let scale = 4096.0;
    near(grads.wrt(x), &(scale * x0.powi(4095)), 1e-9, "its slope");
}

#[test]
fn long_chains_on_a_small_stack() {
    let run = || {
        let x0: Tensor<f64> = random([1 << 17], 9);
        let mut tape = Tape::new();
        let x = tape.leaf(x0.clone());
        let mut y = x;
        for _ in 0..150 {
            y = -(y + 1.0);
        }
        let cost = y.tanh().mean(..);
        let grads = cost.backward();
        let d = (1.0 - y.value().tanh().square()) * 0.5f64.powi(17);
        near(grads.wrt(x), &d, 1e-18, "the slope");
        assert_eq!(tape.len(), 303);
        tape.reset();
    };
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(run).expect("a thread starts");
    thread.join().expect("no panic");
}
