//! The vector registers of x86-64.
//!
//! A register holds f32 or f64 by the size of `T`, which is one or the other; the type of the register itself only
//! says how many bytes it has. Each instruction set is a module, because the compiler works on modules in parallel.

mod avx2;
mod avx512;

pub(super) use self::avx2::{Avx2, avx2};
pub(super) use self::avx512::{Avx512, avx512};

const fn is_f32<T>() -> bool {
    const { assert!(size_of::<T>() == 4 || size_of::<T>() == 8) };
    size_of::<T>() == 4
}
