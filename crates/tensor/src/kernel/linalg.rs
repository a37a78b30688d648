//! Factorisations of small square matrices, batch by batch, and what they solve: plain loops along rows.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::split;
use crate::float::Float;
use crate::storage::Storage;

/// Which matrix of a batch could not be factorised, and the pivot at which that showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) matrix: usize,
    pub(crate) pivot: usize,
}

/// Calls `f(number, out)` for the part of each matrix in `out`, which has `width` elements; the first failure, if any.
fn each_matrix<T: Float>(
    n: usize,
    width: usize,
    out: &mut [T],
    f: impl Fn(usize, &mut [T]) -> Option<usize> + Sync,
) -> Result<(), Failure> {
    let first_failure = AtomicUsize::new(usize::MAX);
    if width > 0 {
        split::row_groups(out, width, n * n.max(width), &|first, out| {
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                if let Some(pivot) = f(first + i, out) {
                    first_failure.fetch_min((first + i) * n + pivot, Ordering::Relaxed);
                }
            }
        });
    }
    match first_failure.into_inner() {
        usize::MAX => Ok(()),
        failure => Err(Failure { matrix: failure / n, pivot: failure % n }),
    }
}

/// The lower triangle L of each matrix L·Lᵀ of `n` rows, of which only the lower triangle is read.
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not positive")]
pub(crate) fn cholesky<T: Float>(a: &[T], n: usize, out: &mut [T]) -> Result<(), Failure> {
    each_matrix(n, n * n, out, |number, l| {
        let a = &a[number * n * n..][..n * n];
        l.fill(T::ZERO);
        for i in 0..n {
            let (above, row) = l.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..][..=j];
                row[j] = (a[i * n + j] - dot(&row[..j], other)) / other[j];
            }
            let square = a[i * n + i] - dot(&row[..i], &row[..i]);
            if !(square > T::ZERO) {
                return Some(i);
            }
            row[i] = square.sqrt();
        }
        None
    })
}

fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).map(|(&a, &b)| a * b).sum()
}

/// to −= factor·from
fn subtract<T: Float>(to: &mut [T], factor: T, from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to -= factor * from);
}

/// Which triangle of a matrix counts, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Triangle {
    pub(crate) upper: bool,
    /// Whether the transpose is meant.
    pub(crate) transpose: bool,
    /// Whether the diagonal counts as ones.
    pub(crate) unit: bool,
}

impl Triangle {
    /// x ← the solution of triangle·x' = x, for `k` columns.
    fn solve<T: Float>(self, a: &[T], n: usize, x: &mut [T], k: usize) {
        let at = |i: usize, j: usize| if self.transpose { a[j * n + i] } else { a[i * n + j] };
        let upwards = self.upper != self.transpose;
        for step in 0..n {
            let i = if upwards { n - 1 - step } else { step };
            let (before, rest) = x.split_at_mut(i * k);
            let (row, after) = rest.split_at_mut(k);
            if upwards {
                (i + 1..n).for_each(|j| subtract(row, at(i, j), &after[(j - i - 1) * k..][..k]));
            } else {
                (0..i).for_each(|j| subtract(row, at(i, j), &before[j * k..][..k]));
            }
            if !self.unit {
                row.iter_mut().for_each(|x| *x = *x / at(i, i));
            }
        }
    }
}

/// Solves for each pair of a triangle of `n` rows and a right side of `k` columns, which lies in `x`.
pub(crate) fn solve_triangular<T: Float>(triangle: Triangle, a: &[T], [n, k]: [usize; 2], x: &mut [T]) {
    let done = each_matrix(n, n * k, x, |number, x| {
        triangle.solve(&a[number * n * n..][..n * n], n, x, k);
        None
    });
    debug_assert!(done.is_ok());
}

/// P·A = L·U with partial pivoting, in one matrix, with the order of the rows.
struct Lu<T: Float> {
    n: usize,
    both: Storage<T>,
    order: Storage<i64>,
    /// Whether the order is an odd permutation.
    odd: bool,
    /// The first pivot that is 0.
    singular: Option<usize>,
}

impl<T: Float> Lu<T> {
    fn of(a: &[T], n: usize) -> Lu<T> {
        // Two elements at least, so that they are buffers.
        let (mut both, mut order) = (Storage::recycled((n * n).max(2)), Storage::recycled(n.max(2)));
        let lu = &mut both.unique_mut().expect("new")[..n * n];
        let rows = &mut order.unique_mut().expect("new")[..n];
        lu.copy_from_slice(a);
        rows.iter_mut().enumerate().for_each(|(i, row)| *row = i as i64);
        let (mut odd, mut singular) = (false, None);
        for p in 0..n {
            let size = |i: usize| lu[i * n + p].abs();
            let best = (p + 1..n).fold(p, |best, i| if size(i) > size(best) { i } else { best });
            if best != p {
                let (top, bottom) = lu.split_at_mut(best * n);
                top[p * n..][..n].swap_with_slice(&mut bottom[..n]);
                rows.swap(p, best);
                odd = !odd;
            }
            if lu[p * n + p] == T::ZERO {
                singular = singular.or(Some(p));
            }
            let (top, bottom) = lu.split_at_mut((p + 1) * n);
            let pivot = &top[p * n..];
            for row in bottom.chunks_exact_mut(n) {
                // Below a pivot of 0 there are zeros only, and nothing to eliminate.
                if row[p] != T::ZERO {
                    row[p] = row[p] / pivot[p];
                    let factor = row[p];
                    subtract(&mut row[p + 1..], factor, &pivot[p + 1..]);
                }
            }
        }
        Lu { n, both, order, odd, singular }
    }

    fn diagonal(&self) -> impl Iterator<Item = T> {
        self.both.as_slice()[..self.n * self.n].iter().step_by(self.n + 1).copied()
    }

    /// x ← the solution for a right side whose row i is what `row(i, to)` writes.
    fn solve(&self, x: &mut [T], k: usize, row: impl Fn(usize, &mut [T])) {
        let (lu, order) = (&self.both.as_slice()[..self.n * self.n], self.order.as_slice());
        for (to, &from) in x.chunks_exact_mut(k).zip(order) {
            row(from as usize, to);
        }
        Triangle { upper: false, transpose: false, unit: true }.solve(lu, self.n, x, k);
        Triangle { upper: true, transpose: false, unit: false }.solve(lu, self.n, x, k);
    }
}

/// The solution of each system of a matrix of `n` rows and a right side of `k` columns. If a matrix is singular, that is
/// a failure, and the solution is not finite.
pub(crate) fn solve<T: Float>(a: &[T], b: &[T], [n, k]: [usize; 2], out: &mut [T]) -> Result<(), Failure> {
    each_matrix(n, n * k, out, |number, x| {
        let (lu, b) = (Lu::of(&a[number * n * n..][..n * n], n), &b[number * n * k..][..n * k]);
        lu.solve(x, k, |i, to| to.copy_from_slice(&b[i * k..][..k]));
        lu.singular
    })
}

/// The inverse of each matrix of `n` rows. If one is singular, that is a failure, and its inverse is not finite.
pub(crate) fn inverse<T: Float>(a: &[T], n: usize, out: &mut [T]) -> Result<(), Failure> {
    each_matrix(n, n * n, out, |number, x| {
        let lu = Lu::of(&a[number * n * n..][..n * n], n);
        lu.solve(x, n, |i, to| {
            to.fill(T::ZERO);
            to[i] = T::ONE;
        });
        lu.singular
    })
}

/// What `f` makes of the elements of U's diagonal and of the permutation's sign, for each matrix of `n` rows.
fn diagonals<T: Float>(a: &[T], n: usize, out: &mut [T], f: impl Fn(&mut dyn Iterator<Item = T>, T) -> T + Sync) {
    split::row_groups(out, 1, n * n * n, &|first, out| {
        for (i, out) in out.iter_mut().enumerate() {
            let lu = Lu::of(&a[(first + i) * n * n..][..n * n], n);
            *out = f(&mut lu.diagonal(), if lu.odd { -T::ONE } else { T::ONE });
        }
    });
}

/// The determinant of each matrix of `n` rows.
pub(crate) fn det<T: Float>(a: &[T], n: usize, out: &mut [T]) {
    diagonals(a, n, out, |diagonal, sign| diagonal.fold(sign, |product, x| product * x));
}

/// ln |det| of each matrix of `n` rows.
pub(crate) fn log_abs_det<T: Float>(a: &[T], n: usize, out: &mut [T]) {
    diagonals(a, n, out, |diagonal, _| T::from_f64(diagonal.map(|x| x.abs().to_f64().ln()).sum()));
}

/// The sign of the determinant of each matrix of `n` rows: −1, 0 or 1, or NaN.
pub(crate) fn sign_of_det<T: Float>(a: &[T], n: usize, out: &mut [T]) {
    let sign = |x: T| {
        if x > T::ZERO {
            T::ONE
        } else if x < T::ZERO {
            -T::ONE
        } else {
            x
        }
    };
    diagonals(a, n, out, |diagonal, odd| diagonal.fold(odd, |product, x| product * sign(x)));
}
