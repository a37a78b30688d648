//! Adam, and Adam with decay apart from the gradient.

use tensor::{Float, Gradient, Scalar, Tensor, Update};

use crate::error::{check, check_amount};
use crate::{Error, Method, Optimizer, Step};

/// Adam (Kingma and Ba, 2015), PyTorch's update. With g ← g + λ·p, in step t:
///
/// m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², then p ← p − η·m̂ / (√v̂ + ε), where m̂ = m/(1 − β₁ᵗ) and
/// v̂ = v/(1 − β₂ᵗ). With `amsgrad` v̂ is made of the largest v so far (Reddi, Kale and Kumar, 2018).
pub type Adam<T = f32> = Optimizer<Moments<false>, T>;

/// Adam with decay apart from the gradient (Loshchilov and Hutter, 2019), PyTorch's update: p ← (1 − η·λ)·p, and then
/// the step of [`Adam`] with the gradient as it is. λ is 0.01 by default.
pub type AdamW<T = f32> = Optimizer<Moments<true>, T>;

/// The method of [`Adam`] and [`AdamW`].
#[derive(Clone, Copy, Debug)]
pub struct Moments<const DECOUPLED: bool> {
    betas: [f64; 2],
    eps: f64,
    amsgrad: bool,
}

impl<const DECOUPLED: bool> Moments<DECOUPLED> {
    const DEFAULT: Moments<DECOUPLED> = Moments { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false };
}

impl<T: Float> Adam<T> {
    /// Adam with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> Adam<T> {
        Optimizer::with_method(Moments::DEFAULT, lr)
    }
}

impl<T: Float> AdamW<T> {
    /// AdamW with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> AdamW<T> {
        Optimizer::with_method(Moments::DEFAULT, lr).weight_decay(0.01)
    }
}

impl<const DECOUPLED: bool, T: Float> Optimizer<Moments<DECOUPLED>, T> {
    /// What stays of the two averages in a step, β₁ and β₂, from 0 to less than 1; 0.9 and 0.999 by default.
    pub const fn betas(mut self, first: f64, second: f64) -> Optimizer<Moments<DECOUPLED>, T> {
        self.method.betas = [first, second];
        self
    }

    /// ε, at least 0; 1e-8 by default. With 0 an element whose gradient was never other than 0 becomes NaN.
    pub const fn eps(mut self, eps: f64) -> Optimizer<Moments<DECOUPLED>, T> {
        self.method.eps = eps;
        self
    }

    /// Whether to divide by the largest second moment so far; not by default.
    pub const fn amsgrad(mut self, amsgrad: bool) -> Optimizer<Moments<DECOUPLED>, T> {
        self.method.amsgrad = amsgrad;
        self
    }
}

impl<const DECOUPLED: bool> Method for Moments<DECOUPLED> {
    fn buffers(&self) -> &'static [&'static str] {
        if self.amsgrad { &["first", "second", "largest"] } else { &["first", "second"] }
    }

    fn check(&self) -> Result<(), Error> {
        let [first, second] = self.betas;
        check("the first beta", first, (0.0..1.0).contains(&first), "0 ≤ β < 1")?;
        check("the second beta", second, (0.0..1.0).contains(&second), "0 ≤ β < 1")?;
        check_amount("eps", self.eps)
    }

    fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, buffers: &mut [Tensor<T>]) {
        let [first, second] = self.betas.map(|beta| 1.0 - beta.powf(step.number as f64));
        let rule = Rule::<DECOUPLED> {
            step,
            betas: self.betas,
            eps: self.eps,
            size: step.lr / first,
            correction: second.sqrt().recip(),
        };
        match buffers {
            [m, v] => g.apply(rule, p, [m, v]),
            [m, v, largest] => g.apply(rule, p, [m, v, largest]),
            _ => unreachable!("as many as there are names"),
        }
    }
}

#[derive(Clone, Copy)]
struct Rule<const DECOUPLED: bool> {
    step: Step,
    betas: [f64; 2],
    eps: f64,
    /// η/(1 − β₁ᵗ).
    size: f64,
    /// 1/√(1 − β₂ᵗ).
    correction: f64,
}

/// The state is m and v, and the largest v where there are three.
impl<const DECOUPLED: bool, const S: usize> Update<S> for Rule<DECOUPLED> {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, mut s: [A; S]) -> (A, [A; S]) {
        let (p, g) = match DECOUPLED {
            true => (self.step.decayed(p), self.step.direction(g)),
            false => (p, self.step.gradient(g, p)),
        };
        let average = |old: A, new: A, beta: f64| p.lit(beta) * old + p.lit(1.0 - beta) * new;
        s[0] = average(s[0], g, self.betas[0]);
        s[1] = average(s[1], g * g, self.betas[1]);
        if S > 2 {
            s[2] = s[2].maximum(s[1]);
        }
        let root = s[S - 1].sqrt() * p.lit(self.correction) + p.lit(self.eps);
        (p - p.lit(self.size) * s[0] / root, s)
    }
}
