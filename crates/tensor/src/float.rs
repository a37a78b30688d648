//! What a tensor can hold ([`Element`]) and what can be differentiated ([`Float`]).

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::kernel::math::Math;
use crate::kernel::matmul::Multiply;
use crate::storage::{Pool, PoolKey};

/// A type that a tensor can hold: `f32` and `f64`, which are differentiable ([`Float`]), and `i32`, `i64`, `u8` and
/// `bool` for labels, indices, pixels and masks.
pub trait Element: Copy + Default + Debug + Display + PartialEq + PartialOrd + Send + Sync + 'static {
    /// The type's name, as in Rust.
    const DTYPE: &'static str;

    /// The calling thread's free buffers of this type.
    #[doc(hidden)]
    fn pool() -> PoolKey<Self>;
}

macro_rules! element {
    ($($t:ident)*) => {$(
        impl Element for $t {
            const DTYPE: &'static str = stringify!($t);

            fn pool() -> PoolKey<Self> {
                thread_local!(static POOL: RefCell<Pool<$t>> = const { RefCell::new(Pool::new()) });
                &POOL
            }
        }
    )*};
}
element!(f32 f64 i32 i64 u8 bool);

/// A differentiable element: `f32` or `f64`.
pub trait Float:
    Element
    + Math
    + Multiply
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// +∞.
    const INFINITY: Self;
    /// −∞.
    const NEG_INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;

    /// The nearest value to `x`.
    fn from_f64(x: f64) -> Self;
    /// The same value in double precision.
    fn to_f64(self) -> f64;
}

macro_rules! float {
    ($($t:ident)*) => {$(
        impl Float for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = $t::INFINITY;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
            const NAN: Self = $t::NAN;
            const EPSILON: Self = $t::EPSILON;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}
float!(f32 f64);
