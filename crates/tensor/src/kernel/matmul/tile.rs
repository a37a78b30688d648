//! The two register tiles that every product is made of.

use super::simd::Vector;
use crate::float::Float;

/// Where a matrix begins, and its strides.
#[derive(Clone, Copy)]
pub(super) struct View<T> {
    pub(super) at: *const T,
    pub(super) row: usize,
    pub(super) col: usize,
}

impl<T> View<T> {
    /// The view that begins at element (i, j), which may lie behind the end while nothing is read there.
    #[inline(always)]
    pub(super) fn from(self, i: usize, j: usize) -> View<T> {
        View { at: self.at.wrapping_add(i * self.row + j * self.col), ..self }
    }

    pub(super) fn cast<U>(self) -> View<U> {
        View { at: self.at.cast(), row: self.row, col: self.col }
    }
}

/// What a tile of the product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<T> {
    Zero,
    /// What the output holds.
    Output,
    /// A row, of which the tile's columns begin here.
    Row(*const T),
}

impl<T> Start<T> {
    #[inline(always)]
    pub(super) fn from(self, column: usize) -> Start<T> {
        match self {
            Start::Row(bias) => Start::Row(bias.wrapping_add(column)),
            other => other,
        }
    }

    fn cast<U>(self) -> Start<U> {
        match self {
            Start::Zero => Start::Zero,
            Start::Output => Start::Output,
            Start::Row(bias) => Start::Row(bias.cast()),
        }
    }
}

/// A block of the output: `rows` × `cols`, with the distance between rows.
#[derive(Clone, Copy)]
pub(super) struct Block<T> {
    pub(super) at: *mut T,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) start: Start<T>,
}

impl<T> Block<T> {
    /// `rows` × `cols` of it, beginning at (i, j).
    #[inline(always)]
    pub(super) fn part(self, i: usize, j: usize, rows: usize, cols: usize) -> Block<T> {
        let at = self.at.wrapping_add(i * self.stride + j);
        Block { at, stride: self.stride, rows, cols, start: self.start.from(j) }
    }

    pub(super) fn cast<U>(self) -> Block<U> {
        let Block { at, stride, rows, cols, start } = self;
        Block { at: at.cast(), stride, rows, cols, start: start.cast() }
    }
}

/// c = start + a·b over `k`, for a block of at most `V::ROWS` rows and `V::VECTORS` vectors of columns. The rows of b
/// are contiguous.
///
/// Element (i, j) is one chain of k multiply-adds from zero, and then `start` is added: where in a tile the element
/// lies makes no difference to its bits.
///
/// # Safety
/// The processor has the instruction set; a, b and the bias are valid for the sizes of the block and `k`, and the
/// block for writing. The block is no larger than said, and the rows of b are contiguous.
#[inline(always)]
pub(super) unsafe fn outer<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, c: Block<T>) {
    debug_assert!((1..=V::ROWS).contains(&c.rows) && (1..=V::VECTORS * V::LANES).contains(&c.cols));
    debug_assert!(b.col == 1 || k == 0);
    macro_rules! by_size {
        ($($rows:literal)*) => {
            // SAFETY: the caller's promise.
            match (c.rows, c.cols.div_ceil(V::LANES)) {
                $(
                    ($rows, 1) if $rows <= V::ROWS => unsafe { outer_tile::<T, V, $rows, 1>(k, a, b, c) },
                    ($rows, 2) if $rows <= V::ROWS => unsafe { outer_tile::<T, V, $rows, 2>(k, a, b, c) },
                    ($rows, 3) if $rows <= V::ROWS && V::VECTORS >= 3 => unsafe { outer_tile::<T, V, $rows, 3>(k, a, b, c) },
                )*
                _ => unreachable!(),
            }
        };
    }
    by_size!(1 2 3 4 5 6 7 8)
}

#[inline(always)]
unsafe fn outer_tile<T: Float, V: Vector<T>, const R: usize, const N: usize>(
    k: usize,
    a: View<T>,
    b: View<T>,
    c: Block<T>,
) {
    let last = c.cols - (N - 1) * V::LANES;
    // SAFETY: the caller's promise; `last` is 1..=LANES because the block has N vectors of columns.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        let (mut a, mut b) = (a, b);
        for _ in 0..k {
            let y = load_row::<T, V, N>(b.at, last);
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(a.at.wrapping_add(i * a.row));
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = x.mul_add(y, *sum);
                }
            }
            (a, b) = (a.from(0, 1), b.from(1, 0));
        }
        for (i, sums) in sums.into_iter().enumerate() {
            finish_row(sums, c.at.wrapping_add(i * c.stride), last, c.start);
        }
    }
}

#[inline(always)]
unsafe fn load_row<T: Float, V: Vector<T>, const N: usize>(from: *const T, last: usize) -> [V; N] {
    // SAFETY: `from` is valid for N − 1 vectors and `last` elements.
    unsafe {
        let mut row = [V::zero(); N];
        for (v, row) in row.iter_mut().enumerate().take(N - 1) {
            *row = V::load(from.wrapping_add(v * V::LANES));
        }
        row[N - 1] = V::load_first(from.wrapping_add((N - 1) * V::LANES), last);
        row
    }
}

#[inline(always)]
unsafe fn finish_row<T: Float, V: Vector<T>, const N: usize>(sums: [V; N], c: *mut T, last: usize, start: Start<T>) {
    // SAFETY: the row of the output, and of the bias, is valid for N − 1 vectors and `last` elements.
    unsafe {
        let old = match start {
            Start::Zero => None,
            Start::Output => Some(load_row::<T, V, N>(c, last)),
            Start::Row(bias) => Some(load_row::<T, V, N>(bias, last)),
        };
        let mut new = sums;
        if let Some(old) = old {
            for (new, old) in new.iter_mut().zip(old) {
                *new = old.add(*new);
            }
        }
        for (v, new) in new.into_iter().enumerate() {
            let to = c.wrapping_add(v * V::LANES);
            if v < N - 1 { new.store(to) } else { new.store_first(to, last) }
        }
    }
}

/// c = start + a·b over `k`, for a block of at most `V::DOTS` × `V::DOTS`. The rows of a and the columns of b are
/// contiguous.
///
/// # Safety
/// As for [`outer`], with the rows of a and the columns of b contiguous.
#[inline(always)]
pub(super) unsafe fn dots<T: Float, V: Vector<T>>(k: usize, a: View<T>, b: View<T>, c: Block<T>) {
    debug_assert!((1..=V::DOTS).contains(&c.rows) && (1..=V::DOTS).contains(&c.cols) && a.col == 1 && b.row == 1);
    macro_rules! by_size {
        ($($rows:literal)*) => {
            match c.rows {
                $($rows if $rows <= V::DOTS => by_size!(@ $rows, 1 2 3 4 5),)*
                _ => unreachable!(),
            }
        };
        (@ $rows:literal, $($cols:literal)*) => {
            match c.cols {
                // SAFETY: the caller's promise.
                $($cols if $cols <= V::DOTS => unsafe { dot_tile::<T, V, $rows, $cols>(k, a, b, c) },)*
                _ => unreachable!(),
            }
        };
    }
    by_size!(1 2 3 4 5)
}

#[inline(always)]
unsafe fn dot_tile<T: Float, V: Vector<T>, const R: usize, const S: usize>(
    k: usize,
    a: View<T>,
    b: View<T>,
    c: Block<T>,
) {
    // SAFETY: the caller's promise; the last step reads the k mod LANES elements that remain.
    unsafe {
        let mut sums = [[V::zero(); S]; R];
        let whole = k / V::LANES * V::LANES;
        for p in (0..whole).step_by(V::LANES) {
            step(&mut sums, |i| V::load(a.from(i, p).at), |j| V::load(b.from(p, j).at));
        }
        if whole < k {
            let rest = k - whole;
            step(&mut sums, |i| V::load_first(a.from(i, whole).at, rest), |j| V::load_first(b.from(whole, j).at, rest));
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                let to = c.at.wrapping_add(i * c.stride + j);
                *to = match c.start {
                    Start::Zero => sum.sum(),
                    Start::Output => *to + sum.sum(),
                    Start::Row(bias) => *bias.wrapping_add(j) + sum.sum(),
                };
            }
        }
    }
}

/// Adds the products of one vector of each row and each column.
#[inline(always)]
unsafe fn step<T: Float, V: Vector<T>, const R: usize, const S: usize>(
    sums: &mut [[V; S]; R],
    a: impl Fn(usize) -> V,
    b: impl Fn(usize) -> V,
) {
    // SAFETY: the processor has the instruction set, as the caller promises.
    unsafe {
        let mut y = [V::zero(); S];
        for (j, y) in y.iter_mut().enumerate() {
            *y = b(j);
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = a(i);
            for (sum, y) in sums.iter_mut().zip(y) {
                *sum = x.mul_add(y, *sum);
            }
        }
    }
}
