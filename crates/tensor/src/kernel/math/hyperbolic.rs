//! sinh and cosh in `f64`, by e^|x|, which does not overflow there before the result does here; and the inverses of
//! sinh, cosh and tanh, by ln(1 + t) with a t that keeps the digits of small results.

use std::f64::consts::LOG2_E;

use super::at_most;
use super::pow::{exp2_m1, ln_1p_wide};
use crate::kernel::cpu::MulAdd;

/// (m + m/(m + 1))/2 with m = e^|x| − 1, whose relative error is small for small x too.
#[inline(always)]
pub(super) fn sinh<M: MulAdd>(x: f32) -> f32 {
    let m = grown::<M>(x);
    ((0.5 * (m + m / (m + 1.0))) as f32).copysign(x)
}

/// (e^|x| + e^−|x|)/2.
#[inline(always)]
pub(super) fn cosh<M: MulAdd>(x: f32) -> f32 {
    let e = grown::<M>(x) + 1.0;
    (0.5 * (e + 1.0 / e)) as f32
}

/// e^|x| − 1.
#[inline(always)]
fn grown<M: MulAdd>(x: f32) -> f64 {
    // Above the clamp the conversion to f32 gives infinity.
    let (scale, m) = exp2_m1::<M>(at_most(x.abs() as f64, 90.0) * LOG2_E);
    M::f64(scale, m, scale - 1.0)
}

/// ln(a + √(a² + 1)) of a = |x|, with a + √(a² + 1) − 1 = a + a²/(1 + √(a² + 1)).
#[inline(always)]
pub(super) fn asinh<M: MulAdd>(x: f32) -> f32 {
    let a = x.abs() as f64;
    let square = a * a;
    let y = ln_1p_wide::<M>(a + square / (1.0 + (square + 1.0).sqrt()));
    // The quotient of two infinities is NaN.
    (if a < f64::INFINITY { y } else { a } as f32).copysign(x)
}

/// ln(x + √(x² − 1)), with x − 1 and √(x − 1), which is NaN below 1.
#[inline(always)]
pub(super) fn acosh<M: MulAdd>(x: f32) -> f32 {
    let above = x as f64 - 1.0;
    ln_1p_wide::<M>(above + above.sqrt() * (above + 2.0).sqrt()) as f32
}

/// ½·ln((1 + a)/(1 − a)) of a = |x|, with 2a/(1 − a); NaN beyond ±1.
#[inline(always)]
pub(super) fn atanh<M: MulAdd>(x: f32) -> f32 {
    let a = x.abs() as f64;
    ((0.5 * ln_1p_wide::<M>(2.0 * a / (1.0 - a))) as f32).copysign(x)
}
