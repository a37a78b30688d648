//! Copies of operands, in the order in which the tiles read them.

use super::simd::Vector;
use super::tile::View;
use crate::float::Float;

/// Writes a panel: row p of `from` (`depth` × `width`) to `to[p · stride ..]`, `width` ≤ `stride`. What lies between
/// `width` and `stride` is undefined.
///
/// `stride` is `V::ROWS` or a multiple of `V::LANES`.
///
/// # Safety
/// The processor has the instruction set; `from` is valid for its size, which is not 0.
#[inline(always)]
pub(super) unsafe fn pack<T: Float, V: Vector<T>>(
    from: View<T>,
    depth: usize,
    width: usize,
    stride: usize,
    to: &mut [T],
) {
    assert!(width <= stride && depth * stride <= to.len());
    // SAFETY: the caller's promise, and `to` holds the panel, as just checked.
    unsafe {
        if from.col == 1 {
            copy_rows::<T, V>(from, depth, width, stride, to.as_mut_ptr());
        } else if from.row == 1 && stride == V::ROWS {
            match V::ROWS {
                8 => interleave_columns::<T, V, 8>(from, depth, width, to.as_mut_ptr()),
                _ => interleave_columns::<T, V, 4>(from, depth, width, to.as_mut_ptr()),
            }
        } else if from.row == 1 {
            match V::LANES {
                16 => transpose::<T, V, 16>(from, depth, width, stride, to.as_mut_ptr()),
                8 => transpose::<T, V, 8>(from, depth, width, stride, to.as_mut_ptr()),
                _ => transpose::<T, V, 4>(from, depth, width, stride, to.as_mut_ptr()),
            }
        } else {
            copy_any(from, depth, width, stride, to);
        }
    }
}

/// Rows are contiguous.
#[inline(always)]
unsafe fn copy_rows<T: Float, V: Vector<T>>(from: View<T>, depth: usize, width: usize, stride: usize, to: *mut T) {
    let whole = width / V::LANES * V::LANES;
    for p in 0..depth {
        let (from, to) = (from.from(p, 0).at, to.wrapping_add(p * stride));
        // SAFETY: the row has `width` elements, and there is room for them.
        unsafe {
            for v in (0..whole).step_by(V::LANES) {
                V::load(from.wrapping_add(v)).store(to.wrapping_add(v));
            }
            if whole < width {
                V::load_first(from.wrapping_add(whole), width - whole)
                    .store_first(to.wrapping_add(whole), width - whole);
            }
        }
    }
}

/// Columns are contiguous, and as many go side by side as a panel of a has rows.
#[inline(always)]
unsafe fn interleave_columns<T: Float, V: Vector<T>, const N: usize>(
    from: View<T>,
    depth: usize,
    width: usize,
    to: *mut T,
) {
    debug_assert!(N == V::ROWS);
    for p in (0..depth).step_by(V::LANES) {
        let count = V::LANES.min(depth - p);
        // SAFETY: `count` elements of every column are read, and `count` · N elements written.
        unsafe {
            let columns = load_columns::<T, V, N>(from.from(p, 0), count, width);
            let to = to.wrapping_add(p * N);
            for (v, row) in interleave(columns).into_iter().enumerate() {
                let left = (count * N).saturating_sub(v * V::LANES);
                if left > 0 {
                    row.store_first(to.wrapping_add(v * V::LANES), left.min(V::LANES));
                }
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
    for v in (0..width).step_by(N) {
        for p in (0..depth).step_by(N) {
            let count = N.min(depth - p);
            // SAFETY: `count` elements of every column are read, and `count` rows written, in each of which there is
            // room for a vector, as the stride is a multiple of its size.
            unsafe {
                let columns = load_columns::<T, V, N>(from.from(p, v), count, width - v);
                for (i, row) in interleave(columns).into_iter().enumerate().take(count) {
                    row.store(to.wrapping_add((p + i) * stride + v));
                }
            }
        }
    }
}

/// `count` elements, at most a vector, of each of N columns; columns after the `width`-th repeat it.
#[inline(always)]
unsafe fn load_columns<T: Float, V: Vector<T>, const N: usize>(from: View<T>, count: usize, width: usize) -> [V; N] {
    // SAFETY: the column exists and has `count` elements.
    unsafe {
        let mut columns = [V::zero(); N];
        for (j, column) in columns.iter_mut().enumerate() {
            let at = from.from(0, j.min(width - 1)).at;
            *column = if count == V::LANES { V::load(at) } else { V::load_first(at, count) };
        }
        columns
    }
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
