//! The gradient of one leaf or parameter.

use std::fmt;
use std::sync::OnceLock;

use crate::float::Float;
use crate::kernel::update::{self, Update};
use crate::ops::matmul::{transposed_factors, transposed_product};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The gradient of a leaf or parameter, from [`Gradients::gradient`](crate::Gradients::gradient).
///
/// That of a dense layer's weight may be known by its factors only, gᵀ·x: it is worked out when somebody asks for its
/// [`value`](Gradient::value), or by an optimizer, block by block, while the parameter changes, and then never stored. Its
/// bits are the same.
#[derive(Clone)]
pub struct Gradient<T: Float = f32> {
    /// The value, once it is there.
    value: OnceLock<Tensor<T>>,
    /// Its factors, as long as it is their product.
    factors: Option<Factors<T>>,
}

/// leftᵀ·right, for `[rows, out]` and `[rows, in]`.
#[derive(Clone)]
pub(super) struct Factors<T: Float> {
    left: Tensor<T>,
    right: Tensor<T>,
}

impl<T: Float> Factors<T> {
    /// The factors, if they have less elements than the product.
    pub(super) fn new(left: &Tensor<T>, right: &Tensor<T>) -> Option<Factors<T>> {
        let (rows, [m, n]) = (left.shape()[0], [left.shape()[1], right.shape()[1]]);
        let smaller = rows * (m + n) <= m * n && m * n >= WORTH_KEEPING;
        smaller.then(|| Factors { left: left.clone(), right: right.clone() })
    }

    pub(super) fn product(&self) -> Tensor<T> {
        transposed_product(&self.left, &self.right)
    }

    fn shape(&self) -> Shape {
        Shape::from([self.left.shape()[1], self.right.shape()[1]])
    }
}

/// The elements of a product from which on it is kept as its factors.
const WORTH_KEEPING: usize = 1 << 12;

impl<T: Float> Gradient<T> {
    pub(super) fn of_factors(factors: Factors<T>) -> Gradient<T> {
        Gradient { value: OnceLock::new(), factors: Some(factors) }
    }

    /// The value; it is worked out where it is not there yet.
    pub fn value(&self) -> &Tensor<T> {
        self.value.get_or_init(|| self.factors.as_ref().expect("a gradient without a value has factors").product())
    }

    /// The value, for changing it: to clip it, or to add noise.
    pub fn value_mut(&mut self) -> &mut Tensor<T> {
        self.value();
        self.factors = None;
        self.value.get_mut().expect("just worked out")
    }

    /// Its shape, the parameter's.
    pub fn shape(&self) -> Shape {
        match (self.value.get(), &self.factors) {
            (None, Some(factors)) => factors.shape(),
            _ => self.value().shape().clone(),
        }
    }

    /// Changes a parameter and an optimizer's state for it by a rule, as [`Tensor::update`] with the
    /// [`value`](Gradient::value), which is not worked out for it as a whole.
    ///
    /// # Panics
    /// If the parameter or a state has another shape.
    #[track_caller]
    pub fn apply<const S: usize>(&self, rule: impl Update<S>, param: &mut Tensor<T>, mut state: [&mut Tensor<T>; S]) {
        let fits = |shape: &Shape| *shape == self.shape();
        if let (None, Some(Factors { left, right })) = (self.value.get(), &self.factors)
            && fits(param.shape())
            && state.iter().all(|state| fits(state.shape()))
        {
            let state = state.each_mut().map(|state| state.as_mut_slice());
            if update::update_by_product(rule, param.as_mut_slice(), transposed_factors(left, right), state) {
                return;
            }
        }
        param.update(rule, self.value(), state);
    }
}

impl<T: Float> From<Tensor<T>> for Gradient<T> {
    fn from(value: Tensor<T>) -> Gradient<T> {
        Gradient { value: OnceLock::from(value), factors: None }
    }
}

impl<T: Float> fmt::Debug for Gradient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}
