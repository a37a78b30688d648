//! A model's parameters as one vector, and the cost as a function of it.

use tensor::{Float, Gradients, Module, Param, Path, Tensor};

use super::dot;
use crate::Error;
use crate::error::name;

/// A point, and the cost and its gradient there.
pub(super) struct Point<T: Float> {
    pub(super) x: Tensor<T>,
    pub(super) cost: f64,
    pub(super) grad: Tensor<T>,
}

impl<T: Float> Point<T> {
    /// The largest element of the gradient, as an absolute value.
    pub(super) fn gradient(&self) -> f64 {
        if self.grad.numel() == 0 { 0.0 } else { self.grad.abs().max(..).item().to_f64() }
    }

    /// The derivative of the cost along a direction.
    pub(super) fn slope(&self, direction: &Tensor<T>) -> f64 {
        dot(&self.grad, direction)
    }
}

pub(super) struct Problem<'a, M: ?Sized, F> {
    model: &'a mut M,
    cost: F,
    pub(super) evaluations: u64,
}

/// How many numbers the parameters of a model are, without those that are frozen.
pub(super) fn size<T: Float>(model: &(impl Module<T> + ?Sized)) -> usize {
    let mut size = 0;
    visit(model, |_, param| size += param.value().numel());
    size
}

/// Visits the parameters that are not frozen.
fn visit<'m, T: Float>(model: &'m (impl Module<T> + ?Sized), mut f: impl FnMut(Path<'_>, &'m Param<T>)) {
    model.visit(Path::Root, &mut |path, param| {
        if !param.is_frozen() {
            f(path, param);
        }
    });
}

impl<'a, T: Float, M: Module<T> + ?Sized, F: FnMut(&M) -> (T, Gradients<T>)> Problem<'a, M, F> {
    pub(super) fn new(model: &'a mut M, cost: F) -> Problem<'a, M, F> {
        Problem { model, cost, evaluations: 0 }
    }

    /// The parameters, one after the other.
    pub(super) fn position(&self) -> Tensor<T> {
        let mut position = Vec::with_capacity(size(self.model));
        visit(self.model, |_, param| position.extend(param.value().to_vec()));
        Tensor::from(position)
    }

    /// Gives the parameters these values.
    pub(super) fn place(&mut self, x: &Tensor<T>) {
        let mut rest = x.as_slice().expect("made contiguous");
        self.model.visit_mut(Path::Root, &mut |_, param| {
            if param.is_frozen() {
                return;
            }
            let (values, after) = rest.split_at(param.value().numel());
            param.value_mut().as_mut_slice().copy_from_slice(values);
            rest = after;
        });
    }

    /// The cost and its gradient at a point.
    pub(super) fn evaluate(&mut self, x: Tensor<T>) -> Result<Point<T>, Error> {
        self.place(&x);
        self.evaluations += 1;
        let (cost, grads) = (self.cost)(self.model);
        let mut unreached = Vec::new();
        let mut grad = Vec::with_capacity(x.numel());
        visit(self.model, |path, param| match grads.get(param) {
            Some(of) => grad.extend(of.to_vec()),
            None => unreached.push(name(path, param)),
        });
        match unreached.is_empty() {
            true => Ok(Point { x, cost: cost.to_f64(), grad: Tensor::from(grad) }),
            false => Err(Error::Unreached(unreached)),
        }
    }
}
