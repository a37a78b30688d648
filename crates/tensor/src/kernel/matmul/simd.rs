//! Vector registers: what the product kernels need of them, for each instruction set.
//!
//! The kernels keep two dozen vectors in registers across a loop. The compiler vectorises such a loop only by luck
//! when it is written with arrays, so here the registers are named.

use crate::float::Float;
use crate::kernel::cpu::{Fused, Isa, Unfused};

/// The most lanes that a vector has.
pub(super) const WIDEST: usize = 16;

/// A vector register of `T`, and how many of them the kernels may hold at a time.
pub(super) trait Vector<T: Float>: Copy {
    const LANES: usize;
    const REGISTERS: usize = 16;
    /// The most rows of a tile of the outer-product kernel, and whether tiles of fewer rows have as many vectors as 32
    /// registers hold. Of each there is one more to compile.
    const ROWS: usize;
    const WIDE: bool = false;
    /// The largest tile of the dot-product kernel: rows, and columns.
    const DOTS: usize;
    /// The most rows of b that are summed as whole rows, and those of which all stay in registers meanwhile.
    const SHALLOW: usize;
    const HELD: usize = Self::SHALLOW;

    // SAFETY, of every function here: the processor has the instruction set, and the pointers are valid for the
    // elements that the function reads or writes: all lanes, or the first `n`, 1 ≤ n ≤ LANES.
    unsafe fn zero() -> Self;
    unsafe fn splat(x: *const T) -> Self;
    unsafe fn load(from: *const T) -> Self;
    /// The first `n` lanes; the others are 0.
    unsafe fn load_first(from: *const T, n: usize) -> Self;
    unsafe fn store(self, to: *mut T);
    unsafe fn store_first(self, to: *mut T, n: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// self·b + c.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// The lanes of both in turn, self₀ other₀ self₁ other₁ …, as two vectors.
    unsafe fn zip(self, other: Self) -> (Self, Self);
    /// Of every `of` lanes the first `keep`, one after the other, and zeros behind them. `of` divides the lanes.
    unsafe fn squeeze(self, of: usize, keep: usize) -> Self {
        let (mut lanes, mut kept) = ([T::ZERO; WIDEST], [T::ZERO; WIDEST]);
        // SAFETY: no vector has more lanes.
        unsafe {
            self.store(lanes.as_mut_ptr());
            let lanes = lanes[..Self::LANES].chunks_exact(of).flat_map(|lanes| &lanes[..keep]);
            kept.iter_mut().zip(lanes).for_each(|(kept, &lane)| *kept = lane);
            Self::load(kept.as_ptr())
        }
    }
    /// The reverse, for vectors of sixteen lanes: the first lanes, `keep` of them to the beginning of every `of`, and zeros
    /// behind.
    unsafe fn spread(self, _of: usize, _keep: usize) -> Self {
        unreachable!("not spread")
    }
    /// Whether two aligned loads and [`shifted`](Vector::shifted) take less time than a load that lies in two lines.
    const SHIFTS: bool = false;
    /// What [`shifted`](Vector::shifted) takes to leave out so many lanes, fewer than there are.
    unsafe fn shift(_lanes: usize) -> Self {
        unreachable!("no shifts")
    }
    /// Of the lanes of both, one after the other, as many as a vector has, behind those that are left out.
    unsafe fn shifted(self, _next: Self, _shift: Self) -> Self {
        unreachable!("no shifts")
    }
    /// Asks for the cache line of an address, which need not be valid.
    unsafe fn prefetch(_at: *const T) {}
    /// Runs a kernel as a function of its own. The compiler's time grows faster than the length of a function.
    unsafe fn call(kernel: impl VectorKernel<T>);
}

/// A loop over vectors, compiled for every instruction set.
pub(super) trait VectorKernel<T: Float> {
    /// # Safety
    /// The processor has the instruction set of `V`, and the kernel's own pointers are valid.
    unsafe fn run<V: Vector<T>>(self);
}

/// Runs a kernel on an instruction set.
///
/// # Safety
/// The processor has `isa`, and the kernel's own pointers are valid.
pub(super) unsafe fn run<T: Float>(isa: Isa, kernel: impl VectorKernel<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::x86::avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::x86::avx2(kernel),
            Isa::Portable => kernel.run::<Portable<T>>(),
        }
    }
}

/// The constants of a vector.
struct Sizes {
    lanes: usize,
    registers: usize,
    wide: bool,
    rows: usize,
    shallow: usize,
}

impl Sizes {
    fn of<T: Float, V: Vector<T>>() -> Sizes {
        Sizes { lanes: V::LANES, registers: V::REGISTERS, wide: V::WIDE, rows: V::ROWS, shallow: V::SHALLOW }
    }

    fn on<T: Float>(isa: Isa) -> Sizes {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Sizes::of::<T, super::x86::Avx512<T>>(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Sizes::of::<T, super::x86::Avx2<T>>(),
            Isa::Portable => Sizes::of::<T, Portable<T>>(),
        }
    }
}

/// The elements of a vector on an instruction set.
pub(super) fn lanes<T: Float>(isa: Isa) -> usize {
    Sizes::on::<T>(isa).lanes
}

/// How many registers an instruction set has.
pub(super) fn registers<T: Float>(isa: Isa) -> usize {
    Sizes::on::<T>(isa).registers
}

/// Whether tiles of few rows are wide on an instruction set.
pub(super) fn wide<T: Float>(isa: Isa) -> bool {
    Sizes::on::<T>(isa).wide
}

/// The most rows of a tile on an instruction set.
pub(super) fn tile_rows<T: Float>(isa: Isa) -> usize {
    Sizes::on::<T>(isa).rows
}

/// The most rows of b that are summed as whole rows on an instruction set.
pub(super) fn shallow<T: Float>(isa: Isa) -> usize {
    Sizes::on::<T>(isa).shallow
}

/// The instruction set, which the processor has too, with the shortest vectors that hold so many elements.
pub(super) fn narrowest<T: Float>(isa: Isa, len: usize) -> Isa {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if len <= super::x86::Avx2::<T>::LANES => Isa::Avx2,
        _ => isa,
    }
}

/// Four elements, of which the compiler makes what its target has.
#[derive(Clone, Copy)]
struct Portable<T>([T; 4]);

impl<T: Float> Vector<T> for Portable<T> {
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const DOTS: usize = 2;
    const SHALLOW: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Portable([T::ZERO; 4])
    }
    #[inline(always)]
    unsafe fn splat(x: *const T) -> Self {
        // SAFETY: `x` is valid.
        Portable([unsafe { *x }; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: `from` is valid for four elements; an array is aligned as its element.
        Portable(unsafe { *from.cast() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        // SAFETY: `from` is valid for the first `n` elements, and only they are read.
        let at = |i: usize| if i < n { unsafe { *from.add(i) } } else { T::ZERO };
        Portable([at(0), at(1), at(2), at(3)])
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: `to` is valid for four elements.
        unsafe { *to.cast() = self.0 }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        for (i, &x) in self.0.iter().enumerate().take(n) {
            // SAFETY: `to` is valid for the first `n` elements.
            unsafe { *to.add(i) = x }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Portable([a + e, b + f, c + g, d + h])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Portable([a * e, b * f, c * g, d * h])
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        let (x, y, z) = (self.0, b.0, c.0);
        if cfg!(target_arch = "aarch64") {
            let lane = |i: usize| x[i].mul_add::<Fused>(y[i], z[i]);
            Portable([lane(0), lane(1), lane(2), lane(3)])
        } else {
            let lane = |i: usize| x[i].mul_add::<Unfused>(y[i], z[i]);
            Portable([lane(0), lane(1), lane(2), lane(3)])
        }
    }
    #[inline(always)]
    unsafe fn call(kernel: impl VectorKernel<T>) {
        #[inline(never)]
        unsafe fn run<T: Float>(kernel: impl VectorKernel<T>) {
            // SAFETY: the caller's promise.
            unsafe { kernel.run::<Portable<T>>() }
        }
        // SAFETY: the caller's promise.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (Portable([a, e, b, f]), Portable([c, g, d, h]))
    }
}
