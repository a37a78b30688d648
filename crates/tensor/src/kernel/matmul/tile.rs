//! The register tile of outer products, and what it works on.
//!
//! The loops count, and do not walk over arrays: there are some 180 tiles, and of each the compiler would have to read the
//! iterators again.
#![allow(clippy::needless_range_loop, reason = "what counts compiles faster than what walks over arrays")]

use std::hint::black_box;

use super::simd::{Vector, VectorKernel};
use super::{FAR, NEAR};
use crate::float::Float;

/// Where a matrix begins, and its strides.
#[derive(Clone, Copy)]
pub(super) struct View<T> {
    pub(super) at: *const T,
    pub(super) row: usize,
    pub(super) col: usize,
}

// SAFETY: it stands for a shared slice.
unsafe impl<T: Sync> Sync for View<T> {}

impl<T> View<T> {
    /// The view that begins at element (i, j), which may lie behind the end while nothing is read there.
    #[inline(always)]
    pub(super) fn from(self, i: usize, j: usize) -> View<T> {
        View { at: self.at.wrapping_add(i * self.row + j * self.col), ..self }
    }

    /// The view of every `apart`-th row.
    #[inline(always)]
    pub(super) fn every(self, apart: usize) -> View<T> {
        View { row: self.row * apart, ..self }
    }

    /// Asks for a row's vectors, which begin at these columns, by their ends: where one lies in two lines, the first is also the
    /// last of the vector before it, or of the panel before.
    #[inline(always)]
    unsafe fn prefetch_row<V: Vector<T>, const N: usize>(self, i: usize, columns: [usize; N])
    where
        T: Float,
    {
        for v in 0..N {
            // SAFETY: the processor has the instruction set, as the caller promises.
            unsafe { V::prefetch(self.from(i, columns[v] + V::LANES - 1).at) }
        }
    }

    pub(super) fn transposed(self) -> View<T> {
        View { at: self.at, row: self.col, col: self.row }
    }
}

/// The rows of b that a tile multiplies: so many runs of rows that are a [`View::row`] apart, from the beginning of one
/// run to that of the next a distance of its own.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    pub(super) runs: usize,
    pub(super) run: usize,
    pub(super) apart: usize,
}

impl Depth {
    #[inline(always)]
    pub(super) fn one_run(run: usize) -> Depth {
        Depth { runs: 1, run, apart: 0 }
    }

    #[inline(always)]
    pub(super) fn rows(self) -> usize {
        self.runs * self.run
    }
}

/// What a block of the product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<T> {
    Zero,
    /// Elements whose rows are `row` apart: the output itself, or with 0 a bias.
    At {
        from: *const T,
        row: usize,
    },
}

impl<T> Start<T> {
    /// What the block that begins at (i, j) is added to.
    #[inline(always)]
    pub(super) fn from(self, i: usize, j: usize) -> Start<T> {
        match self {
            Start::Zero => Start::Zero,
            Start::At { from, row } => Start::At { from: from.wrapping_add(i * row + j), row },
        }
    }
}

/// A block of the output: `rows` × `cols`, with the distance between rows.
#[derive(Clone, Copy)]
pub(super) struct Block<T> {
    pub(super) at: *mut T,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) start: Start<T>,
}

// SAFETY: it stands for a mutable slice, of which every thread gets parts of its own, and maybe for a shared bias.
unsafe impl<T: Send + Sync> Sync for Block<T> {}

impl<T> Block<T> {
    /// `rows` × `cols` of it, beginning at (i, j).
    #[inline(always)]
    pub(super) fn part(self, i: usize, j: usize, rows: usize, cols: usize) -> Block<T> {
        let at = self.at.wrapping_add(i * self.stride + j);
        Block { at, stride: self.stride, rows, cols, start: self.start.from(i, j) }
    }

    /// As many rows, but only every `apart`-th one.
    #[inline(always)]
    pub(super) fn every(self, apart: usize) -> Block<T> {
        let start = match self.start {
            Start::Zero => Start::Zero,
            Start::At { from, row } => Start::At { from, row: row * apart },
        };
        Block { stride: self.stride * apart, start, ..self }
    }

    /// The block, to be added to what it holds.
    #[inline(always)]
    pub(super) fn added_to(self) -> Block<T> {
        Block { start: Start::At { from: self.at, row: self.stride }, ..self }
    }

    /// A row as a column.
    #[inline(always)]
    pub(super) fn transposed_row(self) -> Block<T> {
        let start = match self.start {
            Start::Zero => Start::Zero,
            Start::At { from, .. } => Start::At { from, row: 1 },
        };
        Block { rows: self.cols, cols: 1, stride: 1, start, ..self }
    }
}

/// The vectors of columns of a tile. Few rows go with many, because a multiply-add takes four cycles or more, and the
/// processor needs eight at a time to be busy.
pub(super) const fn vectors(rows: usize, wide: bool) -> usize {
    match (rows, wide) {
        (1, true) => 16,
        (1, _) => 9,
        (2, true) => 10,
        (2, _) => 5,
        (3, true) => 7,
        (3, _) => 3,
        (4, true) => 5,
        (5..7, true) => 4,
        (7..10, true) => 3,
        _ => 2,
    }
}

/// The most vectors that a tile has.
pub(super) const MOST_VECTORS: usize = vectors(1, true);

/// c = start + a·b over a depth, for a block of at most `V::ROWS` rows and as many [`vectors`] of columns as these allow.
/// The rows of b are contiguous.
///
/// Element (i, j) is one chain of multiply-adds from zero, and then `start` is added: where in a tile the element
/// lies makes no difference to its bits.
///
/// a, b and the bias are valid for the sizes of the block and the depth, and the block for writing.
#[derive(Clone, Copy)]
pub(super) struct Outer<T> {
    pub(super) depth: Depth,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
    pub(super) ahead: Ahead<T>,
}

/// What is fetched while the products are summed: the elements of a block in one matrix, and maybe in a second one of the same
/// form, or nothing.
#[derive(Clone, Copy)]
pub(super) struct Ahead<T> {
    /// Null where there is none, as the second.
    pub(super) first: *const T,
    pub(super) second: *const T,
    pub(super) stride: usize,
}

// SAFETY: nothing is read or written there.
unsafe impl<T: Sync> Sync for Ahead<T> {}

impl<T> Ahead<T> {
    /// The output.
    #[inline(always)]
    pub(super) fn of(c: Block<T>) -> Ahead<T> {
        Ahead { first: c.at.cast_const(), second: std::ptr::null(), stride: c.stride }
    }

    pub(super) fn none() -> Ahead<T> {
        Ahead { first: std::ptr::null(), second: std::ptr::null(), stride: 0 }
    }

    #[inline(always)]
    pub(super) fn is_none(&self) -> bool {
        self.first.is_null()
    }

    /// What belongs to every `apart`-th row.
    #[inline(always)]
    pub(super) fn every(self, apart: usize) -> Ahead<T> {
        Ahead { stride: self.stride * apart, ..self }
    }

    /// What belongs to the part that begins at (i, j).
    #[inline(always)]
    pub(super) fn from(self, i: usize, j: usize) -> Ahead<T> {
        let further = |at: *const T| if at.is_null() { at } else { at.wrapping_add(i * self.stride + j) };
        Ahead { first: further(self.first), second: further(self.second), stride: self.stride }
    }

    #[inline(always)]
    pub(super) unsafe fn prefetch_row<V: Vector<T>, const N: usize>(self, i: usize, columns: [usize; N])
    where
        T: Float,
    {
        let view = |at| View { at, row: self.stride, col: 1 };
        // SAFETY: the caller's promise.
        unsafe {
            view(self.first).prefetch_row::<V, N>(i, columns);
            if !self.second.is_null() {
                view(self.second).prefetch_row::<V, N>(i, columns);
            }
        }
    }
}

impl<T: Copy> Outer<T> {
    /// A block whose output is fetched in advance.
    #[inline(always)]
    pub(super) fn new(depth: Depth, a: View<T>, b: View<T>, c: Block<T>) -> Outer<T> {
        Outer { depth, a, b, c, ahead: Ahead::of(c) }
    }
}

impl<T: Float> VectorKernel<T> for Outer<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let (rows, cols) = (self.c.rows, self.c.cols);
        debug_assert!((1..=V::ROWS).contains(&rows) && (1..=vectors(rows, V::WIDE) * V::LANES).contains(&cols));
        debug_assert!(self.b.col == 1 || self.depth.rows() == 0);
        macro_rules! tiles {
            ($($rows:literal: $($vectors:literal)*;)*) => {
                match (rows, cols.div_ceil(V::LANES)) {
                    $($(
                        // SAFETY: the caller's promise.
                        ($rows, $vectors) if const { $rows <= V::ROWS && $vectors <= vectors($rows, V::WIDE) } => unsafe {
                            V::call(OuterTile::<T, $rows, $vectors>(self))
                        },
                    )*)*
                    _ => unreachable!(),
                }
            };
        }
        tiles! {
            1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16;
            2: 1 2 3 4 5 6 7 8 9 10;
            3: 1 2 3 4 5 6 7;
            4: 1 2 3 4 5;
            5: 1 2 3 4; 6: 1 2 3 4;
            7: 1 2 3; 8: 1 2 3; 9: 1 2 3;
            10: 1 2; 11: 1 2; 12: 1 2;
        }
    }
}

/// Does something for each row of a tile. Not by a loop: where the compiler does not unroll one, it keeps the sums in
/// memory.
macro_rules! rows {
    ($count:ident, $i:ident => $body:block) => {
        rows!($count, $i => $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    ($count:ident, $i:ident => $body:block, $($number:literal)*) => {
        $(if const { $number < $count } {
            let $i: usize = $number;
            $body
        })*
    };
}

/// The depth from which on the output is fetched while the products are summed. From so many times the tile's rows on it is
/// fetched row by row: a and b would have to wait for all of it.
const PREFETCH: usize = 32;
const SPREAD: usize = 8;

/// Where a tile has few rows, and b is larger than the first cache, vectors that lie in two lines wait for both: their rows are
/// fetched so many in advance.
const FEW: usize = 3;
const AHEAD: usize = 4;

/// The rows of b that are fetched in advance for taller tiles: only a part of a panel stays in the first cache until the next
/// tile. Where a vector is less than a line, there would be more fetches than lines.
const AHEAD_OF_TALL: usize = 8;
pub(super) const LINE: usize = 64;

/// A tile of R rows and N vectors of columns.
struct OuterTile<T, const R: usize, const N: usize>(Outer<T>);

impl<T: Float, const R: usize, const N: usize> VectorKernel<T> for OuterTile<T, R, N> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Outer { depth, a, mut b, c, ahead } = self.0;
        // The last of several vectors ends with the last column, and may begin among those of the vector before it: a mask
        // takes as long as a multiply-add.
        let mut columns = [0; N];
        for v in 1..N {
            columns[v] = if v == N - 1 { c.cols - V::LANES } else { v * V::LANES };
        }
        // SAFETY: the caller's promise; the block has N vectors of columns, of which the last may not be full.
        unsafe {
            let spread = depth.run >= SPREAD * R;
            if depth.rows() >= PREFETCH && !spread {
                for i in 0..R {
                    ahead.prefetch_row::<V, N>(i, columns);
                }
            }
            let mut sums = Sums([[V::zero(); N]; R]);
            // One pointer for every three rows: an instruction adds one row or two to it, and four are enough for
            // twelve. The compiler must not know how they are related, or it makes a single chain of additions of all
            // addresses.
            let mut heads = [a.at; 4];
            for head in 0..4 {
                heads[head] = black_box(a.at.wrapping_add(3 * head * a.row));
            }
            let (unaligned, bytes) = (!b.row.is_multiple_of(V::LANES), depth.rows() * b.row * size_of::<T>());
            let far = unaligned && bytes > NEAR;
            // Beyond the second cache, rows are better fetched in advance. The lines of the first row and the last may lie
            // outside of b; those of the others, which are a line apart or more, do not.
            let apart = unaligned && depth.runs == 1 && b.row >= V::LANES;
            let by_lines = const { V::SHIFTS && R == 1 && N > 2 } && apart && bytes <= 2 * FAR;
            let ends = [b.at, b.from(depth.run.max(1) - 1, 0).at];
            let (at_a_time, mut fetched) = (if spread { depth.run / R } else { depth.run }, 0);
            for _ in 0..depth.runs {
                let (mut row, mut left) = (b, depth.run);
                while left > 0 {
                    if spread && fetched < R {
                        ahead.prefetch_row::<V, N>(fetched, columns);
                        fetched += 1;
                    }
                    let count = left.min(at_a_time);
                    left -= count;
                    for _ in 0..count {
                        if const { R > FEW && size_of::<V>() >= LINE } {
                            row.prefetch_row::<V, N>(AHEAD_OF_TALL, columns);
                        } else if R <= FEW && far && !by_lines {
                            row.prefetch_row::<V, N>(AHEAD, columns);
                        }
                        let y = match by_lines && !ends.contains(&row.at) {
                            true => load_lines::<T, V, N>(row.at, columns[N - 1]),
                            false => {
                                let mut y = [V::zero(); N];
                                for v in 0..N {
                                    y[v] = load::<T, V, N>(row.at.wrapping_add(columns[v]), c.cols);
                                }
                                y
                            }
                        };
                        rows!(R, i => { sums.multiply(i, heads[i / 3].wrapping_add(i % 3 * a.row), y) });
                        for head in 0..4 {
                            heads[head] = heads[head].wrapping_add(a.col);
                        }
                        row = row.from(1, 0);
                    }
                }
                b.at = b.at.wrapping_add(depth.apart);
            }
            // All of what it is added to is read before any is written, which may be the same.
            if let Start::At { from, row } = c.start {
                rows!(R, i => { sums.add(i, from.wrapping_add(i * row), columns, c.cols) });
            }
            rows!(R, i => { sums.store(i, c.at.wrapping_add(i * c.stride), columns, c.cols) });
        }
    }
}

/// N vectors of a row that does not begin with a line, put together from whole ones but for the last.
#[inline(always)]
unsafe fn load_lines<T: Float, V: Vector<T>, const N: usize>(row: *const T, last: usize) -> [V; N] {
    // SAFETY: the caller's promise, which holds for the lines that the row begins and ends in as well.
    unsafe {
        let before = row as usize % size_of::<V>() / size_of::<T>();
        let (lines, shift) = (row.wrapping_sub(before), V::shift(before));
        let (mut y, mut low) = ([V::zero(); N], V::load(lines));
        for v in 0..N - 1 {
            let next = V::load(lines.wrapping_add((v + 1) * V::LANES));
            (y[v], low) = (low.shifted(next, shift), next);
        }
        y[N - 1] = V::load(row.wrapping_add(last));
        y
    }
}

/// The sums of a tile.
struct Sums<V, const R: usize, const N: usize>([[V; N]; R]);

impl<V: Copy, const R: usize, const N: usize> Sums<V, R, N> {
    // SAFETY, of all: the caller's promise.
    #[inline(always)]
    unsafe fn multiply<T: Float>(&mut self, i: usize, x: *const T, y: [V; N])
    where
        V: Vector<T>,
    {
        unsafe {
            let x = V::splat(x);
            for v in 0..N {
                self.0[i][v] = x.mul_add(y[v], self.0[i][v]);
            }
        }
    }

    #[inline(always)]
    unsafe fn add<T: Float>(&mut self, i: usize, from: *const T, columns: [usize; N], cols: usize)
    where
        V: Vector<T>,
    {
        for v in 0..N {
            self.0[i][v] = unsafe { load::<T, V, N>(from.wrapping_add(columns[v]), cols).add(self.0[i][v]) };
        }
    }

    #[inline(always)]
    unsafe fn store<T: Float>(&self, i: usize, to: *mut T, columns: [usize; N], cols: usize)
    where
        V: Vector<T>,
    {
        for v in 0..N {
            let (to, sum) = (to.wrapping_add(columns[v]), self.0[i][v]);
            unsafe { if const { N > 1 } { sum.store(to) } else { sum.store_first(to, cols) } }
        }
    }
}

/// A vector of a row, which has `cols` elements where it is the only one.
#[inline(always)]
unsafe fn load<T: Float, V: Vector<T>, const N: usize>(from: *const T, cols: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { if const { N > 1 } { V::load(from) } else { V::load_first(from, cols) } }
}
