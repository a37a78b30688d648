//! Copies of operands, in the order in which the tiles read them.

use std::ops::Range;

use super::panels::Shares;
use super::simd::{self, Vector, VectorKernel};
use super::tile::View;
use crate::float::Float;
use crate::kernel::cpu::Isa;
use crate::storage::Storage;

/// Writes `from` (`depth` × `cols`) as panels of `width` columns, the last one maybe narrower: row p of the panel that
/// begins at column j lies at `to[j · depth + p · width ..]`, where the width of the last panel is rounded up to whole
/// vectors. What lies behind its columns is undefined.
///
/// `width` is a multiple of the lanes; `from` is valid for its size, which is not 0.
pub(super) struct Pack<'a, T> {
    pub(super) from: View<T>,
    pub(super) depth: usize,
    pub(super) cols: usize,
    pub(super) width: usize,
    pub(super) to: &'a mut [T],
}

impl<T: Float> VectorKernel<T> for Pack<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Pack { from, depth, cols, width, to } = self;
        let padded = cols.next_multiple_of(V::LANES);
        assert!(width.is_multiple_of(V::LANES) && depth * padded <= to.len());
        if from.col == 1 {
            // SAFETY: the caller's promise, and `to` holds the panels, as just checked.
            return unsafe { copy_rows::<T, V>(from, depth, cols, width, to.as_mut_ptr()) };
        }
        for j in (0..cols).step_by(width) {
            let (stride, width) = (width.min(padded - j), width.min(cols - j));
            if from.row != 1 {
                // SAFETY: as above.
                unsafe { copy_any(from.from(0, j), depth, width, stride, &mut to[j * depth..]) }
                continue;
            }
            for v in (j..j + width).step_by(V::LANES) {
                let (from, some) = (from.from(0, v), V::LANES.min(cols - v));
                let to = to[j * depth + (v - j)..].as_mut_ptr();
                // SAFETY: as above; the stride is a multiple of the lanes.
                unsafe {
                    match V::LANES {
                        16 => transpose::<T, V, 16>(from, depth, some, to, stride, 16),
                        8 => transpose::<T, V, 8>(from, depth, some, to, stride, 8),
                        _ => transpose::<T, V, 4>(from, depth, some, to, stride, 4),
                    }
                }
            }
        }
    }
}

/// How many rows ahead of the copy the next ones are fetched: they may lie too far apart for the processor to guess.
const AHEAD: usize = 8;

/// Rows are contiguous. They are read one after the other as a whole.
#[inline(always)]
unsafe fn copy_rows<T: Float, V: Vector<T>>(from: View<T>, depth: usize, cols: usize, width: usize, to: *mut T) {
    let (whole, padded) = (cols / V::LANES * V::LANES, cols.next_multiple_of(V::LANES));
    let place = |p: usize, j: usize| {
        let first = j / width * width;
        to.wrapping_add(first * depth + p * width.min(padded - first) + (j - first))
    };
    for p in 0..depth {
        let (from, next) = (from.from(p, 0).at, from.from(p + AHEAD, 0).at);
        // SAFETY: the row has `cols` elements, and there is room for them.
        unsafe {
            for j in (0..whole).step_by(V::LANES) {
                V::prefetch(next.wrapping_add(j));
                V::load(from.wrapping_add(j)).store(place(p, j));
            }
            if whole < cols {
                V::load_first(from.wrapping_add(whole), cols - whole).store_first(place(p, whole), cols - whole);
            }
        }
    }
}

/// Up to N columns, which are contiguous, as rows that are `stride` apart: square blocks are turned in registers. Of each row
/// so many elements may be written.
#[inline(always)]
unsafe fn transpose<T: Float, V: Vector<T>, const N: usize>(
    from: View<T>,
    depth: usize,
    cols: usize,
    to: *mut T,
    stride: usize,
    room: usize,
) {
    debug_assert!(N == V::LANES && (1..=N).contains(&cols) && room >= cols);
    // SAFETY: every column has `depth` elements, and in each row there is so much room.
    unsafe {
        for p in (0..depth).step_by(N) {
            let (block, deep) = (from.from(p, 0), N.min(depth - p));
            let columns = if deep == N {
                load_columns::<T, V, N>(block, cols, |at| V::load(at))
            } else {
                load_columns::<T, V, N>(block, cols, |at| V::load_first(at, deep))
            };
            // The columns behind these, once these are read: at some distances they displace them.
            for j in 0..cols {
                V::prefetch(block.from(0, cols + j).at);
            }
            for (q, row) in interleave(columns, N.ilog2()).into_iter().enumerate().take(deep) {
                let to = to.wrapping_add((p + q) * stride);
                if room >= N { row.store(to) } else { row.store_first(to, cols) }
            }
        }
    }
}

/// A vector of each of N columns; columns after the `width`-th repeat it.
#[inline(always)]
pub(super) unsafe fn load_columns<T: Float, V: Vector<T>, const N: usize>(
    from: View<T>,
    width: usize,
    load: impl Fn(*const T) -> V,
) -> [V; N] {
    // SAFETY: the processor has the instruction set, as the caller promises.
    let mut columns = [unsafe { V::zero() }; N];
    for (j, column) in columns.iter_mut().enumerate() {
        *column = load(from.from(0, j.min(width - 1)).at);
    }
    columns
}

/// The elements of both halves in turn, so many times. As often as N is halved until 1, it brings element 0 of all
/// vectors to the front, then element 1 of all, and so on; as often as the lanes are halved, it does the reverse. N is a
/// power of two.
#[inline(always)]
pub(super) unsafe fn interleave<T: Float, V: Vector<T>, const N: usize>(mut x: [V; N], times: u32) -> [V; N] {
    for _ in 0..times {
        let mut y = x;
        for i in 0..N / 2 {
            // SAFETY: the processor has the instruction set, as the caller promises.
            (y[2 * i], y[2 * i + 1]) = unsafe { x[i].zip(x[i + N / 2]) };
        }
        x = y;
    }
    x
}

/// Any strides, zero included. Compiled once, as [`turn_rows`].
#[inline(never)]
unsafe fn copy_any<T: Float>(from: View<T>, depth: usize, width: usize, stride: usize, to: &mut [T]) {
    for (p, to) in to.chunks_exact_mut(stride).enumerate().take(depth) {
        for (j, to) in to.iter_mut().enumerate().take(width) {
            // SAFETY: element (p, j) lies inside the matrix.
            *to = unsafe { *from.from(p, j).at };
        }
    }
}

/// Writes some of the panels that the rows of `from` fall into, of `depth` columns, so that a tile reads its rows from one
/// place to the next: element (i, p) of a panel of `rows` rows lies at `p · rows + i`. The panels lie one after the other,
/// each with a gap behind it, because distances of whole pages displace each other from the first cache.
///
/// `from` is valid for its rows and the depth.
pub(super) struct PackPanels<'a, T> {
    pub(super) from: View<T>,
    pub(super) depth: usize,
    pub(super) panels: Shares,
    pub(super) numbers: Range<usize>,
    pub(super) to: &'a mut [T],
}

impl<T> PackPanels<'_, T> {
    /// The elements between panels.
    pub(super) const GAP: usize = 16;

    /// Where a panel of those that begin with panel `first` lies.
    #[inline(always)]
    pub(super) fn place(panels: Shares, first: usize, number: usize, depth: usize) -> usize {
        (panels.part(number).0 - panels.part(first).0) * depth + (number - first) * Self::GAP
    }
}

impl<T: Float> VectorKernel<T> for PackPanels<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let PackPanels { from, depth, panels, numbers, to } = self;
        let first = numbers.start;
        assert!(Self::place(panels, first, numbers.end, depth) <= to.len());
        let place = |number| to.as_ptr().cast_mut().wrapping_add(Self::place(panels, first, number, depth));
        // SAFETY: the caller's promise, and `to` holds the panels, as just checked.
        unsafe {
            if from.row == 1 {
                // A column of all panels at a time: they may be pages apart.
                for p in 0..depth {
                    for number in numbers.clone() {
                        let (i, rows) = panels.part(number);
                        V::prefetch(from.from(i, p + AHEAD).at);
                        copy_column::<T, V>(from.from(i, p).at, rows, place(number).wrapping_add(p * rows));
                    }
                }
                return;
            }
            for number in numbers {
                let ((i, rows), to) = (panels.part(number), place(number));
                let from = from.from(i, 0).transposed();
                if from.row != 1 {
                    copy_any(from, depth, rows, rows, std::slice::from_raw_parts_mut(to, rows * depth));
                    continue;
                }
                for i in (0..rows).step_by(V::LANES) {
                    let (from, to, some) = (from.from(0, i), to.wrapping_add(i), V::LANES.min(rows - i));
                    match V::LANES {
                        16 => transpose::<T, V, 16>(from, depth, some, to, rows, some),
                        8 => transpose::<T, V, 8>(from, depth, some, to, rows, some),
                        _ => transpose::<T, V, 4>(from, depth, some, to, rows, some),
                    }
                }
            }
        }
    }
}

/// Copies a few elements.
#[inline(always)]
unsafe fn copy_column<T: Float, V: Vector<T>>(from: *const T, len: usize, to: *mut T) {
    for i in (0..len).step_by(V::LANES) {
        let some = V::LANES.min(len - i);
        // SAFETY: the caller's promise.
        unsafe { V::load_first(from.wrapping_add(i), some).store_first(to.wrapping_add(i), some) }
    }
}

/// A matrix of few columns, copied into a buffer so that each of them is contiguous.
///
/// # Safety
/// The processor has the instruction set; `from` is valid for its size, which is not 0.
pub(super) unsafe fn turn<T: Float>(
    isa: Isa,
    from: View<T>,
    rows: usize,
    cols: usize,
    room: &mut Storage<T>,
) -> View<T> {
    // Two elements at least, so that it is a buffer.
    *room = Storage::recycled((rows * cols).max(2));
    let to = &mut room.unique_mut().expect("new")[..rows * cols];
    let at = to.as_ptr();
    // Squares are turned faster where the columns fill them, but rows that lie side by side fill wide vectors too.
    let dense = from.col == 1 && from.row == cols && cols <= 8;
    let isa = if cols > 4 && !dense { simd::narrowest::<T>(isa, cols) } else { isa };
    // SAFETY: the caller's promise; a narrower instruction set is there too.
    unsafe { simd::run(isa, Turn { from, rows, to }) }
    View { at, row: 1, col: rows }
}

/// As above, into a slice of as many elements.
pub(super) struct Turn<'a, T> {
    pub(super) from: View<T>,
    pub(super) rows: usize,
    pub(super) to: &'a mut [T],
}

impl<T: Float> VectorKernel<T> for Turn<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Turn { from, rows, to } = self;
        let cols = to.len() / rows;
        let dense = from.col == 1 && from.row == cols;
        // SAFETY: the caller's promise; where the matrix is dense, its rows lie one after the other.
        unsafe {
            match (cols, V::LANES) {
                (2, _) if dense => split::<T, V, 2>(from, rows, to),
                (4, _) if dense => split::<T, V, 4>(from, rows, to),
                (3, _) if dense => split_three(from, rows, to),
                (5..=8, 16) if dense => split_eight::<T, V>(from, rows, to),
                (5.., 16) if from.col == 1 => turn_squares::<T, V, 16>(from, rows, to),
                (5.., 8) if from.col == 1 => turn_squares::<T, V, 8>(from, rows, to),
                _ => turn_rows(from, 0, rows, to),
            }
        }
    }
}

/// Rows from `first` on, element by element. Vectors do not help it, so it is compiled once.
#[inline(never)]
unsafe fn turn_rows<T: Float>(from: View<T>, first: usize, rows: usize, to: &mut [T]) {
    for (j, to) in to.chunks_exact_mut(rows).enumerate() {
        for (i, to) in to.iter_mut().enumerate().skip(first) {
            // SAFETY: element (i, j) lies inside the matrix.
            *to = unsafe { *from.from(i, j).at };
        }
    }
}

/// Rows of three elements that lie one after the other. In one loop over three slices, the compiler shuffles registers.
#[inline(always)]
unsafe fn split_three<T: Float>(from: View<T>, rows: usize, to: &mut [T]) {
    // SAFETY: the caller's promise.
    let from = unsafe { std::slice::from_raw_parts(from.at.cast::<[T; 3]>(), rows) };
    let (x, rest) = to.split_at_mut(rows);
    let (y, z) = rest.split_at_mut(rows);
    for (((from, x), y), z) in from.iter().zip(x).zip(y).zip(z) {
        (*x, *y, *z) = (from[0], from[1], from[2]);
    }
}

/// Rows of N elements that lie one after the other, as many at a time as a vector has lanes; N is a power of two.
#[inline(always)]
unsafe fn split<T: Float, V: Vector<T>, const N: usize>(from: View<T>, rows: usize, to: &mut [T]) {
    let whole = rows / V::LANES * V::LANES;
    for i in (0..whole).step_by(V::LANES) {
        // SAFETY: rows i..i + LANES are N vectors, and each part of `to` has room for one from i on.
        unsafe {
            let mut x = [V::zero(); N];
            for (v, x) in x.iter_mut().enumerate() {
                *x = V::load(from.at.wrapping_add(i * N + v * V::LANES));
            }
            for (part, x) in to.chunks_exact_mut(rows).zip(interleave(x, V::LANES.ilog2())) {
                x.store(part[i..i + V::LANES].as_mut_ptr());
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { turn_rows(from, whole, rows, to) }
}

/// Rows of five to eight elements that lie one after the other, as many at a time as a vector has lanes.
#[inline(always)]
unsafe fn split_eight<T: Float, V: Vector<T>>(from: View<T>, rows: usize, to: &mut [T]) {
    const N: usize = 8;
    let (cols, abreast) = (to.len() / rows, V::LANES / N);
    for i in (0..rows).step_by(V::LANES) {
        let count = V::LANES.min(rows - i);
        // SAFETY: so many rows have so many elements, and each part of `to` has room for as many from i on.
        unsafe {
            let mut x = [V::zero(); N];
            for (v, x) in x.iter_mut().enumerate().take(count.div_ceil(abreast)) {
                let first = i + v * abreast;
                let some = abreast.min(rows - first) * cols;
                *x = V::load_first(from.at.wrapping_add(first * cols), some).spread(N, cols);
            }
            for (part, x) in to.chunks_exact_mut(rows).zip(interleave(x, V::LANES.ilog2())) {
                x.store_first(part[i..i + count].as_mut_ptr(), count);
            }
        }
    }
}

/// Contiguous rows of any distance, by squares of N rows and N columns, of which those at the edges are cut.
#[inline(always)]
unsafe fn turn_squares<T: Float, V: Vector<T>, const N: usize>(from: View<T>, rows: usize, to: &mut [T]) {
    debug_assert!(N == V::LANES);
    for (number, parts) in to.chunks_mut(N * rows).enumerate() {
        let (from, cols) = (from.from(0, number * N), parts.len() / rows);
        for i in (0..rows).step_by(N) {
            let count = N.min(rows - i);
            // SAFETY: so many rows have so many columns, and each part has room for as many elements from i on.
            unsafe {
                let mut x = [V::zero(); N];
                for (row, x) in x.iter_mut().enumerate().take(count) {
                    *x = V::load_first(from.from(i + row, 0).at, cols);
                }
                for (part, x) in parts.chunks_exact_mut(rows).zip(interleave(x, N.ilog2())) {
                    x.store_first(part[i..i + count].as_mut_ptr(), count);
                }
            }
        }
    }
}
