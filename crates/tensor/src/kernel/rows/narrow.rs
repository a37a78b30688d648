//! The view of several rows that are too short for vectors: turned, so that each has a lane of its own.

#![allow(clippy::needless_range_loop, reason = "a lane is a place in several arrays at once")]

use std::hint::black_box;

use super::super::reduce::{Fold, LANES, Sum};
use super::{SIDE, View};
use crate::float::Float;

/// Up to [`SIDE`] rows of less than [`LANES`] elements, one to a lane.
pub(super) struct Narrow<T> {
    pub(super) x: [[T; SIDE]; LANES],
    pub(super) y: [[T; SIDE]; LANES],
    pub(super) out: [[T; SIDE]; LANES],
    n: usize,
    pub(super) rows: usize,
}

impl<T: Float> Narrow<T> {
    pub(super) fn new(n: usize) -> Self {
        let zeros = [[T::ZERO; SIDE]; LANES];
        Narrow { x: zeros, y: zeros, out: zeros, n, rows: 0 }
    }
}

/// The positions of columns, one by one: the compiler is to make vectors of rows and not of columns.
#[inline(always)]
fn one_by_one(n: usize) -> impl Iterator<Item = usize> {
    (0..n.min(LANES)).map(|j| black_box(j) % LANES)
}

/// Lane `i` of each. By counting: this is compiled into every function of rows, and iterators would be most of it.
#[inline(always)]
fn at<T: Float, const S: usize>(stats: &[[T; SIDE]; S], i: usize) -> [T; S] {
    let mut lanes = [T::ZERO; S];
    for k in 0..S {
        lanes[k] = stats[k][i];
    }
    lanes
}

/// Columns merged as a balanced tree, of which the first `n` may hold something.
#[inline(always)]
fn fell<T: Float>(fold: impl Fold, tree: &mut [[T; SIDE]; LANES], n: usize) -> [T; SIDE] {
    let mut width = n.next_power_of_two();
    while width > 1 {
        width /= 2;
        for j in one_by_one(width) {
            for i in 0..SIDE {
                tree[j][i] = fold.fold(tree[j][i], tree[j + width][i]);
            }
        }
    }
    tree[0]
}

/// A balanced tree's sum.
#[inline(always)]
fn total<T: Float>(mut x: [T; SIDE]) -> T {
    let mut width = SIDE / 2;
    while width > 0 {
        for i in 0..width {
            x[i] += x[i + width];
        }
        width /= 2;
    }
    x[0]
}

/// Rows to columns. A function of its own, for it does not depend on the function of rows, and vectors do not help it.
#[inline(never)]
pub(super) fn turn<T: Copy>(x: &[T], n: usize, to: &mut [[T; SIDE]; LANES]) {
    if x.len() < SIDE * n {
        for (i, row) in x.chunks_exact(n).enumerate() {
            to.iter_mut().zip(row).for_each(|(column, &x)| column[i] = x);
        }
        return;
    }
    for (j, column) in to.iter_mut().enumerate().take(n) {
        // SAFETY: SIDE rows of n elements are there, and j is below n.
        *column = std::array::from_fn(|i| unsafe { *x.get_unchecked(i * n + j) });
    }
}

/// Columns to rows.
#[inline(never)]
pub(super) fn turn_back<T: Copy>(from: &[[T; SIDE]; LANES], n: usize, out: &mut [T]) {
    if out.len() < SIDE * n {
        for (i, row) in out.chunks_exact_mut(n).enumerate() {
            row.iter_mut().zip(from).for_each(|(x, column)| *x = column[i]);
        }
        return;
    }
    for (j, column) in from.iter().enumerate().take(n) {
        for (i, &x) in column.iter().enumerate() {
            // SAFETY: SIDE rows of n elements are there, and j is below n.
            unsafe { *out.get_unchecked_mut(i * n + j) = x };
        }
    }
}

impl<T: Float> View<T> for Narrow<T> {
    type Stat = [T; SIDE];

    #[inline(always)]
    fn fill(&self, value: T) -> [T; SIDE] {
        [value; SIDE]
    }

    #[inline(always)]
    fn stat<const S: usize>(&self, stats: [[T; SIDE]; S], f: impl Fn([T; S]) -> T) -> [T; SIDE] {
        let mut v = [T::ZERO; SIDE];
        for i in 0..SIDE {
            v[i] = f(at(&stats, i));
        }
        v
    }

    #[inline(always)]
    fn fold<const WRITE: bool, const S: usize>(
        &mut self,
        fold: impl Fold,
        stats: [[T; SIDE]; S],
        f: impl Fn([T; 2], [T; S]) -> T,
    ) -> [T; SIDE] {
        let mut tree = [[fold.empty::<T>(); SIDE]; LANES];
        for j in one_by_one(self.n) {
            for i in 0..SIDE {
                tree[j][i] = f([self.x[j][i], self.y[j][i]], at(&stats, i));
            }
            if WRITE {
                self.out[j] = tree[j];
            }
        }
        fell(fold, &mut tree, self.n)
    }

    #[inline(always)]
    fn sums<const S: usize>(
        &self,
        stats: [[T; SIDE]; S],
        column: &[T],
        f: impl Fn([T; 2], [T; S], T) -> [T; 2],
    ) -> [[T; SIDE]; 2] {
        let mut trees = [[[T::ZERO; SIDE]; LANES]; 2];
        for j in one_by_one(self.n) {
            for i in 0..SIDE {
                let v = f([self.x[j][i], self.y[j][i]], at(&stats, i), column[j]);
                [trees[0][j][i], trees[1][j][i]] = v;
            }
        }
        let [first, second] = &mut trees;
        [fell(Sum, first, self.n), fell(Sum, second, self.n)]
    }

    #[inline(always)]
    fn write<const K: usize, const S: usize, const C: usize>(
        &mut self,
        sums: [&mut [T]; K],
        stats: [[T; SIDE]; S],
        columns: [&[T]; C],
        f: impl Fn([T; 3], [T; S], [T; C]) -> (T, [T; K]),
    ) {
        for j in one_by_one(self.n) {
            let mut numbers = [T::ZERO; C];
            for k in 0..C {
                numbers[k] = columns[k][j];
            }
            let mut adds = [[T::ZERO; SIDE]; K];
            for i in 0..SIDE {
                let x = [self.x[j][i], self.y[j][i], self.out[j][i]];
                let (v, add) = f(x, at(&stats, i), numbers);
                self.out[j][i] = v;
                for k in 0..K {
                    adds[k][i] = if i < self.rows { add[k] } else { T::ZERO };
                }
            }
            for k in 0..K {
                sums[k][j] += total(adds[k]);
            }
        }
    }

    #[inline(always)]
    fn pick(&self, column: impl Fn(usize) -> usize) -> [T; SIDE] {
        let mut v = [T::ZERO; SIDE];
        for i in 0..self.rows {
            v[i] = self.x[column(i)][i];
        }
        v
    }

    #[inline(always)]
    fn load(&self, from: &[T]) -> [T; SIDE] {
        let mut v = [T::ZERO; SIDE];
        v[..self.rows].copy_from_slice(&from[..self.rows]);
        v
    }

    #[inline(always)]
    fn store(&self, stat: [T; SIDE], to: &mut [T]) {
        to[..self.rows].copy_from_slice(&stat[..self.rows]);
    }
}
