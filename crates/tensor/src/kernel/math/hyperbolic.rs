//! sinh and cosh in `f64`, by e^|x|, which does not overflow there before the result does here.

use std::f64::consts::LOG2_E;

use super::at_most;
use super::pow::exp2_m1;
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
