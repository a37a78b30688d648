//! Which instruction set runs the kernels: decided once, at run time.
//!
//! A [`Kernel`] is a loop written in plain Rust. [`dispatch`] compiles it once per instruction set and calls the
//! best one that the processor has, so a plain `cargo build` uses AVX-512 where it exists. The same source is read
//! with a·b + c [`Fused`] where the processor fuses it, and [`Unfused`] elsewhere, because without the instruction
//! the fused form is a slow library call.

use std::sync::OnceLock;

/// How `a·b + c` is evaluated: with one rounding or with two.
#[doc(hidden)]
pub trait MulAdd: Copy + Send + Sync + 'static {
    fn f32(a: f32, b: f32, c: f32) -> f32;
    fn f64(a: f64, b: f64, c: f64) -> f64;
}

/// One rounding, by the processor's fused instruction.
#[derive(Clone, Copy)]
pub(crate) struct Fused;

/// Two roundings, on processors without a fused instruction.
#[derive(Clone, Copy)]
pub(crate) struct Unfused;

impl MulAdd for Fused {
    #[inline(always)]
    fn f32(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn f64(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

impl MulAdd for Unfused {
    #[inline(always)]
    fn f32(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
    #[inline(always)]
    fn f64(a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
}

/// A loop that is compiled for every instruction set.
pub(crate) trait Kernel {
    type Output;
    /// The loop. Implementations mark it, and what it calls, `#[inline(always)]`, so that it is compiled with the
    /// features of the caller.
    fn run<M: MulAdd>(self) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the compiler's target has (SSE2 on x86-64, NEON on AArch64).
    Portable,
}

/// The instruction set in use: the best one the processor has, or a lower one named by the environment variable
/// `WENGERT_ISA` (`avx512`, `avx2`, `portable`), which tests use to reach every path.
#[inline]
pub(crate) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| choose(std::env::var("WENGERT_ISA").ok().as_deref()))
}

#[cfg(target_arch = "x86_64")]
fn choose(cap: Option<&str>) -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
    match cap {
        Some("portable") => Isa::Portable,
        Some("avx2") if avx2 => Isa::Avx2,
        _ if avx512 => Isa::Avx512,
        _ if avx2 => Isa::Avx2,
        _ => Isa::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn choose(_cap: Option<&str>) -> Isa {
    Isa::Portable
}

/// Runs `kernel`, compiled for the instruction set in use.
#[inline]
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match isa() {
        // SAFETY: `isa` returns this only where the processor reports every feature that the function enables.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(kernel) },
        Isa::Portable => portable(kernel),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

fn portable<K: Kernel>(kernel: K) -> K::Output {
    // AArch64 always has the fused instruction.
    if cfg!(target_arch = "aarch64") { kernel.run::<Fused>() } else { kernel.run::<Unfused>() }
}

/// The bytes of a core's second cache, or what most have where the processor does not say.
pub(crate) fn second_cache() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| measured_second_cache().unwrap_or(1 << 20))
}

/// By the processor's extended function 8000_0006H, which both makers describe alike: in ECX, from bit 16 on, in KiB.
#[cfg(target_arch = "x86_64")]
fn measured_second_cache() -> Option<usize> {
    use std::arch::x86_64::__cpuid;
    const FUNCTION: u32 = 0x8000_0006;
    // SAFETY: every processor of this architecture has the instruction.
    #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
    let kib = unsafe { if __cpuid(0x8000_0000).eax < FUNCTION { 0 } else { __cpuid(FUNCTION).ecx >> 16 } };
    (kib > 0).then_some((kib as usize) << 10)
}

#[cfg(not(target_arch = "x86_64"))]
fn measured_second_cache() -> Option<usize> {
    None
}

/// Asks for a slice to be brought into the first cache while other work goes on.
#[inline]
pub(crate) fn bring_near<T>(slice: &[T]) {
    bring_near_behind(slice, 0);
}

/// Asks for it to be brought into the second cache.
#[inline]
pub(crate) fn bring_to_second_cache<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for first in (0..slice.len()).step_by(CACHE_LINE / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint that no program can see the effect of.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(slice.as_ptr().wrapping_add(first).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// As [`bring_near`], for as many elements so far behind the slice's, which need not be there: a hint for any address.
#[inline(always)]
pub(crate) fn bring_near_behind<T>(slice: &[T], behind: usize) {
    #[cfg(target_arch = "x86_64")]
    for first in (0..slice.len()).step_by(CACHE_LINE / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: as above, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().wrapping_add(behind + first).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, behind);
}

/// As [`bring_near`], for a slice that will be written.
#[inline]
pub(crate) fn bring_near_to_write<T>(slice: &mut [T]) {
    #[cfg(target_arch = "x86_64")]
    for line in slice.chunks(CACHE_LINE / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// Bytes that come from memory together, on nearly all processors.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;
