//! Copies of operands, in the order in which the tiles read them.

use super::simd::Vector;
use super::tile::View;
use crate::float::Float;

/// Writes `from` (`depth` × `cols`) as panels of `width` columns, the last one maybe narrower: row p of the panel that
/// begins at column j lies at `to[j · depth + p · width ..]`, where the width of the last panel is rounded up to whole
/// vectors. What lies behind its columns is undefined.
///
/// `width` is a multiple of `V::LANES`.
///
/// # Safety
/// The processor has the instruction set; `from` is valid for its size, which is not 0.
#[inline(always)]
pub(super) unsafe fn pack<T: Float, V: Vector<T>>(
    from: View<T>,
    depth: usize,
    cols: usize,
    width: usize,
    to: &mut [T],
) {
    let padded = cols.next_multiple_of(V::LANES);
    assert!(width.is_multiple_of(V::LANES) && depth * padded <= to.len());
    if from.col == 1 {
        // SAFETY: the caller's promise, and `to` holds the panels, as just checked.
        return unsafe { copy_rows::<T, V>(from, depth, cols, width, to.as_mut_ptr()) };
    }
    for j in (0..cols).step_by(width) {
        let (from, to, stride) = (from.from(0, j), &mut to[j * depth..], width.min(padded - j));
        let width = stride.min(cols - j);
        // SAFETY: as above.
        unsafe {
            match V::LANES {
                _ if from.row != 1 => copy_any(from, depth, width, stride, to),
                16 => transpose::<T, V, 16>(from, depth, width, stride, to.as_mut_ptr()),
                8 => transpose::<T, V, 8>(from, depth, width, stride, to.as_mut_ptr()),
                _ => transpose::<T, V, 4>(from, depth, width, stride, to.as_mut_ptr()),
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

/// Columns are contiguous; square blocks are turned in registers.
#[inline(always)]
unsafe fn transpose<T: Float, V: Vector<T>, const N: usize>(
    from: View<T>,
    depth: usize,
    width: usize,
    stride: usize,
    to: *mut T,
) {
    debug_assert!(N == V::LANES);
    let whole = depth / N * N;
    for v in (0..width).step_by(N) {
        let (from, to, width) = (from.from(0, v), to.wrapping_add(v), width - v);
        // SAFETY: every column has `depth` elements, and in each row there is room for a vector, as the stride is a
        // multiple of its size.
        unsafe {
            for p in (0..whole).step_by(N) {
                for j in 0..N {
                    V::prefetch(from.from(p + 4 * N, j).at);
                }
                let columns = load_columns::<T, V, N>(from.from(p, 0), width, |at| V::load(at));
                for (i, row) in interleave(columns).into_iter().enumerate() {
                    row.store(to.wrapping_add((p + i) * stride));
                }
            }
            if whole < depth {
                let rest = depth - whole;
                let columns = load_columns::<T, V, N>(from.from(whole, 0), width, |at| V::load_first(at, rest));
                for (i, row) in interleave(columns).into_iter().enumerate().take(rest) {
                    row.store(to.wrapping_add((whole + i) * stride));
                }
            }
        }
    }
}

/// A vector of each of N columns; columns after the `width`-th repeat it.
#[inline(always)]
unsafe fn load_columns<T: Float, V: Vector<T>, const N: usize>(
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

/// Element 0 of all vectors in turn, then element 1 of all, and so on. N is a power of two.
#[inline(always)]
unsafe fn interleave<T: Float, V: Vector<T>, const N: usize>(mut x: [V; N]) -> [V; N] {
    for _ in 0..N.ilog2() {
        let mut y = x;
        for i in 0..N / 2 {
            // SAFETY: the processor has the instruction set, as the caller promises.
            (y[2 * i], y[2 * i + 1]) = unsafe { x[i].zip(x[i + N / 2]) };
        }
        x = y;
    }
    x
}

/// Any strides, zero included.
#[inline(always)]
unsafe fn copy_any<T: Float>(from: View<T>, depth: usize, width: usize, stride: usize, to: &mut [T]) {
    for (p, to) in to.chunks_exact_mut(stride).enumerate().take(depth) {
        for (j, to) in to.iter_mut().enumerate().take(width) {
            // SAFETY: element (p, j) lies inside the matrix.
            *to = unsafe { *from.from(p, j).at };
        }
    }
}
