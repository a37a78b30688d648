//! AVX2 and FMA.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::simd::{Vector, VectorKernel};
use super::is_f32;
use crate::float::Float;

/// 16 registers of 32 bytes.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2<T>(__m256, PhantomData<T>);

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(in super::super) unsafe fn avx2<T: Float>(kernel: impl VectorKernel<T>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { kernel.run::<Avx2<T>>() }
}

impl<T> Avx2<T> {
    #[inline(always)]
    fn f32(x: __m256) -> Self {
        Avx2(x, PhantomData)
    }
    #[inline(always)]
    unsafe fn f64(x: __m256d) -> Self {
        // SAFETY: the caller has AVX2; this and `pd` only rename the register.
        Avx2(unsafe { _mm256_castpd_ps(x) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn pd(self) -> __m256d {
        // SAFETY: as above.
        unsafe { _mm256_castps_pd(self.0) }
    }
    /// The mask of the first `n` lanes of `T`.
    #[inline(always)]
    unsafe fn first(n: usize) -> __m256i {
        const ONES_THEN_ZEROS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let words = n * (size_of::<T>() / 4);
        debug_assert!(words <= 8);
        // SAFETY: the eight words that start at 8 − words ≤ 8 lie in the table.
        unsafe { _mm256_loadu_si256(ONES_THEN_ZEROS.as_ptr().add(8 - words).cast()) }
    }
}

// SAFETY, of all blocks below: what the trait demands of its callers: the instruction set, and valid pointers. A
// masked load or store touches the lanes of its mask only.
impl<T: Float> Vector<T> for Avx2<T> {
    const LANES: usize = 32 / size_of::<T>();
    // 12 sums, two vectors of b and an element of a: 15 of 16 registers.
    const ROWS: usize = 6;
    const DOTS: usize = 3;
    const SHALLOW: usize = 16;
    const HELD: usize = 6;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self::f32(unsafe { _mm256_setzero_ps() })
    }
    #[inline(always)]
    unsafe fn splat(x: *const T) -> Self {
        unsafe {
            if is_f32::<T>() { Self::f32(_mm256_set1_ps(*x.cast())) } else { Self::f64(_mm256_set1_pd(*x.cast())) }
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        Self::f32(unsafe { _mm256_loadu_ps(from.cast()) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        if n == Self::LANES {
            return unsafe { Self::load(from) };
        }
        Self::f32(unsafe { _mm256_maskload_ps(from.cast(), Self::first(n)) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { _mm256_storeu_ps(to.cast(), self.0) }
    }
    /// By halves: some processors take a dozen cycles for a store with a mask.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        let (words, mut to) = (n * (size_of::<T>() / 4), to.cast::<f32>());
        unsafe {
            if words == 8 {
                return _mm256_storeu_ps(to, self.0);
            }
            let mut left = _mm256_castps256_ps128(self.0);
            if words & 4 != 0 {
                _mm_storeu_ps(to, left);
                (left, to) = (_mm256_extractf128_ps::<1>(self.0), to.wrapping_add(4));
            }
            if words & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(left));
                (left, to) = (_mm_movehl_ps(left, left), to.wrapping_add(2));
            }
            if words & 1 != 0 {
                _mm_store_ss(to, left);
            }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm256_add_ps(self.0, other.0))
            } else {
                Self::f64(_mm256_add_pd(self.pd(), other.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm256_mul_ps(self.0, other.0))
            } else {
                Self::f64(_mm256_mul_pd(self.pd(), other.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm256_fmadd_ps(self.0, b.0, c.0))
            } else {
                Self::f64(_mm256_fmadd_pd(self.pd(), b.pd(), c.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        unsafe {
            let (even, odd) = if is_f32::<T>() {
                (_mm256_unpacklo_ps(self.0, other.0), _mm256_unpackhi_ps(self.0, other.0))
            } else {
                let (a, b) = (self.pd(), other.pd());
                (Self::f64(_mm256_unpacklo_pd(a, b)).0, Self::f64(_mm256_unpackhi_pd(a, b)).0)
            };
            (Self::f32(_mm256_permute2f128_ps::<0x20>(even, odd)), Self::f32(_mm256_permute2f128_ps::<0x31>(even, odd)))
        }
    }
    #[inline(always)]
    unsafe fn call(kernel: impl VectorKernel<T>) {
        unsafe { avx2(kernel) }
    }
    #[inline(always)]
    unsafe fn prefetch(at: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}
