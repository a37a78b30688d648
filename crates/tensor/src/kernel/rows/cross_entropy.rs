//! Softmax cross-entropy of rows of logits and integer labels.

use super::super::cpu::MulAdd;
use super::super::split;
use super::softmax::{peak, sum_exp};
use super::{RowFn, View, apply};
use crate::float::Float;
use crate::kernel::reduce::Sum;

/// The right class of each row, and how much of its probability is spread over all of them.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a, T> {
    pub(crate) labels: &'a [i64],
    pub(crate) smoothing: T,
}

struct Cost<'a, T> {
    target: Labels<'a, T>,
    n: usize,
    out: &'a mut [T],
}

impl<T: Float> RowFn<T> for Cost<'_, T> {
    const PAIRED: bool = false;

    /// ln Σ e^(z − peak) + (1 − s)·(peak − z of the label) + s·mean(peak − z): terms of one sign.
    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, first: usize, view: &mut impl View<T>) {
        let Labels { labels, smoothing } = self.target;
        let right = view.pick(|i| labels[first + i] as usize);
        let peak = peak(view);
        let sum = sum_exp::<false, T, M, _>(view, peak);
        let keep = T::ONE - smoothing;
        let mut cost = view.stat(
            [sum, peak, right],
            #[inline(always)]
            |[sum, peak, z]| sum.ln::<M>() + if keep == T::ZERO { T::ZERO } else { keep * (peak - z) },
        );
        if smoothing != T::ZERO {
            let below = view.fold::<false, 1>(
                Sum,
                [peak],
                #[inline(always)]
                |[z, _], [peak]| peak - z,
            );
            let share = smoothing / T::from_f64(self.n as f64);
            cost = view.stat([cost, below], |[cost, below]| cost + share * below);
        }
        view.store(cost, &mut self.out[first..]);
    }
}

/// The cost of each row of `n` logits.
pub(crate) fn cross_entropy<T: Float>(z: &[T], target: Labels<'_, T>, out: &mut [T], n: usize) {
    split::row_groups(out, 1, n, &|first, out| {
        let z = &z[first * n..][..out.len() * n];
        let target = Labels { labels: &target.labels[first..][..out.len()], ..target };
        apply(Cost { target, n, out }, z, z, &mut [], n);
    });
}

/// g·(softmax(z) − s/n), which lacks the labels' share.
#[derive(Clone, Copy)]
struct Spread<'a, T> {
    g: &'a [T],
    share: T,
}

impl<T: Float> RowFn<T> for Spread<'_, T> {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, first: usize, view: &mut impl View<T>) {
        let peak = peak(view);
        let sum = sum_exp::<true, T, M, _>(view, peak);
        let g = view.load(&self.g[first..]);
        let scale = view.stat([sum], |[sum]| T::ONE / sum);
        let share = self.share;
        view.write(
            [],
            [scale, g],
            [],
            #[inline(always)]
            |[_, _, e], [scale, g], []| (if g == T::ZERO { T::ZERO } else { g * (e * scale - share) }, []),
        );
    }
}

/// g·(softmax(z) − q) for each row of `n` logits, with its own g, where q is the smoothed target.
pub(crate) fn cross_entropy_vjp<T: Float>(g: &[T], z: &[T], target: Labels<'_, T>, out: &mut [T], n: usize) {
    let (share, keep) = (target.smoothing / T::from_f64(n as f64), T::ONE - target.smoothing);
    split::row_groups(out, n, n, &|first, out| {
        let rows = out.len() / n.max(1);
        let (g, labels) = (&g[first..][..rows], &target.labels[first..][..rows]);
        apply(Spread { g, share }, &z[first * n..][..out.len()], &[], out, n);
        for ((row, &g), &label) in out.chunks_exact_mut(n.max(1)).zip(g).zip(labels) {
            row[label as usize] -= g * keep;
        }
    });
}
