//! Lion.

use tensor::{Float, Gradient, Scalar, Tensor, Update};

use crate::error::check;
use crate::{Error, Method, Optimizer, Step};

/// Lion (Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms"):
///
/// p ← (1 − η·λ)·p, then p ← p − η·sign(β₁·m + (1 − β₁)·g), then m ← β₂·m + (1 − β₂)·g, where sign(0) = 0.
///
/// Every element moves by η, so the rate is chosen 3 to 10 times smaller than Adam's, and λ as much larger.
pub type Lion<T = f32> = Optimizer<SignOfMomentum, T>;

/// The method of [`Lion`].
#[derive(Clone, Copy, Debug)]
pub struct SignOfMomentum {
    betas: [f64; 2],
}

impl<T: Float> Lion<T> {
    /// Lion with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> Lion<T> {
        Optimizer::with_method(SignOfMomentum { betas: [0.9, 0.99] }, lr)
    }

    /// What the momentum counts in the direction, β₁, and what stays of it, β₂, from 0 to 1; 0.9 and 0.99 by default.
    pub const fn betas(mut self, first: f64, second: f64) -> Lion<T> {
        self.method.betas = [first, second];
        self
    }
}

impl Method for SignOfMomentum {
    fn buffers(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    fn check(&self) -> Result<(), Error> {
        let [first, second] = self.betas;
        check("the first beta", first, (0.0..=1.0).contains(&first), "0 ≤ β ≤ 1")?;
        check("the second beta", second, (0.0..=1.0).contains(&second), "0 ≤ β ≤ 1")
    }

    fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, buffers: &mut [Tensor<T>]) {
        let [momentum] = buffers else { unreachable!("as many as there are names") };
        g.apply(Rule { step, betas: self.betas }, p, [momentum]);
    }
}

#[derive(Clone, Copy)]
struct Rule {
    step: Step,
    betas: [f64; 2],
}

impl Update<1> for Rule {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [m]: [A; 1]) -> (A, [A; 1]) {
        let g = self.step.direction(g);
        let [c, m] = self.betas.map(|beta| p.lit(beta) * m + p.lit(1.0 - beta) * g);
        (self.step.decayed(p) - p.lit(self.step.lr) * sign(c), [m])
    }
}

/// −1, 0 or 1; NaN of NaN.
#[inline(always)]
fn sign<A: Scalar>(x: A) -> A {
    let zero = x.lit(0.0);
    A::select(x.lt(zero), x.lit(-1.0), A::select(zero.lt(x), x.lit(1.0), x))
}
