//! Normalisation layers.

use tensor::{Buffer, Float, Mode, Moments, Param, Shape, Tensor, Var};

use crate::Module;
use crate::sequential::Layer;

/// ε of all of them, unless it is changed.
const EPS: f64 = 1e-5;

fn ones<T: Float>(shape: impl Into<Shape>) -> Param<T> {
    Param::new("weight", Tensor::ones(shape))
}

fn zeros<T: Float>(shape: impl Into<Shape>) -> Param<T> {
    Param::new("bias", Tensor::zeros(shape))
}

/// Batch normalisation of each channel of `[n, c, ..]` (Ioffe and Szegedy, 2015): over the batch on a training tape, whose
/// mean and variance are also averaged in the buffers; by these on an inference tape.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct BatchNorm<T: Float = f32> {
    /// γ, of shape `[c]`.
    pub weight: Param<T>,
    /// β, of shape `[c]`.
    pub bias: Param<T>,
    /// The running mean of each channel.
    pub running_mean: Buffer<T>,
    /// The running variance of each channel, with n − 1.
    pub running_var: Buffer<T>,
    /// ε.
    #[module(skip)]
    pub eps: f64,
    /// How much of the new moments the running ones take in.
    #[module(skip)]
    pub momentum: f64,
}

impl<T: Float> BatchNorm<T> {
    /// A layer for this many channels, with ε = 10⁻⁵ and momentum 0.1.
    pub fn new(channels: usize) -> BatchNorm<T> {
        BatchNorm {
            weight: ones([channels]),
            bias: zeros([channels]),
            running_mean: Buffer::new("running_mean", Tensor::zeros([channels])),
            running_var: Buffer::new("running_var", Tensor::ones([channels])),
            eps: EPS,
            momentum: 0.1,
        }
    }

    /// (x − mean)/√(var + ε)·γ + β.
    ///
    /// # Panics
    /// If the second axis is not that of the channels.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let (weight, bias) = (Some(tape.param(&self.weight)), Some(tape.param(&self.bias)));
        if tape.mode() == Mode::Inference {
            let moments = Moments { mean: self.running_mean.value(), var: self.running_var.value() };
            return x.batch_norm_by(&moments, weight, bias, self.eps);
        }
        let (y, Moments { mean, var }) = x.batch_norm(weight, bias, self.eps);
        let n = x.numel() as f64 / mean.numel().max(1) as f64;
        let unbiased = if n > 1.0 { var * T::from_f64(n / (n - 1.0)) } else { var };
        self.take_in(&self.running_mean, mean);
        self.take_in(&self.running_var, unbiased);
        y
    }

    fn take_in(&self, running: &Buffer<T>, new: Tensor<T>) {
        let (keep, take) = (T::from_f64(1.0 - self.momentum), T::from_f64(self.momentum));
        running.set(running.value() * keep + new * take);
    }
}

impl<T: Float> Layer<T> for BatchNorm<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        BatchNorm::forward(self, x)
    }
}

/// Layer normalisation over the last axes (Ba et al., 2016).
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct LayerNorm<T: Float = f32> {
    /// γ, of the shape of the axes that are normalised.
    pub weight: Param<T>,
    /// β, of the same shape.
    pub bias: Param<T>,
    /// ε.
    #[module(skip)]
    pub eps: f64,
}

impl<T: Float> LayerNorm<T> {
    /// A layer for last axes of this shape, with ε = 10⁻⁵.
    pub fn new(shape: impl Into<Shape>) -> LayerNorm<T> {
        let shape = shape.into();
        LayerNorm { weight: ones(&shape), bias: zeros(&shape), eps: EPS }
    }

    /// (x − mean)/√(var + ε)·γ + β for each row.
    ///
    /// # Panics
    /// If the last axes of `x` are others.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        x.layer_norm(Some(tape.param(&self.weight)), Some(tape.param(&self.bias)), self.eps)
    }
}

impl<T: Float> Layer<T> for LayerNorm<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        LayerNorm::forward(self, x)
    }
}

/// x/√(mean x² + ε)·γ over the last axes (Zhang and Sennrich, 2019).
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct RmsNorm<T: Float = f32> {
    /// γ, of the shape of the axes that are normalised.
    pub weight: Param<T>,
    /// ε.
    #[module(skip)]
    pub eps: f64,
}

impl<T: Float> RmsNorm<T> {
    /// A layer for last axes of this shape, with ε = 10⁻⁵.
    pub fn new(shape: impl Into<Shape>) -> RmsNorm<T> {
        RmsNorm { weight: ones(shape), eps: EPS }
    }

    /// x/√(mean x² + ε)·γ for each row.
    ///
    /// # Panics
    /// If the last axes of `x` are others.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.rms_norm(Some(x.tape().param(&self.weight)), self.eps)
    }
}

impl<T: Float> Layer<T> for RmsNorm<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        RmsNorm::forward(self, x)
    }
}

/// Normalisation of groups of channels of `[n, c, ..]`, for each example alone (Wu and He, 2018).
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct GroupNorm<T: Float = f32> {
    /// γ, of shape `[c]`.
    pub weight: Param<T>,
    /// β, of shape `[c]`.
    pub bias: Param<T>,
    /// The number of groups.
    #[module(skip)]
    pub groups: usize,
    /// ε.
    #[module(skip)]
    pub eps: f64,
}

impl<T: Float> GroupNorm<T> {
    /// A layer for so many groups of channels, with ε = 10⁻⁵.
    ///
    /// # Panics
    /// If the channels do not divide into the groups.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> GroupNorm<T> {
        assert!(groups > 0 && channels.is_multiple_of(groups), "group_norm: {channels} channels in {groups} groups");
        GroupNorm { weight: ones([channels]), bias: zeros([channels]), groups, eps: EPS }
    }

    /// (x − mean)/√(var + ε)·γ + β, with the mean and variance of each group of each example.
    ///
    /// # Panics
    /// If the second axis is not that of the channels.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape, channels) = (x.tape(), x.shape(), self.weight.value().numel());
        assert!(
            shape.rank() >= 2 && shape[1] == channels,
            "group_norm: expected {channels} channels along the second axis, got shape {shape}"
        );
        let group = shape[1..].iter().product::<usize>() / self.groups;
        let unit = x.reshape([shape[0], self.groups, group]).layer_norm(None, None, self.eps).reshape(&shape);
        let column = |param: &Param<T>| {
            let sizes = (1..shape.rank()).map(|axis| if axis == 1 { channels } else { 1 });
            tape.param(param).reshape(sizes.collect::<Vec<_>>())
        };
        unit * column(&self.weight) + column(&self.bias)
    }
}

impl<T: Float> Layer<T> for GroupNorm<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        GroupNorm::forward(self, x)
    }
}
