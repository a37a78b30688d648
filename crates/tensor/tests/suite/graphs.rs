//! Random graphs of ops: fan-out, diamonds, reuse, broadcasting, views, products and reductions, composed from a seed and
//! compared with numerical differentiation.

use proptest::prelude::*;
use rand::RngExt;
use tensor::{Gradcheck, Param, Rng, Tape, Tensor, Var, rng, s};

/// The leaves of every graph.
const LEAVES: [&[usize]; 5] = [&[3, 4], &[4], &[3, 1], &[], &[2, 3, 1]];

fn leaves(seed: u64) -> Vec<Tensor<f64>> {
    let mut rng = rng(seed, 1);
    LEAVES.iter().map(|&shape| Tensor::uniform(shape, -1.0, 1.0, &mut rng)).collect()
}

/// A graph of `size` ops on the leaves. The same seed gives the same graph, whatever the leaves' values are.
fn graph<'t>(seed: u64, size: usize, leaves: &[Var<'t, f64>]) -> Var<'t, f64> {
    let mut rng = rng(seed, 0);
    let mut nodes = leaves.to_vec();
    for _ in 0..size {
        let node = next(&nodes, &mut rng);
        nodes.push(node);
    }
    // Every node without a reader would be lost: the cost reads the leaves and the last ops.
    let read = nodes.iter().rev().take(6).chain(leaves);
    read.map(|node| squash(*node, &mut rng).mean(..)).reduce(|a, b| a + b).expect("nodes")
}

/// One more op, on earlier nodes drawn at random, the later the likelier.
fn next<'t>(nodes: &[Var<'t, f64>], rng: &mut Rng) -> Var<'t, f64> {
    let (a, b) = (draw(nodes, rng), draw(nodes, rng));
    let y = match rng.random_range(0..5) {
        0 => unary(a, rng),
        1 | 2 => binary(a, b, rng),
        3 => reduction(a, rng),
        _ => view(a, b, rng),
    };
    squash(y, rng)
}

fn draw<'t>(nodes: &[Var<'t, f64>], rng: &mut Rng) -> Var<'t, f64> {
    let (i, j) = (rng.random_range(0..nodes.len()), rng.random_range(0..nodes.len()));
    nodes[i.max(j)]
}

/// Into a moderate range, in which functions have moderate derivatives of every order; left alone where it is there
/// already.
fn squash<'t>(x: Var<'t, f64>, rng: &mut Rng) -> Var<'t, f64> {
    match rng.random_range(0..4) {
        0 => x.sigmoid(),
        1 => x.sin(),
        2 => x.softplus().tanh(),
        _ => x.tanh(),
    }
}

fn unary<'t>(x: Var<'t, f64>, rng: &mut Rng) -> Var<'t, f64> {
    match rng.random_range(0..9) {
        0 => x.exp(),
        1 => x.square() - x,
        2 => x.gelu(),
        3 => x.silu() * 2.0,
        4 => (x + 2.0).ln(),
        5 => (2.5 - x).sqrt(),
        6 => x.erf(),
        7 => 1.0 / (x + 3.0),
        _ => (x + 2.0).powf(1.5),
    }
}

/// Two nodes joined, with broadcasting where their shapes allow it; otherwise one of them with the other's sum.
fn binary<'t>(a: Var<'t, f64>, b: Var<'t, f64>, rng: &mut Rng) -> Var<'t, f64> {
    let b = if a.try_add(b).is_ok() { b } else { b.mean(..) };
    match rng.random_range(0..6) {
        0 => a + b,
        1 => a - b,
        2 => a * b,
        3 => a / (b + 3.0),
        4 => (a + 2.0).pow(b),
        _ => product(a, b),
    }
}

/// Products of matrices, vectors and batches of them.
fn product<'t>(a: Var<'t, f64>, b: Var<'t, f64>) -> Var<'t, f64> {
    match (a.rank(), b.rank()) {
        (0, _) | (_, 0) => a * b,
        (1, _) | (_, 1) => a.try_matmul(b).unwrap_or_else(|_| a.softmax(0) * b.sum(..)),
        _ => a.try_matmul(b).or_else(|_| a.t().try_matmul(b)).unwrap_or_else(|_| a.matmul(a.t())),
    }
}

fn reduction<'t>(x: Var<'t, f64>, rng: &mut Rng) -> Var<'t, f64> {
    let Some(axis) = x.rank().checked_sub(1).map(|last| rng.random_range(0..=last) as isize) else { return x.cos() };
    match rng.random_range(0..7) {
        0 => x.sum(axis),
        1 => x.mean_keepdim(axis),
        2 => x.logsumexp(axis),
        3 => x.softmax(axis),
        4 => x.log_softmax(axis),
        5 => x.var_keepdim(axis, 0.0),
        _ => (x.square() + 0.5).norm(axis),
    }
}

fn view<'t>(x: Var<'t, f64>, other: Var<'t, f64>, rng: &mut Rng) -> Var<'t, f64> {
    if x.rank() == 0 {
        return x.broadcast_to([2, 3]) * x;
    }
    let last = x.shape()[x.rank() - 1];
    match rng.random_range(0..8) {
        0 => x.transpose(0, -1),
        1 => x.flatten(),
        2 => x.slice(s![..; 2]),
        3 => x.narrow(-1, last / 2, last - last / 2),
        4 => Var::concat(&[x, x.square()], 0),
        5 => Var::stack(&[x, x + other.mean(..)], -1).sum(-1),
        6 => x.index_select(-1, &Tensor::from_fn([3], |i| (i[0] % last.max(1)) as i64)),
        _ => x.unsqueeze(-1).sum(-1),
    }
}

fn check(seed: u64, size: usize, order: usize) -> Result<(), TestCaseError> {
    let check = Gradcheck { order, seed, ..Gradcheck::default() };
    match check.check(|x| graph(seed, size, x), &leaves(seed)) {
        Ok(_) => Ok(()),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gradients_of_random_graphs(seed: u64, size in 1..30usize) {
        check(seed, size, 1)?;
    }

    #[test]
    fn second_gradients_of_random_graphs(seed: u64, size in 1..10usize) {
        check(seed, size, 2)?;
    }
}

/// The graphs are as varied as they are meant to be.
#[test]
fn graphs_reach_every_kind_of_op() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let tape = Tape::new();
        let x: Vec<_> = leaves(seed).into_iter().map(|x| tape.leaf(x)).collect();
        graph(seed, 30, &x);
        seen.extend(tape.ops());
    }
    for op in
        ["matmul", "concat", "slice", "permute", "broadcast_to", "index_select", "softmax", "logsumexp", "pow", "div"]
    {
        assert!(seen.contains(op), "no graph of 200 has `{op}`: {seen:?}");
    }
}

#[test]
fn a_parameter_that_is_put_on_the_tape_twice_gets_the_sum() {
    let (w, other) = (Param::new("w", 3.0), Param::new("other", 5.0));
    let tape = Tape::<f64>::new();
    let cost = tape.param(&w) * tape.param(&other) + tape.param(&w) * 2.0;
    let grads = cost.backward();
    assert_eq!((grads.wrt(&w).item(), grads.wrt(&other).item(), grads.len()), (7.0, 3.0, 2));
}

#[test]
fn only_what_a_leaf_reaches_is_recorded() {
    let tape = Tape::<f64>::new();
    let (c, x) = (tape.constant(2.0), tape.leaf(3.0));
    let constant = (c * c).exp();
    assert!(tape.ops().is_empty());
    let y = x * constant + (x * x).stop_gradient();
    assert_eq!(tape.ops(), ["mul", "mul", "add"]);
    assert_eq!(y.backward().wrt(x).item(), 4f64.exp());

    let inference = Tape::<f64>::inference();
    let x = inference.leaf(3.0);
    assert_eq!((x * x).exp().item(), 9f64.exp());
    assert!(inference.ops().is_empty());
}

/// The gradient of one node may be handed to several inputs; none of them may change another's.
#[test]
fn gradients_that_share_a_buffer_stay_apart() {
    let tape = Tape::<f64>::new();
    let [a, b, c] = [1.0, 2.0, 3.0].map(|x| tape.leaf(Tensor::full([3], x)));
    let sum = a + b;
    let grads = (sum + sum * c + a.reshape([3]) + b).sum(..).backward();
    assert_eq!(grads.wrt(a), &Tensor::full([3], 5.0));
    assert_eq!(grads.wrt(b), &Tensor::full([3], 5.0));
    assert_eq!(grads.wrt(c), &Tensor::full([3], 3.0));
}

#[test]
fn recorded_gradients_towards_results_of_ops() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(2.0);
    let (y, z) = (x.square(), x.square().square());
    let cost = y * z;
    let grads = tape.grad(cost, &[y, z, x, cost]);
    assert_eq!(grads.iter().map(Var::item).collect::<Vec<_>>(), [16.0, 4.0, 6.0 * 32.0, 1.0]);
}
