//! Products by register tiles. Operands are copied first where that pays, block by block and by all threads together, into
//! panels that the tiles read from one end to the other; else they are read where they lie.

mod turned;

use std::ops::Range;

use super::blocks::{Finished, Taker};
use super::pack::{Pack, PackPanels};
use super::simd::{self, Vector, VectorKernel};
use super::tile::{Ahead, Block, Depth, LINE, MOST_VECTORS, Outer, Start, View, vectors};
use super::{Cut, Product};
use crate::float::Float;
use crate::kernel::cpu::second_cache;
use crate::kernel::split::{self, Parts};
use crate::storage::Storage;

/// The depth that is multiplied at a time: the deeper, the less often the output is read and written again. A panel of b then
/// comes from the second cache for each tile, in good time.
pub(super) const DEPTH: usize = 512;

/// The elements of b that are copied at a time, unless one [`DEPTH`] of its columns has more; its columns at most; and the
/// panels of a.
const PACKED: usize = 1 << 18;
const COLUMNS: usize = 4096;
const FEW: usize = 256;
const PANELS: usize = 128;

/// The rows of a from which on a large b is copied: earlier if its own rows, of so many bytes, are nearly a page.
const MANY_ROWS: usize = 512;
const MANY_FOR_LONG: usize = 160;
const LONG: usize = 3072;

/// The same where the row of a panel is a line or less: so many lines, each by itself, compete for places in the first cache.
/// A b of so few rows, or so few bytes, stays there all the same.
const MANY_FOR_LINES: usize = 64;
const DEEP: usize = 32;
const SMALL: usize = 1 << 16;

/// The bytes of b that the rows of a pass by before the next ones, at most: they stay in the second cache, of which they take
/// no more than half, and a tile's rows of a in the first, while the output is written along its rows.
const LASTING: usize = 3 << 18;

/// The nanoseconds from which on all threads copy operands together, before any multiplies: below, each copies what it needs
/// without waiting for others, though some copy the same.
const TOGETHER: usize = 400_000;

/// The panels of a that a task copies, whose columns are then long enough to read; those of b at most; and how many elements
/// are copied in a nanosecond.
const TASK_A: usize = 16;
const TASK_B: usize = 4;
const RATE: usize = 2;

/// A product, and how it falls into tiles.
#[derive(Clone, Copy)]
struct Grid<T> {
    a: View<T>,
    b: View<T>,
    c: Block<T>,
    /// The stretches of the depth, and the panels of rows.
    depths: Shares,
    rows: Shares,
    /// The columns of a panel, all but the last.
    width: usize,
    /// The elements of a vector.
    lanes: usize,
}

/// A part of a product: stretches of its depth, panels of its rows, and columns from one panel's beginning on.
#[derive(Clone)]
struct Part {
    depths: Range<usize>,
    rows: Range<usize>,
    cols: Range<usize>,
}

/// Where the operands of a part have been copied to, if they have.
#[derive(Clone, Copy)]
struct Copies<T> {
    a: Option<View<T>>,
    b: Option<View<T>>,
}

impl<T: Float> Product<T> {
    /// The product by register tiles, in at least so many tasks, of which one is not shared; `nanoseconds` is what it takes on
    /// one thread. With a taker, which takes a depth of at most [`DEPTH`], it is not written.
    pub(super) fn by_panels(self, tasks: usize, nanoseconds: usize, taker: Option<&Taker<'_, T>>) {
        let Product { isa, k, a, b, c, .. } = self;
        let lanes = simd::lanes::<T>(isa);
        let width = width(c, simd::wide::<T>(isa), lanes);
        let (depths, rows) = (Shares::new(k, DEPTH), Shares::new(c.rows, simd::tile_rows::<T>(isa)));
        let grid = Grid { a, b, c, depths, rows, width, lanes };
        // Without any depth, the output is still to be written, once.
        let (depths, rows) = (depths.count().max(1), rows.count());
        let (pack_a, pack_b) = (self.packs_a(), self.packs_b());
        if !pack_a && !pack_b {
            let whole = Part { depths: 0..depths, rows: 0..rows, cols: 0..c.cols };
            return self.multiply(grid, &whole, Copies { a: None, b: None }, tasks, nanoseconds, taker);
        }
        if tasks > 1 && nanoseconds < TOGETHER {
            // Whoever copies a alone has it for all columns.
            let unit = if pack_b { super::COL_UNIT } else { c.cols };
            return self.apart(Cut::new(c.rows, grid.rows.count(), c.cols, unit, tasks), grid.rows, nanoseconds, taker);
        }
        let (mut room_a, mut room_b) = (Storage::Empty, Storage::Empty);
        // Few rows need no more of b at a time than stays near; to many rows, or to a copy of them, it is to last.
        let near = if tasks == 1 && c.rows <= FEW { PACKED / 2 } else { PACKED };
        let most = if pack_a || tasks == 1 && c.rows > FEW { COLUMNS } else { near / DEPTH };
        let blocks = Shares::new(c.cols.div_ceil(width), most.div_ceil(width));
        for (first, count) in (0..blocks.count()).map(|block| blocks.part(block)) {
            let cols = first * width..c.cols.min((first + count) * width);
            let together = (near / (DEPTH * cols.len())).max(1);
            for first in (0..depths).step_by(together) {
                let depths = first..depths.min(first + together);
                for first in (0..rows).step_by(if pack_a { PANELS } else { rows }) {
                    let rows = first..rows.min(first + if pack_a { PANELS } else { rows });
                    let part = Part { depths: depths.clone(), rows, cols: cols.clone() };
                    let to_a = pack_a.then(|| room(&mut room_a, grid.len_a(&part)));
                    let to_b = pack_b.then(|| room(&mut room_b, grid.len_b(&part)));
                    let at = |to: &Option<&mut [T]>| to.as_ref().map(|to| View { at: to.as_ptr(), row: 0, col: 0 });
                    let copies = Copies { a: at(&to_a), b: at(&to_b) };
                    // The copy of b serves all rows.
                    self.copy(grid, &part, to_a, if first == 0 { to_b } else { None }, tasks > 1);
                    let multiplies = grid.depth(&part) * part.cols.len() * grid.height(&part);
                    self.multiply(grid, &part, copies, tasks, super::arithmetic::<T>(multiplies), taker);
                }
            }
        }
    }

    /// In tasks that are products of their own, each with its own copies.
    fn apart(self, cut: Cut, panels: Shares, nanoseconds: usize, taker: Option<&Taker<'_, T>>) {
        let Product { a, b, c, .. } = self;
        split::each_long(cut.tasks(), nanoseconds, &|task| {
            let ((j, cols), numbers) = (cut.columns(task), cut.panels(task));
            let i = panels.part(numbers.start).0;
            let rows = panels.part(numbers.end).0 - i;
            let product = Product { a: a.from(i, 0), b: b.from(0, j), c: c.part(i, j, rows, cols), ..self };
            match taker {
                Some(taker) => taker.from(i, j, |taker| product.by_panels(1, 0, Some(taker))),
                None => product.by_panels(1, 0, None),
            }
        });
    }

    /// Whether the rows of a are copied: where they meet many columns, and what a tile reads of them lies so far apart that it
    /// displaces itself from the first cache.
    fn packs_a(&self) -> bool {
        let (rows, cols, k) = (self.c.rows, self.c.cols, self.k);
        let apart = if self.a.row == 1 {
            let distance = self.a.col.saturating_mul(size_of::<T>());
            let (far, wide, deep) = (distance >= 2048, cols >= 256, k >= 112);
            wide && (far || deep && distance >= 1000) || far && deep && cols >= 96
        } else {
            cols >= 768 && (self.a.col != 1 || (self.a.row * size_of::<T>()).is_multiple_of(4096))
        };
        apart && k >= 32 && rows >= 24
    }

    /// Whether the columns of b are copied: where its rows are not contiguous, or enough rows read it, and from beyond the
    /// second cache; or where its panels are lines in many places.
    fn packs_b(&self) -> bool {
        let row = self.b.row.saturating_mul(size_of::<T>());
        let by_lines =
            vectors(usize::MAX, false) * simd::lanes::<T>(self.isa) * size_of::<T>() <= LINE && self.k >= DEEP;
        let (far, rows) = match () {
            _ if by_lines => (SMALL, MANY_FOR_LINES),
            _ if row > LONG => (super::FAR, MANY_FOR_LONG),
            _ => (super::FAR, MANY_ROWS),
        };
        self.k > 0 && (self.b.col != 1 || row.saturating_mul(self.k) > far && self.c.rows > rows)
    }

    /// Copies the operands of a part.
    fn copy(&self, grid: Grid<T>, part: &Part, a: Option<&mut [T]>, b: Option<&mut [T]>, shared: bool) {
        let elements = a.as_ref().map_or(0, |a| a.len()) + b.as_ref().map_or(0, |b| b.len());
        let panels = part.cols.len().div_ceil(grid.width);
        // Alone, a thread reads rows as far as they go.
        let some = if shared { (panels / TASK_B).clamp(1, TASK_B) } else { panels.max(1) };
        let left = if a.is_some() { part.rows.len().div_ceil(TASK_A) } else { 0 };
        let right = if b.is_some() { panels.div_ceil(some) } else { 0 };
        let (a, b) = (a.map(Parts::new), b.map(Parts::new));
        let depths = part.depths.len();
        // A thread copies the columns that it is about to multiply, and all of their depth.
        split::each_long((left + right) * depths, if shared { elements / RATE } else { 0 }, &|task| {
            let (group, number) = (task / depths, part.depths.start + task % depths);
            let (p, depth) = grid.depths.part(number);
            if let (Some(a), true) = (&a, group < left) {
                let first = part.rows.start + group * TASK_A;
                let numbers = first..part.rows.end.min(first + TASK_A);
                let place = |row| grid.place_a(part, number, row);
                // SAFETY: no other task has these panels; the product is checked, and the processor has the instruction set.
                unsafe {
                    let to = a.part(place(first)..place(numbers.end));
                    simd::run(self.isa, PackPanels { from: grid.a.from(0, p), depth, panels: grid.rows, numbers, to });
                }
            } else if let Some(b) = &b {
                let first = part.cols.start + (group - left) * some * grid.width;
                let cols = (some * grid.width).min(part.cols.end - first);
                let place = grid.place_b(part, number, first);
                // SAFETY: as above.
                unsafe {
                    let to = b.part(place..place + cols.next_multiple_of(grid.lanes) * depth);
                    simd::run(self.isa, Pack { from: grid.b.from(p, first), depth, cols, width: grid.width, to });
                }
            }
        });
    }

    /// Multiplies a part, task by task.
    fn multiply(
        &self,
        grid: Grid<T>,
        part: &Part,
        copies: Copies<T>,
        tasks: usize,
        nanoseconds: usize,
        taker: Option<&Taker<'_, T>>,
    ) {
        let unit = match taker {
            // Long rows, and each thread has the rows that it will read.
            Some(_) if part.rows.len() >= tasks => part.cols.len(),
            _ if copies.b.is_some() => grid.width,
            _ => super::COL_UNIT,
        };
        let cut = Cut::new(grid.height(part), part.rows.len(), part.cols.len(), unit, tasks);
        split::each_long(cut.tasks(), nanoseconds, &|task| {
            let ((j, cols), rows) = (cut.columns(task), cut.panels(task));
            let rows = part.rows.start + rows.start..part.rows.start + rows.end;
            let cols = part.cols.start + j..part.cols.start + j + cols;
            let mut block = Storage::Empty;
            let sink = taker.map(|taker| {
                let wide = cols.len().min(lasting::<T>(grid.depth(part)).max(MOST_VECTORS * grid.lanes));
                Sink { taker, room: room(&mut block, simd::tile_rows::<T>(self.isa) * wide).as_mut_ptr() }
            });
            // SAFETY: the product is checked, the processor has the instruction set, and no other task writes this part of c.
            // A block has the rows of a tile, and the columns that pass by at a time, or one panel.
            unsafe { simd::run(self.isa, Panels { grid, part, copies, rows, cols, sink }) }
        });
    }
}

/// A buffer of so many elements.
pub(super) fn room<T: Float>(storage: &mut Storage<T>, len: usize) -> &mut [T] {
    // Two elements at least, so that it is a buffer.
    let least = len.max(2);
    if storage.as_slice().len() < least {
        *storage = Storage::recycled(least);
    }
    &mut storage.unique_mut().expect("new")[..len]
}

impl<T> Grid<T> {
    /// The rows of a part.
    #[inline(always)]
    fn height(&self, part: &Part) -> usize {
        self.rows.part(part.rows.end).0 - self.rows.part(part.rows.start).0
    }

    /// The depth of a part.
    #[inline(always)]
    fn depth(&self, part: &Part) -> usize {
        self.depths.part(part.depths.end).0 - self.depths.part(part.depths.start).0
    }

    /// Where the copy of a panel of rows lies, for a stretch of the depth. The panels have gaps between them.
    #[inline(always)]
    fn place_a(&self, part: &Part, depth: usize, row: usize) -> usize {
        let ((p, k), before) = (self.depths.part(depth), depth - part.depths.start);
        let block = (p - self.depths.part(part.depths.start).0) * self.height(part);
        let panel = PackPanels::<T>::place(self.rows, part.rows.start, row, k);
        block + before * part.rows.len() * PackPanels::<T>::GAP + panel
    }

    /// Where the copy of the panel that begins at a column lies, for a stretch of the depth.
    #[inline(always)]
    fn place_b(&self, part: &Part, depth: usize, col: usize) -> usize {
        let (p, k) = self.depths.part(depth);
        let padded = part.cols.len().next_multiple_of(self.lanes);
        (p - self.depths.part(part.depths.start).0) * padded + (col - part.cols.start) * k
    }

    fn len_a(&self, part: &Part) -> usize {
        self.depth(part) * self.height(part) + part.depths.len() * part.rows.len() * PackPanels::<T>::GAP
    }

    fn len_b(&self, part: &Part) -> usize {
        self.depth(part) * part.cols.len().next_multiple_of(self.lanes)
    }
}

/// Some panels of rows and some columns of a part, on one thread.
struct Panels<'a, T> {
    grid: Grid<T>,
    part: &'a Part,
    copies: Copies<T>,
    rows: Range<usize>,
    cols: Range<usize>,
    /// Where finished blocks go, if not to the output.
    sink: Option<Sink<'a, T>>,
}

/// Takes finished blocks, which are written to a room that the next ones are written to as well.
#[derive(Clone, Copy)]
struct Sink<'a, T> {
    taker: &'a Taker<'a, T>,
    room: *mut T,
}

impl<T: Float> VectorKernel<T> for Panels<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Panels { grid, part, copies, rows, cols, sink } = self;
        let width = match copies.b {
            Some(_) => grid.width,
            None => width(Block { cols: cols.len(), ..grid.c }, V::WIDE, V::LANES),
        };
        let across = cols.len().div_ceil(width);
        for number in part.depths.clone() {
            let (p, k) = grid.depths.part(number);
            let depth = Depth::one_run(k);
            let c = if number == 0 { grid.c } else { grid.c.added_to() };
            let at_a_time = (lasting::<T>(k) / width).max(1);
            for first in (0..across).step_by(at_a_time) {
                let panels = first..across.min(first + at_a_time);
                let begin = cols.start + first * width;
                let wide = (panels.len() * width).min(cols.end - begin);
                for row in rows.clone() {
                    let (i, rows) = grid.rows.part(row);
                    let a = match copies.a {
                        Some(View { at, .. }) => {
                            View { at: at.wrapping_add(grid.place_a(part, number, row)), row: 1, col: rows }
                        }
                        None => grid.a.from(i, p),
                    };
                    let (to, ahead) = match sink {
                        None => {
                            let to = c.part(i, begin, rows, wide);
                            (to, Ahead::of(to))
                        }
                        Some(Sink { taker, room: at }) => (
                            Block { at, stride: wide, rows, cols: wide, start: Start::Zero },
                            taker.reads.from(i, begin),
                        ),
                    };
                    for panel in panels.clone() {
                        let j = cols.start + panel * width;
                        let b = match copies.b {
                            Some(View { at, .. }) => {
                                let left = part.cols.len().next_multiple_of(V::LANES) - (j - part.cols.start);
                                View {
                                    at: at.wrapping_add(grid.place_b(part, number, j)),
                                    row: width.min(left),
                                    col: 1,
                                }
                            }
                            None => grid.b.from(p, j),
                        };
                        let c = to.part(0, j - begin, rows, width.min(cols.end - j));
                        // SAFETY: the caller's promise; a copied panel holds the rows or columns of the tile.
                        unsafe { V::call(Outer { depth, a, b, c, ahead: ahead.from(0, j - begin) }) }
                    }
                    if let Some(Sink { taker, room }) = sink {
                        // SAFETY: the room holds the block, which has just been written.
                        let data = unsafe { std::slice::from_raw_parts(room, rows * wide) };
                        (taker.take)(Finished { row: i, col: begin, cols: wide, data });
                    }
                }
            }
        }
    }
}

/// The columns of so much depth that the rows of a pass by before the next ones.
#[inline(always)]
fn lasting<T>(depth: usize) -> usize {
    LASTING.min(second_cache() / 2) / (depth.max(1) * size_of::<T>())
}

/// The columns of a panel: in the fewest panels, and of these as even ones as whole vectors allow, since a tile of few rows
/// takes no less time for having fewer vectors.
#[inline(always)]
fn width<T>(c: Block<T>, wide: bool, lanes: usize) -> usize {
    let (all, most) = (c.cols.div_ceil(lanes), vectors(c.rows, wide));
    if all <= most {
        return all.max(1) * lanes;
    }
    all.div_ceil(all.div_ceil(most)) * lanes
}

/// 0..len in the fewest parts of at most `size`, as even as they come.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    count: usize,
    each: usize,
    /// So many of the parts have one more.
    longer: usize,
}

impl Shares {
    #[inline(always)]
    pub(super) fn new(len: usize, size: usize) -> Shares {
        // A division takes as long as the product of small matrices.
        if len <= size {
            return Shares { count: usize::from(len > 0), each: len, longer: 0 };
        }
        let count = len.div_ceil(size);
        Shares { count, each: len / count.max(1), longer: len % count.max(1) }
    }

    /// Where a part begins, and its length.
    #[inline(always)]
    pub(super) fn part(self, number: usize) -> (usize, usize) {
        (number * self.each + number.min(self.longer), self.each + usize::from(number < self.longer))
    }

    #[inline(always)]
    pub(super) fn count(self) -> usize {
        self.count
    }
}
