//! Products of a small depth: sums of rows of b, which stay in registers while the rows of a pass by. There is so little to
//! do for an element of the output that the beginning and the end of a tile would take most of the time.

#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use super::NEAR;
use super::simd::{Vector, VectorKernel, WIDEST};
use super::tile::{Ahead, Block, LINE, Start, View};
use crate::float::Float;

/// The vectors of columns of which all rows of b fit into the registers, at a depth.
pub(super) const fn together(depth: usize, registers: usize) -> usize {
    match (depth, registers) {
        (ANY, _) => 2,
        (..9, 32) | (..5, _) => 3,
        (9..13, 32) | (5..7, _) => 2,
        _ => 1,
    }
}

/// Any depth: rows of b are read again for every four rows of a.
const ANY: usize = 0;

/// The rows that are written at a time where the output is larger than the first cache, or rows are longer than so many bytes:
/// a line of which two groups of columns have a part is still there when the second one comes.
const ROWS: usize = 32;
const LONG: usize = 1 << 10;

/// As above, where rows begin whole pages apart, or nearly so, and their lines all compete for the same few places of the
/// first cache; or where they do not begin with a line, and a small depth leaves little to do but write.
const FEW: usize = 8;
const PAGE: usize = 4096;
const NEARLY: usize = 32;

/// The bytes of a row from which on it is worth beginning with a part of a vector, so that the others are whole lines.
const BY_LINES: usize = 3 << 9;

/// The rows that a task is cut at, so that it has some of each distance from the beginning of a line.
pub(super) const TASK: usize = 64;

/// c = start + scale·(a·b), or c = a·b, for a depth of at most [`Vector::SHALLOW`]. The rows of b must be contiguous.
///
/// The bits are those of the outer-product tile: a chain of multiply-adds from zero, and then `start`.
#[derive(Clone, Copy)]
pub(super) struct Shallow<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
    /// What the product is multiplied by before something is added to it.
    pub(super) scale: T,
    /// What is fetched while a row is summed.
    pub(super) ahead: Ahead<T>,
}

/// Whether vectors of several rows of the output are worth their making.
fn packs(rows: usize, cols: usize, lanes: usize) -> bool {
    cols < lanes && cols.is_power_of_two() && rows >= 64
}

impl<T: Float> VectorKernel<T> for Shallow<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Shallow { k, a, c, .. } = self;
        macro_rules! depths {
            ($($depth:literal)*) => {
                match k {
                    $(
                        // SAFETY: the caller's promise.
                        $depth if const { $depth <= V::HELD } => unsafe { V::call(OfDepth::<T, $depth>(self)) },
                    )*
                    _ => unreachable!(),
                }
            };
        }
        if k == 1 && packs(c.rows, c.cols, V::LANES) && a.row == 1 && c.stride == c.cols {
            // SAFETY: the caller's promise.
            return unsafe { self.several_rows::<V>() };
        }
        if k > V::HELD {
            // SAFETY: the caller's promise.
            return unsafe { V::call(OfDepth::<T, ANY>(self)) };
        }
        depths! { 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 }
    }
}

impl<T: Float> Shallow<T> {
    /// Vectors of several rows of the output, which lie one after the other, as the column of a does.
    #[inline(always)]
    unsafe fn several_rows<V: Vector<T>>(self) {
        let Shallow { a, b, c, scale, .. } = self;
        let together = V::LANES / c.cols;
        // SAFETY: the caller's promise; the rows from i on are so many elements.
        unsafe {
            let y = repeated::<T, V>(b.at, c.cols);
            let scale = V::splat(&raw const scale);
            let bias = match c.start {
                Start::At { from, row: 0 } => repeated(from, c.cols),
                _ => V::zero(),
            };
            for i in (0..c.rows).step_by(together) {
                let rows = together.min(c.rows - i);
                let (first, len) = (i * c.cols, rows * c.cols);
                let mut x = V::load_first(a.from(i, 0).at, rows);
                for _ in 0..c.cols.trailing_zeros() {
                    x = x.zip(x).0;
                }
                let start = match c.start {
                    Start::At { from, row: 1.. } => V::load_first(from.wrapping_add(first), len),
                    _ => bias,
                };
                start.add(x.mul_add(y, V::zero()).mul(scale)).store_first(c.at.wrapping_add(first), len);
            }
        }
    }
}

impl<T: Float> Shallow<T> {
    /// R rows of the output from row `i` on, which have N vectors.
    #[inline(always)]
    unsafe fn write_rows<V: Vector<T>, const N: usize, const R: usize>(&self, i: usize) {
        let Shallow { k, a, b, c, ahead, .. } = *self;
        let last = c.cols - (N - 1) * V::LANES;
        // SAFETY: the caller's promise; rows of a have k elements, and those of b and c as many columns as c.
        unsafe {
            let (mut x, mut y) = (a.from(i, 0), b.at);
            let mut sums = [[V::zero(); N]; R];
            for _ in 0..k {
                let row: [V; N] = load_row(y, last);
                for r in 0..R {
                    let x = V::splat(x.from(r, 0).at);
                    for v in 0..N {
                        sums[r][v] = x.mul_add(row[v], sums[r][v]);
                    }
                }
                (x, y) = (x.from(0, 1), y.wrapping_add(b.row));
            }
            if !ahead.is_none() {
                for r in 0..R {
                    ahead.prefetch_row::<V, N>(i + r, std::array::from_fn(|v| v * V::LANES));
                }
            }
            if let Start::At { from, row } = c.start {
                let scale = V::splat(&raw const self.scale);
                for r in 0..R {
                    sums[r] = add_rows(load_row(from.wrapping_add((i + r) * row), last), sums[r], scale);
                }
            }
            for r in 0..R {
                store_row(sums[r], c.at.wrapping_add((i + r) * c.stride), last);
            }
        }
    }
}

/// A product of a depth that the compiler knows, or of [`ANY`].
struct OfDepth<T, const K: usize>(Shallow<T>);

impl<T: Float, const K: usize> VectorKernel<T> for OfDepth<T, K> {
    /// All vectors of columns at once where their rows of b fit into the registers, else some after the other.
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Shallow { k, a, c, mut ahead, .. } = self.0;
        let row = size_of::<T>() * c.stride;
        let far = row * c.rows > NEAR;
        let at_once = c.cols <= const { together(K, V::REGISTERS) } * V::LANES;
        let unaligned = !row.is_multiple_of(LINE);
        // So many rows further on, one begins at the same place of a vector. Beyond the first cache, vectors that lie in two
        // lines take half as long again to write; but for each place, b is read again.
        let period = const { size_of::<V>() } >> row.trailing_zeros().min(size_of::<V>().ilog2());
        let by_lines = !at_once && far && row > BY_LINES && period > 1 && 8 * c.rows >= 3 * k * period;
        let apart = if by_lines { period } else { 1 };
        let compete = (row + NEARLY) % PAGE < 2 * NEARLY || k < 8 && unaligned;
        let most = match !at_once && (row > LONG || far) {
            true if compete && apart == 1 => FEW,
            true if K == ANY => 4 * ROWS,
            true => ROWS,
            false => c.rows,
        };
        // Lines that take long enough to compute arrive in time by themselves, and those that are written as a whole.
        if ahead.is_none() && k < 8 && far && (row <= LONG || unaligned && apart == 1) {
            ahead = Ahead::of(c.part(FEW, 0, 0, 0));
        }
        for first in (0..c.rows).step_by(most * apart) {
            for i in first..c.rows.min(first + apart) {
                let rows = most.min((c.rows - i).div_ceil(apart));
                let (a, c) = (a.from(i, 0).every(apart), c.part(i, 0, rows, c.cols).every(apart));
                let part = Shallow { a, c, ahead: ahead.from(i, 0).every(apart), ..self.0 };
                // SAFETY: the caller's promise; the parts lie inside the block.
                unsafe { OfDepth::<T, K>(part).all::<V>(apart > 1) }
            }
        }
    }
}

impl<T: Float, const K: usize> OfDepth<T, K> {
    /// Some vectors of columns after the other, if `by_lines` from where a vector would be aligned. There is one place that
    /// calls for them, since each would be compiled again.
    #[inline(always)]
    unsafe fn all<V: Vector<T>>(&self, by_lines: bool) {
        let (c, most) = (self.0.c, const { together(K, V::REGISTERS) });
        // The sums of several rows need registers beside them; a single one saves calls.
        let some = if c.rows == 1 { most } else { most.min(2) };
        let head = if by_lines { (c.at as usize).wrapping_neg() % size_of::<V>() / size_of::<T>() } else { 0 };
        // Where nothing is added to the output, vectors that begin or end among others are faster than a mask.
        let overlap = matches!(c.start, Start::Zero);
        let mut j = 0;
        while j < c.cols {
            let left = (c.cols - j).div_ceil(V::LANES);
            let (begin, end, next) = match () {
                _ if j < head && overlap => (0, V::LANES, head),
                _ if j < head => (0, head, head),
                _ if left > most => (j, j + some * V::LANES, j + some * V::LANES),
                _ if j > 0 && overlap => (c.cols - left * V::LANES, c.cols, c.cols),
                _ => (j, c.cols, c.cols),
            };
            // SAFETY: the caller's promise.
            unsafe { self.some::<V>(begin, end - begin) }
            j = next;
        }
    }

    #[inline(always)]
    unsafe fn some<V: Vector<T>>(&self, j: usize, cols: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match cols.div_ceil(V::LANES) {
                1 if const { K == ANY } => self.down_by_fours::<V, 1>(j, cols),
                2 if const { K == ANY } => self.down_by_fours::<V, 2>(j, cols),
                1 => self.down::<V, 1>(j, cols),
                2 if const { together(K, V::REGISTERS) >= 2 } => self.down::<V, 2>(j, cols),
                3 if const { together(K, V::REGISTERS) >= 3 } => self.down::<V, 3>(j, cols),
                _ => unreachable!(),
            }
        }
    }

    /// `cols` columns from `j` on, which are N vectors, of which the last may not be full.
    ///
    /// If they are all that there are, and nothing is added to them, then each row is written with full vectors, and what
    /// lies behind it is overwritten by the next rows: that is faster than a mask.
    #[inline(always)]
    unsafe fn down<V: Vector<T>, const N: usize>(&self, j: usize, cols: usize) {
        let (b, c, ahead) = (self.0.b.from(0, j), self.0.c.part(0, j, self.0.c.rows, cols), self.0.ahead.from(0, j));
        let last = cols - (N - 1) * V::LANES;
        // A division takes as long as the product of a few elements.
        let full = match () {
            _ if last == V::LANES => c.rows,
            _ if c.stride == cols => c.rows.saturating_sub((V::LANES - last).div_ceil(cols)),
            _ => 0,
        };
        // SAFETY: row i of a has K elements, and b and c have so many columns. The rows behind a full one have the elements
        // that it writes too many.
        unsafe {
            let scale = V::splat(&raw const self.0.scale);
            let mut y = [[V::zero(); N]; K];
            for p in 0..K {
                y[p] = load_row(b.from(p, 0).at, last);
            }
            let columns = std::array::from_fn(|v| v * V::LANES);
            let mut first = 0;
            if let Start::Zero = c.start {
                for i in 0..full {
                    let (sums, to) = (self.sum_of_rows(i, y), c.at.wrapping_add(i * c.stride));
                    if !ahead.is_none() {
                        ahead.prefetch_row::<V, N>(i, columns);
                    }
                    for v in 0..N {
                        sums[v].store(to.wrapping_add(v * V::LANES));
                    }
                }
                first = full;
            }
            for i in first..c.rows {
                let (sums, to) = (self.sum_of_rows(i, y), c.at.wrapping_add(i * c.stride));
                if !ahead.is_none() {
                    ahead.prefetch_row::<V, N>(i, columns);
                }
                let row = match c.start {
                    Start::Zero => sums,
                    Start::At { from, row } => add_rows(load_row(from.wrapping_add(i * row), last), sums, scale),
                };
                store_row(row, to, last);
            }
        }
    }

    /// As [`down`](OfDepth::down), with the sums of four rows in registers in place of the rows of b.
    #[inline(always)]
    unsafe fn down_by_fours<V: Vector<T>, const N: usize>(&self, j: usize, cols: usize) {
        let c = self.0.c.part(0, j, self.0.c.rows, cols);
        let part = Shallow { b: self.0.b.from(0, j), c, ahead: self.0.ahead.from(0, j), ..self.0 };
        let mut i = 0;
        // SAFETY: the caller's promise; the rows are those of the block.
        unsafe {
            while i + 4 <= c.rows {
                part.write_rows::<V, N, 4>(i);
                i += 4;
            }
            match c.rows - i {
                3 => part.write_rows::<V, N, 3>(i),
                2 => part.write_rows::<V, N, 2>(i),
                1 => part.write_rows::<V, N, 1>(i),
                _ => {}
            }
        }
    }

    /// The product of row `i` of a.
    #[inline(always)]
    unsafe fn sum_of_rows<V: Vector<T>, const N: usize>(&self, i: usize, y: [[V; N]; K]) -> [V; N] {
        // SAFETY: row i of a has K elements.
        unsafe {
            let mut sums = [V::zero(); N];
            for p in 0..K {
                let x = V::splat(self.0.a.from(i, p).at);
                for v in 0..N {
                    sums[v] = x.mul_add(y[p][v], sums[v]);
                }
            }
            sums
        }
    }
}

/// A row of N vectors, of which the last has `last` elements.
#[inline(always)]
unsafe fn load_row<T: Float, V: Vector<T>, const N: usize>(from: *const T, last: usize) -> [V; N] {
    // SAFETY: `from` is valid for N − 1 vectors and `last` elements.
    unsafe {
        let mut row = [V::zero(); N];
        for v in 0..N - 1 {
            row[v] = V::load(from.wrapping_add(v * V::LANES));
        }
        row[N - 1] = V::load_first(from.wrapping_add((N - 1) * V::LANES), last);
        row
    }
}

/// x + scale·y.
#[inline(always)]
unsafe fn add_rows<T: Float, V: Vector<T>, const N: usize>(x: [V; N], y: [V; N], scale: V) -> [V; N] {
    let mut sums = x;
    for v in 0..N {
        // SAFETY: the processor has the instruction set, as the caller promises.
        sums[v] = unsafe { x[v].add(y[v].mul(scale)) };
    }
    sums
}

/// Writes a row of N vectors, of which the last has `last` elements.
#[inline(always)]
unsafe fn store_row<T: Float, V: Vector<T>, const N: usize>(row: [V; N], to: *mut T, last: usize) {
    // SAFETY: `to` is valid for N − 1 vectors and `last` elements.
    unsafe {
        for v in 0..N - 1 {
            row[v].store(to.wrapping_add(v * V::LANES));
        }
        row[N - 1].store_first(to.wrapping_add((N - 1) * V::LANES), last);
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
