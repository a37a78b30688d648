//! Softmax, log-softmax and the logarithm of a sum of exponentials.

use super::super::chain::Fill;
use super::super::cpu::MulAdd;
use super::super::reduce::Sum;
use super::super::split;
use super::{Peak, RowFn, View, apply, replace};
use crate::float::Float;

/// Applies a function to groups of rows, on several threads.
fn over_rows<T: Float>(f: impl RowFn<T> + Copy + Sync, x: &[T], y: &[T], out: &mut [T], n: usize) {
    split::row_groups(out, n, n, &|first, out| {
        let range = first * n..first * n + out.len();
        apply(f, &x[range.clone()], &y[range], out, n);
    });
}

/// The largest element of each row.
#[inline(always)]
pub(super) fn peak<T: Float, V: View<T>>(view: &mut V) -> V::Stat {
    view.fold::<false, 0>(
        Peak,
        [],
        #[inline(always)]
        |[x, _], []| x,
    )
}

/// Σ e^(x − peak), its terms written if `WRITE`.
#[inline(always)]
pub(super) fn sum_exp<const WRITE: bool, T: Float, M: MulAdd, V: View<T>>(view: &mut V, peak: V::Stat) -> V::Stat {
    view.fold::<WRITE, 1>(
        Sum,
        [peak],
        #[inline(always)]
        |[x, _], [peak]| (x - peak).exp::<M>(),
    )
}

#[derive(Clone, Copy)]
struct Softmax;

impl<T: Float> RowFn<T> for Softmax {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let peak = peak(view);
        let sum = sum_exp::<true, T, M, _>(view, peak);
        let scale = view.stat([sum], |[sum]| T::ONE / sum);
        view.write(
            [],
            [scale],
            [],
            #[inline(always)]
            |[_, _, e], [scale], []| (e * scale, []),
        );
    }
}

fn replace_rows<T: Float>(f: impl RowFn<T> + Copy + Sync, g: &mut [T], fill: &Fill<'_, T>, y: &[T], n: usize) {
    split::row_groups(g, n, n, &|first, g| {
        fill(first * n, g);
        replace(g, n, |at, g, out| apply(f, g, &y[first * n + at..][..out.len()], out, n));
    });
}

/// y = softmax(x) along rows of `n`.
pub(crate) fn softmax<T: Float>(x: &[T], out: &mut [T], n: usize) {
    over_rows(Softmax, x, x, out, n);
}

#[derive(Clone, Copy)]
struct SoftmaxVjp;

impl<T: Float> RowFn<T> for SoftmaxVjp {
    const PAIRED: bool = true;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let dot = view.fold::<false, 0>(
            Sum,
            [],
            #[inline(always)]
            |[g, y], []| g * y,
        );
        view.write(
            [],
            [dot],
            [],
            #[inline(always)]
            |[g, y, _], [dot], []| (y * (g - dot), []),
        );
    }
}

/// g ← y·(g − Σ g·y) along rows of `n`, once `fill` has given g.
pub(crate) fn softmax_vjp<T: Float>(g: &mut [T], fill: &Fill<'_, T>, y: &[T], n: usize) {
    replace_rows(SoftmaxVjp, g, fill, y, n);
}

#[derive(Clone, Copy)]
struct LogSoftmax;

impl<T: Float> RowFn<T> for LogSoftmax {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let peak = peak(view);
        let sum = sum_exp::<false, T, M, _>(view, peak);
        let log = view.stat(
            [sum],
            #[inline(always)]
            |[sum]| sum.ln::<M>(),
        );
        view.write(
            [],
            [peak, log],
            [],
            #[inline(always)]
            |[x, ..], [peak, log], []| (x - peak - log, []),
        );
    }
}

/// y = x − ln Σ eˣ along rows of `n`.
pub(crate) fn log_softmax<T: Float>(x: &[T], out: &mut [T], n: usize) {
    over_rows(LogSoftmax, x, x, out, n);
}

#[derive(Clone, Copy)]
struct LogSoftmaxVjp;

impl<T: Float> RowFn<T> for LogSoftmaxVjp {
    const PAIRED: bool = true;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let sum = view.fold::<false, 0>(
            Sum,
            [],
            #[inline(always)]
            |[g, _], []| g,
        );
        view.write(
            [],
            [sum],
            [],
            #[inline(always)]
            |[g, y, _], [sum], []| (g - y.exp::<M>() * sum, []),
        );
    }
}

/// g ← g − eʸ·Σ g along rows of `n`, once `fill` has given g.
pub(crate) fn log_softmax_vjp<T: Float>(g: &mut [T], fill: &Fill<'_, T>, y: &[T], n: usize) {
    replace_rows(LogSoftmaxVjp, g, fill, y, n);
}

struct LogSumExp<'a, T> {
    out: &'a mut [T],
}

impl<T: Float> RowFn<T> for LogSumExp<'_, T> {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, first: usize, view: &mut impl View<T>) {
        let peak = peak(view);
        // An infinite peak would be subtracted from itself.
        let finite = view.stat([peak], |[peak]| if peak.abs() == T::INFINITY { T::ZERO } else { peak });
        let sum = sum_exp::<false, T, M, _>(view, finite);
        let y = view.stat(
            [sum, finite],
            #[inline(always)]
            |[sum, peak]| sum.ln::<M>() + peak,
        );
        view.store(y, &mut self.out[first..]);
    }
}

/// ln Σ eˣ along rows of `n`; −∞ for a row of none.
pub(crate) fn logsumexp<T: Float>(x: &[T], out: &mut [T], n: usize) {
    if n == 0 {
        return out.fill(T::NEG_INFINITY);
    }
    split::row_groups(out, 1, n, &|first, out| {
        let x = &x[first * n..][..out.len() * n];
        apply(LogSumExp { out }, x, x, &mut [], n);
    });
}
