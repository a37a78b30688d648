//! The sum of an elementwise rule against the rule and a sum, at random shapes, broadcasts and layouts.

use proptest::prelude::*;
use tensor::{Array, Elementwise, Scalar, Tape, Tensor, Var, gradcheck};

use crate::ops::cases::{Layout, uniform};

/// σ(a·b + c), whose gradient is written with its value.
#[derive(Clone, Copy)]
struct Logistic;

impl Elementwise<3> for Logistic {
    const NAME: &'static str = "logistic";

    fn eval<A: Scalar>(self, [a, b, c]: [A; 3]) -> A {
        (a * b + c).sigmoid()
    }

    fn partials<A: Scalar>(self, [a, b, _]: [A; 3], y: A) -> [A; 3] {
        let slope = y * (y.lit(1.0) - y);
        [slope * b, slope * a, slope]
    }
}

type Sum = for<'t> fn([Var<'t, f64>; 3], f64) -> Var<'t, f64>;

fn fused<'t>(x: [Var<'t, f64>; 3], factor: f64) -> Var<'t, f64> {
    Var::sum_of(Logistic, x, factor)
}

fn in_steps<'t>(x: [Var<'t, f64>; 3], factor: f64) -> Var<'t, f64> {
    Var::map(Logistic, x).sum(..).scale(factor)
}

/// The bits of the value, and of the gradient of three times it towards each input of which the mask has a bit.
fn bits(sum: Sum, x: &[Tensor<f64>; 3], factor: f64, wanted: usize) -> Vec<u64> {
    let tape = Tape::new();
    let mut number = 0;
    let v = x.each_ref().map(|x| {
        number += 1;
        if wanted >> (number - 1) & 1 == 1 { tape.leaf(x.clone()) } else { tape.constant(x.clone()) }
    });
    let y = 3.0 * sum(v, factor);
    let grads = y.backward_retain();
    let found = v.iter().filter_map(|&x| grads.get(x));
    found.chain([&y.value()]).flat_map(|x| x.to_vec()).map(f64::to_bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_sum_of_a_rule_is_the_rule_and_a_sum(
        shape in prop_oneof![
            prop::collection::vec(prop_oneof![1 => Just(0usize), 8 => 1..6usize], 0..=3),
            (1..9000usize).prop_map(|n| vec![n]),
        ],
        missing in 0..6usize,
        layouts in prop::array::uniform3(prop::sample::select(Layout::ALL.to_vec())),
        factor in prop_oneof![Just(1.0), -2.0..2.0f64],
        wanted in 0..8usize,
    ) {
        let row = if missing < 2 { shape[shape.len().min(missing)..].to_vec() } else { shape.clone() };
        let shapes = [shape.clone(), shape, row];
        let mut layout = layouts.into_iter();
        let x = shapes.map(|shape| layout.next().expect("one each").of(&uniform(shape, -2.0, 1.5)));
        prop_assert_eq!(bits(fused, &x, factor, wanted), bits(in_steps, &x, factor, wanted));
    }
}

#[test]
fn it_can_be_differentiated_twice() {
    let x = [uniform([3, 4], -2.0, 1.5), uniform([3, 4], -1.0, 2.0), uniform([4], -1.0, 1.0)];
    gradcheck(|x| Var::sum_of(Logistic, [x[0], x[1], x[2]], 0.3), &x).unwrap();
}

/// The elements from which on the rule's results are not written, nor is the op one of its own.
const LARGE: usize = 1 << 17;

#[test]
fn a_large_one_is_deferred() {
    for (len, ops) in [(LARGE - 1, &["logistic"][..]), (LARGE, &["logistic", "sum", "mul_scalar"])] {
        let tape = Tape::new();
        let [a, b, c] = [0.5, -1.5, 0.25].map(|x| tape.leaf(Tensor::full([len], x)));
        let y = Var::sum_of(Logistic, [a, b, c], 0.5);
        assert_eq!(tape.ops(), ops);
        let expected = in_steps([a, b, c], 0.5);
        assert_eq!((y.item(), y.backward_retain().wrt(a)), (expected.item(), expected.backward_retain().wrt(a)));
    }
}

#[test]
#[should_panic(expected = "logistic")]
fn shapes_that_do_not_broadcast_are_named() {
    let tape = Tape::new();
    let [a, b, c] = [[2], [3], [2]].map(|shape| tape.leaf(Tensor::<f64>::zeros(shape)));
    Var::sum_of(Logistic, [a, b, c], 1.0);
}
