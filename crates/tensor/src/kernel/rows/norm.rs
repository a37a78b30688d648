//! Normalisation of rows: x̂ = (x − mean)/√(var + ε), and y = x̂·γ + β.

use super::super::chain::Fill;
use super::super::cpu::MulAdd;
use super::super::reduce::Sum;
use super::super::split::{self, GRAIN, Parts};
use super::{RowFn, View, apply, replace};
use crate::float::Float;

/// What rows are normalised by, and mapped to.
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a, T> {
    /// Whether the mean is subtracted.
    pub(crate) centred: bool,
    pub(crate) eps: T,
    /// A number for each column.
    pub(crate) weight: &'a [T],
    pub(crate) bias: &'a [T],
}

/// The mean of each row, or 0, and 1/√(var + ε).
#[inline(always)]
fn moments<T: Float, V: View<T>>(centred: bool, eps: T, per: T, view: &mut V) -> [V::Stat; 2] {
    let mut mean = view.fill(T::ZERO);
    if centred {
        let sum = view.fold::<false, 0>(
            Sum,
            [],
            #[inline(always)]
            |[x, _], []| x,
        );
        mean = view.stat([sum], |[sum]| sum * per);
    }
    let squares = view.fold::<false, 1>(
        Sum,
        [mean],
        #[inline(always)]
        |[x, _], [mean]| (x - mean) * (x - mean),
    );
    [mean, view.stat([squares], |[squares]| T::ONE / (squares * per + eps).sqrt())]
}

#[derive(Clone, Copy)]
struct Forward<'a, T> {
    norm: Norm<'a, T>,
    /// 1/n.
    per: T,
}

impl<T: Float> RowFn<T> for Forward<'_, T> {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let Norm { centred, eps, weight, bias } = self.norm;
        let stats = moments(centred, eps, self.per, view);
        view.write(
            [],
            stats,
            [weight, bias],
            #[inline(always)]
            |[x, ..], [mean, scale], [w, b]| (((x - mean) * scale).mul_add::<M>(w, b), []),
        );
    }
}

/// y = x̂·γ + β along rows of `n`.
pub(crate) fn norm<T: Float>(norm: Norm<'_, T>, x: &[T], out: &mut [T], n: usize) {
    let f = Forward { norm, per: T::ONE / T::from_f64(n as f64) };
    split::row_groups(out, n, n, &|first, out| {
        let x = &x[first * n..][..out.len()];
        apply(f, x, x, out, n);
    });
}

/// The gradients; x is the view's x, and the incoming gradient its y.
struct Backward<'a, T> {
    norm: Norm<'a, T>,
    per: T,
    /// Sums of the gradients of γ and of β, or empty.
    sums: [&'a mut [T]; 2],
}

/// h − sum − x̂·dot.
#[inline(always)]
fn slope<T: Float, M: MulAdd>(unit: T, h: T, [sum, dot]: [T; 2]) -> T {
    unit.mul_add::<M>(-dot, h - sum)
}

impl<T: Float> RowFn<T> for Backward<'_, T> {
    const PAIRED: bool = true;

    /// (h − mean h − x̂·mean(h·x̂))/√(var + ε) with h = g·γ, where the first mean is of centred rows only.
    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, _: usize, view: &mut impl View<T>) {
        let (Norm { centred, eps, weight, .. }, per) = (self.norm, self.per);
        let [mean, scale] = moments(centred, eps, per, view);
        let [sum, dot] = view.sums(
            [mean, scale],
            weight,
            #[inline(always)]
            |[x, g], [mean, scale], w| [g * w, g * w * ((x - mean) * scale)],
        );
        let sum = view.stat([sum], |[sum]| if centred { sum * per } else { T::ZERO });
        let stats = [mean, scale, sum, view.stat([dot], |[dot]| dot * per)];
        let [weights, biases] = &mut self.sums;
        if weights.is_empty() {
            return view.write(
                [],
                stats,
                [weight],
                #[inline(always)]
                |[x, g, _], [mean, scale, sum, dot], [w]| {
                    (slope::<T, M>((x - mean) * scale, g * w, [sum, dot]) * scale, [])
                },
            );
        }
        view.write(
            [weights, biases],
            stats,
            [weight],
            #[inline(always)]
            |[x, g, _], [mean, scale, sum, dot], [w]| {
                let unit = (x - mean) * scale;
                (slope::<T, M>(unit, g * w, [sum, dot]) * scale, [g * unit, g])
            },
        );
    }
}

/// Rows of which the gradients of γ and β are summed one after the other.
fn group(n: usize) -> usize {
    (4 * GRAIN / n.max(1)).clamp(8, 128)
}

/// How many sums [`norm_vjp`] leaves for each column.
pub(crate) fn norm_groups(rows: usize, n: usize) -> usize {
    rows.div_ceil(group(n))
}

/// g ← the gradient of x along rows of `n`, once `fill` has given g, and for each group of rows the sums of those of γ and of β, unless `sums`
/// is empty.
pub(crate) fn norm_vjp<T: Float>(
    norm: Norm<'_, T>,
    g: &mut [T],
    fill: &Fill<'_, T>,
    x: &[T],
    sums: &mut [T],
    n: usize,
) {
    let per = T::ONE / T::from_f64(n as f64);
    let (size, wanted) = (group(n) * n, !sums.is_empty());
    let (g, sums) = (Parts::new(g), Parts::new(sums));
    split::each(x.len().div_ceil(size.max(1)), x.len() / 4, |task| {
        let range = task * size..x.len().min((task + 1) * size);
        let group = if wanted { 2 * n * task..2 * n * (task + 1) } else { 0..0 };
        // SAFETY: each task has a range of rows and a group of its own.
        let (g, sums) = unsafe { (g.part(range.clone()), sums.part(group)) };
        sums.fill(T::ZERO);
        let (weights, biases) = sums.split_at_mut(if wanted { n } else { 0 });
        // As many rows are filled at a time as stay in the second cache.
        let filled = n * (GRAIN / n).max(1);
        for (i, g) in g.chunks_mut(filled).enumerate() {
            let first = range.start + i * filled;
            fill(first, g);
            replace(g, n, |at, g, out| {
                let sums = [&mut *weights, &mut *biases];
                apply(Backward { norm, per, sums }, &x[first + at..][..out.len()], g, out, n);
            });
        }
    });
}
