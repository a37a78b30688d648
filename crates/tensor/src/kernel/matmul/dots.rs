//! Products whose operands both have their depth contiguous, by tiles of dot products. The loops count, as in
//! [`tile`](super::tile).
#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use super::panels::Shares;
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, LINE, Start, View};
use crate::float::Float;
use crate::storage::Storage;

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
        let (turned_a, turned_b) = (b.transposed(), a.transposed());
        if k < LONG && (c.rows == 1 || c.cols == 1) {
            // SAFETY, of all: the caller's promise; the parts lie inside the block. A row is a column of the transposed product.
            return match c.cols {
                1 => unsafe { column::<T, V>(k, a, b, c) },
                _ => unsafe { column::<T, V>(k, turned_a, turned_b, c.transposed_row()) },
            };
        }
        // The larger operand is read once, as columns.
        let turned = c.rows > c.cols;
        let (a, b, down, across) = if turned { (turned_a, turned_b, c.cols, c.rows) } else { (a, b, c.rows, c.cols) };
        let long = const { V::SHIFTS } && k >= LONG_OF_LINES * V::LANES;
        let copies = long && down > 1 && across >= WORTH_COPIES && !from_lines(a.at, a.row);
        let mut room = Storage::Empty;
        let a = if copies { unsafe { copied(a, down, k, &mut room) } } else { a };
        // One row goes with many columns, to keep the processor busy. What puts vectors together needs registers as well.
        let widest = match () {
            _ if down == 1 => 8,
            _ if long && !from_lines(b.at, b.col) => 4,
            _ => V::DOTS,
        };
        let (down, across) = (Shares::new(down, V::DOTS), Shares::new(across, widest));
        for col in 0..across.count() {
            let (j, cols) = across.part(col);
            for row in 0..down.count() {
                let (i, rows) = down.part(row);
                let c = if turned { c.part(j, i, cols, rows) } else { c.part(i, j, rows, cols) };
                unsafe { V::call(Tile { k, a: a.from(i, 0), b: b.from(0, j), c, turned }) }
            }
        }
    }
}

/// The columns from which on it is worth copying the rows that are multiplied with them, so that these begin with a line.
const WORTH_COPIES: usize = 16;

/// A copy of some rows that each begin with a line.
unsafe fn copied<T: Float>(a: View<T>, rows: usize, k: usize, room: &mut Storage<T>) -> View<T> {
    let row = k.next_multiple_of(LINE / size_of::<T>());
    *room = Storage::recycled(rows * row);
    let to = room.unique_mut().expect("new");
    for (i, to) in to.chunks_exact_mut(row).take(rows).enumerate() {
        // SAFETY: row i of a has k elements, one after the other.
        to[..k].copy_from_slice(unsafe { std::slice::from_raw_parts(a.from(i, 0).at, k) });
    }
    View { at: to.as_ptr(), row, col: 1 }
}

/// Whether what is so many elements apart, from the first on, begins with a line.
fn from_lines<T>(first: *const T, apart: usize) -> bool {
    (first as usize | (size_of::<T>() * apart)).is_multiple_of(LINE)
}

/// The depth in vectors from which on several columns are read by whole lines.
const LONG_OF_LINES: usize = 8;

/// The depth from which on the sums of lanes are little beside the products.
const LONG: usize = 64;

/// A column, by as many rows at a time as a vector has lanes, so that every lane of their totals counts.
#[inline(always)]
unsafe fn column<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, c: Block<T>) {
    let mut i = 0;
    // SAFETY, of all: the caller's promise; the parts lie inside the block.
    while i + V::LANES <= c.rows {
        let tile = Tile { k, a: a.from(i, 0), b, c: c.part(i, 0, V::LANES, 1), turned: false };
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
        unsafe { V::call(Tile { k, a, b, c, turned: false }) }
    }
}

/// c = start + a·b over `k`, for a block of at most `V::DOTS` × `V::DOTS`, or of one row and eight columns. The rows of
/// a and the columns of b are contiguous.
#[derive(Clone, Copy)]
struct Tile<T> {
    k: usize,
    a: View<T>,
    b: View<T>,
    /// Where the sums go; their transpose if `turned`.
    c: Block<T>,
    turned: bool,
}

impl<T: Float> VectorKernel<T> for Tile<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        debug_assert!(self.a.col == 1 && self.b.row == 1);
        let sizes = if self.turned { (self.c.cols, self.c.rows) } else { (self.c.rows, self.c.cols) };
        macro_rules! sizes {
            ($($rows:literal: $($cols:literal)*;)*) => {
                match sizes {
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
        let Tile { k, a, b, c, turned } = self.0;
        // SAFETY: the caller's promise; the last step reads the k mod LANES elements that remain.
        unsafe {
            let mut sums = [[V::zero(); S]; R];
            let mut p = 0;
            let long = k >= const { if R > 2 { LONG_OF_LINES } else { 3 } } * V::LANES;
            if const { V::SHIFTS } && long && !from_lines(b.at, b.col) {
                p = shifted_steps::<T, V, R, S>(&mut sums, k, a, b);
            }
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
            let place = |i, j, row| if turned { j * row + i } else { i * row + j };
            if let Start::At { from, row } = c.start {
                for i in 0..R {
                    for j in 0..S {
                        totals[i][j] = *from.wrapping_add(place(i, j, row)) + totals[i][j];
                    }
                }
            }
            for i in 0..R {
                for j in 0..S {
                    *c.at.wrapping_add(place(i, j, c.stride)) = totals[i][j];
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

/// The steps of a tile but for the last one or two, for columns that do not begin with a line: each line is read once, and a
/// vector is put together from two. A load that lies in two lines takes twice as long, and longer where they come from the
/// second cache; but where there are many rows to multiply with, what is put together is not free either. Gives how many
/// elements of the depth have been added.
#[inline(always)]
unsafe fn shifted_steps<T: Float, V: Vector<T>, const R: usize, const S: usize>(
    sums: &mut [[V; S]; R],
    k: usize,
    a: View<T>,
    b: View<T>,
) -> usize {
    // SAFETY: the caller's promise. A line behind the first elements of a column begins at most a vector behind them, and so
    // the lines that are read end with the depth.
    unsafe {
        step::<T, V, R, S, true>(sums, a, b, V::LANES);
        let (mut lines, mut low, mut shifts) = ([b.at; S], [V::zero(); S], [V::zero(); S]);
        for j in 0..S {
            let at = b.from(0, j).at;
            let before = at as usize % size_of::<V>() / size_of::<T>();
            lines[j] = at.wrapping_add(V::LANES - before);
            (low[j], shifts[j]) = (V::load(lines[j]), V::shift(before));
        }
        let mut p = V::LANES;
        while p + 2 * V::LANES <= k {
            let mut y = [V::zero(); S];
            for j in 0..S {
                let high = V::load(lines[j].wrapping_add(p));
                (y[j], low[j]) = (low[j].shifted(high, shifts[j]), high);
            }
            multiply::<T, V, R, S, true>(sums, a.from(0, p), y, V::LANES);
            p += V::LANES;
        }
        p
    }
}

/// Adds the products of one vector of each row and each column, of which the first `len` lanes are there.
#[inline(always)]
unsafe fn step<T: Float, V: Vector<T>, const R: usize, const S: usize, const WHOLE: bool>(
    sums: &mut [[V; S]; R],
    a: View<T>,
    b: View<T>,
    len: usize,
) {
    // SAFETY, of all: the caller's promise.
    let mut y = [unsafe { V::zero() }; S];
    for j in 0..S {
        y[j] = unsafe { load::<T, V, WHOLE>(b.from(0, j).at, len) };
    }
    unsafe { multiply::<T, V, R, S, WHOLE>(sums, a, y, len) }
}

/// Adds the products of one vector of each row, as in [`step`], and those of the columns.
#[inline(always)]
unsafe fn multiply<T: Float, V: Vector<T>, const R: usize, const S: usize, const WHOLE: bool>(
    sums: &mut [[V; S]; R],
    a: View<T>,
    y: [V; S],
    len: usize,
) {
    for i in 0..R {
        // SAFETY: the caller's promise.
        unsafe {
            let x: V = load::<T, V, WHOLE>(a.from(i, 0).at, len);
            for j in 0..S {
                sums[i][j] = x.mul_add(y[j], sums[i][j]);
            }
        }
    }
}

#[inline(always)]
unsafe fn load<T: Float, V: Vector<T>, const WHOLE: bool>(at: *const T, len: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { V::load(at) } else { V::load_first(at, len) } }
}
