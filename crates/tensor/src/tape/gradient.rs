//! The gradient of one leaf or parameter.

use std::fmt;
use std::sync::OnceLock;

use crate::float::Float;
use crate::kernel::update::{self, AddScaled, Update};
use crate::ops::matmul::{transposed_factors, transposed_product};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The gradient of a leaf or parameter, as an optimizer takes it, from [`Gradients::gradient`](crate::Gradients::gradient).
///
/// That of a dense layer's weight may be known by its factors only, gᵀ·x: it is worked out when somebody asks for its
/// [`value`](Gradient::value), or by [`apply`](Gradient::apply), block by block, while the parameter changes, and then never
/// stored. Its bits are the same.
#[derive(Clone, Copy)]
pub struct Gradient<'g, T: Float = f32>(Known<'g, T>);

#[derive(Clone, Copy)]
enum Known<'g, T: Float> {
    Value(&'g Tensor<T>),
    Factored(&'g Factored<T>),
}

/// leftᵀ·right, for `[rows, out]` and `[rows, in]`.
pub(super) struct Factored<T: Float> {
    left: Tensor<T>,
    right: Tensor<T>,
    /// The product, once it is worked out.
    product: OnceLock<Tensor<T>>,
}

/// The elements of a product from which on it is kept as its factors.
const WORTH_KEEPING: usize = 1 << 12;

impl<T: Float> Factored<T> {
    /// Whether the factors are to be kept, which have less elements than the product.
    pub(super) fn pays(left: &Tensor<T>, right: &Tensor<T>) -> bool {
        let (rows, [m, n]) = (left.shape()[0], [left.shape()[1], right.shape()[1]]);
        rows * (m + n) <= m * n && m * n >= WORTH_KEEPING
    }

    pub(super) fn new(left: &Tensor<T>, right: &Tensor<T>) -> Factored<T> {
        Factored { left: left.clone(), right: right.clone(), product: OnceLock::new() }
    }

    /// The product, which nobody else has then.
    pub(super) fn take_product(&mut self) -> Tensor<T> {
        self.product.take().unwrap_or_else(|| transposed_product(&self.left, &self.right))
    }

    pub(super) fn product(&self) -> &Tensor<T> {
        self.product.get_or_init(|| transposed_product(&self.left, &self.right))
    }

    fn shape(&self) -> Shape {
        Shape::from([self.left.shape()[1], self.right.shape()[1]])
    }
}

impl<'g, T: Float> Gradient<'g, T> {
    pub(super) fn factored(factored: &'g Factored<T>) -> Gradient<'g, T> {
        Gradient(Known::Factored(factored))
    }

    /// The value; it is worked out where it is not there yet.
    pub fn value(self) -> &'g Tensor<T> {
        match self.0 {
            Known::Value(value) => value,
            Known::Factored(factored) => factored.product(),
        }
    }

    /// Its shape, the parameter's.
    pub fn shape(self) -> Shape {
        match self.0 {
            Known::Value(value) => value.shape().clone(),
            Known::Factored(factored) => factored.shape(),
        }
    }

    /// p ← p + scale·g for a parameter p of its shape: plain descent, with −η for the scale. Of a gradient in factors and of
    /// few examples, the product is added to the parameter as it is computed.
    ///
    /// # Panics
    /// If the parameter has another shape.
    #[track_caller]
    pub fn add_to(self, param: &mut Tensor<T>, scale: f64) {
        let done = match self.0 {
            Known::Factored(factored) => factored.add_to(param, scale),
            Known::Value(_) => false,
        };
        if !done {
            param.update(AddScaled(scale), self.value(), []);
        }
    }

    /// Changes a parameter and an optimizer's state for it by a rule, as [`Tensor::update`] with the
    /// [`value`](Gradient::value), which is not worked out for it as a whole.
    ///
    /// # Panics
    /// If the parameter or a state has another shape.
    #[track_caller]
    pub fn apply<const S: usize>(self, rule: impl Update<S>, param: &mut Tensor<T>, mut state: [&mut Tensor<T>; S]) {
        let done = match self.0 {
            Known::Factored(factored) => factored.apply(rule, param, state.each_mut().map(|state| &mut **state)),
            Known::Value(_) => false,
        };
        if !done {
            param.update(rule, self.value(), state);
        }
    }
}

impl<T: Float> Factored<T> {
    /// Updates by the product without working it out, if that is possible, and it is not there yet.
    fn apply<const S: usize>(&self, rule: impl Update<S>, param: &mut Tensor<T>, state: [&mut Tensor<T>; S]) -> bool {
        let fits = self.fits(param) && state.iter().all(|state| self.fits(state));
        fits && {
            let factors = transposed_factors(&self.left, &self.right);
            update::update_by_product(rule, param.as_mut_slice(), factors, state.map(Tensor::as_mut_slice))
        }
    }

    /// The same for [`Gradient::add_to`].
    fn add_to(&self, param: &mut Tensor<T>, scale: f64) -> bool {
        self.fits(param) && {
            let factors = transposed_factors(&self.left, &self.right);
            update::add_scaled_product(scale, param.as_mut_slice(), factors)
        }
    }

    /// Whether the product is not there yet and would have this tensor's shape.
    fn fits(&self, tensor: &Tensor<T>) -> bool {
        self.product.get().is_none() && *tensor.shape() == self.shape()
    }
}

impl<'g, T: Float> From<&'g Tensor<T>> for Gradient<'g, T> {
    fn from(value: &'g Tensor<T>) -> Gradient<'g, T> {
        Gradient(Known::Value(value))
    }
}

impl<T: Float> fmt::Debug for Gradient<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}
