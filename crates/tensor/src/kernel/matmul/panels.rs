//! Products by register tiles, over a as it lies and over b as it lies or packed.

use std::ops::Range;

use super::pack::Pack;
use super::simd::{Vector, VectorKernel};
use super::tile::{Block, Depth, View, outer, vectors};
use crate::float::Float;
use crate::storage::Storage;

/// The depth that is multiplied at a time. A panel of b, two vectors wide, then takes 32 KiB of the first cache with
/// AVX-512, where it stays while the rows of a pass by from the second.
pub(super) const DEPTH: usize = 256;

/// Of b, as much is packed at a time as leaves half of a small second cache to a.
const PACKED_BYTES: usize = 1 << 17;

/// The rows that are multiplied by a group of columns at a time: at this depth they take half of a second cache of 1 MiB
/// in f32, and are read once for each panel of the group.
const ROWS: usize = 512;

/// What may stay in the first cache.
const NEAR_BYTES: usize = 1 << 15;

/// c = start + a·b by tiles of rows × vectors, for some of the panels that the rows of c fall into. b must be packed
/// unless its rows are contiguous.
pub(super) struct Panels<T> {
    pub(super) k: usize,
    pub(super) a: View<T>,
    pub(super) b: View<T>,
    pub(super) c: Block<T>,
    pub(super) numbers: Range<usize>,
    pub(super) pack_b: bool,
}

impl<T: Float> VectorKernel<T> for Panels<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<T>>(self) {
        let Panels { k, b, c, pack_b, .. } = self;
        let depth = k.clamp(1, DEPTH);
        let width = width::<T, V>(c);
        let (mut group, mut len) = (c.cols.max(1), 0);
        if pack_b {
            group = (PACKED_BYTES / (depth * size_of::<T>())).max(width) / width * width;
            len = group.min(c.cols.next_multiple_of(V::LANES)) * depth;
        }
        let mut room = if len == 0 { Storage::Empty } else { Storage::recycled(len) };
        let room = room.unique_mut().unwrap_or_default();
        let mut c = c;
        // Without any depth, the output is still to be written, once.
        let nothing = (k == 0).then_some((0, 0));
        let depths = Shares::new(k, DEPTH);
        for (p, k) in nothing.into_iter().chain((0..depths.count()).map(|number| depths.part(number))) {
            for j in (0..c.cols).step_by(group) {
                let c = c.part(0, j, c.rows, group.min(c.cols - j));
                // SAFETY: the caller's promise.
                unsafe {
                    let b = Right::new::<V>(b.from(p, j), k, c.cols, width, pack_b.then_some(&mut *room));
                    self.multiply::<V>(p, k, b, c, width);
                }
            }
            c = c.added_to();
        }
    }
}

/// The columns of a panel: in the fewest panels, and of these as even ones as whole vectors allow, since a tile of few rows
/// takes no less time for having fewer vectors.
#[inline(always)]
fn width<T: Float, V: Vector<T>>(c: Block<T>) -> usize {
    let (all, most) = (c.cols.div_ceil(V::LANES), vectors(c.rows, V::REGISTERS));
    if all <= most {
        return all.max(1) * V::LANES;
    }
    all.div_ceil(all.div_ceil(most)) * V::LANES
}

impl<T: Float> Panels<T> {
    /// A group of columns, over `k` of the depth from `p` on.
    #[inline(always)]
    unsafe fn multiply<V: Vector<T>>(&self, p: usize, k: usize, b: Right<T>, c: Block<T>, width: usize) {
        let panels = Shares::new(c.rows, V::ROWS);
        // The output is written fastest along its rows, but b has to be near for that.
        let by_row = k * size_of::<T>() * c.cols <= NEAR_BYTES;
        for first in self.numbers.clone().step_by(ROWS / V::ROWS) {
            let numbers = first..self.numbers.end.min(first + ROWS / V::ROWS);
            for (row, col) in tiles(numbers, c.cols.div_ceil(width), by_row) {
                let ((i, rows), j) = (panels.part(row), col * width);
                // SAFETY: the caller's promise; a packed panel holds the columns of the tile.
                unsafe {
                    let (a, c) = (self.a.from(i, p), c.part(i, j, rows, width.min(c.cols - j)));
                    outer::<T, V>(Depth::one_run(k), a, b.panel(k, j), c);
                }
            }
        }
    }
}

/// Some columns of b, or a copy of them: panels of whole vectors of columns, each with its rows one after the other.
#[derive(Clone, Copy)]
enum Right<T> {
    Direct(View<T>),
    Packed {
        at: *const T,
        cols: usize,
        /// The columns of all panels but the last.
        width: usize,
    },
}

impl<T: Float> Right<T> {
    #[inline(always)]
    unsafe fn new<V: Vector<T>>(b: View<T>, k: usize, cols: usize, width: usize, room: Option<&mut [T]>) -> Right<T> {
        let Some(room) = room else { return Right::Direct(b) };
        // SAFETY: the caller's promise.
        unsafe { V::call(Pack { from: b, depth: k, cols, width, to: &mut *room }) }
        Right::Packed { at: room.as_ptr(), cols: cols.next_multiple_of(V::LANES), width }
    }

    /// The panel that begins at column `j`.
    #[inline(always)]
    fn panel(self, k: usize, j: usize) -> View<T> {
        match self {
            Right::Direct(b) => b.from(0, j),
            Right::Packed { at, cols, width } => View { at: at.wrapping_add(j * k), row: width.min(cols - j), col: 1 },
        }
    }
}

/// 0..len in the fewest parts of at most `size`, as even as they come.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    count: usize,
    each: usize,
    /// So many of the parts have one more.
    longer: usize,
}

impl Shares {
    #[inline(always)]
    pub(super) fn new(len: usize, size: usize) -> Shares {
        // A division takes as long as the product of small matrices.
        if len <= size {
            return Shares { count: usize::from(len > 0), each: len, longer: 0 };
        }
        let count = len.div_ceil(size);
        Shares { count, each: len / count.max(1), longer: len % count.max(1) }
    }

    /// Where a part begins, and its length.
    #[inline(always)]
    pub(super) fn part(self, number: usize) -> (usize, usize) {
        (number * self.each + number.min(self.longer), self.each + usize::from(number < self.longer))
    }

    #[inline(always)]
    pub(super) fn count(self) -> usize {
        self.count
    }
}

/// The rows and columns of a table of tiles, row by row or column by column.
#[inline(always)]
pub(super) fn tiles(down: Range<usize>, across: usize, by_row: bool) -> impl Iterator<Item = (usize, usize)> {
    let (outer, inner) = if by_row { (down, 0..across) } else { (0..across, down) };
    outer.flat_map(move |x| inner.clone().map(move |y| if by_row { (x, y) } else { (y, x) }))
}
