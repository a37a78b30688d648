//! x·Wᵀ of few rows as the transpose of W·xᵀ: the small x is turned and not the large W, whose rows the tiles read where they
//! lie. Their sums are turned as they are written.

use super::super::pack::{interleave, load_columns};
use super::super::simd::{self, Vector, VectorKernel};
use super::super::tile::{Block, Start, View};
use super::super::{FAR, Product, part, rest};
use super::{Copies, DEPTH, Grid, Panels, Part, Shares, room, width};
use crate::float::Float;
use crate::kernel::split;
use crate::storage::Storage;

/// The elements of x that are copied at most, and those of the output that are turned at a time, which stay in the second
/// cache.
const COPIED: usize = 1 << 22;
const TURNED: usize = 1 << 18;

/// The elements between the rows that wait to be turned, since distances of whole pages displace each other.
const GAP: usize = 16;

/// The nanoseconds from which on all threads turn x together, before any multiplies: below, each turns what it needs.
const TOGETHER: usize = 1_600_000;

impl<T: Float> Product<T> {
    /// Whether it takes less time than turning the columns of b for tiles, by estimates in twentieths of a cycle.
    pub(in super::super) fn suits_turned(&self) -> bool {
        let (rows, cols, k, lanes) = (self.c.rows, self.c.cols, self.k, simd::lanes::<T>(self.isa));
        // Half a cycle for a vector, and somewhat more for one that has no other beside it.
        let tiles = |rows: usize, cols: usize| {
            let vectors = cols.div_ceil(lanes);
            rows.saturating_mul(10 * vectors + 3 * (vectors % 2))
        };
        // Where W comes from beyond the second cache, also the tiles that read it wait; a copy of x that is larger has to come
        // back. The last columns along the depth are not a vector of their own, but as much of one as they are.
        let far = |len: usize| len.saturating_mul(k).saturating_mul(size_of::<T>()) > FAR;
        let (copied, read) = if far(cols) { (15, 4) } else { (10, 0) };
        let turn = if far(rows) { 25 } else { 10 };
        let rest = rest::columns(self);
        let along =
            tiles(rows, cols - rest).saturating_add(2 * rest * rows).saturating_add(cols.saturating_mul(copied));
        let turned =
            tiles(cols, rows).saturating_add(rows.saturating_mul(turn)).saturating_add(cols.saturating_mul(read));
        let turned = turned.saturating_mul(k).saturating_add(rows.saturating_mul(cols).saturating_mul(12));
        rows.saturating_mul(k) <= COPIED && turned < along.saturating_mul(k)
    }

    /// The product by tiles of its transpose, in at least so many tasks.
    pub(in super::super) fn by_turned_panels(self, tasks: usize, nanoseconds: usize) {
        if tasks > 1 && nanoseconds < TOGETHER {
            return self.in_turned_parts(tasks, nanoseconds);
        }
        let Product { isa, k, a, b, c, .. } = self;
        let lanes = simd::lanes::<T>(isa);
        let (depths, rows) = (Shares::new(k, DEPTH), Shares::new(c.cols, simd::tile_rows::<T>(isa)));
        let turned = Block { rows: c.cols, cols: c.rows, stride: c.rows + GAP, start: Start::Zero, at: c.at };
        let width = width(turned, simd::wide::<T>(isa), lanes);
        let grid = Grid { a: b.transposed(), b: a.transposed(), c: turned, depths, rows, width, lanes };
        let whole = Part { depths: 0..depths.count(), rows: 0..rows.count(), cols: 0..c.rows };
        let mut copy = Storage::Empty;
        let to = room(&mut copy, grid.len_b(&whole));
        let copies = Copies { a: None, b: Some(View { at: to.as_ptr(), row: 0, col: 0 }) };
        self.copy(grid, &whole, None, Some(to), tasks > 1);
        let some = (TURNED / turned.stride / simd::tile_rows::<T>(isa)).max(1);
        let groups = Shares::new(rows.count(), some.min(rows.count().div_ceil(tasks)));
        split::each_long(groups.count(), nanoseconds, &|task| {
            let (first, count) = groups.part(task);
            let (begin, end) = (rows.part(first).0, rows.part(first + count).0);
            let mut sums = Storage::Empty;
            let at: *mut T = room(&mut sums, (end - begin) * grid.c.stride).as_mut_ptr();
            let mut grid = grid;
            grid.c.at = at.wrapping_sub(begin * grid.c.stride);
            let sums = View { at: at.cast_const(), row: 1, col: grid.c.stride };
            // SAFETY: the product is checked, the processor has the instruction set, the sums are this task's, and no other
            // writes these columns of c.
            unsafe {
                let rows = first..first + count;
                simd::run(isa, Panels { grid, part: &whole, copies, rows, cols: 0..c.rows, sink: None });
                simd::run(isa, WriteTurned { sums, to: c.part(0, begin, c.rows, end - begin) });
            }
        });
    }

    /// In as many products of their own as there are threads, because each turns all of x again. They are of different rows
    /// of W: it is the larger one, and the threads have changed it, so that each has to fetch what it reads from the others.
    fn in_turned_parts(self, tasks: usize, nanoseconds: usize) {
        let Product { isa, b, c, .. } = self;
        let parts = rayon_core::current_num_threads().min(tasks);
        split::each_long(parts, nanoseconds, &|task| {
            let (j, cols) = part(c.cols, parts, task, simd::tile_rows::<T>(isa));
            Product { b: b.from(0, j), c: c.part(0, j, c.rows, cols), ..self }.by_turned_panels(1, 0);
        });
    }
}

/// c = start + sums, whose columns are contiguous.
struct WriteTurned<T> {
    sums: View<T>,
    to: Block<T>,
}

impl<T: Float> VectorKernel<T> for WriteTurned<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match V::LANES {
                16 => self.by_squares::<V, 16>(),
                8 => self.by_squares::<V, 8>(),
                _ => self.by_squares::<V, 4>(),
            }
        }
    }
}

impl<T: Float> WriteTurned<T> {
    /// Square blocks are turned in registers.
    #[inline(always)]
    unsafe fn by_squares<V: Vector<T>, const N: usize>(self) {
        let WriteTurned { sums, to } = self;
        for i in (0..to.rows).step_by(N) {
            for j in (0..to.cols).step_by(N) {
                let (rows, cols) = (N.min(to.rows - i), N.min(to.cols - j));
                let (sums, to) = (sums.from(i, j), to.part(i, j, rows, cols));
                // SAFETY: the block has so many rows and columns; behind each of the columns there is room for a vector.
                unsafe {
                    for q in 0..N {
                        V::prefetch(to.at.wrapping_add((N + q) * to.stride));
                    }
                    let columns = load_columns::<T, V, N>(sums, cols, |at| V::load(at));
                    for (q, mut row) in interleave(columns, N.ilog2()).into_iter().enumerate().take(rows) {
                        let at = to.at.wrapping_add(q * to.stride);
                        if let Start::At { from, row: stride } = to.start {
                            let from = from.wrapping_add(q * stride);
                            row = if cols == N { V::load(from) } else { V::load_first(from, cols) }.add(row);
                        }
                        if cols == N { row.store(at) } else { row.store_first(at, cols) }
                    }
                }
            }
        }
    }
}
