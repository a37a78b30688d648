//! The reading of a rule by plain floats: in a kernel's loop, and one at a time.

use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Elementwise, Scalar};
use crate::float::Float;
use crate::kernel::cpu::{MulAdd, Unfused};
use crate::kernel::math::Math;

/// A float inside a kernel's loop, with `a·b + c` evaluated as `M` says.
#[derive(Clone, Copy)]
pub(crate) struct Lane<T, M>(pub(crate) T, PhantomData<M>);

impl<T, M> Lane<T, M> {
    #[inline(always)]
    pub(crate) fn new(x: T) -> Self {
        Lane(x, PhantomData)
    }
}

macro_rules! lane_operator {
    ($($Trait:ident $method:ident $op:tt)*) => {$(
        impl<T: Float, M: MulAdd> $Trait for Lane<T, M> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Lane::new(self.0 $op other.0)
            }
        }
    )*};
}
lane_operator!(Add add + Sub sub - Mul mul * Div div /);

impl<T: Float, M: MulAdd> Neg for Lane<T, M> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Lane::new(-self.0)
    }
}

/// The reading of a rule by plain floats: `$value` takes the float out, `$wrap` puts it back.
macro_rules! float_reading {
    ($T:ty, $M:ty, $value:expr, $wrap:expr) => {
        type Mask = bool;

        #[inline(always)]
        fn lit(self, value: f64) -> Self {
            $wrap(<$T>::from_f64(value))
        }
        #[inline(always)]
        fn call<R: Elementwise<N>, const N: usize>(rule: R, x: [Self; N]) -> Self {
            rule.eval(x)
        }
        #[inline(always)]
        fn lt(self, other: Self) -> bool {
            $value(self) < $value(other)
        }
        #[inline(always)]
        fn le(self, other: Self) -> bool {
            $value(self) <= $value(other)
        }
        #[inline(always)]
        fn eq(self, other: Self) -> bool {
            $value(self) == $value(other)
        }
        #[inline(always)]
        fn select(mask: bool, yes: Self, no: Self) -> Self {
            if mask { yes } else { no }
        }
        #[inline(always)]
        fn abs(self) -> Self {
            $wrap($value(self).abs())
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            $wrap($value(self).sqrt())
        }
        #[inline(always)]
        fn exp(self) -> Self {
            $wrap(Math::exp::<$M>($value(self)))
        }
        #[inline(always)]
        fn exp_m1(self) -> Self {
            $wrap(Math::exp_m1::<$M>($value(self)))
        }
        #[inline(always)]
        fn ln(self) -> Self {
            $wrap(Math::ln::<$M>($value(self)))
        }
        #[inline(always)]
        fn ln_1p(self) -> Self {
            $wrap(Math::ln_1p::<$M>($value(self)))
        }
        #[inline(always)]
        fn sin(self) -> Self {
            $wrap(Math::sin::<$M>($value(self)))
        }
        #[inline(always)]
        fn cos(self) -> Self {
            $wrap(Math::cos::<$M>($value(self)))
        }
        #[inline(always)]
        fn tan(self) -> Self {
            $wrap(Math::tan::<$M>($value(self)))
        }
        #[inline(always)]
        fn asin(self) -> Self {
            $wrap(Math::asin::<$M>($value(self)))
        }
        #[inline(always)]
        fn acos(self) -> Self {
            $wrap(Math::acos::<$M>($value(self)))
        }
        #[inline(always)]
        fn atan(self) -> Self {
            $wrap(Math::atan::<$M>($value(self)))
        }
        #[inline(always)]
        fn atan2(self, x: Self) -> Self {
            $wrap(Math::atan2::<$M>($value(self), $value(x)))
        }
        #[inline(always)]
        fn hypot(self, other: Self) -> Self {
            $wrap(Math::hypot($value(self), $value(other)))
        }
        #[inline(always)]
        fn sinh(self) -> Self {
            $wrap(Math::sinh::<$M>($value(self)))
        }
        #[inline(always)]
        fn cosh(self) -> Self {
            $wrap(Math::cosh::<$M>($value(self)))
        }
        #[inline(always)]
        fn asinh(self) -> Self {
            $wrap(Math::asinh::<$M>($value(self)))
        }
        #[inline(always)]
        fn acosh(self) -> Self {
            $wrap(Math::acosh::<$M>($value(self)))
        }
        #[inline(always)]
        fn atanh(self) -> Self {
            $wrap(Math::atanh::<$M>($value(self)))
        }
        #[inline(always)]
        fn tanh(self) -> Self {
            $wrap(Math::tanh::<$M>($value(self)))
        }
        #[inline(always)]
        fn sigmoid(self) -> Self {
            $wrap(Math::sigmoid::<$M>($value(self)))
        }
        #[inline(always)]
        fn erf(self) -> Self {
            $wrap(Math::erf::<$M>($value(self)))
        }
        #[inline(always)]
        fn pow(self, exponent: Self) -> Self {
            $wrap(Math::pow::<$M>($value(self), $value(exponent)))
        }
        #[inline(always)]
        fn powi(self, n: i32) -> Self {
            $wrap(Math::powi($value(self), n))
        }
        #[inline(always)]
        fn floor(self) -> Self {
            $wrap(Math::floor($value(self)))
        }
        #[inline(always)]
        fn ceil(self) -> Self {
            $wrap(Math::ceil($value(self)))
        }
        #[inline(always)]
        fn trunc(self) -> Self {
            $wrap(Math::trunc($value(self)))
        }
        #[inline(always)]
        fn round(self) -> Self {
            $wrap(Math::round($value(self)))
        }
    };
}

impl<T: Float, M: MulAdd> Scalar for Lane<T, M> {
    float_reading!(T, M, (|lane: Self| lane.0), Lane::new);
}

impl Scalar for f32 {
    float_reading!(f32, Unfused, std::convert::identity, std::convert::identity);
}

impl Scalar for f64 {
    float_reading!(f64, Unfused, std::convert::identity, std::convert::identity);
}
