//! AVX-512.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::simd::{Vector, VectorKernel};
use super::is_f32;
use crate::float::Float;

/// 32 registers of 64 bytes.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512<T>(__m512, PhantomData<T>);

#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
#[inline(never)]
pub(in super::super) unsafe fn avx512<T: Float>(kernel: impl VectorKernel<T>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { kernel.run::<Avx512<T>>() }
}

impl<T> Avx512<T> {
    /// A bit for the first `keep` lanes of every `of`.
    #[inline(always)]
    fn first_of_every(of: usize, keep: usize) -> u32 {
        // The lowest bit of each, times as many ones as are kept.
        let every = (0..64 / size_of::<T>()).step_by(of).fold(0u32, |bits, lane| bits | 1 << lane);
        every * ((1 << keep) - 1)
    }
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
    const REGISTERS: usize = 32;
    const ROWS: usize = 12;
    const WIDE: bool = is_f32::<T>();
    const DOTS: usize = if is_f32::<T>() { 5 } else { 4 };
    const SHALLOW: usize = 64 / size_of::<T>();
    const SHIFTS: bool = true;

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
    unsafe fn mul(self, other: Self) -> Self {
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_mul_ps(self.0, other.0))
            } else {
                Self::f64(_mm512_mul_pd(self.pd(), other.pd()))
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
        let mask = Self::first_of_every(of, keep);
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_maskz_compress_ps(mask as u16, self.0))
            } else {
                Self::f64(_mm512_maskz_compress_pd(mask as u8, self.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn spread(self, of: usize, keep: usize) -> Self {
        let mask = Self::first_of_every(of, keep);
        unsafe {
            if is_f32::<T>() {
                Self::f32(_mm512_maskz_expand_ps(mask as u16, self.0))
            } else {
                Self::f64(_mm512_maskz_expand_pd(mask as u8, self.pd()))
            }
        }
    }
    #[inline(always)]
    unsafe fn shift(lanes: usize) -> Self {
        const NUMBERS: [i32; 32] = [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
            29, 30, 31,
        ];
        let first = lanes % Self::LANES * size_of::<T>() / size_of::<i32>();
        Self::f32(unsafe { _mm512_loadu_ps(NUMBERS.as_ptr().wrapping_add(first).cast()) })
    }
    #[inline(always)]
    unsafe fn shifted(self, next: Self, shift: Self) -> Self {
        Self::f32(unsafe { _mm512_permutex2var_ps(self.0, _mm512_castps_si512(shift.0), next.0) })
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
