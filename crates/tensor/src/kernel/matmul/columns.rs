//! Products of few columns where the columns of a are contiguous: tiles of the transposed product, cᵀ = bᵀ·aᵀ, whose
//! vectors are full however few columns there are. Each is turned in registers when it is written.

#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use std::mem::MaybeUninit;

use super::pack::{Turn, interleave};
use super::panels::{DEPTH, Shares};
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Depth, Outer, Start, View, vectors};
use crate::float::Float;

/// c = start + a·b. The columns of a must be contiguous.
pub(super) struct Columns<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

/// The elements of the largest tile: fewer than 32 vectors of 16.
const TILE: usize = 512;

impl<T: Float> VectorKernel<T> for Columns<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Columns { k, a, b, c } = self;
        let mut room = [MaybeUninit::<T>::uninit(); TILE];
        let at = room.as_mut_ptr().cast::<T>();
        let groups = Shares::new(c.cols, V::ROWS);
        for number in 0..groups.count() {
            let (j, cols) = groups.part(number);
            let width = vectors(cols, V::WIDE) * V::LANES;
            for i in (0..c.rows).step_by(width) {
                let rows = width.min(c.rows - i);
                let tile = Block { at, stride: width, rows: cols, cols: rows, start: Start::Zero };
                // SAFETY: the caller's promise; the room holds the largest tile.
                unsafe {
                    sum::<T, V>(k, b.from(0, j).transposed(), a.from(i, 0).transposed(), tile);
                    write::<T, V>(tile, c.part(i, j, rows, cols));
                }
            }
        }
    }
}

/// A tile over the whole depth.
#[inline(always)]
unsafe fn sum<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, mut tile: Block<T>) {
    for p in (0..k).step_by(DEPTH) {
        // SAFETY: the caller's promise.
        unsafe { V::call(Outer::new(Depth::one_run(DEPTH.min(k - p)), a.from(0, p), b.from(p, 0), tile)) }
        tile = tile.added_to();
    }
}

/// Writes a tile of the transposed product where it belongs, with what it is added to.
#[inline(always)]
unsafe fn write<T: Float, V: Vector<T>>(tile: Block<T>, c: Block<T>) {
    let (dense, fresh) = match c.start {
        Start::Zero => (c.stride == c.cols, true),
        Start::At { row, .. } => (c.stride == c.cols && row == c.cols, false),
    };
    // SAFETY: the caller's promise; where they lie one after the other, the rows of c are a slice.
    unsafe {
        match (c.cols, V::LANES) {
            (2, _) if dense => V::call(Rows::<T, 2> { tile, c }),
            (4, _) | (3, 16) if dense => V::call(Rows::<T, 4> { tile, c }),
            (8, 8..) | (5..8, 16) if dense => V::call(Rows::<T, 8> { tile, c }),
            (5.., _) if dense && fresh => {
                let to = std::slice::from_raw_parts_mut(c.at, c.rows * c.cols);
                V::call(Turn { from: View { at: tile.at, row: tile.stride, col: 1 }, rows: c.cols, to });
            }
            _ => element_by_element(tile, c),
        }
    }
}

#[inline(always)]
unsafe fn element_by_element<T: Float>(tile: Block<T>, c: Block<T>) {
    for j in 0..c.cols {
        for i in 0..c.rows {
            // SAFETY: the tile has a row for each column of c, and c its rows and columns.
            unsafe {
                let x = *tile.at.wrapping_add(j * tile.stride + i);
                *c.at.wrapping_add(i * c.stride + j) = match c.start {
                    Start::Zero => x,
                    Start::At { from, row } => *from.wrapping_add(i * row + j) + x,
                };
            }
        }
    }
}

/// Writes a tile to rows of at most N columns, which lie one after the other. A vector is written as a whole, and the next
/// one over what it has behind its rows. N is a power of two, less than twice the columns, and divides the lanes.
struct Rows<T, const N: usize> {
    tile: Block<T>,
    c: Block<T>,
}

impl<T: Float, const N: usize> VectorKernel<T> for Rows<T, N> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Rows { tile, c } = self;
        debug_assert!(N <= V::LANES);
        let (len, step) = (c.rows * c.cols, V::LANES / N * c.cols);
        for i in (0..c.rows).step_by(V::LANES) {
            let rows = V::LANES.min(c.rows - i);
            // SAFETY: the tile has a row for each column of c, and c so many elements.
            unsafe {
                let mut x = [V::zero(); N];
                for j in 0..N {
                    x[j] = load(tile.at.wrapping_add(j.min(c.cols - 1) * tile.stride + i), rows);
                }
                let x = interleave(x, N.ilog2());
                for v in 0..N {
                    let first = i * c.cols + v * step;
                    if first < len {
                        let x = if c.cols < N { x[v].squeeze(N, c.cols) } else { x[v] };
                        store(x, c, first, V::LANES.min(len - first));
                    }
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

/// Writes the first `len` elements of a vector, with what they are added to, where all rows lie one after the other.
#[inline(always)]
unsafe fn store<T: Float, V: Vector<T>>(x: V, c: Block<T>, first: usize, len: usize) {
    let to = c.at.wrapping_add(first);
    // SAFETY: the caller's promise.
    unsafe {
        let x = match c.start {
            Start::Zero => x,
            Start::At { from, .. } => load::<T, V>(from.wrapping_add(first), len).add(x),
        };
        if len == V::LANES { x.store(to) } else { x.store_first(to, len) }
    }
}
