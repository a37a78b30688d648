//! Products of a small depth: sums of rows of b, which stay in registers while the rows of a pass by. There is so little to
//! do for an element of the output that the beginning and the end of a tile would take most of the time.

#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use super::simd::{Vector, VectorKernel, WIDEST};
use super::tile::{Block, Start, View, finish_row, load_row};
use crate::float::Float;

/// The vectors of columns of which all rows of b fit into the registers, of 32, at a depth.
pub(super) const fn together(depth: usize) -> usize {
    match depth {
        ..5 => 5,
        5..9 => 3,
        9..13 => 2,
        _ => 1,
    }
}

/// c = start + a·b for a depth of at most [`Vector::SHALLOW`]. The rows of b must be contiguous.
///
/// The bits are those of the outer-product tile: a chain of multiply-adds from zero, and then `start`.
pub(super) struct Shallow<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

/// Whether vectors of several rows of the output are worth their making.
fn packs(rows: usize, cols: usize, lanes: usize) -> bool {
    cols < lanes && cols.is_power_of_two() && rows >= 64
}

impl<T: Float> VectorKernel<T> for Shallow<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Shallow { k, a, c, .. } = self;
        let column = matches!(c.start, Start::Column(_));
        macro_rules! depths {
            ($($depth:literal)*) => {
                match k {
                    $(
                        // SAFETY: the caller's promise.
                        $depth if const { $depth <= V::SHALLOW } => unsafe { self.rows::<V, $depth>() },
                    )*
                    _ => unreachable!(),
                }
            };
        }
        if k == 1 && packs(c.rows, c.cols, V::LANES) && a.row == 1 && c.stride == c.cols && !column {
            // SAFETY: the caller's promise.
            return unsafe { self.several_rows::<V>() };
        }
        depths! { 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 }
    }
}

impl<T: Float> Shallow<T> {
    /// Vectors of several rows of the output, which lie one after the other, as the column of a does.
    #[inline(always)]
    unsafe fn several_rows<V: Vector<T>>(self) {
        let Shallow { a, b, c, .. } = self;
        let together = V::LANES / c.cols;
        // SAFETY: the caller's promise; the rows from i on are so many elements.
        unsafe {
            let y = repeated::<T, V>(b.at, c.cols);
            let bias = match c.start {
                Start::Row(bias) => repeated(bias, c.cols),
                _ => V::zero(),
            };
            for i in (0..c.rows).step_by(together) {
                let rows = together.min(c.rows - i);
                let (to, len) = (c.at.wrapping_add(i * c.cols), rows * c.cols);
                let mut x = V::load_first(a.from(i, 0).at, rows);
                for _ in 0..c.cols.trailing_zeros() {
                    x = x.zip(x).0;
                }
                let start = if let Start::Output = c.start { V::load_first(to, len) } else { bias };
                start.add(x.mul_add(y, V::zero())).store_first(to, len);
            }
        }
    }

    /// The rows at once where all their vectors of b fit into the registers, else some columns after the other.
    #[inline(always)]
    unsafe fn rows<V: Vector<T>, const K: usize>(self) {
        let (cols, mut j) = (self.c.cols, 0);
        let all = cols.div_ceil(V::LANES);
        // SAFETY: the caller's promise.
        unsafe {
            match all {
                1 => return self.down::<V, K, 1>(0, cols),
                2 if const { together(K) >= 2 } => return self.down::<V, K, 2>(0, cols),
                3 if const { together(K) >= 3 } => return self.down::<V, K, 3>(0, cols),
                5 if const { together(K) >= 5 } => return self.down::<V, K, 5>(0, cols),
                _ => {}
            }
            while const { together(K) >= 4 } && cols - j >= 4 * V::LANES {
                self.down::<V, K, 4>(j, 4 * V::LANES);
                j += 4 * V::LANES;
            }
            while const { together(K) >= 2 } && cols - j >= 2 * V::LANES {
                self.down::<V, K, 2>(j, 2 * V::LANES);
                j += 2 * V::LANES;
            }
            while cols - j >= V::LANES {
                self.down::<V, K, 1>(j, V::LANES);
                j += V::LANES;
            }
            match cols - j {
                0 => {}
                // Where nothing is added to the output, a vector that begins among those before it is faster than a mask.
                _ if !matches!(self.c.start, Start::Output) => self.down::<V, K, 1>(cols - V::LANES, V::LANES),
                rest => self.down::<V, K, 1>(j, rest),
            }
        }
    }

    /// `cols` columns from `j` on, which are N vectors, of which the last may not be full.
    ///
    /// If they are all that there are, and nothing is added to them, then each row is written with full vectors, and what
    /// lies behind it is overwritten by the next rows: that is faster than a mask.
    #[inline(always)]
    unsafe fn down<V: Vector<T>, const K: usize, const N: usize>(&self, j: usize, cols: usize) {
        let (b, c) = (self.b.from(0, j), self.c.part(0, j, self.c.rows, cols));
        let last = cols - (N - 1) * V::LANES;
        let behind = (V::LANES - last).div_ceil(cols);
        let full = if last == V::LANES || c.stride == cols { c.rows.saturating_sub(behind) } else { 0 };
        // SAFETY: row i of a has K elements, and b and c have so many columns. The rows behind a full one have the elements
        // that it writes too many.
        unsafe {
            let mut y = [[V::zero(); N]; K];
            for p in 0..K {
                y[p] = load_row(b.from(p, 0).at, last);
            }
            let mut first = 0;
            if let Start::Zero = c.start {
                for i in 0..full {
                    let (sums, to) = (self.sum_of_rows(i, y), c.at.wrapping_add(i * c.stride));
                    for v in 0..N {
                        sums[v].store(to.wrapping_add(v * V::LANES));
                    }
                }
                first = full;
            }
            for i in first..c.rows {
                let (sums, to) = (self.sum_of_rows(i, y), c.at.wrapping_add(i * c.stride));
                finish_row(sums, to, last, c.start.from(i, 0));
            }
        }
    }

    /// The product of row `i` of a.
    #[inline(always)]
    unsafe fn sum_of_rows<V: Vector<T>, const K: usize, const N: usize>(&self, i: usize, y: [[V; N]; K]) -> [V; N] {
        // SAFETY: row i of a has K elements.
        unsafe {
            let mut sums = [V::zero(); N];
            for p in 0..K {
                let x = V::splat(self.a.from(i, p).at);
                for v in 0..N {
                    sums[v] = x.mul_add(y[p][v], sums[v]);
                }
            }
            sums
        }
    }
}

/// A vector of `len` elements, over and over.
#[inline(always)]
unsafe fn repeated<T: Float, V: Vector<T>>(from: *const T, len: usize) -> V {
    let mut lanes = [T::ZERO; WIDEST];
    for lane in 0..V::LANES {
        // SAFETY: the caller's promise.
        lanes[lane] = unsafe { *from.wrapping_add(lane & (len - 1)) };
    }
    // SAFETY: a vector has no more lanes than that.
    unsafe { V::load(lanes.as_ptr()) }
}
