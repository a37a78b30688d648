//! ln in `f32`, by x = 2ᵉ·(1 + f) with 1 + f between √½ and √2.

use std::f32::consts::FRAC_1_SQRT_2;

use super::exp::{LN2_HIGH, LN2_LOW};
use super::polynomial;
use crate::kernel::cpu::MulAdd;

/// ln x; −∞ at ±0, NaN below.
#[inline(always)]
pub(super) fn ln<M: MulAdd>(x: f32) -> f32 {
    let (e, f) = split(x);
    let low = M::f32(e, LN2_LOW, minus_f::<M>(f));
    let y = M::f32(e, LN2_HIGH, f + low);
    let positive = if x < f32::INFINITY { y } else { x };
    let otherwise = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > 0.0 { positive } else { otherwise }
}

/// `e` and `f` of a positive number; a subnormal one is first scaled by 2²³.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let offset = scaled.to_bits().wrapping_sub(FRAC_1_SQRT_2.to_bits());
    let e = (offset as i32 >> 23) as f32;
    let m = f32::from_bits((offset & 0x7f_ffff).wrapping_add(FRAC_1_SQRT_2.to_bits()));
    (if subnormal { e - 23.0 } else { e }, m - 1.0)
}

/// ln(1 + f) − f = f³·q(f) − f²/2 for √½ ≤ 1 + f ≤ √2, with error 2^-26.2 (2^-27.4 before rounding) of ln(1 + f).
#[inline(always)]
fn minus_f<M: MulAdd>(f: f32) -> f32 {
    const Q: [f32; 8] =
        [0.3333333, -0.25000823, 0.20001255, -0.16623208, 0.14201157, -0.13162275, 0.1277841, -0.076630756];
    let square = f * f;
    M::f32(square, -0.5, square * f * polynomial::<M, _, _>(f, Q))
}
