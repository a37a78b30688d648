//! Dual numbers: a value with its derivatives towards `N` inputs, for rules that bring no derivative of their own.

use std::array;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Elementwise, Scalar, rules};

/// A value and its derivative towards each input; `None` is a derivative that is 0 by structure, which costs nothing
/// and cannot turn an infinity into NaN.
#[derive(Clone, Copy)]
pub(crate) struct Dual<A, const N: usize> {
    value: A,
    tangent: [Option<A>; N],
}

impl<A: Scalar, const N: usize> Dual<A, N> {
    /// ∂rule/∂xᵢ at `x`.
    #[inline(always)]
    pub(crate) fn partials<R: Elementwise<N>>(rule: R, x: [A; N]) -> [A; N] {
        let seeded = array::from_fn(
            #[inline(always)]
            |i| Dual { value: x[i], tangent: array::from_fn(|j| (i == j).then(|| x[i].lit(1.0))) },
        );
        let y = rule.eval(seeded);
        y.tangent.map(
            #[inline(always)]
            |t| t.unwrap_or_else(|| y.value.lit(0.0)),
        )
    }

    #[inline(always)]
    fn constant(value: A) -> Self {
        Dual { value, tangent: [None; N] }
    }
}

impl<A: Scalar, const N: usize> Scalar for Dual<A, N> {
    type Mask = A::Mask;

    #[inline(always)]
    fn lit(self, value: f64) -> Self {
        Dual::constant(self.value.lit(value))
    }

    /// The chain rule: an elementwise rule's Jacobian is diagonal, so its vjp carries tangents forward as well.
    #[inline(always)]
    fn call<R: Elementwise<K>, const K: usize>(rule: R, x: [Self; K]) -> Self {
        let values = x.map(
            #[inline(always)]
            |dual| dual.value,
        );
        let y = A::call(rule, values);
        let tangent = array::from_fn(
            #[inline(always)]
            |j| {
                let mut sum = None;
                for (i, dual) in x.iter().enumerate() {
                    if let Some(t) = dual.tangent[j] {
                        sum = add(sum, Some(rule.vjp(t, values, y)[i]));
                    }
                }
                sum
            },
        );
        Dual { value: y, tangent }
    }

    #[inline(always)]
    fn lt(self, other: Self) -> A::Mask {
        self.value.lt(other.value)
    }
    #[inline(always)]
    fn le(self, other: Self) -> A::Mask {
        self.value.le(other.value)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> A::Mask {
        self.value.eq(other.value)
    }

    #[inline(always)]
    fn select(mask: A::Mask, yes: Self, no: Self) -> Self {
        let value = A::select(mask, yes.value, no.value);
        let tangent = array::from_fn(
            #[inline(always)]
            |j| match (yes.tangent[j], no.tangent[j]) {
                (None, None) => None,
                (a, b) => {
                    let zero = || value.lit(0.0);
                    Some(A::select(mask, a.unwrap_or_else(zero), b.unwrap_or_else(zero)))
                }
            },
        );
        Dual { value, tangent }
    }
}

#[inline(always)]
fn add<A: Scalar>(a: Option<A>, b: Option<A>) -> Option<A> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

impl<A: Scalar, const N: usize> Neg for Dual<A, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        let tangent = self.tangent.map(
            #[inline(always)]
            |t| t.map(|t| -t),
        );
        Dual { value: -self.value, tangent }
    }
}

impl<A: Scalar, const N: usize> Add for Dual<A, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let tangent = array::from_fn(
            #[inline(always)]
            |j| add(self.tangent[j], other.tangent[j]),
        );
        Dual { value: self.value + other.value, tangent }
    }
}

impl<A: Scalar, const N: usize> Sub for Dual<A, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl<A: Scalar, const N: usize> Mul for Dual<A, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::call(rules::Mul, [self, other])
    }
}

impl<A: Scalar, const N: usize> Div for Dual<A, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self::call(rules::Div, [self, other])
    }
}
