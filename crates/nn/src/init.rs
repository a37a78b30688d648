//! Initial values of parameters.

use rand::Rng;
use tensor::{Float, Shape, Tensor};

/// A distribution of initial values. For a weight of shape `[out, in]`, the fan-in is `in` and the fan-out `out`; for
/// one of more axes, `[out, in, ..]`, both are multiplied by the size of the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All the same value.
    Constant(f64),
    /// U(−bound, bound).
    Uniform(f64),
    /// N(0, std²). Nielsen's large initialisation is `Normal(1.0)`.
    Normal(f64),
    /// N(0, 1/fan-in): Nielsen's default, after LeCun.
    FanIn,
    /// U(−1/√fan-in, 1/√fan-in): what PyTorch gives a dense layer.
    UniformFanIn,
    /// U(−b, b) with b = √(6/(fan-in + fan-out)) (Glorot and Bengio, 2010); for tanh and sigmoid.
    XavierUniform,
    /// N(0, 2/(fan-in + fan-out)) (Glorot and Bengio, 2010).
    XavierNormal,
    /// U(−b, b) with b = √(6/fan-in) (He et al., 2015); for ReLU.
    KaimingUniform,
    /// N(0, 2/fan-in) (He et al., 2015); for ReLU.
    KaimingNormal,
}

impl Init {
    /// Draws values of a shape whose fans are its own.
    pub fn draw<T: Float>(self, shape: impl Into<Shape>, rng: &mut (impl Rng + ?Sized)) -> Tensor<T> {
        let shape = shape.into();
        let rest: usize = shape.iter().skip(2).product();
        let fan_out = shape.first().map_or(1, |out| out * rest);
        let fan_in = shape.get(1).map_or(fan_out, |inputs| inputs * rest);
        self.draw_with_fans(shape, fan_in, fan_out, rng)
    }

    /// Draws values of a shape with the fans of another, as for a bias beside its weight.
    pub fn draw_with_fans<T: Float>(
        self,
        shape: impl Into<Shape>,
        fan_in: usize,
        fan_out: usize,
        rng: &mut (impl Rng + ?Sized),
    ) -> Tensor<T> {
        // A layer without inputs has nothing to scale for.
        let (fan_in, both) = (fan_in.max(1) as f64, (fan_in + fan_out).max(1) as f64);
        let shape = shape.into();
        let mut uniform = |bound: f64| match bound > 0.0 {
            true => Tensor::uniform(&shape, -bound, bound, rng),
            false => Tensor::zeros(&shape),
        };
        match self {
            Init::Constant(value) => Tensor::full(shape, T::from_f64(value)),
            Init::Uniform(bound) => uniform(bound),
            Init::UniformFanIn => uniform(fan_in.sqrt().recip()),
            Init::XavierUniform => uniform((6.0 / both).sqrt()),
            Init::KaimingUniform => uniform((6.0 / fan_in).sqrt()),
            Init::Normal(std) => Tensor::normal(shape, 0.0, std, rng),
            Init::FanIn => Tensor::normal(shape, 0.0, fan_in.sqrt().recip(), rng),
            Init::XavierNormal => Tensor::normal(shape, 0.0, (2.0 / both).sqrt(), rng),
            Init::KaimingNormal => Tensor::normal(shape, 0.0, (2.0 / fan_in).sqrt(), rng),
        }
    }
}
