//! Reductions over contiguous data seen as `[outer, mid, inner]`, folding `mid` away.
//!
//! Every order of evaluation is fixed by the sizes. A row is folded in parallel lanes, block by block, and the blocks are
//! merged as a balanced tree, which keeps the rounding error of a long sum near that of a short one. Columns are folded
//! side by side, 128 rows at a time, and these parts one after the other; where they are few, several rows side by side
//! count as one.

use std::ops::Range;

use super::cpu::{Kernel, MulAdd, dispatch};
use super::{rows, split};
use crate::float::Float;

mod columns;

#[cfg(test)]
pub(super) use columns::ROWS;
use columns::{Columns, columns};

/// What a reduction does with two numbers.
pub(crate) trait Fold: Copy + Send + Sync {
    /// Whether the result does not depend on the order.
    const EXACT: bool;
    /// The result for no elements.
    fn empty<T: Float>(self) -> T;
    /// Two results as one.
    fn fold<T: Float>(self, a: T, b: T) -> T;
}

/// a + b.
#[derive(Clone, Copy)]
pub(crate) struct Sum;
/// The larger, NaN if either is.
#[derive(Clone, Copy)]
pub(crate) struct Max;
/// The smaller, NaN if either is.
#[derive(Clone, Copy)]
pub(crate) struct Min;

impl Fold for Sum {
    const EXACT: bool = false;
    #[inline(always)]
    fn empty<T: Float>(self) -> T {
        T::ZERO
    }
    #[inline(always)]
    fn fold<T: Float>(self, a: T, b: T) -> T {
        a + b
    }
}

// A NaN is the one number that differs from itself.
#[allow(clippy::eq_op)]
impl Fold for Max {
    const EXACT: bool = true;
    #[inline(always)]
    fn empty<T: Float>(self) -> T {
        T::NEG_INFINITY
    }
    #[inline(always)]
    fn fold<T: Float>(self, a: T, b: T) -> T {
        if a > b || a != a { a } else { b }
    }
}

#[allow(clippy::eq_op)]
impl Fold for Min {
    const EXACT: bool = true;
    #[inline(always)]
    fn empty<T: Float>(self) -> T {
        T::INFINITY
    }
    #[inline(always)]
    fn fold<T: Float>(self, a: T, b: T) -> T {
        if a < b || a != a { a } else { b }
    }
}

/// Sums that run side by side: enough for two vectors in flight at the widest registers.
pub(super) const LANES: usize = 32;
/// Elements folded straight before the tree takes over.
pub(crate) const BLOCK: usize = 4096;
/// A long slice is folded in at most so many parts, each of at least so many elements, by several threads.
const PARTS: usize = 64;
const PART: usize = 1 << 15;
/// A slice folded in `N` lanes, merged in order.
#[inline(always)]
fn lanes<const N: usize, T: Float, F: Fold>(fold: F, x: &[T]) -> T {
    merge(fold, fold_in(fold, [fold.empty::<T>(); N], x))
}

/// By value: lanes behind a reference the compiler would write back after every element, one by one.
#[inline(always)]
fn fold_in<const N: usize, T: Float, F: Fold>(fold: F, mut acc: [T; N], x: &[T]) -> [T; N] {
    let chunks = x.chunks_exact(N);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (acc, &x) in acc.iter_mut().zip(chunk) {
            *acc = fold.fold(*acc, x);
        }
    }
    for (acc, &x) in acc.iter_mut().zip(rest) {
        *acc = fold.fold(*acc, x);
    }
    acc
}

/// Lanes merged as a balanced tree.
#[inline(always)]
pub(super) fn merge<const N: usize, T: Float, F: Fold>(fold: F, mut acc: [T; N]) -> T {
    let mut width = N / 2;
    while width > 0 {
        for i in 0..width {
            acc[i] = fold.fold(acc[i], acc[i + width]);
        }
        width /= 2;
    }
    acc[0]
}

/// The sums of successive [`BLOCK`]s of elements that come in pieces, with the bits that [`block`] gives. Every piece
/// but the last is a multiple of [`LANES`] and part of a single block.
pub(crate) struct BlockSums<'a, T> {
    out: std::slice::IterMut<'a, T>,
    acc: [T; LANES],
    len: usize,
}

impl<'a, T: Float> BlockSums<'a, T> {
    pub(crate) fn new(out: &'a mut [T]) -> Self {
        BlockSums { out: out.iter_mut(), acc: [T::ZERO; LANES], len: 0 }
    }

    pub(crate) fn add(&mut self, piece: &[T]) {
        debug_assert!(self.len.is_multiple_of(LANES) && self.len + piece.len() <= BLOCK);
        dispatch(FoldIn { acc: &mut self.acc, x: piece });
        self.len += piece.len();
        if self.len == BLOCK {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        *self.out.next().expect("a sum for each block") = merge(Sum, self.acc);
        (self.acc, self.len) = ([T::ZERO; LANES], 0);
    }

    pub(crate) fn finish(mut self) {
        if self.len > 0 {
            self.end_block();
        }
    }
}

struct FoldIn<'a, T> {
    acc: &'a mut [T; LANES],
    x: &'a [T],
}

impl<T: Float> Kernel for FoldIn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        *self.acc = fold_in(Sum, *self.acc, self.x);
    }
}

struct Row<'a, T, F> {
    fold: F,
    x: &'a [T],
}

impl<T: Float, F: Fold> Kernel for Row<'_, T, F> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        // The larger of two numbers takes the longest, and may be searched in more lanes without changing the result.
        if F::EXACT && self.x.len() >= 4 * LANES {
            lanes::<{ 4 * LANES }, T, F>(self.fold, self.x)
        } else {
            lanes::<LANES, T, F>(self.fold, self.x)
        }
    }
}

/// A whole slice folded to one number.
pub(crate) fn all<T: Float, F: Fold>(fold: F, x: &[T]) -> T {
    all_of(fold, x.len(), &|range| block(fold, &x[range]))
}

/// At most [`BLOCK`] elements folded to one number.
pub(crate) fn block<T: Float, F: Fold>(fold: F, x: &[T]) -> T {
    dispatch(Row { fold, x })
}

/// `len` elements folded to one number, where `block` folds ranges of at most [`BLOCK`] of them.
pub(crate) fn all_of<T: Float, F: Fold>(fold: F, len: usize, block: &(impl Fn(Range<usize>) -> T + Sync)) -> T {
    let part = len.div_ceil(PARTS).next_multiple_of(BLOCK).max(PART);
    if len <= part {
        return tree(fold, 0..len, block);
    }
    let mut parts = [fold.empty::<T>(); PARTS];
    let parts = &mut parts[..len.div_ceil(part)];
    split::row_groups(parts, 1, part, &|first, out| {
        for (i, out) in out.iter_mut().enumerate() {
            let from = (first + i) * part;
            *out = tree(fold, from..len.min(from + part), block);
        }
    });
    dispatch(Row { fold, x: parts })
}

/// As [`all_of`], on the calling thread.
fn tree<T: Float, F: Fold>(fold: F, range: Range<usize>, block: &impl Fn(Range<usize>) -> T) -> T {
    if range.len() <= BLOCK {
        return block(range);
    }
    let middle = range.start + (range.len() / 2).next_multiple_of(BLOCK);
    fold.fold(tree(fold, range.start..middle, block), tree(fold, middle..range.end, block))
}

/// out\[o, j\] = fold over i of x\[o, i, j\], for `x` of `[outer, mid, inner]` and `out` of `[outer, inner]`.
pub(crate) fn reduce<T: Float, F: Fold>(fold: F, x: &[T], mid: usize, inner: usize, out: &mut [T]) {
    if x.is_empty() {
        out.fill(fold.empty());
    } else if out.len() == 1 {
        out[0] = all(fold, x);
    } else if inner == 1 && mid < LANES {
        rows::fold(fold, x, mid, out);
    } else if inner == 1 {
        split::row_groups(out, 1, mid, &|first, out| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = all(fold, &x[(first + i) * mid..][..mid]);
            }
        });
    } else if out.len() == inner {
        columns(fold, x, mid, out);
    } else {
        split::row_groups(out, inner, inner * mid, &|first, out| {
            for (i, out) in out.chunks_mut(inner).enumerate() {
                let x = &x[(first + i) * mid * inner..][..mid * inner];
                dispatch(Columns { fold, x, inner, first: 0, out });
            }
        });
    }
}
