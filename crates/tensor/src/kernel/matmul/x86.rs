//! The vector registers of x86-64.
//!
//! A register holds f32 or f64 by the size of `T`, which is one or the other; the type of the register itself only
//! says how many bytes it has.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::simd::{Vector, VectorKernel};
use crate::float::Float;

#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
#[inline(never)]
pub(super) unsafe fn avx512<T: Float>(kernel: impl VectorKernel<T>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { kernel.run::<Avx512<T>>() }
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(super) unsafe fn avx2<T: Float>(kernel: impl VectorKernel<T>) {
    // SAFETY: as above.
    unsafe { kernel.run::<Avx2<T>>() }
}

/// 32 registers of 64 bytes.
#[derive(Clone, Copy)]
pub(super) struct Avx512<T>(__m512, PhantomData<T>);

/// 16 registers of 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct Avx2<T>(__m256, PhantomData<T>);

const fn is_f32<T>() -> bool {
    const { assert!(size_of::<T>() == 4 || size_of::<T>() == 8) };
    size_of::<T>() == 4
}

impl<T> Avx512<T> {
    #[inline(always)]
    fn f32(x: __m512) -> Self {
        Avx512(x, PhantomData)
    }
    #[inline(always)]
    unsafe fn f64(x: __m512d) -> Self {
        // SAFETY: the caller has AVX-512; this and `pd` only rename the register.
        Avx512(unsafe { _mm512_castpd_ps(x) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn pd(self) -> __m512d {
        // SAFETY: as above.
        unsafe { _mm512_castps_pd(self.0) }
    }
}

// SAFETY, of all blocks below: what the trait demands of its callers: the instruction set, and valid pointers. A
// masked load or store touches the lanes of its mask only.
impl<T: Float> Vector<T> for Avx512<T> {
    const LANES: usize = 64 / size_of::<T>();
    const ROWS: usize = 12;
    const WIDE: bool = is_f32::<T>();
    const DOTS: usize = 5;
    const SHALLOW: usize = 64 / size_of::<T>();

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self::f32(unsafe { _mm512_setzero_ps() })
    }
    #[inline(always)]
    unsafe fn splat(x: *const T) -> Self {
        unsafe {
            if is_f32::<T>() { Self::f32(_mm512_set1_ps(*x.cast())) } else { Self::f64(_mm512_set1_pd(*x.cast())) }
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        Self::f32(unsafe { _mm512_loadu_ps(from.cast()) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        let mask = (1u32 << n) - 1;
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_maskz_loadu_ps(mask as u16, from.cast()))
            } else {
                Self::f64(_mm512_maskz_loadu_pd(mask as u8, from.cast()))
            }
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { _mm512_storeu_ps(to.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        let mask = (1u32 << n) - 1;
        unsafe {
            if is_f32::<T>() {
                _mm512_mask_storeu_ps(to.cast(), mask as u16, self.0)
            } else {
                _mm512_mask_storeu_pd(to.cast(), mask as u8, self.pd())
            }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_add_ps(self.0, other.0))
            } else {
                Self::f64(_mm512_add_pd(self.pd(), other.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_fmadd_ps(self.0, b.0, c.0))
            } else {
                Self::f64(_mm512_fmadd_pd(self.pd(), b.pd(), c.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        unsafe {
            if is_f32::<T>() {
                let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
                let zip = |index| Self::f32(_mm512_permutex2var_ps(self.0, index, other.0));
                (zip(low), zip(high))
            } else {
                let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
                let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
                let zip = |index| Self::f64(_mm512_permutex2var_pd(self.pd(), index, other.pd()));
                (zip(low), zip(high))
            }
        }
    }
    #[inline(always)]
    unsafe fn squeeze(self, of: usize, keep: usize) -> Self {
        // The lowest bit of every `of`, times as many ones as are kept.
        let every = (0..Self::LANES).step_by(of).fold(0u32, |bits, lane| bits | 1 << lane);
        let mask = every * ((1 << keep) - 1);
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_maskz_compress_ps(mask as u16, self.0))
            } else {
                Self::f64(_mm512_maskz_compress_pd(mask as u8, self.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn call(kernel: impl VectorKernel<T>) {
        unsafe { avx512(kernel) }
    }
    #[inline(always)]
    unsafe fn prefetch(at: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
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

// SAFETY, of all blocks below: as for `Avx512`.
impl<T: Float> Vector<T> for Avx2<T> {
    const LANES: usize = 32 / size_of::<T>();
    // 12 sums, two vectors of b and an element of a: 15 of 16 registers.
    const ROWS: usize = 6;
    const DOTS: usize = 3;
    const SHALLOW: usize = 4;

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
        Self::f32(unsafe { _mm256_maskload_ps(from.cast(), Self::first(n)) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { _mm256_storeu_ps(to.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        unsafe { _mm256_maskstore_ps(to.cast(), Self::first(n), self.0) }
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
