//! Products of few columns where the columns of a are contiguous: tiles of the transposed product, cᵀ = bᵀ·aᵀ, whose
//! vectors are full however few columns there are. Each is turned in registers when it is written.

#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use std::mem::MaybeUninit;

use super::pack::interleave;
use super::panels::{DEPTH, Shares};
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Depth, Start, View, outer, vectors};
use crate::float::Float;

/// c = start + a·b. The columns of a must be contiguous.
pub(super) struct Columns<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

/// The elements of the largest tile: 12 rows of two vectors of 16.
const TILE: usize = 384;

impl<T: Float> VectorKernel<T> for Columns<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Columns { k, a, b, c } = self;
        let mut room = [MaybeUninit::<T>::uninit(); TILE];
        let at = room.as_mut_ptr().cast::<T>();
        let groups = Shares::new(c.cols, V::ROWS);
        for number in 0..groups.count() {
            let (j, cols) = groups.part(number);
            let width = vectors(cols) * V::LANES;
            for i in (0..c.rows).step_by(width) {
                let rows = width.min(c.rows - i);
                let start = c.start.from(i, j).transposed();
                let tile = Block { at, stride: width, rows: cols, cols: rows, start };
                // SAFETY: the caller's promise; the room holds the largest tile.
                unsafe {
                    sum::<T, V>(k, b.from(0, j).transposed(), a.from(i, 0).transposed(), tile);
                    write::<T, V>(tile, c.part(i, j, rows, cols));
                }
            }
        }
    }
}

/// A tile over the whole depth, from zero where it is to be added to the output.
#[inline(always)]
unsafe fn sum<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, tile: Block<T>) {
    let mut tile = Block { start: if let Start::Output = tile.start { Start::Zero } else { tile.start }, ..tile };
    for p in (0..k).step_by(DEPTH) {
        // SAFETY: the caller's promise.
        unsafe { outer::<T, V>(Depth::one_run(DEPTH.min(k - p)), a.from(0, p), b.from(p, 0), tile) }
        tile.start = Start::Output;
    }
}

/// Writes a tile of the transposed product where it belongs, or adds it.
#[inline(always)]
unsafe fn write<T: Float, V: Vector<T>>(tile: Block<T>, c: Block<T>) {
    let dense = c.stride == c.cols;
    // SAFETY: the caller's promise.
    unsafe {
        match (c.cols, V::LANES) {
            (1, _) => element_by_element(tile, c),
            (..5, _) if !dense => element_by_element(tile, c),
            (2, _) if dense => rows_together::<T, V, 2>(tile, c),
            (4, _) if dense => rows_together::<T, V, 4>(tile, c),
            (8, 16) if dense => rows_together::<T, V, 8>(tile, c),
            (3, 16) if dense => rows_overlapping::<T, V, 4>(tile, c),
            (5..8, 16) if dense => rows_overlapping::<T, V, 8>(tile, c),
            (_, 16) => row_by_row::<T, V, 16>(tile, c),
            (_, 8) => row_by_row::<T, V, 8>(tile, c),
            _ => row_by_row::<T, V, 4>(tile, c),
        }
    }
}

#[inline(always)]
unsafe fn element_by_element<T: Float>(tile: Block<T>, c: Block<T>) {
    for j in 0..c.cols {
        for i in 0..c.rows {
            let to = c.at.wrapping_add(i * c.stride + j);
            // SAFETY: the tile has a row for each column of c, and c its rows and columns.
            unsafe {
                let x = *tile.at.wrapping_add(j * tile.stride + i);
                *to = if let Start::Output = c.start { *to + x } else { x };
            }
        }
    }
}

/// Rows of N columns, which lie one after the other; N is a power of two.
#[inline(always)]
unsafe fn rows_together<T: Float, V: Vector<T>, const N: usize>(tile: Block<T>, c: Block<T>) {
    for i in (0..c.rows).step_by(V::LANES) {
        let rows = V::LANES.min(c.rows - i);
        // SAFETY: the tile has a row for each column of c; so many rows of c are at most N vectors.
        unsafe {
            let mut x = [V::zero(); N];
            for j in 0..N {
                x[j] = load::<T, V>(tile.at.wrapping_add(j * tile.stride + i), rows);
            }
            let x = interleave(x, N.ilog2());
            for v in 0..N {
                let first = v * V::LANES;
                if first < rows * N {
                    store(x[v], c.at.wrapping_add(i * N + first), V::LANES.min(rows * N - first), c.start);
                }
            }
        }
    }
}

/// Rows of fewer than N columns, which lie one after the other. A vector is written as a whole, and the next one over what
/// it has behind its rows. N is a power of two, and less than twice the columns.
#[inline(always)]
unsafe fn rows_overlapping<T: Float, V: Vector<T>, const N: usize>(tile: Block<T>, c: Block<T>) {
    let (len, step) = (c.rows * c.cols, V::LANES / N * c.cols);
    for i in (0..c.rows).step_by(V::LANES) {
        let rows = V::LANES.min(c.rows - i);
        // SAFETY: the tile has a row for each column of c, and c so many elements.
        unsafe {
            let mut x = [V::zero(); N];
            for j in 0..N {
                x[j] = load::<T, V>(tile.at.wrapping_add(j.min(c.cols - 1) * tile.stride + i), rows);
            }
            let x = interleave(x, N.ilog2());
            for v in 0..N {
                let first = i * c.cols + v * step;
                if first < len {
                    let x = x[v].squeeze(N, c.cols);
                    store(x, c.at.wrapping_add(first), V::LANES.min(len - first), c.start);
                }
            }
        }
    }
}

/// Rows of any distance, by squares of N rows and N columns, of which those at the edges are cut; N is the number of
/// lanes.
#[inline(always)]
unsafe fn row_by_row<T: Float, V: Vector<T>, const N: usize>(tile: Block<T>, c: Block<T>) {
    debug_assert!(N == V::LANES);
    for j in (0..c.cols).step_by(N) {
        let cols = N.min(c.cols - j);
        for i in (0..c.rows).step_by(N) {
            let rows = N.min(c.rows - i);
            // SAFETY: the tile has a row for each column of c, and c its rows and columns.
            unsafe {
                let mut x = [V::zero(); N];
                for (column, x) in x.iter_mut().enumerate().take(cols) {
                    *x = load::<T, V>(tile.at.wrapping_add((j + column) * tile.stride + i), rows);
                }
                for (row, x) in interleave(x, N.ilog2()).into_iter().enumerate().take(rows) {
                    store(x, c.at.wrapping_add((i + row) * c.stride + j), cols, c.start);
                }
            }
        }
    }
}

/// The first `len` elements of a vector.
#[inline(always)]
unsafe fn load<T: Float, V: Vector<T>>(from: *const T, len: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { if len == V::LANES { V::load(from) } else { V::load_first(from, len) } }
}

/// Writes the first `len` elements of a vector, or adds them to what is there.
#[inline(always)]
unsafe fn store<T: Float, V: Vector<T>>(x: V, to: *mut T, len: usize, start: Start<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        let x = if let Start::Output = start { load::<T, V>(to, len).add(x) } else { x };
        if len == V::LANES { x.store(to) } else { x.store_first(to, len) }
    }
}
