//! The view of a single row, along which the lanes of the vectors lie.

#![allow(clippy::needless_range_loop, reason = "a lane is a place in several arrays at once")]

use std::hint::black_box;

use super::super::cpu::bring_near_behind;
use super::super::reduce::{Fold, LANES, Sum, merge};
use super::View;
use crate::float::Float;

/// A row of at least [`LANES`] elements.
pub(super) struct Wide<'a, T> {
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
    /// Empty where the function writes no elements.
    pub(super) out: &'a mut [T],
}

/// The positions of a row's chunks of [`LANES`], and how many elements each shares with the one before.
#[inline(always)]
fn chunks(n: usize, mut each: impl FnMut(usize, usize)) {
    let whole = n / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        each(at, 0);
    }
    if whole < n {
        each(n - LANES, whole + LANES - n);
    }
}

#[inline(always)]
fn chunk<T>(x: &[T], at: usize) -> &[T; LANES] {
    x[at..at + LANES].try_into().expect("as long")
}

#[inline(always)]
fn chunk_mut<T>(x: &mut [T], at: usize) -> &mut [T; LANES] {
    (&mut x[at..at + LANES]).try_into().expect("as long")
}

impl<T: Float> View<T> for Wide<'_, T> {
    type Stat = T;

    #[inline(always)]
    fn fill(&self, value: T) -> T {
        value
    }

    #[inline(always)]
    fn stat<const S: usize>(&self, stats: [T; S], f: impl Fn([T; S]) -> T) -> T {
        f(stats)
    }

    #[inline(always)]
    fn fold<const WRITE: bool, const S: usize>(
        &mut self,
        fold: impl Fold,
        stats: [T; S],
        f: impl Fn([T; 2], [T; S]) -> T,
    ) -> T {
        let mut acc = [fold.empty::<T>(); LANES];
        chunks(
            self.x.len(),
            #[inline(always)]
            |at, skip| {
                let (x, y) = (chunk(self.x, at), chunk(self.y, at));
                let mut new = [T::ZERO; LANES];
                for i in 0..LANES {
                    let v = f([x[i], y[i]], stats);
                    acc[i] = fold.fold(acc[i], if i < skip { fold.empty() } else { v });
                    new[i] = v;
                }
                if WRITE {
                    *chunk_mut(self.out, at) = new;
                    // The next row: while this one is computed, memory would be idle.
                    bring_near_behind(x, self.x.len());
                    bring_near_behind(chunk(self.out, at), self.x.len());
                }
            },
        );
        // Through a black box, or the compiler would tear the lanes apart in the loop already, so as to merge them sooner.
        merge(fold, black_box(acc))
    }

    #[inline(always)]
    fn sums<const S: usize>(&self, stats: [T; S], column: &[T], f: impl Fn([T; 2], [T; S], T) -> [T; 2]) -> [T; 2] {
        let (mut first, mut second) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        chunks(
            self.x.len(),
            #[inline(always)]
            |at, skip| {
                let (x, y, column) = (chunk(self.x, at), chunk(self.y, at), chunk(column, at));
                for i in 0..LANES {
                    let [a, b] = f([x[i], y[i]], stats, column[i]);
                    first[i] += if i < skip { T::ZERO } else { a };
                    second[i] += if i < skip { T::ZERO } else { b };
                }
            },
        );
        [merge(Sum, black_box(first)), merge(Sum, black_box(second))]
    }

    #[inline(always)]
    fn write<const K: usize, const S: usize, const C: usize>(
        &mut self,
        mut sums: [&mut [T]; K],
        stats: [T; S],
        columns: [&[T]; C],
        f: impl Fn([T; 3], [T; S], [T; C]) -> (T, [T; K]),
    ) {
        chunks(
            self.x.len(),
            #[inline(always)]
            |at, skip| {
                let (x, y, old) = (chunk(self.x, at), chunk(self.y, at), *chunk(self.out, at));
                // By counting: iterators over these arrays would be most of what is compiled for a function of rows.
                let mut numbers = [[T::ZERO; LANES]; C];
                for k in 0..C {
                    numbers[k] = *chunk(columns[k], at);
                }
                // Written only when all are read, so that the compiler need not ask whether the slices overlap.
                let (mut new, mut new_sums) = (old, [[T::ZERO; LANES]; K]);
                for k in 0..K {
                    new_sums[k] = *chunk(sums[k], at);
                }
                for i in 0..LANES {
                    let mut column = [T::ZERO; C];
                    for k in 0..C {
                        column[k] = numbers[k][i];
                    }
                    let (v, add) = f([x[i], y[i], old[i]], stats, column);
                    new[i] = if i < skip { old[i] } else { v };
                    for k in 0..K {
                        new_sums[k][i] += if i < skip { T::ZERO } else { add[k] };
                    }
                }
                *chunk_mut(self.out, at) = new;
                // The next row, as in `fold`. One of x and y may be near already, or both be the same.
                bring_near_behind(x, self.x.len());
                if !std::ptr::eq(x, y) {
                    bring_near_behind(y, self.x.len());
                }
                bring_near_behind(chunk(self.out, at), self.x.len());
                for k in 0..K {
                    *chunk_mut(sums[k], at) = new_sums[k];
                }
            },
        );
    }

    #[inline(always)]
    fn pick(&self, column: impl Fn(usize) -> usize) -> T {
        self.x[column(0)]
    }

    #[inline(always)]
    fn load(&self, from: &[T]) -> T {
        from[0]
    }

    #[inline(always)]
    fn store(&self, stat: T, to: &mut [T]) {
        to[0] = stat;
    }
}
