//! Columns folded downwards, side by side; where they are few, several rows side by side count as one.

use super::super::cpu::{Kernel, MulAdd, dispatch};
use super::super::split;
use super::{Fold, PART, PARTS};
use crate::float::Float;
use crate::storage::Storage;

/// Columns folded side by side, and rows before the partial result is merged.
const TILE: usize = 1024;
pub(in crate::kernel) const ROWS: usize = 128;
/// Rows are laid side by side up to so many columns.
const ABREAST: usize = 512;

/// The columns of a `[mid, out.len()]` matrix, folded downwards: parts of many rows each, and these, or parts of the
/// columns where there are not that many rows.
pub(super) fn columns<T: Float, F: Fold>(fold: F, x: &[T], mid: usize, out: &mut [T]) {
    let inner = out.len();
    let part = mid.div_ceil(PARTS).max(PART.div_ceil(inner)).next_multiple_of(ROWS);
    let parts = mid.div_ceil(part);
    if parts < 2 {
        return split::row_groups(out, TILE, TILE * mid, &|first, out| {
            dispatch(Columns { fold, x, inner, first: first * TILE, out });
        });
    }
    let mut room = Storage::recycled(parts * inner);
    let room = &mut room.unique_mut().expect("a new buffer is not shared")[..parts * inner];
    split::row_groups(room, inner, inner * part, &|first, room| {
        for (i, out) in room.chunks_mut(inner).enumerate() {
            let rows = (first + i) * part..mid.min((first + i + 1) * part);
            dispatch(Columns { fold, x: &x[rows.start * inner..rows.end * inner], inner, first: 0, out });
        }
    });
    dispatch(Columns { fold, x: room, inner, first: 0, out });
}

/// Columns `first..first + out.len()` of a matrix of `inner` columns, folded downwards.
pub(super) struct Columns<'a, T, F> {
    pub(super) fold: F,
    pub(super) x: &'a [T],
    pub(super) inner: usize,
    pub(super) first: usize,
    pub(super) out: &'a mut [T],
}

impl<T: Float, F: Fold> Kernel for Columns<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Columns { fold, x, inner, first, out } = self;
        let most = (ABREAST / inner).min(x.len() / inner / 4);
        let abreast = if most < 2 { 1 } else { 1 << most.ilog2() };
        let mut room;
        let wide: &mut [T] = if abreast == 1 {
            &mut []
        } else {
            room = [T::ZERO; ABREAST];
            &mut room[..abreast * inner]
        };
        let width = abreast * inner;
        let (whole, rest) = x.split_at(x.len() / width * width);
        // One place calls for both, or each would be compiled.
        let (begin, to) = if abreast == 1 { (first, &mut *out) } else { (0, &mut *wide) };
        downwards(fold, whole, width, begin, to);
        if abreast == 1 {
            return;
        }
        fold_into(fold, wide, rest);
        let mut width = abreast / 2;
        while width > 0 {
            let (low, high) = wide.split_at_mut(width * inner);
            fold_into(fold, low, &high[..width * inner]);
            width /= 2;
        }
        out.copy_from_slice(&wide[first..][..out.len()]);
    }
}

#[inline(always)]
fn fold_into<T: Float>(fold: impl Fold, to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = fold.fold(*to, from);
    }
}

/// Columns `first..first + out.len()`, a tile after the other.
#[inline(always)]
fn downwards<T: Float>(fold: impl Fold, x: &[T], inner: usize, first: usize, out: &mut [T]) {
    let single = x.len() <= ROWS * inner;
    let mut room;
    let part: &mut [T] = if single {
        &mut []
    } else {
        room = [T::ZERO; TILE];
        &mut room
    };
    for (t, out) in out.chunks_mut(TILE).enumerate() {
        out.fill(fold.empty());
        for group in x.chunks(ROWS * inner) {
            let to = if single { &mut *out } else { &mut part[..out.len()] };
            if !single {
                to.fill(fold.empty());
            }
            tile(fold, group, inner, first + t * TILE, to);
            if !single {
                fold_into(fold, out, &part[..out.len()]);
            }
        }
    }
}

/// Columns `first..first + part.len()` of a group of rows, four at a time.
#[inline(always)]
fn tile<T: Float>(fold: impl Fold, x: &[T], inner: usize, first: usize, part: &mut [T]) {
    let width = part.len();
    let mut fours = x.chunks_exact(4 * inner);
    for rows in &mut fours {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| &rows[i * inner + first..][..width]);
        for i in 0..width {
            part[i] = fold.fold(part[i], fold.fold(fold.fold(a[i], b[i]), fold.fold(c[i], d[i])));
        }
    }
    for row in fours.remainder().chunks_exact(inner) {
        fold_into(fold, part, &row[first..][..width]);
    }
}
