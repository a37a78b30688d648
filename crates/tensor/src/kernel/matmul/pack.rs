//! Copies of operands, in the order in which the tiles read them.

use super::simd::Vector;
use super::tile::View;
use crate::float::Float;

/// Writes a panel: row p of `from` (`depth` × `width`) to `to[p · stride ..]`, `width` ≤ `stride`. What lies between
/// `width` and `stride` is undefined.
///
/// `stride` is a multiple of `V::LANES`.
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
