//! Mini-batch stochastic gradient descent.

use tensor::{Float, Gradient, Scalar, Tensor, Update};

use crate::error::{check, check_amount};
use crate::{Error, Method, Optimizer, Step};

/// Stochastic gradient descent with momentum and weight decay, PyTorch's update to the letter:
///
/// g ← g + λ·p, then v ← μ·v + (1 − τ)·g (v ← g at the first step), then p ← p − η·v, or p ← p − η·(g + μ·v) with
/// Nesterov's momentum (Sutskever et al., 2013). Without momentum, p ← p − η·g.
pub type Sgd<T = f32> = Optimizer<Momentum, T>;

/// The method of [`Sgd`].
#[derive(Clone, Copy, Debug)]
pub struct Momentum {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

impl<T: Float> Sgd<T> {
    /// Plain descent with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> Sgd<T> {
        Optimizer::with_method(Momentum { momentum: 0.0, dampening: 0.0, nesterov: false }, lr)
    }

    /// Momentum μ, at least 0; 0 by default.
    pub const fn momentum(mut self, momentum: f64) -> Sgd<T> {
        self.method.momentum = momentum;
        self
    }

    /// The momentum's dampening τ; 0 by default.
    pub const fn dampening(mut self, dampening: f64) -> Sgd<T> {
        self.method.dampening = dampening;
        self
    }

    /// Whether to look ahead with Nesterov's momentum, which needs momentum and no dampening.
    pub const fn nesterov(mut self, nesterov: bool) -> Sgd<T> {
        self.method.nesterov = nesterov;
        self
    }
}

impl Method for Momentum {
    fn buffers(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["velocity"] }
    }

    fn check(&self) -> Result<(), Error> {
        check_amount("momentum", self.momentum)?;
        check("dampening", self.dampening, self.dampening.is_finite(), "a finite number")?;
        if self.nesterov {
            check("momentum", self.momentum, self.momentum > 0.0, "more than 0 for Nesterov's momentum")?;
            check("dampening", self.dampening, self.dampening == 0.0, "0 for Nesterov's momentum")?;
        }
        Ok(())
    }

    fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, buffers: &mut [Tensor<T>]) {
        let Momentum { momentum, dampening, nesterov } = *self;
        let gain = if step.number == 1 { 1.0 } else { 1.0 - dampening };
        let rule = Rule { step, momentum, gain, nesterov };
        match buffers {
            [velocity] => g.apply(rule, p, [velocity]),
            _ if step.weight_decay == 0.0 => g.add_to(p, step.direction(-step.lr)),
            _ => g.apply(rule, p, []),
        }
    }
}

#[derive(Clone, Copy)]
struct Rule {
    step: Step,
    momentum: f64,
    /// What the gradient counts in the velocity.
    gain: f64,
    nesterov: bool,
}

impl Update<0> for Rule {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
        (p - p.lit(self.step.lr) * self.step.gradient(g, p), [])
    }
}

impl Update<1> for Rule {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [v]: [A; 1]) -> (A, [A; 1]) {
        let g = self.step.gradient(g, p);
        let v = p.lit(self.momentum) * v + p.lit(self.gain) * g;
        let direction = if self.nesterov { g + p.lit(self.momentum) * v } else { v };
        (p - p.lit(self.step.lr) * direction, [v])
    }
}
