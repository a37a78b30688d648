//! Mini-batch stochastic gradient descent.

use tensor::{Float, Gradients, Module, Path, Scalar, Tensor, Update};

use crate::Error;
use crate::state::{States, check};

/// Stochastic gradient descent with momentum and weight decay, PyTorch's update to the letter:
///
/// g ← g + λ·p, then v ← μ·v + (1 − τ)·g (v ← g at the first step), then p ← p − η·v, or p ← p − η·(g + μ·v) with
/// Nesterov's momentum (Sutskever et al., 2013). Without momentum, p ← p − η·g.
pub struct Sgd<T: Float = f32> {
    lr: f64,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    decay_biases: bool,
    allow_unreached: bool,
    velocities: States<Option<Tensor<T>>>,
}

impl<T: Float> Sgd<T> {
    /// Plain descent with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> Sgd<T> {
        Sgd {
            lr,
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            decay_biases: true,
            allow_unreached: false,
            velocities: States::new(),
        }
    }

    /// Momentum μ, at least 0; 0 by default.
    pub const fn momentum(mut self, momentum: f64) -> Sgd<T> {
        self.momentum = momentum;
        self
    }

    /// The momentum's dampening τ; 0 by default.
    pub const fn dampening(mut self, dampening: f64) -> Sgd<T> {
        self.dampening = dampening;
        self
    }

    /// Whether to look ahead with Nesterov's momentum, which needs momentum and no dampening.
    pub const fn nesterov(mut self, nesterov: bool) -> Sgd<T> {
        self.nesterov = nesterov;
        self
    }

    /// Weight decay λ, an L2 penalty of ½λ‖p‖², at least 0; 0 by default.
    pub const fn weight_decay(mut self, weight_decay: f64) -> Sgd<T> {
        self.weight_decay = weight_decay;
        self
    }

    /// Whether parameters called `bias` decay too; they do by default.
    pub const fn decay_biases(mut self, decay_biases: bool) -> Sgd<T> {
        self.decay_biases = decay_biases;
        self
    }

    /// Whether a parameter that the cost does not depend on is left as it is; an error by default.
    pub const fn allow_unreached(mut self, allow: bool) -> Sgd<T> {
        self.allow_unreached = allow;
        self
    }

    /// The learning rate.
    pub const fn lr(&self) -> f64 {
        self.lr
    }

    /// Changes the learning rate, for a schedule.
    pub const fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// Moves every parameter of the model along its gradient, in place, in one pass over each.
    ///
    /// # Errors
    /// If the cost never reached a parameter (which is named), or an option is out of range. Nothing is changed then.
    pub fn step(&mut self, model: &mut impl Module<T>, grads: &Gradients<T>) -> Result<(), Error> {
        self.check_options()?;
        check(model, grads, self.allow_unreached)?;
        self.velocities.rewind();
        let Sgd { lr, momentum, dampening, nesterov, .. } = *self;
        model.visit_mut(Path::Root, &mut |path, param| {
            let velocity = self.velocities.of(param.id(), || None);
            let Some(grad) = grads.get(&*param) else { return };
            let is_bias = path.last().unwrap_or(param.name()) == "bias";
            let decay = if is_bias && !self.decay_biases { 0.0 } else { self.weight_decay };
            let p = param.value_mut();
            match velocity {
                _ if momentum == 0.0 => p.update(Descend { lr, decay }, grad, []),
                Some(v) => p.update(Momentum { lr, decay, momentum, gain: 1.0 - dampening, nesterov }, grad, [v]),
                None => {
                    let v = velocity.insert(Tensor::zeros(p.shape()));
                    p.update(Momentum { lr, decay, momentum, gain: 1.0, nesterov }, grad, [v]);
                }
            }
        });
        Ok(())
    }

    fn check_options(&self) -> Result<(), Error> {
        let check = |option, value: f64, ok: bool, expected| match ok {
            true => Ok(()),
            false => Err(Error::Option { option, value, expected }),
        };
        let amount = |value: f64| value.is_finite() && value >= 0.0;
        check("the learning rate", self.lr, amount(self.lr), "a finite number, at least 0")?;
        check("momentum", self.momentum, amount(self.momentum), "a finite number, at least 0")?;
        check("dampening", self.dampening, self.dampening.is_finite(), "a finite number")?;
        check("weight decay", self.weight_decay, amount(self.weight_decay), "a finite number, at least 0")?;
        if self.nesterov {
            check("momentum", self.momentum, self.momentum > 0.0, "more than 0 for Nesterov's momentum")?;
            check("dampening", self.dampening, self.dampening == 0.0, "0 for Nesterov's momentum")?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Descend {
    lr: f64,
    decay: f64,
}

impl Update<0> for Descend {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
        (p - p.lit(self.lr) * decayed(g, p, self.decay), [])
    }
}

#[derive(Clone, Copy)]
struct Momentum {
    lr: f64,
    decay: f64,
    momentum: f64,
    /// What the gradient counts in the velocity.
    gain: f64,
    nesterov: bool,
}

impl Update<1> for Momentum {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [v]: [A; 1]) -> (A, [A; 1]) {
        let g = decayed(g, p, self.decay);
        let v = p.lit(self.momentum) * v + p.lit(self.gain) * g;
        let direction = if self.nesterov { g + p.lit(self.momentum) * v } else { v };
        (p - p.lit(self.lr) * direction, [v])
    }
}

/// g + λ·p; without decay g itself, so that an infinite parameter is not multiplied with 0.
#[inline(always)]
fn decayed<A: Scalar>(g: A, p: A, decay: f64) -> A {
    if decay == 0.0 { g } else { g + p.lit(decay) * p }
}
