//! Products on the calling thread, for kernels that share out work by themselves and bring their operands near first:
//! the rows of the right operand may lie in runs, and those of the output apart.

use std::marker::PhantomData;

use super::pack::Pack;
use super::panels::Shares;
use super::simd::{self, Vector, VectorKernel};
use super::tile::{Block, Depth, Outer, Start, View, vectors};
use super::{Init, Mat};
use crate::float::Float;
use crate::kernel::cpu::isa;
use crate::kernel::split::Parts;

/// The right operand: contiguous rows in a slice.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a, T> {
    data: &'a [T],
    depth: Depth,
    row: usize,
    cols: usize,
    /// The columns of each panel that the operand has been packed into, all but the last.
    packed: Option<usize>,
}

impl<'a, T: Float> Right<'a, T> {
    /// `runs` times `run` rows that are `row` apart, where each run begins `apart` behind the one before.
    pub(crate) fn runs(data: &'a [T], [runs, run]: [usize; 2], [apart, row]: [usize; 2], cols: usize) -> Right<'a, T> {
        let reach = |len: usize, step: usize| len.saturating_sub(1).saturating_mul(step);
        let last = reach(runs, apart).saturating_add(reach(run, row)).saturating_add(cols);
        let empty = runs == 0 || run == 0 || cols == 0;
        assert!(empty || last <= data.len(), "strip: the right operand needs {last} elements of {}", data.len());
        Right { data, depth: Depth { runs, run, apart }, row, cols, packed: None }
    }

    /// A copy in the order in which a product of `rows` rows reads it; `room` has [`packed_len`] elements.
    pub(crate) fn packed(b: Mat<'_, T>, rows: usize, room: &'a mut [T]) -> Right<'a, T> {
        b.check("right");
        assert!(packed_len(b.rows, b.cols) <= room.len(), "strip: no room for {} × {}", b.rows, b.cols);
        let width = vectors(rows, simd::wide::<T>(isa())) * simd::lanes::<T>(isa());
        let (depth, cols) = (b.rows, b.cols);
        if depth > 0 && cols > 0 {
            // SAFETY: the operand lies in its slice, and the processor has the instruction set.
            unsafe { simd::run(isa(), Pack { from: b.view(), depth, cols, width, to: &mut *room }) }
        }
        Right { data: room, depth: Depth::one_run(depth), row: 0, cols, packed: Some(width) }
    }

    /// The panel that begins at column `j`, for vectors of `lanes`.
    #[inline(always)]
    fn panel(&self, j: usize, lanes: usize) -> View<T> {
        let at = self.data.as_ptr();
        match self.packed {
            None => View { at: at.wrapping_add(j), row: self.row, col: 1 },
            Some(width) => {
                let row = width.min(self.cols.next_multiple_of(lanes) - j);
                View { at: at.wrapping_add(j * self.depth.run), row, col: 1 }
            }
        }
    }
}

/// The room that a packed operand takes on any instruction set.
pub(crate) fn packed_len(depth: usize, cols: usize) -> usize {
    depth * cols.next_multiple_of(16)
}

/// The output: rows that are `stride` apart, and valid for writing.
pub(crate) struct Out<'a, T> {
    at: *mut T,
    rows: usize,
    cols: usize,
    stride: usize,
    slice: PhantomData<&'a mut [T]>,
}

impl<'a, T> Out<'a, T> {
    pub(crate) fn new(data: &'a mut [T], [rows, cols]: [usize; 2], stride: usize) -> Out<'a, T> {
        let last = span([rows, cols], stride);
        assert!(last <= data.len(), "strip: the output needs {last} elements of {}", data.len());
        Out { at: data.as_mut_ptr(), rows, cols, stride, slice: PhantomData }
    }

    /// Rows from `start` on of a slice of which other tasks write what lies between.
    ///
    /// # Safety
    /// No other task uses an element of these rows.
    pub(crate) unsafe fn between(
        parts: &'a Parts<'_, T>,
        start: usize,
        [rows, cols]: [usize; 2],
        stride: usize,
    ) -> Out<'a, T> {
        let at = parts.pointer(start..start.saturating_add(span([rows, cols], stride)));
        Out { at, rows, cols, stride, slice: PhantomData }
    }
}

/// Elements from the first of some rows to the last.
fn span([rows, cols]: [usize; 2], stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1).saturating_mul(stride).saturating_add(cols) }
}

/// c = init + a·b on the calling thread.
///
/// Element (i, j) is one chain of multiply-adds from zero, and then `init` is added.
///
/// # Panics
/// If the sizes do not match or an operand exceeds its slice.
pub(crate) fn strip<T: Float>(a: Mat<'_, T>, b: Right<'_, T>, c: Out<'_, T>, init: Init<'_, T>) {
    let Out { at, rows, cols, stride, .. } = c;
    assert!((a.rows, a.cols, b.cols) == (rows, b.depth.rows(), cols), "strip: the sizes differ");
    a.check("left");
    if rows == 0 || cols == 0 {
        return;
    }
    let c = Block { at, stride, rows, cols, start: Start::Zero };
    // SAFETY: the output is valid for writing.
    let c = unsafe { init.begin(c) };
    // SAFETY: everything lies in its slice, as just checked.
    unsafe { T::strip(Strip { a: a.view(), b, c }) }
}

/// A checked product for the calling thread.
pub struct Strip<'a, T> {
    a: View<T>,
    b: Right<'a, T>,
    c: Block<T>,
}

impl<T: Float> VectorKernel<T> for Strip<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Strip { a, b, c } = self;
        let width = vectors(c.rows, V::WIDE) * V::LANES;
        assert!(b.packed.is_none_or(|packed| packed == width), "strip: packed for another number of rows");
        let panels = Shares::new(c.rows, V::ROWS);
        for j in (0..c.cols).step_by(width) {
            let right = b.panel(j, V::LANES);
            for row in 0..panels.count() {
                let (i, rows) = panels.part(row);
                // SAFETY: the caller's promise.
                unsafe {
                    let c = c.part(i, j, rows, width.min(c.cols - j));
                    V::call(Outer::new(b.depth, a.from(i, 0), right, c))
                }
            }
        }
    }
}
