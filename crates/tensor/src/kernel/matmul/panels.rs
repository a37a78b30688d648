//! Products by register tiles, over operands that are packed where that pays.

use super::pack::pack;
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Start, View, dots, outer};
use crate::float::Float;
use crate::storage::Storage;

/// The depth that is multiplied at a time. A panel of a (8 rows of f32) then takes 12 KiB of the first cache, where it
/// stays while the panels of b (48 columns, 72 KiB) pass by from the second. 256 and 512 were 2 to 5 % slower.
const DEPTH: usize = 384;

/// c = start + a·b by tiles of rows × vectors. b must be packed unless its rows are contiguous.
pub(super) struct Panels<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
    pub(super) pack_a: bool,
    pub(super) pack_b: bool,
}

impl<T: Float> VectorKernel<T> for Panels<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Panels { k, a, b, c, .. } = self;
        let (pack_a, pack_b) = (self.pack_a && k > 0, self.pack_b && k > 0);
        let depth = k.min(DEPTH);
        let mut room_a = scratch(if pack_a { c.rows.next_multiple_of(V::ROWS) * depth } else { 0 });
        let mut room_b = scratch(if pack_b { c.cols.next_multiple_of(V::LANES) * depth } else { 0 });
        let room_a = room_a.unique_mut().unwrap_or_default();
        let room_b = room_b.unique_mut().unwrap_or_default();
        let mut start = c.start;
        // Without any depth, the output is still to be written.
        let nothing = (k == 0).then_some((0, 0));
        for (p, k) in nothing.into_iter().chain(shares(k, DEPTH)) {
            // SAFETY: the caller's promise; the rooms hold every panel of the block.
            unsafe {
                let a = Left::new::<V>(a.from(0, p), k, c.rows, pack_a.then_some(&mut *room_a));
                let b = Right::new::<V>(b.from(p, 0), k, c.cols, pack_b.then_some(&mut *room_b));
                multiply::<T, V>(k, a, b, Block { start, ..c });
            }
            start = Start::Output;
        }
    }
}

fn scratch<T: Float>(len: usize) -> Storage<T> {
    if len == 0 { Storage::Empty } else { Storage::recycled(len) }
}

/// All tiles of the block, along its rows: the other way round is slower where rows of c lie whole pages apart.
#[inline(always)]
unsafe fn multiply<T: Float, V: Vector<T>>(k: usize, a: Left<T>, b: Right<T>, c: Block<T>) {
    for (number, (i, rows)) in shares(c.rows, V::ROWS).enumerate() {
        let a = a.panel::<V>(k, number, i);
        for (j, width) in panels::<T, V>(c.cols) {
            let b = b.panel(k, j, width);
            // SAFETY: the caller's promise; a packed panel holds the rows and columns of the tile.
            unsafe { outer::<T, V>(k, a, b, c.part(i, j, rows, width.min(c.cols - j))) }
        }
    }
}

/// The columns in panels of whole vectors: where each begins, and its width. The last may reach beyond the end.
#[inline(always)]
fn panels<T, V: Vector<T>>(cols: usize) -> impl Iterator<Item = (usize, usize)> {
    shares(cols.div_ceil(V::LANES), V::VECTORS).map(|(first, vectors)| (first * V::LANES, vectors * V::LANES))
}

/// a, or a copy of it: panels of `V::ROWS` rows, each with its columns one after the other.
#[derive(Clone, Copy)]
enum Left<T> {
    Direct(View<T>),
    Packed(*const T),
}

impl<T: Float> Left<T> {
    #[inline(always)]
    unsafe fn new<V: Vector<T>>(a: View<T>, k: usize, rows: usize, room: Option<&mut [T]>) -> Left<T> {
        let Some(room) = room else { return Left::Direct(a) };
        // Where the columns of a are contiguous, panels share cache lines: few at a time, so that they are still there.
        let step = if a.row == 1 { 8 } else { k };
        for p in (0..k).step_by(step) {
            for ((i, rows), room) in shares(rows, V::ROWS).zip(room.chunks_exact_mut(V::ROWS * k)) {
                let columns = View { at: a.from(i, p).at, row: a.col, col: a.row };
                // SAFETY: the caller's promise.
                unsafe { pack::<T, V>(columns, step.min(k - p), rows, V::ROWS, &mut room[p * V::ROWS..]) }
            }
        }
        Left::Packed(room.as_ptr())
    }

    /// The panel of this number, which begins at row `i`.
    #[inline(always)]
    fn panel<V: Vector<T>>(self, k: usize, number: usize, i: usize) -> View<T> {
        match self {
            Left::Direct(a) => a.from(i, 0),
            Left::Packed(at) => View { at: at.wrapping_add(number * V::ROWS * k), row: 1, col: V::ROWS },
        }
    }
}

/// b, or a copy of it: panels of whole vectors of columns, each with its rows one after the other.
#[derive(Clone, Copy)]
enum Right<T> {
    Direct(View<T>),
    Packed(*const T),
}

impl<T: Float> Right<T> {
    #[inline(always)]
    unsafe fn new<V: Vector<T>>(b: View<T>, k: usize, cols: usize, room: Option<&mut [T]>) -> Right<T> {
        let Some(room) = room else { return Right::Direct(b) };
        for (j, width) in panels::<T, V>(cols) {
            // SAFETY: the caller's promise.
            unsafe { pack::<T, V>(b.from(0, j), k, width.min(cols - j), width, &mut room[j * k..][..width * k]) }
        }
        Right::Packed(room.as_ptr())
    }

    /// The panel of this width that begins at column `j`.
    #[inline(always)]
    fn panel(self, k: usize, j: usize, width: usize) -> View<T> {
        match self {
            Right::Direct(b) => b.from(0, j),
            Right::Packed(at) => View { at: at.wrapping_add(j * k), row: width, col: 1 },
        }
    }
}

/// c = start + a·b by tiles of dot products. The rows of a and the columns of b must be contiguous.
pub(super) struct Dots<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
}

impl<T: Float> VectorKernel<T> for Dots<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Dots { k, a, b, c } = self;
        for (j, cols) in shares(c.cols, V::DOTS) {
            for (i, rows) in shares(c.rows, V::DOTS) {
                // SAFETY: the caller's promise; the parts lie inside the block.
                unsafe { dots::<T, V>(k, a.from(i, 0), b.from(0, j), c.part(i, j, rows, cols)) }
            }
        }
    }
}

/// 0..len in the fewest parts of at most `size`, as even as they come: where each begins, and its length.
#[inline(always)]
pub(super) fn shares(len: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = len.div_ceil(size);
    let (each, longer) = (len / parts.max(1), len % parts.max(1));
    (0..parts).map(move |part| (part * each + part.min(longer), each + usize::from(part < longer)))
}
