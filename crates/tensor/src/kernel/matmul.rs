//! Matrix products over slices, c = init + a·b, for any strides of a and b.
//!
//! The product is made of register tiles: 12 rows × 2 vectors with AVX-512, one chain of multiply-adds per element. b
//! is copied first, panel by panel, where its rows are not contiguous, or where it is large and read often; a is, where
//! what a tile reads of it lies far apart. Where the rows of a and the columns of b are contiguous, as in x·Wᵀ, and one
//! of them has too few to repay turning W, tiles of dot products take over, and where x has fewer rows than W, the
//! transpose of W·xᵀ; where the columns of a are contiguous and b has few, tiles of the transposed product; and where the
//! depth is a few, sums of rows of b. [`choose`] has the rules.
//!
//! The bits of an element depend on the sizes, the layout (which of the strides are 1) and the instruction set: not on
//! the number of threads, not on addresses, and not on where in a tile or block the element lies, except that the last
//! columns of a narrow product may be computed in another way.

mod blocks;
mod choose;
mod columns;
mod dots;
mod pack;
mod panels;
mod rest;
mod shallow;
mod simd;
mod strip;
#[cfg(test)]
mod tests;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

pub(crate) use self::blocks::{Finished, Taker, matmul_by_blocks};
use self::columns::Columns;
use self::dots::Dots;
use self::shallow::Shallow;
use self::strip::Strip;
pub(crate) use self::strip::{Out, Right, packed_len, strip};
use self::tile::{Ahead, Block, Depth, Outer, Start, View};
use super::cpu::{Isa, isa};
use super::split;
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
    /// c\[:, j\] = bias + a·b.
    RowBias(&'a [T]),
}

impl<T: Copy> Init<'_, T> {
    /// The output with what the product is added to. A bias of rows is written to it.
    ///
    /// # Safety
    /// The output is valid for writing.
    unsafe fn begin(&self, c: Block<T>) -> Block<T> {
        let (m, n) = (c.rows, c.cols);
        match self {
            Init::Zero => Block { start: Start::Zero, ..c },
            Init::Accumulate => c.added_to(),
            Init::Bias(bias) => {
                assert!(bias.len() == n, "matmul: the product has {n} columns, the bias {}", bias.len());
                Block { start: Start::At { from: bias.as_ptr(), row: 0 }, ..c }
            }
            Init::RowBias(bias) => {
                assert!(bias.len() == m, "matmul: the product has {m} rows, the bias {}", bias.len());
                for (i, &bias) in bias.iter().enumerate() {
                    // SAFETY: the caller's promise.
                    unsafe { std::slice::from_raw_parts_mut(c.at.wrapping_add(i * c.stride), n) }.fill(bias);
                }
                c.added_to()
            }
        }
    }
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
    let c = output(c, a, b);
    // SAFETY: the output has so many elements, as just checked.
    let c = unsafe { init.begin(c) };
    if c.rows > 0 && c.cols > 0 {
        T::product(Product::new(isa, a, b, c));
    }
}

/// The output of a product, once it and the operands are checked.
fn output<T: Float>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>) -> Block<T> {
    let [m, n] = sizes(a, b);
    assert!(m.checked_mul(n) == Some(c.len()), "matmul: the product is {m} × {n}, the output has {} elements", c.len());
    Block { at: c.as_mut_ptr(), stride: n, rows: m, cols: n, start: Start::Zero }
}

/// The sizes of a product, once the operands are checked.
fn sizes<T: Float>(a: Mat<'_, T>, b: Mat<'_, T>) -> [usize; 2] {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert!(k == b.rows, "matmul: inner sizes differ: {m} × {k} times {} × {n}", b.rows);
    a.check("left");
    b.check("right");
    [m, n]
}

/// c = c + scale·(a·b), each product rounded, then multiplied, then added, where that takes one pass. Where it would take
/// two, nothing is done, and the result is false.
///
/// # Panics
/// If the sizes do not match or a matrix exceeds its slice.
pub(crate) fn add_scaled<T: Float>(c: &mut [T], scale: T, a: Mat<'_, T>, b: Mat<'_, T>) -> bool {
    add_scaled_on(isa(), c, scale, a, b)
}

/// The same on an instruction set that the processor has.
fn add_scaled_on<T: Float>(isa: Isa, c: &mut [T], scale: T, a: Mat<'_, T>, b: Mat<'_, T>) -> bool {
    let c = output(c, a, b);
    c.rows > 1 && c.cols > 1 && T::add_scaled(Product { scale, ..Product::new(isa, a, b, c.added_to()) })
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
                Init::RowBias(bias) => bias[i] + sum,
            };
        }
    }
}

/// A checked product: its pointers are valid for its sizes, which are not 0 (`k` may be), and c is borrowed for it.
#[derive(Clone, Copy)]
pub struct Product<T> {
    isa: Isa,
    k: usize,
    a: View<T>,
    b: View<T>,
    c: Block<T>,
    /// What it is multiplied by, if that is added to something; other than 1 for [`Choice::Shallow`] only.
    scale: T,
    kernel: Choice,
}

/// Which kernel computes the tasks of a product: all of them, because their bits differ.
#[derive(Clone, Copy)]
enum Choice {
    Columns,
    Dots,
    Panels,
    Shallow,
    Turned,
}

/// Tasks cut columns at multiples of this, a panel of b with AVX-512 and f32.
const COL_UNIT: usize = 32;

/// Tasks of few columns cut rows at multiples of this, as many as the widest tile of the transposed product has columns.
const ROW_UNIT: usize = 128;

/// The tasks that a product is cut into, at least where they have as many multiply-adds, about a microsecond's.
const TASKS: usize = 8;
const MULTIPLIES: usize = 1 << 17;

/// What stays in the first cache beside the rest, in bytes.
const NEAR: usize = 40 << 10;

/// What does not stay in the second cache beside the rest, in bytes.
const FAR: usize = 1 << 19;

/// The products of an element type.
///
/// The kernels of f32 are compiled in this crate, and not again in every crate that multiplies; those of f64, which few
/// programs use and which take as long to compile, in the crates that do.
#[doc(hidden)]
pub trait Multiply: Sized {
    fn product(product: Product<Self>);
    fn by_blocks(product: Product<Self>, taker: &Taker<'_, Self>) -> bool;
    fn add_scaled(product: Product<Self>) -> bool;
    /// # Safety
    /// The processor has the instruction set, and the operands and the output are valid.
    unsafe fn strip(strip: Strip<'_, Self>);
}

impl Multiply for f32 {
    #[inline(never)]
    fn product(product: Product<f32>) {
        product.column_as_row().compute_all();
    }

    #[inline(never)]
    fn by_blocks(product: Product<f32>, taker: &Taker<'_, f32>) -> bool {
        product.compute_by_blocks(taker)
    }

    #[inline(never)]
    fn add_scaled(product: Product<f32>) -> bool {
        product.compute_scaled()
    }

    #[inline(never)]
    unsafe fn strip(strip: Strip<'_, f32>) {
        // SAFETY: the caller's promise.
        unsafe { simd::run(isa(), strip) }
    }
}

impl Multiply for f64 {
    #[inline]
    fn product(product: Product<f64>) {
        product.column_as_row().compute_all();
    }

    #[inline]
    fn by_blocks(product: Product<f64>, taker: &Taker<'_, f64>) -> bool {
        product.compute_by_blocks(taker)
    }

    #[inline]
    fn add_scaled(product: Product<f64>) -> bool {
        product.compute_scaled()
    }

    #[inline]
    unsafe fn strip(strip: Strip<'_, f64>) {
        // SAFETY: the caller's promise.
        unsafe { simd::run(isa(), strip) }
    }
}

impl<T: Float> Product<T> {
    /// The product of checked matrices, whose kernel is still to be chosen.
    fn new(isa: Isa, a: Mat<'_, T>, b: Mat<'_, T>, c: Block<T>) -> Product<T> {
        Product { isa, k: a.cols, a: a.view(), b: b.view(), c, scale: T::ONE, kernel: Choice::Panels }
    }

    /// One column is computed as one row, cᵀ = bᵀ·aᵀ, since the kernels write rows.
    fn column_as_row(self) -> Product<T> {
        if self.c.cols > 1 || self.c.rows == 1 {
            return self;
        }
        let mut c = Block { stride: self.c.rows, rows: 1, cols: self.c.rows, ..self.c };
        if let Start::At { from, row: 0 } = c.start {
            // SAFETY: c is a column of `c.cols` contiguous elements, and the bias has one.
            unsafe { std::slice::from_raw_parts_mut(c.at, c.cols).fill(*from) }
            c = c.added_to();
        }
        Product { a: self.b.transposed(), b: self.a.transposed(), c, ..self }
    }

    /// How many tasks it is worth being cut into, and the nanoseconds that it takes on one thread.
    fn tasks(&self) -> (usize, usize) {
        let Product { k, c, .. } = *self;
        let multiplies = c.rows.saturating_mul(c.cols).saturating_mul(k);
        // A core's arithmetic, or for thin products its way to the third cache.
        let elements = k.saturating_mul(c.rows.saturating_add(c.cols));
        let bytes = elements.saturating_add(c.rows * c.cols).saturating_mul(size_of::<T>());
        let nanoseconds = arithmetic::<T>(multiplies).max(bytes / 64);
        // Alone, a thread would only read the operands more often.
        let tasks = if split::shares(nanoseconds) { (multiplies / MULTIPLIES).clamp(1, TASKS) } else { 1 };
        (tasks, nanoseconds)
    }

    /// The product task by task.
    fn run(self) {
        let Product { isa, k, a, b, c, scale, kernel } = self;
        if self.is_tile() {
            // SAFETY: as below.
            return unsafe { simd::run(isa, Outer::new(Depth::one_run(k), a, b, c)) };
        }
        let (tasks, nanoseconds) = self.tasks();
        // SAFETY, of all kernels: the product is checked, the processor has the instruction set, and no other task
        // writes the same part of c.
        match kernel {
            Choice::Shallow => {
                let cut = Cut::new(c.rows, c.rows.div_ceil(shallow::TASK), c.cols, COL_UNIT, tasks);
                split::each(cut.tasks(), nanoseconds, |task| {
                    let ((j, cols), groups) = (cut.columns(task), cut.panels(task));
                    let (i, end) = (groups.start * shallow::TASK, c.rows.min(groups.end * shallow::TASK));
                    let (a, b, c) = (a.from(i, 0), b.from(0, j), c.part(i, j, end - i, cols));
                    unsafe { simd::run(isa, Shallow { k, a, b, c, scale, ahead: Ahead::none() }) }
                });
            }
            Choice::Columns => split::each(tasks, nanoseconds, |task| {
                let (i, rows) = part(c.rows, tasks, task, ROW_UNIT);
                let (a, c) = (a.from(i, 0), c.part(i, 0, rows, c.cols));
                unsafe { simd::run(isa, Columns { k, a, b, c }) }
            }),
            Choice::Dots => {
                let cut = Cut::new(c.rows, c.rows, c.cols, COL_UNIT, tasks);
                split::each(cut.tasks(), nanoseconds, |task| {
                    let ((j, cols), rows) = (cut.columns(task), cut.panels(task));
                    let (a, b, c) = (a.from(rows.start, 0), b.from(0, j), c.part(rows.start, j, rows.len(), cols));
                    unsafe { simd::run(isa, Dots { k, a, b, c }) }
                });
            }
            Choice::Panels => self.by_panels(tasks, nanoseconds, None),
            Choice::Turned => self.by_turned_panels(tasks, nanoseconds),
        }
    }
}

/// The nanoseconds of so many multiply-adds on one core.
fn arithmetic<T>(multiplies: usize) -> usize {
    multiplies / (512 / size_of::<T>())
}

/// How an output is cut into tasks: into groups of panels of rows, and groups of columns. No element depends on it.
struct Cut {
    panels: usize,
    cols: usize,
    /// The columns of a task are cut at multiples of this.
    unit: usize,
    down: usize,
    across: usize,
}

impl Cut {
    /// Halves the longer sides of the largest possible tasks until there are enough: square ones read a and b least
    /// often. The output has so many rows, in so many panels, and so many columns.
    fn new(rows: usize, panels: usize, cols: usize, unit: usize, tasks: usize) -> Cut {
        let (mut down, mut across) = (1, 1);
        while down * across < tasks {
            let (rows, cols) = (rows / down, cols / across);
            match () {
                _ if cols >= rows && cols > unit => across *= 2,
                _ if down < panels => down = (2 * down).min(panels),
                _ if cols > unit => across *= 2,
                _ => break,
            }
        }
        Cut { panels, cols, unit, down, across }
    }

    fn tasks(&self) -> usize {
        self.down * self.across
    }

    /// The first column of a task, and how many it has.
    fn columns(&self, task: usize) -> (usize, usize) {
        part(self.cols, self.across, task % self.across, self.unit)
    }

    fn panels(&self, task: usize) -> Range<usize> {
        let (first, count) = part(self.panels, self.down, task / self.across, 1);
        first..first + count
    }
}

/// One of the `parts` of 0..len, which begin at multiples of `unit`: where it begins, and its length.
fn part(len: usize, parts: usize, number: usize, unit: usize) -> (usize, usize) {
    if parts == 1 {
        return (0, len);
    }
    let units = len.div_ceil(unit);
    // The first parts take one unit more. No product here exceeds `len` by a unit, so none overflows.
    let at = |number: usize| ((units / parts * number + number.min(units % parts)) * unit).min(len);
    (at(number), at(number + 1) - at(number))
}
