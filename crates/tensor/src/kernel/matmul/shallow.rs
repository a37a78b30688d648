//! Products of a depth of a few: sums of outer products, row by row. There is so little to do for an element of the
//! output that the beginning and the end of a tile would take most of the time.

#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Start, View, finish_row};
use crate::float::Float;

/// The largest depth.
pub(super) const DEPTH: usize = 4;

/// c = start + a·b for a depth of at most that. The rows of b must be contiguous.
///
/// The bits are those of the outer-product tile: a chain of multiply-adds from zero, and then `start`.
pub(super) struct Shallow<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

/// Whether vectors of several rows of the output are worth their making.
pub(super) fn packs(rows: usize, cols: usize, lanes: usize) -> bool {
    cols < lanes && cols.is_power_of_two() && rows >= 64
}

impl<T: Float> VectorKernel<T> for Shallow<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let packs = packs(self.c.rows, self.c.cols, V::LANES);
        let column = matches!(self.c.start, Start::Column(_));
        // SAFETY: the caller's promise.
        unsafe {
            if packs && self.a.row == 1 && self.c.stride == self.c.cols && !column {
                return self.several_rows::<V>();
            }
            match self.k {
                1 => self.rows::<V, 1>(),
                2 => self.rows::<V, 2>(),
                3 => self.rows::<V, 3>(),
                _ => self.rows::<V, DEPTH>(),
            }
        }
    }
}

impl<T: Float> Shallow<T> {
    /// Vectors of several rows of the output, which lie one after the other, as the columns of a do.
    #[inline(always)]
    unsafe fn several_rows<V: Vector<T>>(self) {
        let Shallow { k, b, c, .. } = self;
        let together = V::LANES / c.cols;
        // SAFETY: the caller's promise; the rows from i on are so many elements.
        unsafe {
            let mut y = [V::zero(); DEPTH];
            for p in 0..k {
                y[p] = repeated(b.from(p, 0).at, c.cols);
            }
            let bias = match c.start {
                Start::Row(bias) => repeated(bias, c.cols),
                _ => V::zero(),
            };
            let mut i = 0;
            while i + together <= c.rows {
                let to = c.at.wrapping_add(i * c.cols);
                let start = if let Start::Output = c.start { V::load(to) } else { bias };
                start.add(self.sum_of_rows::<V>(i, together, y)).store(to);
                i += together;
            }
            if i < c.rows {
                let (rows, to) = (c.rows - i, c.at.wrapping_add(i * c.cols));
                let len = rows * c.cols;
                let start = if let Start::Output = c.start { V::load_first(to, len) } else { bias };
                start.add(self.sum_of_rows::<V>(i, rows, y)).store_first(to, len);
            }
        }
    }

    /// The product's vector of `rows` rows from `i` on, where `y` repeats the rows of b.
    #[inline(always)]
    unsafe fn sum_of_rows<V: Vector<T>>(&self, i: usize, rows: usize, y: [V; DEPTH]) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = V::zero();
            for p in 0..self.k {
                let mut x = V::load_first(self.a.from(i, p).at, rows);
                for _ in 0..self.c.cols.trailing_zeros() {
                    x = x.zip(x).0;
                }
                sum = x.mul_add(y[p], sum);
            }
            sum
        }
    }

    /// Vectors of one row of the output.
    #[inline(always)]
    unsafe fn rows<V: Vector<T>, const K: usize>(&self) {
        let (b, c) = (self.b, self.c);
        // SAFETY: the caller's promise.
        unsafe {
            if c.cols > V::LANES {
                // One way to begin for all rows, so that the loop has no branches.
                match c.start {
                    Start::Zero => self.along::<V, K, false>(),
                    Start::Output => {
                        self.along::<V, K, true>();
                        let whole = c.cols / V::LANES * V::LANES;
                        if whole < c.cols {
                            let rest = c.cols - whole;
                            self.down::<V, K>(b.from(0, whole), c.part(0, whole, c.rows, rest), rest);
                        }
                    }
                    Start::Row(_) | Start::Column(_) => unreachable!("the output holds the bias"),
                }
            } else if c.cols == V::LANES {
                // Told that the vector is whole, the compiler leaves out its mask.
                self.down::<V, K>(b, c, V::LANES);
            } else {
                self.down::<V, K>(b, c, c.cols);
            }
        }
    }

    /// Whole vectors along the rows, which have several, added to the output if `ADD`. Else the last one of a row begins
    /// inside the one before it where the columns do not fill vectors: that is faster than a mask.
    #[inline(always)]
    unsafe fn along<V: Vector<T>, const K: usize, const ADD: bool>(&self) {
        let Shallow { a, b, c, .. } = self;
        let start = if ADD { Start::Output } else { Start::Zero };
        for i in 0..c.rows {
            let (a, to) = (a.from(i, 0), c.at.wrapping_add(i * c.stride));
            // SAFETY: row i of a has K elements, and b and c have more columns than a vector has lanes.
            unsafe {
                let mut x = [V::zero(); K];
                for p in 0..K {
                    x[p] = V::splat(a.from(0, p).at);
                }
                let (mut j, last) = (0, c.cols - V::LANES);
                loop {
                    let mut sum = V::zero();
                    for p in 0..K {
                        sum = x[p].mul_add(V::load(b.from(p, j).at), sum);
                    }
                    finish_row([sum], to.wrapping_add(j), V::LANES, start);
                    j += V::LANES;
                    if j > last {
                        if j == c.cols || ADD {
                            break;
                        }
                        j = last;
                    }
                }
            }
        }
    }

    /// A vector of `len` columns.
    #[inline(always)]
    unsafe fn down<V: Vector<T>, const K: usize>(&self, b: View<T>, c: Block<T>, len: usize) {
        // SAFETY: row i of a has K elements, and b and c have `len` columns.
        unsafe {
            let mut y = [V::zero(); K];
            for p in 0..K {
                y[p] = V::load_first(b.from(p, 0).at, len);
            }
            for i in 0..c.rows {
                let mut sum = V::zero();
                for p in 0..K {
                    sum = V::splat(self.a.from(i, p).at).mul_add(y[p], sum);
                }
                finish_row([sum], c.at.wrapping_add(i * c.stride), len, c.start.from(i, 0));
            }
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

/// The most lanes that a vector has.
const WIDEST: usize = 16;
