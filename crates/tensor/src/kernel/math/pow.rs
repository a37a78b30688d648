//! pow, exp_m1 and ln_1p in `f64`, on one base-2 logarithm and one base-2 exponential.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E};

use super::{at_least, at_most, polynomial};
use crate::kernel::cpu::{MulAdd, Unfused};

/// Adding it rounds |t| < 2⁵¹ to an integer and leaves that integer in the low bits of the sum.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;

/// xʸ with the special cases of IEEE 754 and C.
#[inline(always)]
pub(super) fn pow<M: MulAdd>(x: f32, y: f64) -> f32 {
    let log = log2::<M>((x as f64).abs());
    // A select, because ±1 to the power ±∞ is 1, where the product is NaN.
    let exponent = if log == 0.0 { 0.0 } else { y * log };
    let (scale, m) = exp2_m1::<M>(at_least(at_most(exponent, 200.0), -200.0));
    let magnitude = M::f64(scale, m, scale) as f32;
    let negative = x.is_sign_negative() & is_integer(y) & !is_integer(0.5 * y);
    let signed = if negative { -magnitude } else { magnitude };
    let undefined = y.is_nan() | ((x < 0.0) & (x > f32::NEG_INFINITY) & !is_integer(y));
    let defined = if undefined { f32::NAN } else { signed };
    if (x == 1.0) | (y == 0.0) { 1.0 } else { defined }
}

/// xⁿ. One loop has one `n`, and the compiler takes the choice out of it. Squaring by the bits of `n` would be a loop
/// within, which stays scalar, and after thirty squarings even `f64` is off by more than 2 units of `f32`.
#[inline(always)]
pub(super) fn powi(x: f32, n: i32) -> f32 {
    match n {
        -1 => 1.0 / x,
        0 => 1.0,
        1 => x,
        2 => x * x,
        3 => x * x * x,
        _ => pow::<Unfused>(x, n as f64),
    }
}

/// eˣ − 1 = 2ⁿ·m + (2ⁿ − 1), where either n = 0 and the result is m, or the sum does not cancel.
#[inline(always)]
pub(super) fn exp_m1<M: MulAdd>(x: f32) -> f32 {
    // Below the clamp the result is −1, above it the conversion to f32 gives infinity.
    let clamped = at_least(at_most(x as f64, 89.0), -64.0);
    let (scale, m) = exp2_m1::<M>(clamped * LOG2_E);
    // The sign is lost where x is −0.
    (M::f64(scale, m, scale - 1.0) as f32).copysign(x)
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn ln_1p<M: MulAdd>(x: f32) -> f32 {
    ln_1p_wide::<M>(x as f64) as f32
}

/// ln(1 + x), by a series where 1 + x would lose the digits of x, with relative error 2^-38.
#[inline(always)]
pub(super) fn ln_1p_wide<M: MulAdd>(x: f64) -> f64 {
    // Relative error x³/4 < 2^-38.
    let series = M::f64(x * x, M::f64(x, 1.0 / 3.0, -0.5), x);
    let log = LN_2 * log2::<M>(1.0 + x);
    if x.abs() < 1.0 / 4096.0 { series } else { log }
}

/// True for infinities too. Of the exponents (f32 and i32) those beyond 2⁴⁰ have no fraction, nor have their halves;
/// rounding must not see them.
#[inline(always)]
fn is_integer(y: f64) -> bool {
    let y = at_most(y.abs(), (1u64 << 40) as f64);
    (y + ROUND) - ROUND == y
}

/// log₂ v = e + log₂ m with m between √½ and √2; −∞ at zero, NaN below. `v` is not subnormal.
#[inline(always)]
fn log2<M: MulAdd>(v: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    // The bits of 2⁵²: a small integer in its low bits reads as 2⁵² plus that integer.
    const INTEGER: u64 = 0x4330_0000_0000_0000;
    let offset = v.to_bits().wrapping_sub(FRAC_1_SQRT_2.to_bits());
    let biased = offset.wrapping_add(1023 << 52) >> 52;
    let e = f64::from_bits(INTEGER | biased) - (f64::from_bits(INTEGER) + 1023.0);
    let m = f64::from_bits((offset & MANTISSA).wrapping_add(FRAC_1_SQRT_2.to_bits()));
    let y = e + log2_reduced::<M>(m);
    let positive = if v < f64::INFINITY { y } else { v };
    let otherwise = if v == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if v > 0.0 { positive } else { otherwise }
}

/// log₂ m = s·p(s²) with s = (m − 1)/(m + 1), for √½ ≤ m ≤ √2, with relative error 2^-45.
#[inline(always)]
fn log2_reduced<M: MulAdd>(m: f64) -> f64 {
    const P: [f64; 6] = [
        2.88539008177785,
        0.9617966941133053,
        0.5770779423770301,
        0.41220925104196576,
        0.31990575525048204,
        0.2828992827037053,
    ];
    let s = (m - 1.0) / (m + 1.0);
    s * polynomial::<M, _, _>(s * s, P)
}

/// 2ᵗ = 2ⁿ·(1 + m) for |t| < 1022 as the pair of 2ⁿ and m, with n = 0 and m = 2ᵗ − 1 near zero.
#[inline(always)]
pub(super) fn exp2_m1<M: MulAdd>(t: f64) -> (f64, f64) {
    // 2ʳ − 1 = r·p(r) for |r| ≤ ½, with relative error 2^-37.7.
    const P: [f64; 8] = [
        0.6931471805568643,
        0.24022650696491613,
        0.05550410906125163,
        0.009618128941986655,
        0.0013333478655803447,
        0.00015403629824406288,
        1.5303660707363453e-05,
        1.321546935406798e-06,
    ];
    let shifted = t + (ROUND + 1023.0);
    let r = t - (shifted - (ROUND + 1023.0));
    (f64::from_bits(shifted.to_bits() << 52), r * polynomial::<M, _, _>(r, P))
}
