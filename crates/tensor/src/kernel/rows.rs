//! Softmax and its kin over the rows of a contiguous matrix: a row is read while it is in the cache.

use super::cpu::{Kernel, MulAdd, dispatch};
use super::reduce::{Max, Sum, lanes};
use super::split;
use crate::float::Float;

/// A function of rows: `x` (and `y`, where a gradient needs it) of `n` elements a row, to `out`.
trait RowFn: Copy + Send + Sync {
    fn row<T: Float, M: MulAdd>(self, x: &[T], y: &[T], out: &mut [T]);
}

struct Rows<'a, T, F> {
    f: F,
    x: &'a [T],
    y: &'a [T],
    out: &'a mut [T],
    n: usize,
}

impl<T: Float, F: RowFn> Kernel for Rows<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let rows = self.x.chunks_exact(self.n).zip(self.y.chunks_exact(self.n));
        for ((x, y), out) in rows.zip(self.out.chunks_exact_mut(self.n)) {
            self.f.row::<T, M>(x, y, out);
        }
    }
}

fn over_rows<T: Float>(f: impl RowFn, x: &[T], y: &[T], out: &mut [T], n: usize) {
    if n == 0 {
        return;
    }
    split::row_groups(out, n, n, &|first, out| {
        let range = first * n..first * n + out.len();
        dispatch(Rows { f, x: &x[range.clone()], y: &y[range], out, n });
    });
}

/// The largest element of a row, or 0 where that is infinite, so that subtracting it gives no NaN.
#[inline(always)]
fn finite_max<T: Float>(x: &[T]) -> T {
    let max = largest(x);
    if max == T::NEG_INFINITY || max == T::INFINITY { T::ZERO } else { max }
}

#[inline(always)]
fn largest<T: Float>(x: &[T]) -> T {
    lanes(
        Max,
        x,
        #[inline(always)]
        |x| x,
    )
}

/// Σ e^(x − max).
#[inline(always)]
fn sum_exp<T: Float, M: MulAdd>(x: &[T], max: T) -> T {
    lanes(
        Sum,
        x,
        #[inline(always)]
        |x| (x - max).exp::<M>(),
    )
}

#[inline(always)]
fn total<T: Float>(x: &[T]) -> T {
    lanes(
        Sum,
        x,
        #[inline(always)]
        |x| x,
    )
}

#[derive(Clone, Copy)]
struct Softmax;

impl RowFn for Softmax {
    #[inline(always)]
    fn row<T: Float, M: MulAdd>(self, x: &[T], _: &[T], out: &mut [T]) {
        let max = largest(x);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (x - max).exp::<M>();
        }
        let scale = T::ONE / total(out);
        for out in out {
            *out *= scale;
        }
    }
}

/// y = softmax(x) along rows of `n`.
pub(crate) fn softmax<T: Float>(x: &[T], out: &mut [T], n: usize) {
    over_rows(Softmax, x, x, out, n);
}

#[derive(Clone, Copy)]
struct SoftmaxVjp;

impl RowFn for SoftmaxVjp {
    #[inline(always)]
    fn row<T: Float, M: MulAdd>(self, g: &[T], y: &[T], out: &mut [T]) {
        for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
            *out = g * y;
        }
        let dot = total(out);
        for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
            *out = y * (g - dot);
        }
    }
}

/// y·(g − Σ g·y) along rows of `n`.
pub(crate) fn softmax_vjp<T: Float>(g: &[T], y: &[T], out: &mut [T], n: usize) {
    over_rows(SoftmaxVjp, g, y, out, n);
}

#[derive(Clone, Copy)]
struct LogSoftmax;

impl RowFn for LogSoftmax {
    #[inline(always)]
    fn row<T: Float, M: MulAdd>(self, x: &[T], _: &[T], out: &mut [T]) {
        let max = largest(x);
        let log = sum_exp::<T, M>(x, max).ln::<M>();
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x - max - log;
        }
    }
}

/// y = x − ln Σ eˣ along rows of `n`.
pub(crate) fn log_softmax<T: Float>(x: &[T], out: &mut [T], n: usize) {
    over_rows(LogSoftmax, x, x, out, n);
}

#[derive(Clone, Copy)]
struct LogSoftmaxVjp;

impl RowFn for LogSoftmaxVjp {
    #[inline(always)]
    fn row<T: Float, M: MulAdd>(self, g: &[T], y: &[T], out: &mut [T]) {
        let sum = total(g);
        for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
            *out = g - y.exp::<M>() * sum;
        }
    }
}

/// g − eʸ·Σ g along rows of `n`.
pub(crate) fn log_softmax_vjp<T: Float>(g: &[T], y: &[T], out: &mut [T], n: usize) {
    over_rows(LogSoftmaxVjp, g, y, out, n);
}

struct LogSumExp<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    n: usize,
}

impl<T: Float> Kernel for LogSumExp<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (i, out) in self.out.iter_mut().enumerate() {
            let x = &self.x[i * self.n..][..self.n];
            let max = finite_max(x);
            *out = sum_exp::<T, M>(x, max).ln::<M>() + max;
        }
    }
}

/// ln Σ eˣ along rows of `n`; −∞ for a row of none.
pub(crate) fn logsumexp<T: Float>(x: &[T], out: &mut [T], n: usize) {
    split::row_groups(out, 1, n, &|first, out| {
        let x = &x[first * n..][..out.len() * n];
        dispatch(LogSumExp { x, out, n });
    });
}
