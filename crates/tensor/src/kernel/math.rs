//! Elementary functions as branch-free polynomials that a compiler can vectorise.
//!
//! For `f32` every function is straight-line code: selects instead of branches, no table, no library call, so that a
//! loop over a slice becomes vector instructions inside [`dispatch`](super::cpu::dispatch). Each result is within
//! 2 units in the last place of the correctly rounded one over all inputs. The hot functions (exp, sigmoid, tanh, ln)
//! compute in `f32`; the others compute in `f64`, where 2 units of `f32` need no care, at half the lanes.
//!
//! The polynomials are minimax fits: Remez exchange in 50-digit arithmetic, weighted for relative error, with the
//! interval and the error reached beside each. `f32` coefficients are rounded from the lowest degree up, the rest being
//! fitted again after each, so that the error given is that of the rounded polynomial.
//!
//! Rust neither contracts nor reorders floating-point arithmetic, which the rounding constants below rely on.

use super::cpu::MulAdd;

mod erf;
mod exp;
mod hyperbolic;
mod inverse;
mod ln;
mod pow;
mod trig;

#[cfg(test)]
mod tests;

/// The elementary functions of a floating-point type, evaluated with `a·b + c` as `M` says.
///
/// Only this crate implements it, which also seals [`Float`](crate::Float).
#[doc(hidden)]
pub trait Math: Copy {
    fn mul_add<M: MulAdd>(self, b: Self, c: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn exp<M: MulAdd>(self) -> Self;
    fn exp_m1<M: MulAdd>(self) -> Self;
    fn ln<M: MulAdd>(self) -> Self;
    fn ln_1p<M: MulAdd>(self) -> Self;
    fn sin<M: MulAdd>(self) -> Self;
    fn cos<M: MulAdd>(self) -> Self;
    fn tan<M: MulAdd>(self) -> Self;
    fn asin<M: MulAdd>(self) -> Self;
    fn acos<M: MulAdd>(self) -> Self;
    fn atan<M: MulAdd>(self) -> Self;
    /// The angle of the point (`x`, `self`).
    fn atan2<M: MulAdd>(self, x: Self) -> Self;
    /// √(`self`² + `other`²).
    fn hypot(self, other: Self) -> Self;
    fn sinh<M: MulAdd>(self) -> Self;
    fn cosh<M: MulAdd>(self) -> Self;
    fn asinh<M: MulAdd>(self) -> Self;
    fn acosh<M: MulAdd>(self) -> Self;
    fn atanh<M: MulAdd>(self) -> Self;
    fn tanh<M: MulAdd>(self) -> Self;
    fn sigmoid<M: MulAdd>(self) -> Self;
    fn erf<M: MulAdd>(self) -> Self;
    fn pow<M: MulAdd>(self, exponent: Self) -> Self;
    /// `selfⁿ`.
    fn powi(self, n: i32) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn trunc(self) -> Self;
    /// The nearest integer, of two the even one.
    fn round(self) -> Self;
}

/// The rounding functions, which are an instruction each, but for the baseline of x86-64, where they are calls.
macro_rules! rounding {
    ($t:ty) => {
        #[inline(always)]
        fn floor(self) -> $t {
            <$t>::floor(self)
        }
        #[inline(always)]
        fn ceil(self) -> $t {
            <$t>::ceil(self)
        }
        #[inline(always)]
        fn trunc(self) -> $t {
            <$t>::trunc(self)
        }
        #[inline(always)]
        fn round(self) -> $t {
            <$t>::round_ties_even(self)
        }
    };
}

impl Math for f32 {
    #[inline(always)]
    fn mul_add<M: MulAdd>(self, b: f32, c: f32) -> f32 {
        M::f32(self, b, c)
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn exp<M: MulAdd>(self) -> f32 {
        exp::exp::<M>(self)
    }
    #[inline(always)]
    fn exp_m1<M: MulAdd>(self) -> f32 {
        pow::exp_m1::<M>(self)
    }
    #[inline(always)]
    fn ln<M: MulAdd>(self) -> f32 {
        ln::ln::<M>(self)
    }
    #[inline(always)]
    fn ln_1p<M: MulAdd>(self) -> f32 {
        pow::ln_1p::<M>(self)
    }
    #[inline(always)]
    fn sin<M: MulAdd>(self) -> f32 {
        trig::sin::<M>(self)
    }
    #[inline(always)]
    fn cos<M: MulAdd>(self) -> f32 {
        trig::cos::<M>(self)
    }
    #[inline(always)]
    fn tan<M: MulAdd>(self) -> f32 {
        trig::tan::<M>(self)
    }
    #[inline(always)]
    fn asin<M: MulAdd>(self) -> f32 {
        inverse::asin::<M>(self)
    }
    #[inline(always)]
    fn acos<M: MulAdd>(self) -> f32 {
        inverse::acos::<M>(self)
    }
    #[inline(always)]
    fn atan<M: MulAdd>(self) -> f32 {
        inverse::atan::<M>(self)
    }
    #[inline(always)]
    fn atan2<M: MulAdd>(self, x: f32) -> f32 {
        inverse::atan2::<M>(self, x)
    }
    /// In `f64`, where no square of an `f32` overflows or vanishes.
    #[inline(always)]
    fn hypot(self, other: f32) -> f32 {
        let (a, b) = (self as f64, other as f64);
        let infinite = (self.abs() == f32::INFINITY) | (other.abs() == f32::INFINITY);
        if infinite { f32::INFINITY } else { (a * a + b * b).sqrt() as f32 }
    }
    #[inline(always)]
    fn sinh<M: MulAdd>(self) -> f32 {
        hyperbolic::sinh::<M>(self)
    }
    #[inline(always)]
    fn cosh<M: MulAdd>(self) -> f32 {
        hyperbolic::cosh::<M>(self)
    }
    #[inline(always)]
    fn asinh<M: MulAdd>(self) -> f32 {
        hyperbolic::asinh::<M>(self)
    }
    #[inline(always)]
    fn acosh<M: MulAdd>(self) -> f32 {
        hyperbolic::acosh::<M>(self)
    }
    #[inline(always)]
    fn atanh<M: MulAdd>(self) -> f32 {
        hyperbolic::atanh::<M>(self)
    }
    #[inline(always)]
    fn tanh<M: MulAdd>(self) -> f32 {
        exp::tanh::<M>(self)
    }
    #[inline(always)]
    fn sigmoid<M: MulAdd>(self) -> f32 {
        exp::sigmoid::<M>(self)
    }
    #[inline(always)]
    fn erf<M: MulAdd>(self) -> f32 {
        erf::erf::<M>(self)
    }
    #[inline(always)]
    fn pow<M: MulAdd>(self, exponent: f32) -> f32 {
        pow::pow::<M>(self, exponent as f64)
    }
    #[inline(always)]
    fn powi(self, n: i32) -> f32 {
        pow::powi(self, n)
    }
    rounding!(f32);
}

/// The library's functions: `f64` is chosen for accuracy (it is what gradients are checked in), not for speed.
impl Math for f64 {
    #[inline(always)]
    fn mul_add<M: MulAdd>(self, b: f64, c: f64) -> f64 {
        M::f64(self, b, c)
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn exp<M: MulAdd>(self) -> f64 {
        f64::exp(self)
    }
    #[inline(always)]
    fn exp_m1<M: MulAdd>(self) -> f64 {
        f64::exp_m1(self)
    }
    #[inline(always)]
    fn ln<M: MulAdd>(self) -> f64 {
        f64::ln(self)
    }
    #[inline(always)]
    fn ln_1p<M: MulAdd>(self) -> f64 {
        f64::ln_1p(self)
    }
    #[inline(always)]
    fn sin<M: MulAdd>(self) -> f64 {
        f64::sin(self)
    }
    #[inline(always)]
    fn cos<M: MulAdd>(self) -> f64 {
        f64::cos(self)
    }
    #[inline(always)]
    fn tan<M: MulAdd>(self) -> f64 {
        f64::tan(self)
    }
    #[inline(always)]
    fn asin<M: MulAdd>(self) -> f64 {
        f64::asin(self)
    }
    #[inline(always)]
    fn acos<M: MulAdd>(self) -> f64 {
        f64::acos(self)
    }
    #[inline(always)]
    fn atan<M: MulAdd>(self) -> f64 {
        f64::atan(self)
    }
    #[inline(always)]
    fn atan2<M: MulAdd>(self, x: f64) -> f64 {
        f64::atan2(self, x)
    }
    #[inline(always)]
    fn hypot(self, other: f64) -> f64 {
        f64::hypot(self, other)
    }
    #[inline(always)]
    fn sinh<M: MulAdd>(self) -> f64 {
        f64::sinh(self)
    }
    #[inline(always)]
    fn cosh<M: MulAdd>(self) -> f64 {
        f64::cosh(self)
    }
    #[inline(always)]
    fn asinh<M: MulAdd>(self) -> f64 {
        libm::asinh(self)
    }
    #[inline(always)]
    fn acosh<M: MulAdd>(self) -> f64 {
        // libm returns numbers below −1.
        if self < 1.0 { f64::NAN } else { libm::acosh(self) }
    }
    #[inline(always)]
    fn atanh<M: MulAdd>(self) -> f64 {
        libm::atanh(self)
    }
    #[inline(always)]
    fn tanh<M: MulAdd>(self) -> f64 {
        f64::tanh(self)
    }
    /// By e⁻|ˣ|, which does not overflow, over 1 + e⁻|ˣ|: on both sides a quotient of positive terms.
    #[inline(always)]
    fn sigmoid<M: MulAdd>(self) -> f64 {
        let e = (-f64::abs(self)).exp();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
    #[inline(always)]
    fn erf<M: MulAdd>(self) -> f64 {
        libm::erf(self)
    }
    #[inline(always)]
    fn pow<M: MulAdd>(self, exponent: f64) -> f64 {
        f64::powf(self, exponent)
    }
    #[inline(always)]
    fn powi(self, n: i32) -> f64 {
        f64::powi(self, n)
    }
    rounding!(f64);
}

/// `c[0] + c[1]·x + c[2]·x² + …`, from the highest degree down.
#[inline(always)]
fn polynomial<M: MulAdd, T: Math, const N: usize>(x: T, c: [T; N]) -> T {
    let mut y = c[N - 1];
    for i in (0..N - 1).rev() {
        y = y.mul_add::<M>(x, c[i]);
    }
    y
}

/// The smaller of `x` and `high`; a NaN stays (unlike `f32::min`), and it is one instruction.
#[inline(always)]
fn at_most<T: PartialOrd>(x: T, high: T) -> T {
    if x > high { high } else { x }
}

/// The larger of `x` and `low`; a NaN stays.
#[inline(always)]
fn at_least<T: PartialOrd>(x: T, low: T) -> T {
    if x < low { low } else { x }
}
