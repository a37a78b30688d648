//! Matrix products over slices, c = init + a·b, for any strides of a and b.
//!
//! The product is made of register tiles: 8 rows × 3 vectors with AVX-512, one chain of multiply-adds per element.
//! Large operands are packed first, panel by panel, into the order in which the tiles read them; small and thin ones
//! are read where they are. Where the rows of a and the columns of b are contiguous, as in x·Wᵀ, and too few to repay
//! turning W, tiles of dot products take over.
//!
//! The bits of an element depend on the sizes, the layout (which of the strides are 1) and the instruction set, and on
//! nothing else: not on the number of threads, not on addresses, not on where in a tile or block the element lies.

mod pack;
mod panels;
mod simd;
#[cfg(test)]
mod tests;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::any::TypeId;

use self::panels::{Dots, Panels};
use self::tile::{Block, Start, View};
use super::cpu::{Isa, isa};
use crate::float::Float;

/// A matrix inside a slice: element (i, j) is at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

/// What the product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Init<'a, T> {
    /// c = a·b. What c held before is never read, so it may hold NaN.
    Zero,
    /// c = c + a·b.
    Accumulate,
    /// c\[i, :\] = bias + a·b.
    Bias(&'a [T]),
}

impl<T> Mat<'_, T> {
    /// Panics unless every element lies inside the slice: the kernels read it without looking again.
    fn check(&self, name: &str) {
        let end = |len: usize, stride: usize| len.saturating_sub(1).checked_mul(stride);
        let last = end(self.rows, self.row_stride).zip(end(self.cols, self.col_stride));
        let fits = last.and_then(|(i, j)| i.checked_add(j)).is_some_and(|last| last < self.data.len());
        let Self { data, rows, cols, row_stride, col_stride } = self;
        assert!(
            *rows == 0 || *cols == 0 || fits,
            "matmul: {name} of {rows} × {cols} with strides ({row_stride}, {col_stride}) exceeds its {} elements",
            data.len()
        );
    }

    fn view(&self) -> View<T> {
        View { at: self.data.as_ptr(), row: self.row_stride, col: self.col_stride }
    }
}

/// c (row-major, contiguous, a.rows × b.cols) = init + a·b
///
/// # Panics
/// If the sizes do not match or a matrix exceeds its slice.
pub(crate) fn matmul<T: Float>(a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], init: Init<'_, T>) {
    matmul_on(isa(), a, b, c, init);
}

/// The product on an instruction set that the processor has.
fn matmul_on<T: Float>(isa: Isa, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], init: Init<'_, T>) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert!(k == b.rows, "matmul: inner sizes differ: {m} × {k} times {} × {n}", b.rows);
    assert!(m.checked_mul(n) == Some(c.len()), "matmul: the product is {m} × {n}, the output has {} elements", c.len());
    a.check("left");
    b.check("right");
    let start = match init {
        Init::Zero => Start::Zero,
        Init::Accumulate => Start::Output,
        Init::Bias(bias) => {
            assert!(bias.len() == n, "matmul: the product has {n} columns, the bias {}", bias.len());
            Start::Row(bias.as_ptr())
        }
    };
    if m > 0 && n > 0 {
        let c = Block { at: c.as_mut_ptr(), stride: n, rows: m, cols: n, start };
        Product { isa, k, a: a.view(), b: b.view(), c, kernel: Choice::Panels }.compute();
    }
}

/// The reference: three loops.
#[cfg(test)]
fn naive<T: Float>(a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], init: Init<'_, T>) {
    for i in 0..a.rows {
        for j in 0..b.cols {
            let at = |m: &Mat<'_, T>, i: usize, j: usize| m.data[i * m.row_stride + j * m.col_stride];
            let sum = (0..a.cols).fold(T::ZERO, |sum, p| sum + at(&a, i, p) * at(&b, p, j));
            let to = &mut c[i * b.cols + j];
            *to = match init {
                Init::Zero => sum,
                Init::Accumulate => *to + sum,
                Init::Bias(bias) => bias[j] + sum,
            };
        }
    }
}

/// A checked product: its pointers are valid for its sizes, which are not 0 (`k` may be), and c is borrowed for it.
#[derive(Clone, Copy)]
struct Product<T> {
    isa: Isa,
    k: usize,
    a: View<T>,
    b: View<T>,
    c: Block<T>,
    kernel: Choice,
}

/// Which kernel computes a product: all of it, because their bits differ.
#[derive(Clone, Copy)]
enum Choice {
    Dots,
    Panels,
}

// SAFETY: a product stands for shared slices of a and b and a mutable slice of c, of a type that threads may share.
// Parts of one product go to several threads only when their blocks of c are disjoint.
unsafe impl<T: Float> Sync for Product<T> {}

/// Blocks of the output are at most this large, so that what is packed for one stays in the second cache.
const BLOCK_ROWS: usize = 512;
const BLOCK_COLS: usize = 512;

/// Multiply-adds from which on a product is shared among threads: about 240 µs of work on one core in f32. Waking a
/// thread that sleeps takes some 70 µs, so below about 2²³ two threads are slower than one.
const SHARED: usize = 1 << 24;

/// The number of blocks that a shared product is split into, at least, if they stay larger than this.
const SHARED_BLOCKS: usize = 4;
const SHARED_BLOCK_AREA: usize = 1 << 14;

/// All of the kernels, compiled in this crate and not again in every crate that multiplies.
#[inline(never)]
fn compute_f32(product: Product<f32>) {
    product.column_as_row().choose().blocks();
}

/// As above.
#[inline(never)]
fn compute_f64(product: Product<f64>) {
    product.column_as_row().choose().blocks();
}

impl<T: Float> Product<T> {
    fn compute(self) {
        match TypeId::of::<T>() {
            t if t == TypeId::of::<f32>() => compute_f32(self.cast()),
            t if t == TypeId::of::<f64>() => compute_f64(self.cast()),
            _ => unreachable!("matmul: {} is neither f32 nor f64", T::DTYPE),
        }
    }

    /// The same product, once `T` is known to be `U`.
    fn cast<U>(self) -> Product<U> {
        let Product { isa, k, a, b, c, kernel } = self;
        Product { isa, k, a: a.cast(), b: b.cast(), c: c.cast(), kernel }
    }

    /// One column is computed as one row, cᵀ = bᵀ·aᵀ, since the kernels write rows.
    fn column_as_row(self) -> Product<T> {
        if self.c.cols > 1 || self.c.rows == 1 {
            return self;
        }
        let transposed = |x: View<T>| View { at: x.at, row: x.col, col: x.row };
        let mut c = Block { stride: self.c.rows, rows: 1, cols: self.c.rows, ..self.c };
        if let Start::Row(bias) = c.start {
            // SAFETY: c is a column of `c.cols` contiguous elements, and the bias has one.
            unsafe { std::slice::from_raw_parts_mut(c.at, c.cols).fill(*bias) }
            c.start = Start::Output;
        }
        Product { a: transposed(self.b), b: transposed(self.a), c, ..self }
    }

    /// Dot products where turning b would cost about as much as the product itself. For 10 × 784 × 30 they reach
    /// 146 GFLOP/s (one core with AVX-512, f32); at a depth of 30, where most of the work is the final sums, packing b is
    /// three times as fast as they are.
    fn choose(self) -> Product<T> {
        let contiguous = self.a.col == 1 && self.b.row == 1 && self.b.col != 1;
        let kernel = if contiguous && self.c.rows <= 16 && self.k >= 64 { Choice::Dots } else { Choice::Panels };
        Product { kernel, ..self }
    }

    /// The product block by block. Where the blocks lie depends on the sizes alone.
    fn blocks(self) {
        let Block { rows, cols, .. } = self.c;
        let work = rows.saturating_mul(cols).saturating_mul(self.k);
        let (mut block_rows, mut block_cols) = (BLOCK_ROWS, BLOCK_COLS);
        if work >= SHARED {
            (block_rows, block_cols) = (block_rows.min(rows), block_cols.min(cols));
            while rows.div_ceil(block_rows) * cols.div_ceil(block_cols) < SHARED_BLOCKS
                && block_rows * block_cols > SHARED_BLOCK_AREA
            {
                *if block_rows > block_cols { &mut block_rows } else { &mut block_cols } /= 2;
            }
        }
        let grid = Grid::new(rows, cols, block_rows, block_cols);
        if work >= SHARED && rayon::current_num_threads() > 1 {
            self.share(&grid, 0, grid.len());
        } else {
            (0..grid.len()).for_each(|number| self.block(&grid, number));
        }
    }

    /// Blocks first..end, on as many threads as there are.
    fn share(self, grid: &Grid, first: usize, end: usize) {
        match end - first {
            0 => {}
            1 => self.block(grid, first),
            count => {
                let middle = first + count / 2;
                rayon::join(|| self.share(grid, first, middle), || self.share(grid, middle, end));
            }
        }
    }

    fn block(self, grid: &Grid, number: usize) {
        let (i, rows, j, cols) = grid.block(number);
        let (a, b, c) = (self.a.from(i, 0), self.b.from(0, j), self.c.part(i, j, rows, cols));
        Product { a, b, c, ..self }.run();
    }

    fn run(self) {
        let Product { isa, k, a, b, c, kernel } = self;
        // SAFETY: the product is checked, and the processor has the instruction set.
        unsafe {
            match kernel {
                Choice::Dots => simd::run(isa, Dots { k, a, b, c }),
                Choice::Panels => {
                    // A copy of b repays itself when enough rows read it, one of a when several panels of b do.
                    let pack_b = b.col != 1 || c.rows > 48;
                    let pack_a = c.cols > 48 && c.rows > 16;
                    simd::run(isa, Panels { k, a, b, c, pack_a, pack_b });
                }
            }
        }
    }
}

/// A partition of the output into blocks, numbered row by row.
struct Grid {
    rows: usize,
    cols: usize,
    down: usize,
    across: usize,
}

/// Blocks begin at multiples of these, to be made of whole tiles.
const ROW_UNIT: usize = 8;
const COL_UNIT: usize = 16;

impl Grid {
    fn new(rows: usize, cols: usize, block_rows: usize, block_cols: usize) -> Grid {
        Grid { rows, cols, down: rows.div_ceil(block_rows), across: cols.div_ceil(block_cols) }
    }

    fn len(&self) -> usize {
        self.down * self.across
    }

    /// First row, rows, first column, columns.
    fn block(&self, number: usize) -> (usize, usize, usize, usize) {
        let (i, rows) = part(self.rows, self.down, number / self.across, ROW_UNIT);
        let (j, cols) = part(self.cols, self.across, number % self.across, COL_UNIT);
        (i, rows, j, cols)
    }
}

/// One of the `parts` of 0..len, which begin at multiples of `unit`: where it begins, and its length.
fn part(len: usize, parts: usize, number: usize, unit: usize) -> (usize, usize) {
    let units = len.div_ceil(unit);
    // The first parts take one unit more. No product here exceeds `len` by a unit, so none overflows.
    let at = |number: usize| ((units / parts * number + number.min(units % parts)) * unit).min(len);
    (at(number), at(number + 1) - at(number))
}
