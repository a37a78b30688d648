//! Products that are handed on block by block, as soon as a block is finished and while it is in the first caches: what is
//! read only once, as a gradient is by an optimizer, need not be written to memory and fetched back.

use super::panels::{self, Shares};
use super::tile::{Ahead, Block, Start};
use super::{COL_UNIT, Mat, NEAR, Product, part, sizes};
use crate::float::Float;
use crate::kernel::cpu::{Isa, isa};
use crate::kernel::split;
use crate::storage::Storage;

/// A block of a product that is finished: some rows and columns, from (`row`, `col`) on.
#[doc(hidden)]
#[allow(unreachable_pub, reason = "a public trait names it that nobody else can call")]
pub struct Finished<'a, T> {
    pub(crate) row: usize,
    pub(crate) col: usize,
    pub(crate) cols: usize,
    /// Row after row.
    pub(crate) data: &'a [T],
}

/// Takes the blocks of a product, on any thread.
pub struct Taker<'a, T> {
    pub(super) take: &'a (dyn Fn(Finished<'_, T>) + Sync),
    /// What it reads, which is fetched while the products are summed.
    pub(super) reads: Ahead<T>,
}

impl<'a, T: Copy> Taker<'a, T> {
    /// `reads` are where two matrices of the product's form begin, row after row of `cols` elements, that `take` reads as much
    /// of; the second may be null, or both.
    pub(crate) fn new(
        take: &'a (dyn Fn(Finished<'_, T>) + Sync),
        [first, second]: [*const T; 2],
        cols: usize,
    ) -> Taker<'a, T> {
        Taker { take, reads: Ahead { first, second, stride: cols } }
    }

    /// Calls `f` with what takes the blocks of the part of the product that begins at (i, j).
    pub(super) fn from(&self, i: usize, j: usize, f: impl FnOnce(&Taker<'_, T>)) {
        let take = |block: Finished<'_, T>| {
            (self.take)(Finished { row: block.row + i, col: block.col + j, ..block });
        };
        f(&Taker { take: &take, reads: self.reads.from(i, j) });
    }
}

/// Hands a·b to `taker` block by block, each element once, with the bits of [`matmul`](super::matmul). Where the product's
/// kernel does not finish one block after the other, nothing is done, and the result is false.
///
/// # Panics
/// If the sizes do not match or a matrix exceeds its slice.
pub(crate) fn matmul_by_blocks<T: Float>(a: Mat<'_, T>, b: Mat<'_, T>, taker: &Taker<'_, T>) -> bool {
    by_blocks_on(isa(), a, b, taker)
}

/// The same on an instruction set that the processor has.
pub(super) fn by_blocks_on<T: Float>(isa: Isa, a: Mat<'_, T>, b: Mat<'_, T>, taker: &Taker<'_, T>) -> bool {
    let [m, n] = sizes(a, b);
    // There is no output: each block is written to a room of its own.
    let c = Block { at: std::ptr::null_mut(), stride: n, rows: m, cols: n, start: Start::Zero };
    m > 1 && n > 1 && T::by_blocks(Product::new(isa, a, b, c), taker)
}

/// The rows of a block of a small depth, which takes less than half of the first cache. Each has the rows of b read again.
const HIGH: usize = 16;

impl<T: Float> Product<T> {
    /// By the kernel that [`compute_all`](Product::compute_all) chooses, or not at all.
    pub(super) fn compute_by_blocks(self, taker: &Taker<'_, T>) -> bool {
        match () {
            _ if self.has_kernel_of_its_own() || self.k > panels::DEPTH => return false,
            _ if self.sums_rows() => self.shallow_by_blocks(taker),
            _ if self.is_shallow() && !self.is_row_of_one_tile() || self.turns_for_dots() => return false,
            _ => {
                let (tasks, nanoseconds) = self.tasks();
                self.by_panels(tasks, nanoseconds, Some(taker));
            }
        }
        true
    }

    /// Rows as sums of rows of b, some rows and columns after the other.
    fn shallow_by_blocks(self, taker: &Taker<'_, T>) {
        let Product { a, b, c, .. } = self;
        let rows = Shares::new(c.rows, HIGH);
        let high = rows.part(0).1;
        let cols = Shares::new(c.cols.div_ceil(COL_UNIT), NEAR / 2 / (high * COL_UNIT * size_of::<T>()));
        let (tasks, nanoseconds) = self.tasks();
        let tasks = tasks.min(rows.count());
        split::each_long(tasks, nanoseconds, &|task| {
            let (begin, len) = part(rows.count(), tasks, task, 1);
            let mut room = Storage::Empty;
            let room = panels::room(&mut room, high * cols.part(0).1 * COL_UNIT);
            for number in 0..len * cols.count() {
                let (i, j) = (number / cols.count(), number % cols.count());
                let ((row, high), (first, units)) = (rows.part(begin + i), cols.part(j));
                let col = first * COL_UNIT;
                let wide = (units * COL_UNIT).min(c.cols - col);
                let c = Block { at: room.as_mut_ptr(), stride: wide, ..c.part(row, col, high, wide) };
                Product { a: a.from(row, 0), b: b.from(0, col), c, ..self }.shallow_alone(taker.reads.from(row, col));
                (taker.take)(Finished { row, col, cols: wide, data: &room[..high * wide] });
            }
        });
    }
}
