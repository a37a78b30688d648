//! sin, cos and tan in `f64`, by one odd polynomial after a reduction that is exact for every `f32`.

use std::f64::consts::{FRAC_PI_2, PI};

use super::polynomial;
use crate::kernel::cpu::MulAdd;

/// A quarter turn, as a fraction of a turn in units of 2⁻⁶⁴.
const QUARTER: u64 = 1 << 62;
const SIGN: u32 = 1 << 31;

/// sin x; NaN at ±∞.
#[inline(always)]
pub(super) fn sin<M: MulAdd>(x: f32) -> f32 {
    let x_abs = x.abs();
    let sign = x.to_bits() & SIGN;
    sin_turned::<M>(x_abs, x_abs as f64, 0, sign)
}

/// cos x, as the sine of π/2 − |x| or of |x| + π/2; NaN at ±∞.
#[inline(always)]
pub(super) fn cos<M: MulAdd>(x: f32) -> f32 {
    let x_abs = x.abs();
    sin_turned::<M>(x_abs, FRAC_PI_2 - x_abs as f64, QUARTER, 0)
}

/// tan x = sin x / cos x; NaN at ±∞.
#[inline(always)]
pub(super) fn tan<M: MulAdd>(x: f32) -> f32 {
    let x_abs = x.abs();
    let (sin, sin_flip) = sin_part::<M>(x_abs, x_abs as f64, 0);
    let (cos, cos_flip) = sin_part::<M>(x_abs, FRAC_PI_2 - x_abs as f64, QUARTER);
    signed(x_abs, (sin / cos) as f32, sin_flip ^ cos_flip ^ (x.to_bits() & SIGN))
}

/// The sine of `small` where |x| < 1, else of |x| plus `turn`, with its sign changed by `sign`.
#[inline(always)]
fn sin_turned<M: MulAdd>(x_abs: f32, small: f64, turn: u64, sign: u32) -> f32 {
    let (y, flip) = sin_part::<M>(x_abs, small, turn);
    signed(x_abs, y as f32, sign ^ flip)
}

/// The sine of `small` where |x| < 1, else of |x| plus `turn`, up to the sign that comes with it.
#[inline(always)]
fn sin_part<M: MulAdd>(x_abs: f32, small: f64, turn: u64) -> (f64, u32) {
    let (r, flip) = half_turn(turns(x_abs.to_bits()).wrapping_add(turn));
    let is_small = x_abs < 1.0;
    (sin_reduced::<M>(if is_small { small } else { r }), if is_small { 0 } else { flip })
}

/// `y` with its sign changed by `flip`, for finite x.
#[inline(always)]
fn signed(x_abs: f32, y: f32, flip: u32) -> f32 {
    let finite = f32::from_bits(y.to_bits() ^ flip);
    if x_abs < f32::INFINITY { finite } else { f32::NAN }
}

/// sin r = r·p(r²) for |r| ≤ π/2, with relative error 2^-35.5.
#[inline(always)]
fn sin_reduced<M: MulAdd>(r: f64) -> f64 {
    const P: [f64; 6] = [
        0.9999999999788485,
        -0.16666666608822642,
        0.008333330720440534,
        -0.00019840832809453924,
        2.7523970404816254e-06,
        -2.3868335061171055e-08,
    ];
    r * polynomial::<M, _, _>(r * r, P)
}

/// The angle in −π/2 ≤ r < π/2 that differs from `turns` by whole half turns, and the sign that an odd number of them
/// gives the sine.
#[inline(always)]
fn half_turn(turns: u64) -> (f64, u32) {
    const UNIT: f64 = PI / (1u128 << 64) as f64;
    let flip = (turns.wrapping_add(QUARTER) >> 32) as u32 & SIGN;
    // Doubled, the half turns fall off the top; the rest is read as signed.
    ((turns << 1) as i64 as f64 * UNIT, flip)
}

/// 1/2π in binary behind 23 zeros, in words of 32 bits.
const INVERSE_TURN: [u64; 7] =
    [0x0000_0051, 0x7cc1_b727, 0x220a_94fe, 0x13ab_e8fa, 0x9a6e_e06d, 0xb14a_cc9e, 0x21c8_20ff];

/// |x|/2π modulo 1 in units of 2⁻⁶⁴, for finite |x| ≥ 1 given by its bits (Payne and Hanek, 1983).
///
/// With |x| = m·2^(E − 150) this is m times 1/2π, of which only 96 bits matter: those before give whole turns, those
/// after give less than a unit. They begin at bit E − 127 of [`INVERSE_TURN`]. No `f32` but 0 is nearer than 2^-29.2 to
/// a multiple of π/2 (the continued fractions of 2ᵉ·2/π say so), so the units leave the smallest results 30 good bits.
#[inline(always)]
fn turns(x_bits: u32) -> u64 {
    let m = (x_bits & 0x7f_ffff | 0x80_0000) as u64;
    // Below 1 it wraps, and the result is not used.
    let start = (x_bits >> 23).wrapping_sub(127) as u64;
    let [high, middle, low] = [window(start, 0), window(start, 1), window(start, 2)];
    ((m * high) << 32).wrapping_add(m * middle).wrapping_add((m * low) >> 32)
}

/// The 32 bits of [`INVERSE_TURN`] from bit `start + 32·word` on, `start` < 128, found by selects instead of a look-up.
#[inline(always)]
fn window(start: u64, word: usize) -> u64 {
    let pair = |i: usize| INVERSE_TURN[word + i] << 32 | INVERSE_TURN[word + i + 1];
    let odd = start & 32 != 0;
    let first = if odd { pair(1) } else { pair(0) };
    let second = if odd { pair(3) } else { pair(2) };
    let both = if start & 64 != 0 { second } else { first };
    (both << (start & 31)) >> 32
}
