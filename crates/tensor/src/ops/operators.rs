//! `+ − · /` and negation between arrays, and between arrays and numbers.

use std::borrow::Borrow;
use std::ops;

use super::elementwise::{Divide, DivideInto, Scale, Shift, ShiftFrom};
use crate::array::Array;
use crate::error::unwrap;
use crate::float::Float;
use crate::scalar::rules::Neg;
use crate::tape::Var;
use crate::tensor::Tensor;

// Without `#[inline]` the operators of plain f32 and f64 would be compiled in this crate, with all that they call: most of
// the library, for two types and three instruction sets, and again in each crate that uses it.

/// An operator between two arrays, owned or borrowed.
macro_rules! operator {
    ($($Trait:ident $method:ident $try_name:ident;)*) => {$(
        operator!(@arrays [T: Float] Tensor<T>, Tensor<T> => Tensor<T>, $Trait $method $try_name);
        operator!(@arrays [T: Float] Tensor<T>, &Tensor<T> => Tensor<T>, $Trait $method $try_name);
        operator!(@arrays [T: Float] &Tensor<T>, Tensor<T> => Tensor<T>, $Trait $method $try_name);
        operator!(@arrays [T: Float] &Tensor<T>, &Tensor<T> => Tensor<T>, $Trait $method $try_name);
        operator!(@arrays ['t, T: Float] Var<'t, T>, Var<'t, T> => Var<'t, T>, $Trait $method $try_name);
    )*};
    (@arrays [$($bound:tt)*] $Lhs:ty, $Rhs:ty => $Output:ty, $Trait:ident $method:ident $try_name:ident) => {
        impl<$($bound)*> ops::$Trait<$Rhs> for $Lhs {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn $method(self, other: $Rhs) -> $Output {
                unwrap(Borrow::<$Output>::borrow(&self).$try_name(other))
            }
        }
    };

}

operator! {
    Add add try_add;
    Sub sub try_sub;
    Mul mul try_mul;
    Div div try_div;
}

/// Operators between an array and a number, on either side.
macro_rules! scalar_operators {
    ([$($bound:tt)*] $Array:ty, $Output:ty, $T:ty) => {
        impl<$($bound)*> ops::Add<$T> for $Array {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn add(self, by: $T) -> $Output {
                <$Output as Array<_>>::rule(Shift { by: by.to_f64() }, [Borrow::<$Output>::borrow(&self)])
            }
        }
        impl<$($bound)*> ops::Sub<$T> for $Array {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn sub(self, by: $T) -> $Output {
                <$Output as Array<_>>::rule(Shift { by: -by.to_f64() }, [Borrow::<$Output>::borrow(&self)])
            }
        }
        impl<$($bound)*> ops::Mul<$T> for $Array {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn mul(self, factor: $T) -> $Output {
                <$Output as Array<_>>::rule(Scale { factor: factor.to_f64() }, [Borrow::<$Output>::borrow(&self)])
            }
        }
        impl<$($bound)*> ops::Div<$T> for $Array {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn div(self, by: $T) -> $Output {
                <$Output as Array<_>>::rule(Divide { by: by.to_f64() }, [Borrow::<$Output>::borrow(&self)])
            }
        }
    };
}

/// Operators with a number of a known type on the left, which a generic implementation may not have.
macro_rules! left_scalar_operators {
    ($($T:ty: [$($bound:tt)*] $Array:ty, $Output:ty;)*) => {$(
        impl<$($bound)*> ops::Add<$Array> for $T {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn add(self, array: $Array) -> $Output {
                array + self
            }
        }
        impl<$($bound)*> ops::Sub<$Array> for $T {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn sub(self, array: $Array) -> $Output {
                <$Output as Array<_>>::rule(ShiftFrom { from: self.to_f64() }, [Borrow::<$Output>::borrow(&array)])
            }
        }
        impl<$($bound)*> ops::Mul<$Array> for $T {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn mul(self, array: $Array) -> $Output {
                array * self
            }
        }
        impl<$($bound)*> ops::Div<$Array> for $T {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn div(self, array: $Array) -> $Output {
                <$Output as Array<_>>::rule(DivideInto { over: self.to_f64() }, [Borrow::<$Output>::borrow(&array)])
            }
        }
    )*};
}

scalar_operators!([T: Float] Tensor<T>, Tensor<T>, T);
scalar_operators!([T: Float] &Tensor<T>, Tensor<T>, T);
scalar_operators!(['t, T: Float] Var<'t, T>, Var<'t, T>, T);
left_scalar_operators! {
    f32: [] Tensor<f32>, Tensor<f32>;
    f32: [] &Tensor<f32>, Tensor<f32>;
    f32: ['t] Var<'t, f32>, Var<'t, f32>;
    f64: [] Tensor<f64>, Tensor<f64>;
    f64: [] &Tensor<f64>, Tensor<f64>;
    f64: ['t] Var<'t, f64>, Var<'t, f64>;
}

macro_rules! negation {
    ($([$($bound:tt)*] $Array:ty, $Output:ty;)*) => {$(
        impl<$($bound)*> ops::Neg for $Array {
            type Output = $Output;
            #[inline]
            #[track_caller]
            fn neg(self) -> $Output {
                <$Output as Array<_>>::rule(Neg, [Borrow::<$Output>::borrow(&self)])
            }
        }
    )*};
}
negation! {
    [T: Float] Tensor<T>, Tensor<T>;
    [T: Float] &Tensor<T>, Tensor<T>;
    ['t, T: Float] Var<'t, T>, Var<'t, T>;
}
