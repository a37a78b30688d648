//! exp, sigmoid and tanh in `f32`, by eˣ = 2ⁿ·eʳ with |r| ≤ ln 2 / 2.

use std::f32::consts::{LN_2, LOG2_E};

use super::{at_least, at_most, polynomial};
use crate::kernel::cpu::MulAdd;

/// Adding it rounds |t| < 2²² to an integer and leaves that integer in the low bits of the sum.
const ROUND: f32 = 1.5 * 8_388_608.0;

/// ln 2 in 16 bits, so that n·LN2_HIGH is exact for |n| < 2⁸ without a fused instruction, and the rest.
pub(super) const LN2_HIGH: f32 = f32::from_bits(LN_2.to_bits() & !0xff);
pub(super) const LN2_LOW: f32 = (std::f64::consts::LN_2 - LN2_HIGH as f64) as f32;

/// eˣ. Above the clamp it overflows to infinity, below it rounds to zero.
#[inline(always)]
pub(super) fn exp<M: MulAdd>(x: f32) -> f32 {
    let (n, r) = reduce::<M>(at_least(at_most(x, 89.0), -104.0), 254.0);
    // In two factors, because 2ⁿ itself may lie outside the normal numbers; each takes a half of the bias 254.
    let half = n >> 1;
    (1.0 + exp_m1_reduced::<M>(r)) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 1 / (1 + e⁻ˣ), by e⁻|ˣ|, which does not overflow: on both sides a quotient of positive terms.
#[inline(always)]
pub(super) fn sigmoid<M: MulAdd>(x: f32) -> f32 {
    // 2ⁿ = 2ⁿ⁺⁶⁴·2⁻⁶⁴, because down here 2ⁿ itself may be subnormal.
    const BELOW: f32 = 1.0 / (1u128 << 64) as f32;
    let (n, r) = reduce::<M>(at_least(-x.abs(), -104.0), 127.0 + 64.0);
    let e = (1.0 + exp_m1_reduced::<M>(r)) * power_of_two(n) * BELOW;
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// tanh |x| = −m / (2 + m) with m = e^(−2|x|) − 1, whose relative error is small for small x too.
#[inline(always)]
pub(super) fn tanh<M: MulAdd>(x: f32) -> f32 {
    // Beyond 10 the result is 1.
    let (n, r) = reduce::<M>(at_least(-2.0 * x.abs(), -20.0), 127.0);
    let scale = power_of_two(n);
    let m = M::f32(scale, exp_m1_reduced::<M>(r), scale - 1.0);
    (m / (2.0 + m)).copysign(x)
}

/// `x = n·ln 2 + r` as the pair of `n + bias`, in the low bits, and `r`.
#[inline(always)]
fn reduce<M: MulAdd>(x: f32, bias: f32) -> (u32, f32) {
    let shifted = M::f32(x, LOG2_E, ROUND + bias);
    let n = shifted - (ROUND + bias);
    let r = M::f32(n, -LN2_LOW, M::f32(n, -LN2_HIGH, x));
    (shifted.to_bits(), r)
}

/// 2ⁿ from `n + 127` in the low nine bits; the shift drops what `ROUND` left above them.
#[inline(always)]
fn power_of_two(biased: u32) -> f32 {
    f32::from_bits(biased << 23)
}

/// eʳ − 1 = r + r²·q(r) for |r| ≤ 0.3467, with relative error 2^-26.1 (2^-26.2 before rounding).
#[inline(always)]
fn exp_m1_reduced<M: MulAdd>(r: f32) -> f32 {
    const Q: [f32; 5] = [0.49999997, 0.16666539, 0.04166775, 0.008367088, 0.0013837843];
    M::f32(r * r, polynomial::<M, _, _>(r, Q), r)
}
