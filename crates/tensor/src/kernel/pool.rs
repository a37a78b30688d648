//! The largest and the mean of what a window sees as it moves over the planes of images, and the gradients of both.
//!
//! Windows of 2 × 2 that do not overlap, the most common ones, have loops of their own, along the rows.

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::cpu::{Kernel, MulAdd, dispatch};
use super::split;
use crate::float::Float;

/// A window and the planes that it moves over. Every window sees an element that is no padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) input: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) output: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    /// Whether padding counts in a mean.
    pub(crate) counts_padding: bool,
}

impl Window {
    /// Elements of a plane of the input and of the output.
    pub(crate) fn areas(&self) -> [usize; 2] {
        [self.input, self.output].map(|[h, w]| h * w)
    }

    /// Whether the last windows of an axis see less than their size, padding included.
    pub(crate) fn has_partial(&self) -> bool {
        (0..2).any(|axis| self.padded_len(axis, self.output[axis].saturating_sub(1)) < self.kernel[axis])
    }

    /// What a plane takes, in elements of work.
    fn work(&self) -> usize {
        let [area, out_area] = self.areas();
        let seen = out_area * self.kernel[0] * self.kernel[1];
        if self.is_pairs() { area } else { 4 * area.max(seen) }
    }

    /// Whether the windows are 2 × 2 and lie next to each other.
    fn is_pairs(&self) -> bool {
        let whole = self.output == self.input.map(|size| size / 2);
        self.kernel == [2, 2] && self.stride == [2, 2] && self.padding == [0, 0] && whole
    }

    /// What a window sees along an axis.
    #[inline(always)]
    fn seen(&self, axis: usize, at: usize) -> Range<usize> {
        let from = at * self.stride[axis];
        let end = (from + self.kernel[axis]).saturating_sub(self.padding[axis]).min(self.input[axis]);
        from.saturating_sub(self.padding[axis])..end
    }

    /// Calls `f(window, rows, columns)` for every window of a plane.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let [oh, ow] = self.output;
        for i in 0..oh {
            let rows = self.seen(0, i);
            for j in 0..ow {
                f(i * ow + j, rows.clone(), self.seen(1, j));
            }
        }
    }

    /// 1 over the number of elements of a mean.
    #[inline(always)]
    fn share<T: Float>(&self, at: usize, rows: &Range<usize>, cols: &Range<usize>) -> T {
        let width = self.output[1];
        let count = match self.counts_padding {
            true => self.padded_len(0, at / width) * self.padded_len(1, at % width),
            false => rows.len() * cols.len(),
        };
        T::ONE / T::from_f64(count as f64)
    }

    /// How many places of the padded input a window covers along an axis: all of its own, unless it is a last one.
    #[inline(always)]
    fn padded_len(&self, axis: usize, at: usize) -> usize {
        self.kernel[axis].min(self.input[axis] + 2 * self.padding[axis] - at * self.stride[axis])
    }

    /// The first largest element of a window, by its position in the plane; a NaN counts as largest.
    #[inline(always)]
    fn first_largest<T: Float>(&self, x: &[T], rows: Range<usize>, cols: Range<usize>) -> usize {
        let w = self.input[1];
        let mut best = rows.start * w + cols.start;
        for row in rows {
            for at in row * w + cols.start..row * w + cols.end {
                if larger(x[at], x[best]) {
                    best = at;
                }
            }
        }
        best
    }
}

/// Whether a is larger than b, where NaN is larger than all other numbers.
#[inline(always)]
#[allow(clippy::eq_op)]
fn larger<T: Float>(a: T, b: T) -> bool {
    (a > b) | ((a != a) & (b == b))
}

#[inline(always)]
fn max<T: Float>(a: T, b: T) -> T {
    if larger(b, a) { b } else { a }
}

/// Calls `f(number, plane)` for every plane of `width` elements of `out`.
fn each_plane<U: Send>(window: &Window, width: usize, out: &mut [U], f: impl Fn(usize, &mut [U]) + Copy + Sync) {
    if width > 0 {
        split::row_groups(out, width, window.work(), &|first, out| dispatch(Planes { f, width, first, out }));
    }
}

struct Planes<'a, U, F> {
    f: F,
    width: usize,
    first: usize,
    out: &'a mut [U],
}

impl<U, F: Fn(usize, &mut [U])> Kernel for Planes<'_, U, F> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (i, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            (self.f)(self.first + i, out);
        }
    }
}

/// Pairs of elements of a row.
#[inline(always)]
fn pairs<T>(row: &[T]) -> impl Iterator<Item = &[T; 2]> {
    row.as_chunks().0.iter()
}

#[inline(always)]
fn pairs_mut<T>(row: &mut [T]) -> impl Iterator<Item = &mut [T; 2]> {
    row.as_chunks_mut().0.iter_mut()
}

/// The two rows of a plane that row `i` of windows of 2 × 2 sees.
#[inline(always)]
fn two_rows<T>(plane: &[T], w: usize, i: usize) -> (&[T], &[T]) {
    plane[2 * i * w..2 * (i + 1) * w].split_at(w)
}

#[inline(always)]
fn two_rows_mut<T>(plane: &mut [T], w: usize, i: usize) -> (&mut [T], &mut [T]) {
    plane[2 * i * w..2 * (i + 1) * w].split_at_mut(w)
}

/// The largest element that each window sees.
pub(crate) fn max_pool<T: Float>(window: &Window, x: &[T], y: &mut [T]) {
    let ([area, out_area], [_, w], [_, ow]) = (window.areas(), window.input, window.output);
    each_plane(
        window,
        out_area,
        y,
        #[inline(always)]
        |plane, y| {
            let x = &x[plane * area..][..area];
            if !window.is_pairs() {
                return window.each(|at, rows, cols| y[at] = x[window.first_largest(x, rows, cols)]);
            }
            for (i, y) in y.chunks_exact_mut(ow).enumerate() {
                let (top, bottom) = two_rows(x, w, i);
                for ((y, a), b) in y.iter_mut().zip(pairs(top)).zip(pairs(bottom)) {
                    *y = max(max(a[0], a[1]), max(b[0], b[1]));
                }
            }
        },
    );
}

/// Where in its plane the first largest element is that each window sees.
pub(crate) fn max_positions<T: Float>(window: &Window, x: &[T], positions: &mut [i64]) {
    let [area, out_area] = window.areas();
    each_plane(
        window,
        out_area,
        positions,
        #[inline(always)]
        |plane, positions| {
            let x = &x[plane * area..][..area];
            window.each(|at, rows, cols| positions[at] = window.first_largest(x, rows, cols) as i64);
        },
    );
}

/// g of each window at the first largest element that it sees.
pub(crate) fn max_pool_vjp<T: Float>(window: &Window, x: &[T], g: &[T], out: &mut [T]) {
    let ([area, out_area], [_, w], [oh, ow]) = (window.areas(), window.input, window.output);
    each_plane(
        window,
        area,
        out,
        #[inline(always)]
        |plane, out| {
            let (x, g) = (&x[plane * area..][..area], &g[plane * out_area..][..out_area]);
            if !window.is_pairs() {
                out.fill(T::ZERO);
                return window.each(|at, rows, cols| out[window.first_largest(x, rows, cols)] += g[at]);
            }
            clear_rest(out, w, [oh, ow]);
            for (i, g) in g.chunks_exact(ow).enumerate() {
                let ((top, bottom), (to_top, to_bottom)) = (two_rows(x, w, i), two_rows_mut(out, w, i));
                let (x, to) = (pairs(top).zip(pairs(bottom)), pairs_mut(to_top).zip(pairs_mut(to_bottom)));
                for ((&g, (a, b)), (to_a, to_b)) in g.iter().zip(x).zip(to) {
                    let lower = larger(max(b[0], b[1]), max(a[0], a[1]));
                    let [right_a, right_b] = [larger(a[1], a[0]), larger(b[1], b[0])];
                    let take = |taken: bool| if taken { g } else { T::ZERO };
                    *to_a = [take(!lower & !right_a), take(!lower & right_a)];
                    *to_b = [take(lower & !right_b), take(lower & right_b)];
                }
            }
        },
    );
}

/// Zeros in what windows of 2 × 2 do not see of a plane: a last row or column of odd sizes.
#[inline(always)]
fn clear_rest<T: Float>(plane: &mut [T], w: usize, [oh, ow]: [usize; 2]) {
    plane[2 * oh * w..].fill(T::ZERO);
    if 2 * ow < w {
        plane.chunks_exact_mut(w).for_each(|row| row[2 * ow..].fill(T::ZERO));
    }
}

/// The mean of what each window sees.
pub(crate) fn avg_pool<T: Float>(window: &Window, x: &[T], y: &mut [T]) {
    let ([area, out_area], [_, w], [_, ow]) = (window.areas(), window.input, window.output);
    each_plane(
        window,
        out_area,
        y,
        #[inline(always)]
        |plane, y| {
            let x = &x[plane * area..][..area];
            if !window.is_pairs() {
                return window.each(|at, rows, cols| {
                    let share = window.share::<T>(at, &rows, &cols);
                    let row = |row: usize| x[row * w + cols.start..row * w + cols.end].iter().copied().sum::<T>();
                    y[at] = rows.map(row).sum::<T>() * share;
                });
            }
            let quarter = T::from_f64(0.25);
            for (i, y) in y.chunks_exact_mut(ow).enumerate() {
                let (top, bottom) = two_rows(x, w, i);
                for ((y, a), b) in y.iter_mut().zip(pairs(top)).zip(pairs(bottom)) {
                    *y = ((a[0] + a[1]) + (b[0] + b[1])) * quarter;
                }
            }
        },
    );
}

/// g of each window, shared out evenly among what it sees: the adjoint of [`avg_pool`].
pub(crate) fn avg_unpool<T: Float>(window: &Window, g: &[T], out: &mut [T]) {
    let ([area, out_area], [_, w], [oh, ow]) = (window.areas(), window.input, window.output);
    each_plane(
        window,
        area,
        out,
        #[inline(always)]
        |plane, out| {
            let g = &g[plane * out_area..][..out_area];
            if !window.is_pairs() {
                out.fill(T::ZERO);
                return window.each(|at, rows, cols| {
                    let g = g[at] * window.share::<T>(at, &rows, &cols);
                    for row in rows {
                        out[row * w + cols.start..row * w + cols.end].iter_mut().for_each(|out| *out += g);
                    }
                });
            }
            let quarter = T::from_f64(0.25);
            clear_rest(out, w, [oh, ow]);
            for (i, g) in g.chunks_exact(ow).enumerate() {
                let (top, bottom) = two_rows_mut(out, w, i);
                for ((&g, a), b) in g.iter().zip(pairs_mut(top)).zip(pairs_mut(bottom)) {
                    (*a, *b) = ([g * quarter; 2], [g * quarter; 2]);
                }
            }
        },
    );
}
