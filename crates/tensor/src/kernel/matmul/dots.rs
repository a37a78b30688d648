//! Products whose operands both have their depth contiguous, by tiles of dot products. The loops count, as in
//! [`tile`](super::tile).
#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use std::ops::Range;

use super::panels::Shares;
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Start, View};
use crate::float::Float;

/// c = start + a·b by tiles of dot products. The rows of a and the columns of b must be contiguous.
pub(super) struct Dots<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

impl<T: Float> VectorKernel<T> for Dots<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Dots { k, a, b, c } = self;
        // SAFETY, of both: the caller's promise. A row is a column of the transposed product; where its sums are long, eight
        // at a time keep the processor busy, and memory has fewer places to read.
        let column_of = match (c.rows, c.cols) {
            (_, 1) => Some((a, b, c)),
            (1, _) if k < LONG => Some((b.transposed(), a.transposed(), c.transposed_row())),
            _ => None,
        };
        if let Some((a, b, c)) = column_of {
            return unsafe { column::<T, V>(k, a, b, c) };
        }
        // One row goes with many columns, to keep the processor busy.
        let widest = if c.rows == 1 { 8 } else { V::DOTS };
        let (down, across) = (Shares::new(c.rows, V::DOTS), Shares::new(c.cols, widest));
        // The larger operand is read once.
        for (row, col) in tiles(0..down.count(), across.count(), c.rows > c.cols) {
            let ((i, rows), (j, cols)) = (down.part(row), across.part(col));
            // SAFETY: the caller's promise; the parts lie inside the block.
            unsafe { V::call(Tile { k, a: a.from(i, 0), b: b.from(0, j), c: c.part(i, j, rows, cols) }) }
        }
    }
}

/// The depth from which on the sums of lanes are little beside the products.
const LONG: usize = 64;

/// A column, by as many rows at a time as a vector has lanes, so that every lane of their totals counts.
#[inline(always)]
unsafe fn column<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, c: Block<T>) {
    let mut i = 0;
    // SAFETY, of all: the caller's promise; the parts lie inside the block.
    while i + V::LANES <= c.rows {
        let tile = Tile { k, a: a.from(i, 0), b, c: c.part(i, 0, V::LANES, 1) };
        unsafe {
            match V::LANES {
                16 => V::call(DotTile::<T, 16, 1>(tile)),
                8 => V::call(DotTile::<T, 8, 1>(tile)),
                _ => V::call(DotTile::<T, 4, 1>(tile)),
            }
        }
        i += V::LANES;
    }
    let rest = Shares::new(c.rows - i, V::DOTS);
    for number in 0..rest.count() {
        let (first, rows) = rest.part(number);
        let (a, c) = (a.from(i + first, 0), c.part(i + first, 0, rows, 1));
        unsafe { V::call(Tile { k, a, b, c }) }
    }
}

/// c = start + a·b over `k`, for a block of at most `V::DOTS` × `V::DOTS`, or of one row and eight columns. The rows of
/// a and the columns of b are contiguous.
#[derive(Clone, Copy)]
struct Tile<T> {
    k: usize,
    a: View<T>,
    b: View<T>,
    c: Block<T>,
}

impl<T: Float> VectorKernel<T> for Tile<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        debug_assert!(self.a.col == 1 && self.b.row == 1);
        macro_rules! sizes {
            ($($rows:literal: $($cols:literal)*;)*) => {
                match (self.c.rows, self.c.cols) {
                    $($(
                        // SAFETY: the caller's promise.
                        ($rows, $cols) if const { fits($rows, $cols, V::DOTS) } => unsafe {
                            V::call(DotTile::<T, $rows, $cols>(self))
                        },
                    )*)*
                    _ => unreachable!(),
                }
            };
        }
        sizes! {
            1: 1 2 3 4 5 6 7 8;
            2: 1 2 3 4 5;
            3: 1 2 3 4 5;
            4: 1 2 3 4 5;
            5: 1 2 3 4 5;
        }
    }
}

/// Whether there is a tile of this size, where `most` rows and columns have one.
const fn fits(rows: usize, cols: usize, most: usize) -> bool {
    rows == 1 || (rows <= most && cols <= most)
}

/// A tile of R rows and S columns.
struct DotTile<T, const R: usize, const S: usize>(Tile<T>);

impl<T: Float, const R: usize, const S: usize> VectorKernel<T> for DotTile<T, R, S> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Tile { k, a, b, c } = self.0;
        // SAFETY: the caller's promise; the last step reads the k mod LANES elements that remain.
        unsafe {
            let mut sums = [[V::zero(); S]; R];
            let mut p = 0;
            while p + V::LANES <= k {
                step::<T, V, R, S, true>(&mut sums, a.from(0, p), b.from(p, 0), V::LANES);
                p += V::LANES;
            }
            if p < k {
                step::<T, V, R, S, false>(&mut sums, a.from(0, p), b.from(p, 0), k - p);
            }
            let mut totals = match V::LANES {
                16 => totals::<T, V, R, S, 16>(sums),
                8 => totals::<T, V, R, S, 8>(sums),
                _ => totals::<T, V, R, S, 4>(sums),
            };
            if let Start::At { from, row } = c.start {
                for i in 0..R {
                    for j in 0..S {
                        totals[i][j] = *from.wrapping_add(i * row + j) + totals[i][j];
                    }
                }
            }
            for i in 0..R {
                for j in 0..S {
                    *c.at.wrapping_add(i * c.stride + j) = totals[i][j];
                }
            }
        }
    }
}

/// The sum of the lanes of each vector, LANES vectors at a time: halves of interleaved pairs are added until one vector
/// of sums is left. All sums add their lanes in the same order.
#[inline(always)]
unsafe fn totals<T: Float, V: Vector<T>, const R: usize, const S: usize, const LANES: usize>(
    sums: [[V; S]; R],
) -> [[T; S]; R] {
    debug_assert!(LANES == V::LANES);
    let mut totals = [[T::ZERO; S]; R];
    let mut lanes = [T::ZERO; LANES];
    for first in (0..R * S).step_by(LANES) {
        let count = LANES.min(R * S - first);
        // SAFETY: the processor has the instruction set, as the caller promises, and `lanes` holds a vector.
        unsafe {
            let mut x = [V::zero(); LANES];
            for i in 0..count {
                x[i] = sums[(first + i) / S][(first + i) % S];
            }
            let mut half = LANES;
            while half > 1 {
                half /= 2;
                for i in 0..half {
                    let (low, high) = x[i].zip(x[i + half]);
                    x[i] = low.add(high);
                }
            }
            x[0].store(lanes.as_mut_ptr());
        }
        for i in 0..count {
            totals[(first + i) / S][(first + i) % S] = lanes[i];
        }
    }
    totals
}

/// Adds the products of one vector of each row and each column, of which the first `len` lanes are there.
#[inline(always)]
unsafe fn step<T: Float, V: Vector<T>, const R: usize, const S: usize, const WHOLE: bool>(
    sums: &mut [[V; S]; R],
    a: View<T>,
    b: View<T>,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut y = [V::zero(); S];
        for j in 0..S {
            let at = b.from(0, j).at;
            y[j] = if WHOLE { V::load(at) } else { V::load_first(at, len) };
        }
        for i in 0..R {
            let at = a.from(i, 0).at;
            let x = if WHOLE { V::load(at) } else { V::load_first(at, len) };
            for j in 0..S {
                sums[i][j] = x.mul_add(y[j], sums[i][j]);
            }
        }
    }
}

/// The rows and columns of a table of tiles, row by row or column by column.
#[inline(always)]
fn tiles(down: Range<usize>, across: usize, by_row: bool) -> impl Iterator<Item = (usize, usize)> {
    let (outer, inner) = if by_row { (down, 0..across) } else { (0..across, down) };
    outer.flat_map(move |x| inner.clone().map(move |y| if by_row { (x, y) } else { (y, x) }))
}
