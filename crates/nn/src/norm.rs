//! Normalisation layers.

use tensor::{Buffer, Float, Mode, Module, Moments, Param, Path, Shape, Tensor, Var};

use crate::sequential::Layer;

/// ε of all of them, unless it is changed.
const EPS: f64 = 1e-5;

fn ones<T: Float>(shape: impl Into<Shape>) -> Param<T> {
    Param::new("weight", Tensor::ones(shape))
}

fn zeros<T: Float>(shape: impl Into<Shape>) -> Param<T> {
    Param::new("bias", Tensor::zeros(shape))
}

/// The visit of a module's fields, each under its name.
macro_rules! fields {
    ($Name:ident: $($field:ident),*; $($buffer:ident),*) => {
        impl<T: Float> Module<T> for $Name<T> {
            fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
                $(self.$field.visit(path.field(stringify!($field)), f);)*
            }

            fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
                $(self.$field.visit_mut(path.field(stringify!($field)), f);)*
            }

            fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
                let _ = (&path, &f);
                $(self.$buffer.visit_buffers(path.field(stringify!($buffer)), f);)*
            }
        }

        impl<T: Float> Layer<T> for $Name<T> {
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                $Name::forward(self, x)
            }
        }
    };
}

/// Batch normalisation of each channel of `[n, c, ..]` (Ioffe and Szegedy, 2015): over the batch on a training tape, whose
/// mean and variance are also averaged in the buffers; by these on an inference tape.
#[derive(Clone, Debug)]
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
    pub eps: f64,
    /// How much of the new moments the running ones take in.
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

fields!(BatchNorm: weight, bias; running_mean, running_var);

/// Layer normalisation over the last axes (Ba et al., 2016).
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Float = f32> {
    /// γ, of the shape of the axes that are normalised.
    pub weight: Param<T>,
    /// β, of the same shape.
    pub bias: Param<T>,
    /// ε.
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

fields!(LayerNorm: weight, bias;);

/// x/√(mean x² + ε)·γ over the last axes (Zhang and Sennrich, 2019).
#[derive(Clone, Debug)]
pub struct RmsNorm<T: Float = f32> {
    /// γ, of the shape of the axes that are normalised.
    pub weight: Param<T>,
    /// ε.
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

fields!(RmsNorm: weight;);

/// Normalisation of groups of channels of `[n, c, ..]`, for each example alone (Wu and He, 2018).
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Float = f32> {
    /// γ, of shape `[c]`.
    pub weight: Param<T>,
    /// β, of shape `[c]`.
    pub bias: Param<T>,
    /// The number of groups.
    pub groups: usize,
    /// ε.
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

fields!(GroupNorm: weight, bias;);
