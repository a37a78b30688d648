//! The arithmetic that an elementwise rule is written in, and the worlds that it is read in.
//!
//! A rule over [`Scalar`] is read with plain floats inside a vectorised loop, with `Dual` numbers for
//! a derivative that nobody wrote, and with recorded variables for a gradient that is differentiable again.

mod dual;
mod elementwise;
mod lane;
pub mod rules;

use std::ops::{Add, Div, Mul, Neg, Sub};

pub use elementwise::Elementwise;
pub(crate) use lane::Lane;

/// A number in one of the worlds that a rule is read in.
///
/// ```
/// use tensor::Scalar;
/// fn mish<A: Scalar>(x: A) -> A {
///     x * x.softplus().tanh()
/// }
/// assert!((mish(1.0f64) - 0.8650983882673103).abs() < 1e-12);
/// ```
pub trait Scalar:
    Copy + Neg<Output = Self> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The outcome of a comparison.
    type Mask: Copy;

    /// The constant `value`, in the world of `self`.
    fn lit(self, value: f64) -> Self;
    /// Another rule, applied.
    fn call<R: Elementwise<N>, const N: usize>(rule: R, x: [Self; N]) -> Self;
    /// Whether `self < other`.
    fn lt(self, other: Self) -> Self::Mask;
    /// Whether `self ≤ other`.
    fn le(self, other: Self) -> Self::Mask;
    /// Whether `self = other`.
    fn eq(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, else `no`; the branch not taken contributes nothing, not even a NaN.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    // Inlined whatever the compiler thinks of it: a kernel's loop over elements is only made of vectors where there is no call.

    /// |x|.
    #[inline(always)]
    fn abs(self) -> Self {
        Self::call(rules::Abs, [self])
    }
    /// eˣ.
    #[inline(always)]
    fn exp(self) -> Self {
        Self::call(rules::Exp, [self])
    }
    /// eˣ − 1, exact near 0.
    #[inline(always)]
    fn exp_m1(self) -> Self {
        Self::call(rules::Expm1, [self])
    }
    /// The natural logarithm.
    #[inline(always)]
    fn ln(self) -> Self {
        Self::call(rules::Ln, [self])
    }
    /// ln(1 + x), exact near 0.
    #[inline(always)]
    fn ln_1p(self) -> Self {
        Self::call(rules::Log1p, [self])
    }
    /// √x.
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self::call(rules::Sqrt, [self])
    }
    /// The sine.
    #[inline(always)]
    fn sin(self) -> Self {
        Self::call(rules::Sin, [self])
    }
    /// The cosine.
    #[inline(always)]
    fn cos(self) -> Self {
        Self::call(rules::Cos, [self])
    }
    /// The tangent.
    #[inline(always)]
    fn tan(self) -> Self {
        Self::call(rules::Tan, [self])
    }
    /// The angle between −π/2 and π/2 whose sine this is.
    #[inline(always)]
    fn asin(self) -> Self {
        Self::call(rules::Asin, [self])
    }
    /// The angle between 0 and π whose cosine this is.
    #[inline(always)]
    fn acos(self) -> Self {
        Self::call(rules::Acos, [self])
    }
    /// The angle between −π/2 and π/2 whose tangent this is.
    #[inline(always)]
    fn atan(self) -> Self {
        Self::call(rules::Atan, [self])
    }
    /// The angle of the point (`x`, `self`), between −π and π.
    #[inline(always)]
    fn atan2(self, x: Self) -> Self {
        Self::call(rules::Atan2, [self, x])
    }
    /// √(`self`² + `other`²), which overflows only where the result does.
    #[inline(always)]
    fn hypot(self, other: Self) -> Self {
        Self::call(rules::Hypot, [self, other])
    }
    /// The hyperbolic sine.
    #[inline(always)]
    fn sinh(self) -> Self {
        Self::call(rules::Sinh, [self])
    }
    /// The hyperbolic cosine.
    #[inline(always)]
    fn cosh(self) -> Self {
        Self::call(rules::Cosh, [self])
    }
    /// The number whose hyperbolic sine this is.
    #[inline(always)]
    fn asinh(self) -> Self {
        Self::call(rules::Asinh, [self])
    }
    /// The number from 0 on whose hyperbolic cosine this is; NaN below 1.
    #[inline(always)]
    fn acosh(self) -> Self {
        Self::call(rules::Acosh, [self])
    }
    /// The number whose hyperbolic tangent this is; NaN beyond ±1.
    #[inline(always)]
    fn atanh(self) -> Self {
        Self::call(rules::Atanh, [self])
    }
    /// The hyperbolic tangent.
    #[inline(always)]
    fn tanh(self) -> Self {
        Self::call(rules::Tanh, [self])
    }
    /// The logistic function 1 / (1 + e⁻ˣ).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::call(rules::Sigmoid, [self])
    }
    /// The error function.
    #[inline(always)]
    fn erf(self) -> Self {
        Self::call(rules::Erf, [self])
    }
    /// `self` to the power `exponent`.
    #[inline(always)]
    fn pow(self, exponent: Self) -> Self {
        Self::call(rules::Pow, [self, exponent])
    }
    /// `self` to an integer power.
    #[inline(always)]
    fn powi(self, n: i32) -> Self {
        Self::call(rules::Powi { n }, [self])
    }

    /// The largest integer that is not larger.
    #[inline(always)]
    fn floor(self) -> Self {
        Self::call(rules::Floor, [self])
    }
    /// The smallest integer that is not smaller.
    #[inline(always)]
    fn ceil(self) -> Self {
        Self::call(rules::Ceil, [self])
    }
    /// The nearest integer towards 0.
    #[inline(always)]
    fn trunc(self) -> Self {
        Self::call(rules::Trunc, [self])
    }
    /// The nearest integer, of two the even one (unlike [`f64::round`]).
    #[inline(always)]
    fn round(self) -> Self {
        Self::call(rules::Round, [self])
    }

    /// 1 / x.
    #[inline(always)]
    fn recip(self) -> Self {
        self.lit(1.0) / self
    }
    /// The larger of two numbers, NaN if either is.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        Self::call(rules::Maximum, [self, other])
    }
    /// The smaller of two numbers, NaN if either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        Self::call(rules::Minimum, [self, other])
    }
    /// ln(1 + eˣ), stable: max(x, 0) + ln(1 + e^−|x|).
    #[inline(always)]
    fn softplus(self) -> Self {
        Self::call(rules::Softplus, [self])
    }
    /// `self · d` for an incoming gradient `self`, where a gradient of 0 stays 0 even if `d` is infinite or NaN.
    #[inline(always)]
    fn chain(self, d: Self) -> Self {
        Self::call(rules::Chain, [self, d])
    }
}
