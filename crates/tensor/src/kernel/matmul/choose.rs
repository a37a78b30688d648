//! Which kernel computes a product. The rules know sizes, strides and the instruction set, and nothing of threads, so that
//! the bits do not depend on them. Their bounds are where two ways were measured to take as long.

use super::shallow::{self, Shallow};
use super::tile::{self, Ahead};
use super::{Choice, Product, pack, panels, rest, simd};
use crate::float::Float;
use crate::kernel::cpu::Isa;
use crate::storage::Storage;

/// The elements of a shallow product that is not worth asking whether it is to be cut into tasks.
const SMALL: usize = 1 << 14;

/// The rows of b of which more than one vector stays in registers on every instruction set that sums several; and those that
/// are read from the first cache where they begin pages apart.
const FEW: usize = 4;
const DISPLACED: usize = 12;
const PAGE: usize = 4096;

/// The elements of operands that are copied to take dot products of them at most, and what such a copy takes at least,
/// in cycles.
const TURNED: usize = 1 << 16;
const TURNING: usize = 120;

impl<T: Float> Product<T> {
    /// Computes it by the kernel that suits the sizes and the layout.
    pub(super) fn compute_all(self) {
        if self.is_along_depth() && self.suits_dots() {
            return Product { kernel: Choice::Dots, ..self }.run();
        }
        if self.is_along_depth() && self.suits_turned() {
            return Product { kernel: Choice::Turned, ..self }.run();
        }
        if self.suits_columns() {
            return Product { kernel: Choice::Columns, ..self }.run();
        }
        let rest = rest::columns(&self);
        if rest > 0 {
            let (rows, cols) = (self.c.rows, self.c.cols - rest);
            Product { c: self.c.part(0, 0, rows, cols), ..self }.compute_all();
            return rest::compute(Product { b: self.b.from(0, cols), c: self.c.part(0, cols, rows, rest), ..self });
        }
        if self.is_shallow() && !self.is_row_of_one_tile() {
            return if self.b.col == 1 { self.shallow() } else { self.with_columns_turned() };
        }
        if self.turns_for_dots() {
            return self.turned_for_dots();
        }
        self.run();
    }

    /// Adds it, scaled, to the output, by the kernel that [`compute_all`](Product::compute_all) chooses, or not at all.
    pub(super) fn compute_scaled(self) -> bool {
        let shallow = !self.has_kernel_of_its_own() && self.sums_rows();
        if shallow {
            self.shallow();
        }
        shallow
    }

    /// Whether it is neither for tiles nor for sums of rows, or not all of it.
    pub(super) fn has_kernel_of_its_own(&self) -> bool {
        self.is_along_depth() || self.suits_columns() || rest::columns(self) > 0
    }

    /// Whether its rows are sums of rows of b, as they lie there.
    pub(super) fn sums_rows(&self) -> bool {
        self.is_shallow() && !self.is_row_of_one_tile() && self.b.col == 1
    }

    /// Whether the rows of a and the columns of b are contiguous.
    pub(super) fn is_along_depth(&self) -> bool {
        self.a.col == 1 && self.b.row == 1 && self.b.col != 1
    }

    /// The same product once the rows of b are contiguous.
    fn with_columns_turned(self) {
        let mut turned = Storage::Empty;
        // SAFETY: the product is checked, and the processor has the instruction set.
        let b = unsafe { pack::turn(self.isa, self.b.transposed(), self.c.cols, self.k, &mut turned) };
        Product { b: b.transposed(), ..self }.compute_all();
    }

    /// Whether its rows are better summed than its tiles, once the rows of b are contiguous.
    pub(super) fn is_shallow(&self) -> bool {
        let Product { isa, k, b, c, .. } = *self;
        let suits = if simd::registers::<T>(isa) == 32 {
            c.cols <= simd::lanes::<T>(isa) || shallow::together(k, 32) > 1
        } else {
            // Rows of one tile are best left to it, and rows of b that displace each other, which are read again and again.
            let apart = (b.row * size_of::<T>()).is_multiple_of(PAGE);
            k <= FEW || c.rows > simd::tile_rows::<T>(isa) && !(apart && k > DISPLACED)
        };
        (1..=simd::shallow::<T>(isa)).contains(&k) && suits
    }

    /// Whether it is a single row, of more vectors than its sum takes at a time, and of no more than a tile has.
    pub(super) fn is_row_of_one_tile(&self) -> bool {
        self.c.rows == 1 && self.c.cols > 4 * simd::lanes::<T>(self.isa) && self.is_tile()
    }

    /// Its rows as sums of rows of b.
    pub(super) fn shallow(self) {
        if self.c.rows.saturating_mul(self.c.cols) <= SMALL {
            return self.shallow_alone(Ahead::none());
        }
        Product { isa: self.isa_of_shallow(), kernel: Choice::Shallow, ..self }.run();
    }

    /// The same on this thread, fetching what is to be read with it.
    pub(super) fn shallow_alone(self, ahead: Ahead<T>) {
        let Product { k, a, b, c, scale, .. } = self;
        // SAFETY: the product is checked, the processor has the instruction set, and c is ours alone.
        unsafe { simd::run(self.isa_of_shallow(), Shallow { k, a, b, c, scale, ahead }) }
    }

    /// The instruction set whose vectors are as wide as the output, where there is one.
    fn isa_of_shallow(&self) -> Isa {
        let shorter = simd::narrowest::<T>(self.isa, self.c.cols);
        let fits = self.c.cols == simd::lanes::<T>(shorter) && self.k <= FEW.min(simd::shallow::<T>(shorter));
        if fits { shorter } else { self.isa }
    }

    /// Whether dot products take less time than tiles that have to turn b. At a small depth their final sums are most of
    /// the work, so there only for few sums.
    fn suits_dots(&self) -> bool {
        let (rows, cols) = (self.c.rows, self.c.cols);
        match self.k {
            0 => false,
            1..5 => rows * cols <= 16,
            5..8 => rows == 1 || rows * cols <= 16,
            12.. if self.is_shallow() => rows == 1 || cols <= 2 || rows * cols <= 64,
            _ if self.is_shallow() => rows == 1 || rows * cols <= 32,
            8..24 => rows == 1 || cols <= 2 || rows * cols <= 128,
            24..40 => rows <= 3 || cols <= 5 || rows * cols <= 200,
            40..64 => rows <= 6 || cols <= 5 || rows * cols <= 128,
            64..144 => rows <= 12 || cols <= 9,
            144..256 => rows <= 12 || cols <= 12 || rows <= 16 && cols < 48 && self.is_along_depth(),
            _ => rows <= 16 || cols < 16,
        }
    }

    /// Whether dot products take less time than tiles even after an operand has been turned for them. The estimates are
    /// cycles for each step along the depth, as measured: a chain of multiply-adds takes four, and a sum of lanes three.
    pub(super) fn turns_for_dots(&self) -> bool {
        let (rows, cols) = (self.c.rows, self.c.cols);
        let (turn_a, turn_b) = (self.a.col != 1, self.b.row != 1);
        let lanes = simd::lanes::<T>(self.isa);
        let turned = if turn_a { rows } else { 0 } + if turn_b { cols } else { 0 };
        if !(turn_a || turn_b) || self.k < lanes || turned.saturating_mul(self.k) > TURNED || !self.suits_dots() {
            return false;
        }
        let turn = |len: usize| match len {
            1 | 2 | 4 => 1,
            3 => 2,
            5..=8 => 4,
            _ => 6 * len.div_ceil(lanes),
        };
        let vectors = cols.div_ceil(lanes);
        let tiles = (rows * vectors * 5 / 8).max(4) + if self.b.col == 1 { 0 } else { 6 * vectors };
        let dots = rows * cols / (2 * lanes)
            + rows * cols * 3 / self.k
            + if turn_a { turn(rows) } else { 0 }
            + if turn_b { turn(cols) } else { 0 };
        self.k.saturating_mul((tiles * 7 / 8).saturating_sub(dots)) > TURNING
    }

    /// Whether tiles of the transposed product take less time than the product as it is, by estimates in cycles.
    pub(super) fn suits_columns(&self) -> bool {
        let (rows, cols, k) = (self.c.rows, self.c.cols, self.k);
        let turns_b = self.b.col != 1;
        // Few rows over a great depth go with dot products rather than with a turned b.
        if self.a.row != 1 || k < 2 || cols > 12 || turns_b && rows < 5 && k > 64 {
            return false;
        }
        let write = match cols {
            ..3 => 10,
            3 | 4 => 28,
            5..9 => 70,
            _ => 130,
        };
        let tall = rows.div_ceil(simd::lanes::<T>(self.isa));
        let transposed = 60 + tall * write + k.saturating_mul((tall * cols * 5 / 9).max(4));
        let direct = if self.is_shallow() {
            // A row's sum is one chain of multiply-adds: beyond so many the processor cannot look far enough ahead for others.
            rows / 2 + k * rows * if k > 12 { 18 } else { 13 } / 16 + if turns_b { 60 + 8 * k } else { 0 }
        } else {
            rows * 6
                + k.saturating_mul((rows * 5 / 9).max(4) + if turns_b { 6 } else { 0 })
                + if turns_b { 200 } else { 0 }
        };
        transposed < direct
    }

    /// By dot products, along which the operands are turned that do not lie so.
    pub(super) fn turned_for_dots(self) {
        let Product { isa, k, mut a, mut b, c, .. } = self;
        let (mut room_a, mut room_b) = (Storage::Empty, Storage::Empty);
        // SAFETY: the product is checked, and the processor has the instruction set.
        unsafe {
            if a.col != 1 {
                a = pack::turn(isa, a.transposed(), k, c.rows, &mut room_a).transposed();
            }
            if b.row != 1 {
                b = pack::turn(isa, b, k, c.cols, &mut room_b);
            }
        }
        Product { a, b, kernel: Choice::Dots, ..self }.run();
    }

    /// Whether one register tile computes it, from b as it lies.
    pub(super) fn is_tile(&self) -> bool {
        let Product { isa, k, b, c, .. } = *self;
        let vectors = tile::vectors(c.rows, simd::wide::<T>(isa));
        let fits = c.rows <= simd::tile_rows::<T>(isa) && c.cols <= vectors * simd::lanes::<T>(isa);
        matches!(self.kernel, Choice::Panels) && fits && b.col == 1 && k <= panels::DEPTH
    }
}
