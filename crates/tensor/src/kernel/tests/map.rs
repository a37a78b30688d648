use std::array;

use proptest::prelude::*;

use super::{LARGE, Lies, Operand, SHARED, assert_bits, lies, noise, on_any_threads, shapes, special, take, wild};
use crate::float::Float;
use crate::kernel::map::{Incoming, add_assign, map, vjp};
use crate::ops::elementwise::Map;
use crate::{Elementwise, Scalar};

/// Rules of plain arithmetic, which has the same bits on all instruction sets.
#[derive(Clone, Copy)]
struct One;
#[derive(Clone, Copy)]
struct Two;
#[derive(Clone, Copy)]
struct Three;

impl Elementwise<1> for One {
    const NAME: &'static str = "one";
    fn eval<A: Scalar>(self, [x]: [A; 1]) -> A {
        x * x + x.lit(0.25)
    }
    /// Not the derivative, but it shows whether the kernel passes x and y.
    fn partials<A: Scalar>(self, [x]: [A; 1], y: A) -> [A; 1] {
        [x - y * y]
    }
}

impl Elementwise<2> for Two {
    const NAME: &'static str = "two";
    fn eval<A: Scalar>(self, [a, b]: [A; 2]) -> A {
        a * b - a / (b * b + b.lit(1.0))
    }
}

impl Elementwise<3> for Three {
    const NAME: &'static str = "three";
    fn eval<A: Scalar>(self, [a, b, c]: [A; 3]) -> A {
        A::select(a.lt(b), a * c + b, b - c * c)
    }
    fn partials<A: Scalar>(self, [a, b, c]: [A; 3], y: A) -> [A; 3] {
        [a - y, b * y, c - a * b]
    }
}

/// Functions that are polynomials inside, fused where the processor can.
#[derive(Clone, Copy)]
struct Curves;

impl Elementwise<2> for Curves {
    const NAME: &'static str = "curves";
    fn eval<A: Scalar>(self, [a, b]: [A; 2]) -> A {
        a.tanh() * b.exp() + a.abs().pow(b)
    }
}

/// An operand for each input, then the incoming gradient and the output.
struct Case<T, const N: usize> {
    x: [Operand<T>; N],
    gy: [Operand<T>; 2],
}

impl<T: Float, const N: usize> Case<T, N> {
    fn new(sizes: &[usize], lies: [Lies; 5], mut element: impl FnMut() -> T) -> Self {
        let x = array::from_fn(|k| Operand::new(sizes, lies[k], &mut element));
        Case { x, gy: array::from_fn(|k| Operand::new(sizes, lies[3 + k], &mut element)) }
    }

    fn len(&self) -> usize {
        self.gy[0].len()
    }

    fn map<R: Elementwise<N>>(&self, rule: R) -> Vec<T> {
        let mut out = vec![T::NAN; self.len()];
        map(&Map(rule), self.x.each_ref().map(Operand::strided), &mut out);
        out
    }

    /// The gradients whose bits are set in `wanted`, one after the other.
    fn vjp<R: Elementwise<N>>(&self, rule: R, wanted: usize) -> Vec<T> {
        let mut out: [Option<Vec<T>>; N] = array::from_fn(|k| (wanted >> k & 1 == 1).then(|| vec![T::NAN; self.len()]));
        let [g, y] = self.gy.each_ref().map(Operand::strided);
        let incoming = Incoming { g, x: self.x.each_ref().map(Operand::strided), y };
        vjp(&Map(rule), incoming, self.len(), out.each_mut().map(|out| out.as_deref_mut()));
        out.into_iter().flatten().flatten().collect()
    }

    /// The case of element `i` alone.
    fn element(&self, i: usize) -> Self {
        let one = |x: &Operand<T>| Operand::new(&[], Lies::Flat, || x.data[x.position(i)]);
        Case { x: self.x.each_ref().map(one), gy: self.gy.each_ref().map(one) }
    }

    /// One element after the other.
    fn naive<R: Elementwise<N>>(&self, rule: R) -> (Vec<T>, [Vec<T>; N])
    where
        T: Scalar,
    {
        let x = self.x.each_ref().map(Operand::elements);
        let [g, y] = self.gy.each_ref().map(Operand::elements);
        let x = |i: usize| x.each_ref().map(|x| x[i]);
        let gradients: Vec<[T; N]> = (0..self.len()).map(|i| rule.vjp(g[i], x(i), y[i])).collect();
        let gradient = |k: usize| gradients.iter().map(|d| d[k]).collect();
        ((0..self.len()).map(|i| rule.eval(x(i))).collect(), array::from_fn(gradient))
    }

    fn agrees<R: Elementwise<N>>(&self, rule: R)
    where
        T: Scalar,
    {
        let (value, gradients) = self.naive(rule);
        assert_bits(&self.map(rule), &value);
        for wanted in 0..1 << N {
            let want: Vec<T> = (0..N).filter(|k| wanted >> k & 1 == 1).flat_map(|k| gradients[k].clone()).collect();
            assert_bits(&self.vjp(rule, wanted), &want);
        }
    }

    fn threads_agree<R: Elementwise<N>>(&self, rule: R)
    where
        T: Scalar,
    {
        let (value, gradients) = self.naive(rule);
        assert_bits(&on_any_threads(|| self.map(rule)), &value);
        assert_bits(&on_any_threads(|| self.vjp(rule, (1 << N) - 1)), &gradients.concat());
        assert_bits(&on_any_threads(|| self.vjp(rule, 1)), &gradients[0]);
    }

    /// An element has the same bits wherever in a vector or a block it lies.
    fn place_does_not_matter<R: Elementwise<N>>(&self, rule: R) {
        let parts: Vec<Self> = (0..self.len()).map(|i| self.element(i)).collect();
        assert_bits(&self.map(rule), &parts.iter().flat_map(|one| one.map(rule)).collect::<Vec<_>>());
        let first = parts.iter().flat_map(|one| one.vjp(rule, 1)).collect::<Vec<_>>();
        assert_bits(&self.vjp(rule, 1), &first);
    }
}

fn agree<T: Float + Scalar>(sizes: &[usize], lies: [Lies; 5], mut element: impl FnMut() -> T) {
    Case::<T, 1>::new(sizes, lies, &mut element).agrees(One);
    Case::<T, 2>::new(sizes, lies, &mut element).agrees(Two);
    Case::<T, 3>::new(sizes, lies, &mut element).agrees(Three);
}

proptest! {
    #[test]
    fn agrees_with_a_loop(sizes in shapes(), lies in proptest::array::uniform5(lies()), seed: u64) {
        agree::<f32>(&sizes, lies, wild(seed));
        agree::<f64>(&sizes, lies, wild(seed));
        agree::<f32>(&sizes, lies, special(seed));
    }

    #[test]
    fn bits_do_not_depend_on_the_place(sizes in shapes(), lies in proptest::array::uniform5(lies()), seed: u64) {
        let mut noise = noise::<f32>(seed);
        Case::<f32, 2>::new(&sizes, lies, || 4.0 * noise()).place_does_not_matter(Curves);
    }

    #[test]
    fn adds_in_place(len in 0..300usize, seed: u64) {
        adds::<f32>(len, seed);
        adds::<f64>(len, seed);
    }
}

fn adds<T: Float>(len: usize, seed: u64) {
    let (x, y) = (take(len, wild::<T>(seed)), take(len, wild::<T>(!seed)));
    let sum = || {
        let mut sum = x.clone();
        add_assign(&mut sum, &y);
        sum
    };
    let want: Vec<T> = x.iter().zip(&y).map(|(&x, &y)| x + y).collect();
    assert_bits(&if len < SHARED { sum() } else { on_any_threads(sum) }, &want);
}

const LIES: [Lies; 3] = [Lies::Flat, Lies::Splat, Lies::Anyhow(5)];

/// Three operands, the incoming gradient and the output in every mixture of three ways to lie.
#[test]
fn every_mixture_of_layouts_agrees() {
    for number in 0..3usize.pow(5) {
        let lies = array::from_fn(|k| LIES[number / 3usize.pow(k as u32) % 3]);
        for sizes in [&[5, 103][..], &[2, 3, 4], &[256], &[0, 3]] {
            agree::<f32>(sizes, lies, wild(number as u64));
        }
    }
}

#[test]
fn threads_do_not_change_bits() {
    for (i, sizes) in LARGE.into_iter().enumerate() {
        let lies = array::from_fn(|k| LIES[(i + k) % 3]);
        for lies in [[Lies::Flat; 5], lies] {
            Case::<f32, 1>::new(sizes, lies, wild(1)).threads_agree(One);
            Case::<f64, 2>::new(sizes, lies, wild(2)).threads_agree(Two);
            Case::<f32, 3>::new(sizes, lies, wild(3)).threads_agree(Three);
        }
        adds::<f32>(sizes.iter().product(), 4);
    }
}

#[test]
#[should_panic]
fn lengths_must_agree() {
    add_assign(&mut [0.0f32; 2], &[0.0; 3]);
}
