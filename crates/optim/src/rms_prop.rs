//! RMSprop.

use tensor::{Float, Gradient, Scalar, Tensor, Update};

use crate::error::{check, check_amount};
use crate::{Error, Method, Optimizer, Step};

/// RMSprop (Tieleman and Hinton, 2012; centred: Graves, 2013), PyTorch's update. With g ← g + λ·p:
///
/// v ← α·v + (1 − α)·g², then p ← p − η·g / (√v + ε). Centred, m ← α·m + (1 − α)·g, and v − m² stands for v under the
/// root. With momentum, b ← μ·b + g / (√v + ε), then p ← p − η·b.
///
/// Where rounding makes v − m² negative, it is 0.
pub type RmsProp<T = f32> = Optimizer<RootMeanSquare, T>;

/// The method of [`RmsProp`].
#[derive(Clone, Copy, Debug)]
pub struct RootMeanSquare {
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
}

impl<T: Float> RmsProp<T> {
    /// RMSprop with learning rate η = `lr`, at least 0.
    pub const fn new(lr: f64) -> RmsProp<T> {
        Optimizer::with_method(RootMeanSquare { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false }, lr)
    }

    /// What stays of the averages in a step, α from 0 to 1; 0.99 by default.
    pub const fn alpha(mut self, alpha: f64) -> RmsProp<T> {
        self.method.alpha = alpha;
        self
    }

    /// ε, at least 0; 1e-8 by default. With 0 an element whose gradient was never other than 0 becomes NaN.
    pub const fn eps(mut self, eps: f64) -> RmsProp<T> {
        self.method.eps = eps;
        self
    }

    /// Momentum μ, at least 0; 0 by default.
    pub const fn momentum(mut self, momentum: f64) -> RmsProp<T> {
        self.method.momentum = momentum;
        self
    }

    /// Whether to divide by an estimate of the standard deviation instead of the root of the mean square; not by
    /// default.
    pub const fn centered(mut self, centered: bool) -> RmsProp<T> {
        self.method.centered = centered;
        self
    }
}

impl Method for RootMeanSquare {
    fn buffers(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["square"],
            (true, false) => &["square", "mean"],
            (false, true) => &["square", "velocity"],
            (true, true) => &["square", "mean", "velocity"],
        }
    }

    fn check(&self) -> Result<(), Error> {
        check("alpha", self.alpha, (0.0..=1.0).contains(&self.alpha), "0 ≤ α ≤ 1")?;
        check_amount("eps", self.eps)?;
        check_amount("momentum", self.momentum)
    }

    fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, buffers: &mut [Tensor<T>]) {
        let rule = Rule { step, method: *self };
        match buffers {
            [square] => g.apply(rule, p, [square]),
            [square, other] => g.apply(rule, p, [square, other]),
            [square, mean, velocity] => g.apply(rule, p, [square, mean, velocity]),
            _ => unreachable!("as many as there are names"),
        }
    }
}

#[derive(Clone, Copy)]
struct Rule {
    step: Step,
    method: RootMeanSquare,
}

/// The state is v, then m where it is centred, then b where there is momentum.
impl<const S: usize> Update<S> for Rule {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, mut s: [A; S]) -> (A, [A; S]) {
        let RootMeanSquare { alpha, eps, momentum, centered } = self.method;
        let g = self.step.gradient(g, p);
        let average = |old: A, new: A| p.lit(alpha) * old + p.lit(1.0 - alpha) * new;
        s[0] = average(s[0], g * g);
        let mut variance = s[0];
        if S > 1 && centered {
            s[1] = average(s[1], g);
            variance = (variance - s[1] * s[1]).maximum(p.lit(0.0));
        }
        let mut direction = g / (variance.sqrt() + p.lit(eps));
        if S > 1 && momentum != 0.0 {
            direction = p.lit(momentum) * s[S - 1] + direction;
            s[S - 1] = direction;
        }
        (p - p.lit(self.step.lr) * direction, s)
    }
}
