//! An elementwise rule and its gradient over whole arrays: one fused pass over memory each.

#![allow(clippy::needless_range_loop, reason = "N slices are read in step")]

use std::array;

use super::chain::Pointwise;
use super::copy::{Reader, Strided};
use super::cpu::{Kernel, MulAdd, dispatch};
use super::split;
use crate::float::Float;
use crate::scalar::Elementwise;
use crate::scalar::Lane;

/// Elements that are gathered at a time where an operand does not lie flat: few enough to stay in the first cache.
const BLOCK: usize = 256;

/// The same where the output is computed on the way: costs have few elements, and room that nobody needs takes time too.
const SHORT: usize = 128;

/// out = rule(x), for operands that are read through strides over the shape of `out`.
pub(crate) fn map<T: Float, const N: usize>(rule: &dyn Pointwise<T>, x: [Strided<'_, T>; N], out: &mut [T]) {
    let x = x.map(Strided::reader);
    split::pieces(out, &|start, out| match flat(&x, start, out.len()) {
        Some(x) => rule.eval(&x, out),
        None => map_blocks(rule, &x, start, out),
    });
}

/// All operands as plain slices, if they all lie flat.
#[inline(always)]
fn flat<'a, T: Copy, const N: usize>(x: &'a [Reader<'a, T>; N], start: usize, len: usize) -> Option<[&'a [T]; N]> {
    let mut slices: [&[T]; N] = [&[]; N];
    for (slice, reader) in slices.iter_mut().zip(x) {
        let Reader::Flat(data) = reader else { return None };
        *slice = &data[start..start + len];
    }
    Some(slices)
}

fn map_blocks<T: Float, const N: usize>(rule: &dyn Pointwise<T>, x: &[Reader<'_, T>; N], start: usize, out: &mut [T]) {
    let mut blocks = blocks(x);
    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
        rule.eval(&block(x, &mut blocks, start + i * BLOCK, out.len()), out);
    }
}

/// A block for each operand, with splats filled in.
fn blocks<T: Float, const N: usize>(x: &[Reader<'_, T>; N]) -> [[T; BLOCK]; N] {
    array::from_fn(|k| [if let Reader::Splat(x) = x[k] { x } else { T::ZERO }; BLOCK])
}

/// Elements of each operand, in its block where they do not lie together.
fn block<'b, T: Copy, const N: usize>(
    x: &'b [Reader<'_, T>; N],
    blocks: &'b mut [[T; BLOCK]; N],
    start: usize,
    len: usize,
) -> [&'b [T]; N] {
    let mut next = blocks.iter_mut();
    array::from_fn(|k| x[k].block(start, len, next.next().expect("one each")))
}

/// What a gradient pass reads: the incoming gradient, the inputs and the output, over the output's shape.
pub(crate) struct Incoming<'a, T, const N: usize> {
    pub(crate) g: Strided<'a, T>,
    pub(crate) x: [Strided<'a, T>; N],
    pub(crate) y: Strided<'a, T>,
}

/// outᵢ = g·∂rule/∂xᵢ for every `outᵢ` that is asked for; `len` is the length of each.
pub(crate) fn vjp<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    incoming: Incoming<'_, T, N>,
    len: usize,
    out: [Option<&mut [T]>; N],
) {
    let (x, gy) = (incoming.x.map(Strided::reader), [incoming.g.reader(), incoming.y.reader()]);
    split::chunks(len, out, &|start, out| {
        let n = out.iter().flatten().map(|out| out.len()).next().unwrap_or(0);
        match (flat(&x, start, n), flat(&gy, start, n)) {
            (Some(x), Some([g, y])) => vjp_flat(rule, g, x, y, out),
            _ => vjp_blocks(rule, &x, &gy, start, n, out),
        }
    });
}

fn vjp_blocks<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    x: &[Reader<'_, T>; N],
    gy: &[Reader<'_, T>; 2],
    start: usize,
    n: usize,
    mut out: [Option<&mut [T]>; N],
) {
    let (mut xs, mut gys) = (blocks(x), blocks(gy));
    for at in (0..n).step_by(BLOCK) {
        let len = BLOCK.min(n - at);
        let (x, [g, y]) = (block(x, &mut xs, start + at, len), block(gy, &mut gys, start + at, len));
        let part = out.each_mut().map(|out| out.as_mut().map(|out| &mut out[at..at + len]));
        vjp_flat(rule, g, x, y, part);
    }
}

/// One pass for all inputs where all are asked for; otherwise the others go to a block that is thrown away.
fn vjp_flat<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    g: &[T],
    x: [&[T]; N],
    y: &[T],
    mut out: [Option<&mut [T]>; N],
) {
    if out.iter().all(Option::is_some) {
        return rule.vjp(g, &x, y, &mut out.map(|out| out.expect("checked")));
    }
    let mut unused = [[T::ZERO; BLOCK]; N];
    for at in (0..g.len()).step_by(BLOCK) {
        let end = g.len().min(at + BLOCK);
        let mut pairs = out.iter_mut().zip(&mut unused);
        let mut out: [_; N] = array::from_fn(|_| match pairs.next().expect("one each") {
            (Some(out), _) => &mut out[at..end],
            (None, unused) => &mut unused[..end - at],
        });
        rule.vjp(&g[at..end], &x.map(|x| &x[at..end]), &y[at..end], &mut out);
    }
}

/// outᵢ = g·∂rule/∂xᵢ for every `outᵢ` that is asked for, where g is one number and rule(x) is computed on the way.
pub(crate) fn sum_vjp<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    g: T,
    x: [&[T]; N],
    out: [Option<&mut [T]>; N],
) {
    let len = x[0].len();
    split::chunks(len, out, &|start, mut out| {
        let end = out.iter().flatten().map(|out| start + out.len()).next().unwrap_or(start);
        let (gs, mut y, mut unused) = ([g; SHORT], [T::ZERO; SHORT], [[T::ZERO; SHORT]; N]);
        for at in (start..end).step_by(SHORT) {
            let block = at..end.min(at + SHORT);
            let len = block.len();
            let mut pairs = out.iter_mut().zip(&mut unused);
            let mut out: [_; N] = array::from_fn(|_| match pairs.next().expect("one each") {
                (Some(out), _) => &mut out[at - start..][..len],
                (None, unused) => &mut unused[..len],
            });
            rule.eval_vjp(&gs[..len], &x.map(|x| &x[block.clone()]), &mut y[..len], &mut out);
        }
    });
}

// What follows is compiled for every rule and every instruction set, so it is no more than the loops over elements.

struct Number<T, R, const N: usize> {
    rule: R,
    x: [T; N],
}

impl<T: Float, R: Elementwise<N>, const N: usize> Kernel for Number<T, R, N> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        self.rule.eval(numbers::<T, M, N>(self.x)).0
    }
}

/// rule(x) of numbers, with the bits of an array's elements.
#[inline]
pub(crate) fn number<T: Float, R: Elementwise<N>, const N: usize>(rule: R, x: [T; N]) -> T {
    dispatch(Number { rule, x })
}

struct NumberVjp<T, R, const N: usize> {
    rule: R,
    g: T,
    x: [T; N],
    y: T,
}

impl<T: Float, R: Elementwise<N>, const N: usize> Kernel for NumberVjp<T, R, N> {
    type Output = [T; N];
    #[inline(always)]
    fn run<M: MulAdd>(self) -> [T; N] {
        let d = self.rule.vjp(Lane::new(self.g), numbers::<T, M, N>(self.x), Lane::new(self.y));
        let mut out = [T::ZERO; N];
        for k in 0..N {
            out[k] = d[k].0;
        }
        out
    }
}

/// g·∂rule/∂xᵢ of numbers, with the bits of an array's elements.
#[inline]
pub(crate) fn number_vjp<T: Float, R: Elementwise<N>, const N: usize>(rule: R, g: T, x: [T; N], y: T) -> [T; N] {
    dispatch(NumberVjp { rule, g, x, y })
}

/// out = rule(x), for slices of one length.
pub(crate) fn forward<T: Float, R: Elementwise<N>, const N: usize>(rule: R, x: [&[T]; N], out: &mut [T]) {
    dispatch(Forward { rule, x, out });
}

/// outᵢ = g·∂rule/∂xᵢ, for slices of one length.
///
/// # Panics
/// Unless there are as many outputs as inputs.
pub(crate) fn backward<T: Float, R: Elementwise<N>, const N: usize>(
    rule: R,
    g: &[T],
    x: [&[T]; N],
    y: &[T],
    out: &mut [&mut [T]],
) {
    dispatch(Backward { rule, g, x, y, out: each_of(out) });
}

/// As [`backward`], with y = rule(x) computed in the same pass.
///
/// # Panics
/// Unless there are as many outputs as inputs.
pub(crate) fn forward_backward<T: Float, R: Elementwise<N>, const N: usize>(
    rule: R,
    g: &[T],
    x: [&[T]; N],
    y: &mut [T],
    out: &mut [&mut [T]],
) {
    dispatch(ForwardBackward { rule, g, x, y, out: each_of(out) });
}

fn each_of<'a, T, const N: usize>(slices: &'a mut [&mut [T]]) -> [&'a mut [T]; N] {
    assert_eq!(slices.len(), N);
    let mut slices = slices.iter_mut();
    array::from_fn(|_| &mut **slices.next().expect("counted"))
}

#[inline(always)]
fn numbers<T: Float, M: MulAdd, const N: usize>(x: [T; N]) -> [Lane<T, M>; N] {
    let mut lanes = [Lane::new(T::ZERO); N];
    for k in 0..N {
        lanes[k] = Lane::new(x[k]);
    }
    lanes
}

/// Element `i` of each slice. Here and below, loops that count compile faster than the functions of arrays.
#[inline(always)]
fn lanes<T: Float, M: MulAdd, const N: usize>(x: &[&[T]; N], i: usize) -> [Lane<T, M>; N] {
    let mut lanes = [Lane::new(T::ZERO); N];
    for k in 0..N {
        lanes[k] = Lane::new(x[k][i]);
    }
    lanes
}

/// The first `n` elements of each slice: the compiler then knows that they are there.
#[inline(always)]
fn first<T, const N: usize>(mut slices: [&[T]; N], n: usize) -> [&[T]; N] {
    for k in 0..N {
        slices[k] = &slices[k][..n];
    }
    slices
}

#[inline(always)]
fn first_mut<T, const N: usize>(mut slices: [&mut [T]; N], n: usize) -> [&mut [T]; N] {
    for k in 0..N {
        slices[k] = &mut std::mem::take(&mut slices[k])[..n];
    }
    slices
}

struct Forward<'a, T, R, const N: usize> {
    rule: R,
    x: [&'a [T]; N],
    out: &'a mut [T],
}

impl<T: Float, R: Elementwise<N>, const N: usize> Kernel for Forward<'_, T, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let n = self.out.len();
        let x = first(self.x, n);
        for i in 0..n {
            self.out[i] = self.rule.eval(lanes::<T, M, N>(&x, i)).0;
        }
    }
}

struct Backward<'a, T, R, const N: usize> {
    rule: R,
    g: &'a [T],
    x: [&'a [T]; N],
    y: &'a [T],
    out: [&'a mut [T]; N],
}

impl<T: Float, R: Elementwise<N>, const N: usize> Kernel for Backward<'_, T, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let n = self.g.len();
        let (x, y, out) = (first(self.x, n), &self.y[..n], first_mut(self.out, n));
        for i in 0..n {
            let x = lanes::<T, M, N>(&x, i);
            let d = self.rule.vjp(Lane::new(self.g[i]), x, Lane::new(y[i]));
            for k in 0..N {
                out[k][i] = d[k].0;
            }
        }
    }
}

struct ForwardBackward<'a, T, R, const N: usize> {
    rule: R,
    g: &'a [T],
    x: [&'a [T]; N],
    y: &'a mut [T],
    out: [&'a mut [T]; N],
}

impl<T: Float, R: Elementwise<N>, const N: usize> Kernel for ForwardBackward<'_, T, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let n = self.g.len();
        let (x, y, out) = (first(self.x, n), &mut self.y[..n], first_mut(self.out, n));
        for i in 0..n {
            let x = lanes::<T, M, N>(&x, i);
            let value = self.rule.eval(x);
            y[i] = value.0;
            let d = self.rule.vjp(Lane::new(self.g[i]), x, value);
            for k in 0..N {
                out[k][i] = d[k].0;
            }
        }
    }
}

struct AddAssign<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
}

impl<T: Float> Kernel for AddAssign<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out += x;
        }
    }
}

/// out += x on the calling thread, for slices of one length.
pub(crate) fn add<T: Float>(out: &mut [T], x: &[T]) {
    dispatch(AddAssign { out, x });
}

/// out += x, for slices of one length.
pub(crate) fn add_assign<T: Float>(out: &mut [T], x: &[T]) {
    assert_eq!(out.len(), x.len());
    split::pieces(out, &|start, out| add(out, &x[start..start + out.len()]));
}
