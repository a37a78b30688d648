//! Adagrad.

use tensor::{Float, Gradient, Scalar, Tensor, Update};

use crate::error::check_amount;
use crate::{Error, Method, Optimizer, Step};

/// Adagrad (Duchi, Hazan and Singer, 2011), PyTorch's update. With g ← g + λ·p, in step t:
///
/// s ← s + g², then p ← p − η/(1 + (t − 1)·δ) · g / (√s + ε), where δ is the decay of the learning rate.
pub type Adagrad<T = f32> = Optimizer<SumOfSquares, T>;

/// The method of [`Adagrad`].
#[derive(Clone, Copy, Debug)]
pub struct SumOfSquares {
    lr_decay: f64,
    initial: f64,
    eps: f64,
}

impl<T: Float> Adagrad<T> {
    /// Adagrad with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> Adagrad<T> {
        Optimizer::with_method(SumOfSquares { lr_decay: 0.0, initial: 0.0, eps: 1e-10 }, lr)
    }

    /// The decay δ of the learning rate, at least 0; 0 by default.
    pub const fn lr_decay(mut self, lr_decay: f64) -> Adagrad<T> {
        self.method.lr_decay = lr_decay;
        self
    }

    /// What the sums of squares begin with, at least 0; 0 by default.
    pub const fn initial_accumulator(mut self, initial: f64) -> Adagrad<T> {
        self.method.initial = initial;
        self
    }

    /// ε, at least 0; 1e-10 by default. With 0 an element whose gradient was never other than 0 becomes NaN.
    pub const fn eps(mut self, eps: f64) -> Adagrad<T> {
        self.method.eps = eps;
        self
    }
}

impl Method for SumOfSquares {
    fn buffers(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn initial(&self) -> f64 {
        self.initial
    }

    fn check(&self) -> Result<(), Error> {
        check_amount("the learning rate's decay", self.lr_decay)?;
        check_amount("the initial accumulator", self.initial)?;
        check_amount("eps", self.eps)
    }

    fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, buffers: &mut [Tensor<T>]) {
        let size = step.lr / (1.0 + (step.number - 1) as f64 * self.lr_decay);
        let [sum] = buffers else { unreachable!("as many as there are names") };
        g.apply(Rule { step, size, eps: self.eps }, p, [sum]);
    }
}

#[derive(Clone, Copy)]
struct Rule {
    step: Step,
    size: f64,
    eps: f64,
}

impl Update<1> for Rule {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [sum]: [A; 1]) -> (A, [A; 1]) {
        let g = self.step.gradient(g, p);
        let sum = sum + g * g;
        (p - p.lit(self.size) * g / (sum.sqrt() + p.lit(self.eps)), [sum])
    }
}
