//! Random formulas of large arrays, evaluated in three worlds: as variables, as tensors, and as variables of pieces that
//! are too small to be deferred.

use proptest::prelude::*;
use tensor::{Array, Cast, Elementwise, Float, Gradients, Param, Scalar, Tape, Tensor, Var, rules, s};

use super::{COLS, ROWS, SHAPE, near, on_any_threads, random, same};

/// A rule of `N` inputs whose derivative comes from dual numbers.
#[derive(Clone, Copy)]
struct Mix<const N: usize>;

impl<const N: usize> Elementwise<N> for Mix<N> {
    const NAME: &'static str = "mix";
    fn eval<A: Scalar>(self, x: [A; N]) -> A {
        let mut sum = (x[0] * x[N - 1]).tanh();
        for (k, &x) in x.iter().enumerate() {
            sum = sum + x * x.lit(0.75 - 0.25 * k as f64);
        }
        sum
    }
}

/// An op: a rule, and how many nodes back from the last one its arguments are.
#[derive(Clone, Debug)]
struct Step {
    rule: usize,
    back: [usize; 6],
}

const RULES: usize = 18;

fn inputs(rule: usize) -> usize {
    match rule {
        0..6 => 1,
        6..11 => 2,
        11 => 3,
        _ => rule - 11,
    }
}

fn apply<T: Float, A: Array<T>>(rule: usize, x: &[&A]) -> A {
    match rule {
        0 => A::rule(rules::Tanh, [x[0]]),
        1 => A::rule(rules::Neg, [x[0]]),
        2 => A::rule(rules::Sigmoid, [x[0]]),
        3 => A::rule(rules::Abs, [x[0]]),
        4 => A::rule(rules::Sin, [x[0]]),
        5 => A::rule(rules::Sqrt, [&A::rule(rules::Abs, [x[0]])]),
        6 => A::rule(rules::Add, [x[0], x[1]]),
        7 => A::rule(rules::Sub, [x[0], x[1]]),
        8 => A::rule(rules::Mul, [x[0], x[1]]),
        9 => A::rule(rules::Maximum, [x[0], x[1]]),
        10 => A::rule(rules::Div, [x[0], x[1]]),
        11 => A::rule(rules::Select, [x[0], x[1], x[2]]),
        12 => A::rule(Mix::<1>, [x[0]]),
        13 => A::rule(Mix::<2>, [x[0], x[1]]),
        14 => A::rule(Mix::<3>, [x[0], x[1], x[2]]),
        15 => A::rule(Mix::<4>, [x[0], x[1], x[2], x[3]]),
        16 => A::rule(Mix::<5>, [x[0], x[1], x[2], x[3], x[4]]),
        _ => A::rule(Mix::<6>, [x[0], x[1], x[2], x[3], x[4], x[5]]),
    }
}

/// Where the arguments of each op stand in the list of leaves and results. The last op joins the one before with a whole
/// array, so that the root is large.
fn arguments(steps: &[Step]) -> Vec<Vec<usize>> {
    let list = |(i, step): (usize, &Step)| {
        let nodes = LEAVES + i;
        step.back[..inputs(step.rule)].iter().map(|back| nodes - 1 - back % nodes).collect()
    };
    steps.iter().enumerate().map(list).chain([vec![LEAVES + steps.len() - 1, 0]]).collect()
}

/// The leaves, then the results. `look` is called with each result.
fn evaluate<T: Float, A: Array<T>>(leaves: Vec<A>, steps: &[Step], mut look: impl FnMut(usize, &A)) -> Vec<A> {
    let mut nodes = leaves;
    for (i, x) in arguments(steps).iter().enumerate() {
        let x: Vec<&A> = x.iter().map(|&x| &nodes[x]).collect();
        let y = apply(steps.get(i).map_or(13, |step| step.rule), &x);
        look(nodes.len(), &y);
        nodes.push(y);
    }
    nodes
}

/// Arrays that lie flat, turned, and with gaps; a row, a column and numbers; a spread number; a parameter; a constant.
fn leaves<T: Float>(special: bool) -> Vec<Tensor<T>> {
    let mut whole: Tensor<T> = random(SHAPE, 1);
    if special {
        let odd = [T::NAN, T::INFINITY, T::NEG_INFINITY, T::ZERO, -T::ZERO];
        whole.as_mut_slice().iter_mut().step_by(37).zip(odd.iter().cycle()).for_each(|(x, &odd)| *x = odd);
    }
    vec![
        whole,
        random([COLS, ROWS], 2).t(),
        random([ROWS, 2 * COLS + 1], 3).slice(s![.., 1..; 2]),
        random([COLS], 4),
        random([ROWS, 1], 5),
        Tensor::full([], T::from_f64(0.625)),
        Tensor::full([1], T::from_f64(-0.4)),
        Tensor::full([], T::from_f64(0.3)).broadcast_to(SHAPE),
        random(SHAPE, 6),
        random(SHAPE, 7),
    ]
}

const LEAVES: usize = 10;
const PARAM: usize = 8;
const CONSTANT: usize = 9;

fn put<'t, T: Float>(tape: &'t Tape<T>, leaves: Vec<Tensor<T>>, param: &Param<T>) -> Vec<Var<'t, T>> {
    let put = |(i, leaf)| match i {
        PARAM => tape.param(param),
        CONSTANT => tape.constant(leaf),
        _ => tape.leaf(leaf),
    };
    leaves.into_iter().enumerate().map(put).collect()
}

fn gradients<T: Float>(grads: &Gradients<T>, leaves: &[Var<'_, T>], param: &Param<T>) -> Vec<Option<Tensor<T>>> {
    let of = |i| if i == PARAM { grads.get(param) } else { grads.get(leaves[i]) };
    (0..LEAVES).map(|i| of(i).cloned()).collect()
}

/// How the root's gradient begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cost {
    Seed,
    Sum,
    Mean,
}

/// When a result is looked at: one bit a node.
#[derive(Clone, Copy, Debug)]
struct Looks {
    at_once: u32,
    before: u32,
}

/// The gradients of a formula of large arrays; its values are compared with those of tensors on the way.
fn large<T: Float>(
    steps: &[Step],
    values: &[Tensor<T>],
    seed: &Tensor<T>,
    cost: Cost,
    looks: Looks,
) -> Vec<Option<Tensor<T>>> {
    let tape = Tape::new();
    let param = Param::new("p", values[PARAM].clone());
    let x = put(&tape, values[..LEAVES].to_vec(), &param);
    let check = |i: usize, y: &Var<'_, T>, when: &str| same(&y.value(), &values[i], &format!("node {i} {when}"));
    let nodes = evaluate(x.clone(), steps, |i, y| {
        if looks.at_once >> (i % 32) & 1 == 1 {
            check(i, y, "at once");
        }
    });
    let root = *nodes.last().expect("leaves");
    let cost = match cost {
        Cost::Seed => root,
        Cost::Sum => root.sum(..),
        Cost::Mean => root.mean(..),
    };
    let results = || nodes.iter().enumerate().skip(LEAVES);
    results().filter(|(i, _)| looks.before >> (i % 32) & 1 == 1).for_each(|(i, y)| check(i, y, "before"));
    let grads = if cost.numel() == 1 { cost.backward() } else { cost.vjp_retain(seed.clone()) };
    let grads = gradients(&grads, &x, &param);
    results().for_each(|(i, y)| check(i, y, "afterwards"));
    grads
}

/// The same gradients, where every leaf is a whole array, from pieces of some rows.
fn in_pieces<T: Float>(steps: &[Step], values: &[Tensor<T>], seed: &Tensor<T>) -> Vec<Option<Tensor<T>>> {
    let middle = ROWS / 2;
    let pieces = [(0, middle), (middle, ROWS - middle)].map(|(start, len)| {
        let piece = |x: &Tensor<T>| x.broadcast_to(SHAPE).narrow(0, start, len).contiguous();
        let tape = Tape::new();
        let param = Param::new("p", piece(&values[PARAM]));
        let x = put(&tape, values[..LEAVES].iter().map(piece).collect(), &param);
        let root = *evaluate(x.clone(), steps, |_, _| ()).last().expect("leaves");
        gradients(&root.vjp_retain(piece(seed)), &x, &param)
    });
    let join = |(a, b): (&Option<Tensor<T>>, &Option<Tensor<T>>)| Some(Tensor::concat(&[a.as_ref()?, b.as_ref()?], 0));
    pieces[0].iter().zip(&pieces[1]).map(join).collect()
}

/// Whether no gradient is a sum of three or more, whose order matters.
fn ordered(steps: &[Step]) -> bool {
    let reads = arguments(steps).concat();
    (0..LEAVES + steps.len()).all(|node| reads.iter().filter(|&&read| read == node).count() <= 2)
}

/// Whether something is divided by itself, so that its gradient is what rounding leaves of two large terms.
fn cancels(steps: &[Step]) -> bool {
    const DIV: usize = 10;
    steps.iter().zip(arguments(steps)).any(|(step, x)| step.rule == DIV && x[0] == x[1])
}

/// The largest magnitude, infinite where there is a NaN.
fn size<T: Float>(x: &Tensor<T>) -> f64 {
    let sizes = x.to_vec().into_iter().map(|x| x.to_f64().abs());
    sizes.fold(0.0, |most, x| if x.is_nan() { f64::INFINITY } else { most.max(x) })
}

/// How far rounding in f32 moves each gradient from that in f64 at most, in units of f32's precision: what the order of
/// terms that cancel, or a steep root, may make of the last bit.
fn noise<T: Float + Cast<f32> + Cast<f64>>(steps: &[Step], values: &[Tensor<T>], seed: &Tensor<T>) -> Vec<f64> {
    fn of<T: Float + Cast<U>, U: Float>(
        steps: &[Step],
        values: &[Tensor<T>],
        seed: &Tensor<T>,
    ) -> Vec<Option<Tensor<U>>> {
        let values: Vec<Tensor<U>> = values[..LEAVES].iter().map(Tensor::cast).collect();
        in_pieces(steps, &values, &seed.cast())
    }
    let (rough, fine) = (of::<T, f32>(steps, values, seed), of::<T, f64>(steps, values, seed));
    let apart = |(rough, fine): (&Option<Tensor<f32>>, &Option<Tensor<f64>>)| {
        Some(size(&(&rough.as_ref()?.cast() - fine.as_ref()?)) / f64::from(f32::EPSILON))
    };
    rough.iter().zip(&fine).map(|pair| apart(pair).unwrap_or(0.0)).collect()
}

fn check<T: Float + Cast<f32> + Cast<f64>>(steps: &[Step], cost: Cost, looks: Looks, special: bool) {
    let values = evaluate(leaves::<T>(special), steps, |_, _| ());
    let seed = match cost {
        Cost::Seed => random([COLS, ROWS], 8).t(),
        Cost::Sum => Tensor::ones(SHAPE),
        Cost::Mean => Tensor::full(SHAPE, T::from_f64(1.0 / (ROWS * COLS) as f64)),
    };
    let got = large(steps, &values, &seed, cost, looks);
    let want = in_pieces(steps, &values, &seed);
    let most = want.iter().flatten().map(size).fold(0.0, f64::max);
    let tame = values.iter().all(|x| size(x) < 10.0) && most.is_finite() && !cancels(steps);
    let noise = if tame { noise(steps, &values, &seed) } else { vec![0.0; LEAVES] };
    let bound = |i: usize| T::EPSILON.to_f64() * (64.0 * most + 8.0 * noise[i]);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert_eq!(got.is_some(), want.is_some(), "gradient {i}");
        let (Some(got), Some(want)) = (got, want) else { continue };
        let whole = values[i].shape() == want.shape();
        if whole && ordered(steps) {
            same(got, want, &format!("gradient {i}"));
        } else if tame {
            let terms = want.numel() as f64 / got.numel() as f64;
            let exact = want.cast::<f64>().broadcast_to(SHAPE);
            let sum = exact.sum_to(values[i].shape());
            near(&got.cast::<f64>(), &sum, bound(i) * terms, &format!("gradient {i}, summed"));
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let back = prop_oneof![3 => 0..3usize, 2 => 0..30usize];
    let step = (0..RULES, proptest::array::uniform6(back)).prop_map(|(rule, back)| Step { rule, back });
    proptest::collection::vec(step, 1..16)
}

fn costs() -> impl Strategy<Value = Cost> {
    prop_oneof![Just(Cost::Seed), Just(Cost::Sum), Just(Cost::Mean)]
}

fn looks() -> impl Strategy<Value = Looks> {
    let few = || prop_oneof![Just(0), any::<[u32; 2]>().prop_map(|[a, b]| a & b)];
    (few(), few()).prop_map(|(at_once, before)| Looks { at_once, before })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn formulas_of_f32(steps in steps(), cost in costs(), looks in looks()) {
        check::<f32>(&steps, cost, looks, false);
    }

    #[test]
    fn formulas_of_f64(steps in steps(), cost in costs(), looks in looks()) {
        check::<f64>(&steps, cost, looks, false);
    }

    #[test]
    fn formulas_of_nan_and_infinities(steps in steps(), cost in costs(), looks in looks()) {
        check::<f32>(&steps, cost, looks, true);
    }

    #[test]
    fn formulas_on_several_threads(steps in steps(), seed in any::<bool>()) {
        let values = evaluate(leaves::<f32>(false), &steps, |_, _| ());
        let cost = if seed { Cost::Seed } else { Cost::Mean };
        on_any_threads(|| {
            let looks = Looks { at_once: 0, before: 0 };
            large(&steps, &values, &random(SHAPE, 8), cost, looks).into_iter().flatten().collect()
        });
    }
}

/// Thirty steps in a row, and steps that bring in ever more inputs.
#[test]
fn the_formulas_reach_chains_and_their_limits() {
    let long: Vec<Step> = (0..30).map(|i| Step { rule: i % 5, back: [0; 6] }).collect();
    let wide: Vec<Step> = (0..12).map(|i| Step { rule: 13, back: [0, 3 + i, 0, 0, 0, 0] }).collect();
    for steps in [long, wide] {
        for cost in [Cost::Seed, Cost::Sum, Cost::Mean] {
            check::<f32>(&steps, cost, Looks { at_once: 0, before: 0 }, false);
            check::<f64>(&steps, cost, Looks { at_once: 0x10_0000, before: 0x2000 }, false);
        }
    }
}
