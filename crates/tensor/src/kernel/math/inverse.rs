//! asin, acos, atan and atan2 in `f64`, each by one odd polynomial on a part of its domain.

use std::f64::consts::{FRAC_PI_2, PI};

use super::polynomial;
use crate::kernel::cpu::MulAdd;

/// asin x; NaN beyond ±1.
#[inline(always)]
pub(super) fn asin<M: MulAdd>(x: f32) -> f32 {
    let (a, inner) = (x.abs() as f64, x.abs() <= 0.5);
    let y = asin_of_part::<M>(a, inner);
    (if inner { y } else { M::f64(-2.0, y, FRAC_PI_2) } as f32).copysign(x)
}

/// acos x; NaN beyond ±1.
#[inline(always)]
pub(super) fn acos<M: MulAdd>(x: f32) -> f32 {
    let (a, inner) = (x.abs() as f64, x.abs() <= 0.5);
    let y = asin_of_part::<M>(a, inner);
    let signed = if x < 0.0 { -y } else { y };
    let start = if x < 0.0 { PI } else { 0.0 };
    (if inner { FRAC_PI_2 - signed } else { M::f64(2.0, signed, start) }) as f32
}

/// asin a where a ≤ ½, else asin √((1 − a)/2), which is half of what asin a lacks of π/2.
#[inline(always)]
fn asin_of_part<M: MulAdd>(a: f64, inner: bool) -> f64 {
    // asin s = s·p(s²) for s ≤ ½, with relative error 2^-35.9.
    const P: [f64; 8] = [
        0.9999999999849045,
        0.166666674216644,
        0.07499938198779858,
        0.044662035645597814,
        0.03009220796494572,
        0.024711550703790768,
        0.007223804449804212,
        0.034951582415358846,
    ];
    let square = if inner { a * a } else { 0.5 - 0.5 * a };
    let s = if inner { a } else { square.sqrt() };
    s * polynomial::<M, _, _>(square, P)
}

/// atan x.
#[inline(always)]
pub(super) fn atan<M: MulAdd>(x: f32) -> f32 {
    let (a, steep) = (x.abs() as f64, x.abs() > 1.0);
    let y = atan_reduced::<M>(if steep { 1.0 / a } else { a });
    (if steep { FRAC_PI_2 - y } else { y } as f32).copysign(x)
}

/// The angle of the point (x, y), with the special cases of IEEE 754 and C.
#[inline(always)]
pub(super) fn atan2<M: MulAdd>(y: f32, x: f32) -> f32 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (low, high) = if steep { (b, a) } else { (a, b) };
    // No quotient of `f32` overflows or vanishes in `f64`; that of two zeros counts as 0, that of two infinities as 1.
    let equal = if a == 0.0 { 0.0 } else { 1.0 };
    let t = if a == b { equal } else { low as f64 / high as f64 };
    let first = atan_reduced::<M>(t);
    let right = if steep { FRAC_PI_2 - first } else { first };
    let angle = if x.is_sign_negative() { PI - right } else { right };
    if x.is_nan() | y.is_nan() { f32::NAN } else { (angle as f32).copysign(y) }
}

/// atan t = t·p(t²) for 0 ≤ t ≤ 1, with relative error 2^-34.
#[inline(always)]
fn atan_reduced<M: MulAdd>(t: f64) -> f64 {
    const P: [f64; 12] = [
        0.9999999999412421,
        -0.3333333157133006,
        0.19999912055960628,
        -0.14283980827707604,
        0.11093241779928613,
        -0.08980241391614986,
        0.07245724563711606,
        -0.054279216578139534,
        0.034209730268407394,
        -0.016111764983731867,
        0.004850966623160226,
        -0.000684798009120284,
    ];
    t * polynomial::<M, _, _>(t * t, P)
}
