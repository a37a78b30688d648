//! The reading of an elementwise rule that records it: every operation of the rule becomes a node.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::Array;
use crate::float::Float;
use crate::scalar::Elementwise;
use crate::scalar::Scalar;
use crate::scalar::rules;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A variable as a [`Scalar`].
#[derive(Clone, Copy)]
pub(crate) struct Traced<'t, T: Float>(pub(crate) Var<'t, T>);

macro_rules! traced_operator {
    ($($Trait:ident $method:ident)*) => {$(
        impl<T: Float> $Trait for Traced<'_, T> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Self::call(rules::$Trait, [self, other])
            }
        }
    )*};
}
traced_operator!(Add add Sub sub Mul mul Div div);

impl<T: Float> Neg for Traced<'_, T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::call(rules::Neg, [self])
    }
}

impl<T: Float> Scalar for Traced<'_, T> {
    /// 1 where the comparison holds and 0 elsewhere, as a constant.
    type Mask = Self;

    fn lit(self, value: f64) -> Self {
        Traced(self.0.tape().constant(Tensor::from(T::from_f64(value))))
    }

    fn call<R: Elementwise<N>, const N: usize>(rule: R, x: [Self; N]) -> Self {
        Traced(Array::rule(rule, x.each_ref().map(|x| &x.0)))
    }

    fn lt(self, other: Self) -> Self {
        mask(rules::Less, self, other)
    }

    fn le(self, other: Self) -> Self {
        mask(rules::LessEqual, self, other)
    }

    fn eq(self, other: Self) -> Self {
        mask(rules::Equal, self, other)
    }

    fn select(mask: Self, yes: Self, no: Self) -> Self {
        Self::call(rules::Select, [mask, yes, no])
    }
}

fn mask<'t, T: Float>(rule: impl Elementwise<2>, a: Traced<'t, T>, b: Traced<'t, T>) -> Traced<'t, T> {
    let value = Tensor::map(rule, [a.0.value(), b.0.value()]);
    Traced(a.0.tape().constant(value))
}
