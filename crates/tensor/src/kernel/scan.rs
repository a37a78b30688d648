//! Running sums.

use super::cpu::{Kernel, MulAdd, dispatch};
use crate::float::Float;

/// The sums of `x`, seen as `[outer, len, inner]`, up to each position of the middle axis, that position included. With
/// `reverse` they run from the axis's end. Each adds one element to the sum before it, so no other order is possible.
pub(crate) fn cumsum<T: Float>(x: &[T], out: &mut [T], len: usize, inner: usize, reverse: bool) {
    if !out.is_empty() {
        dispatch(CumSum { x, out, len, inner, reverse });
    }
}

struct CumSum<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    len: usize,
    inner: usize,
    reverse: bool,
}

impl<T: Float> Kernel for CumSum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let block = self.len * self.inner;
        for (x, out) in self.x.chunks_exact(block).zip(self.out.chunks_exact_mut(block)) {
            match (self.inner, self.reverse) {
                (1, false) => run(x.iter().zip(out)),
                (1, true) => run(x.iter().zip(out).rev()),
                (inner, false) => down(x, out, inner),
                (inner, true) => up(x, out, inner),
            }
        }
    }
}

/// The sums of single elements, which wait for one another.
#[inline(always)]
fn run<'a, T: Float>(pairs: impl Iterator<Item = (&'a T, &'a mut T)>) {
    let mut sum = T::ZERO;
    for (&x, out) in pairs {
        sum += x;
        *out = sum;
    }
}

/// The sums of rows of `inner` elements, which run side by side.
#[inline(always)]
fn down<T: Float>(x: &[T], out: &mut [T], inner: usize) {
    out[..inner].copy_from_slice(&x[..inner]);
    for at in (inner..x.len()).step_by(inner) {
        let (done, rest) = out.split_at_mut(at);
        add(&done[at - inner..], &x[at..at + inner], &mut rest[..inner]);
    }
}

/// As [`down`], from the last row on.
#[inline(always)]
fn up<T: Float>(x: &[T], out: &mut [T], inner: usize) {
    let last = x.len() - inner;
    out[last..].copy_from_slice(&x[last..]);
    for at in (0..last).step_by(inner).rev() {
        let (rest, done) = out.split_at_mut(at + inner);
        add(&done[..inner], &x[at..at + inner], &mut rest[at..]);
    }
}

#[inline(always)]
fn add<T: Float>(a: &[T], b: &[T], out: &mut [T]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = a + b;
    }
}
