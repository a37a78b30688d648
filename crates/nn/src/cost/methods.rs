//! The costs as methods.

use tensor::{Float, Result, Tensor, Var};

use super::{Reduction, Targets, bce_with_logits, cross_entropy, huber, l1, mse, nll, quadratic};

/// The costs as methods of a variable, reduced as they are usually written.
pub trait Costs<'t, T: Float> {
    /// Nielsen's quadratic cost 1/(2n) Σ‖a − y‖²: summed over the outputs, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes differ or the batch is empty.
    #[track_caller]
    fn quadratic_cost(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;

    /// The mean squared error, over all elements.
    ///
    /// # Panics
    /// If the shapes differ or there are no elements.
    #[track_caller]
    fn mse(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;

    /// The mean absolute error, over all elements.
    ///
    /// # Panics
    /// If the shapes differ or there are no elements.
    #[track_caller]
    fn l1(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;

    /// Huber's cost, averaged over all elements.
    ///
    /// # Panics
    /// If δ is not more than 0, the shapes differ or there are no elements.
    #[track_caller]
    fn huber(self, y: impl Into<Tensor<T>>, delta: f64) -> Var<'t, T>;

    /// The negative log-likelihood of these log-probabilities and the labels, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes do not fit, a label is out of range or the batch is empty.
    #[track_caller]
    fn nll(self, labels: &Tensor<i64>) -> Var<'t, T>;

    /// Softmax cross-entropy of these logits and the targets, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes do not fit, a label is out of range or the batch is empty.
    #[track_caller]
    fn cross_entropy(self, targets: impl Targets<T>) -> Var<'t, T>;

    /// Binary cross-entropy of these logits and the targets: summed over the outputs, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes differ or the batch is empty.
    #[track_caller]
    fn bce_with_logits(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;
}

impl<'t, T: Float> Costs<'t, T> for Var<'t, T> {
    fn quadratic_cost(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(quadratic(self, self.tape().constant(y), Reduction::BatchMean))
    }

    fn mse(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(mse(self, self.tape().constant(y), Reduction::Mean))
    }

    fn l1(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(l1(self, self.tape().constant(y), Reduction::Mean))
    }

    fn huber(self, y: impl Into<Tensor<T>>, delta: f64) -> Var<'t, T> {
        expect(huber(self, self.tape().constant(y), delta, Reduction::Mean))
    }

    fn nll(self, labels: &Tensor<i64>) -> Var<'t, T> {
        expect(nll(self, labels, Reduction::Mean))
    }

    fn cross_entropy(self, targets: impl Targets<T>) -> Var<'t, T> {
        expect(cross_entropy(self, targets, 0.0, Reduction::Mean))
    }

    fn bce_with_logits(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(bce_with_logits(self, self.tape().constant(y), Reduction::BatchMean))
    }
}

#[track_caller]
fn expect<V>(result: Result<V>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
