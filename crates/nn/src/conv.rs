//! Convolutional layers.

use rand::Rng;
use tensor::{ConvOptions, Float, Param, PerAxis, Var};

use crate::sequential::Layer;
use crate::{Init, Module};

/// A convolution along `N` axes and its transpose differ in the op and in the shape of the weight; the rest is the same.
macro_rules! convolutions {
    ($(
        $(#[$doc:meta])* $Name:ident($N:literal): $op:ident,
        |$inputs:ident, $outputs:ident, $groups:ident| [$first:expr, $second:expr],
        |$x:ident, $w:ident, $b:ident, $options:ident| $call:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(crate = tensor)]
        pub struct $Name<T: Float = f32> {
            /// The kernels.
            pub weight: Param<T>,
            /// A number for each output channel.
            pub bias: Option<Param<T>>,
            /// Stride, padding, dilation and groups.
            #[module(skip)]
            pub options: ConvOptions<$N>,
        }

        impl<T: Float> $Name<T> {
            /// A layer with stride 1 and no padding; weights and biases are drawn from U(−1/√fan-in, 1/√fan-in).
            pub fn new(
                inputs: usize,
                outputs: usize,
                kernel: impl Into<PerAxis<$N>>,
                rng: &mut (impl Rng + ?Sized),
            ) -> $Name<T> {
                let (init, options) = (Init::UniformFanIn, ConvOptions::new());
                $Name::with_init(inputs, outputs, kernel, options, init, Some(init), rng)
            }

            /// A layer with options and initialisers of its own; `bias: None` leaves the bias away.
            ///
            /// # Panics
            /// If the channels do not divide into the groups.
            #[track_caller]
            pub fn with_init(
                $inputs: usize,
                $outputs: usize,
                kernel: impl Into<PerAxis<$N>>,
                options: ConvOptions<$N>,
                weight: Init,
                bias: Option<Init>,
                rng: &mut (impl Rng + ?Sized),
            ) -> $Name<T> {
                let $groups = options.groups;
                assert!(
                    $groups > 0 && $inputs.is_multiple_of($groups) && $outputs.is_multiple_of($groups),
                    "{}: {} inputs and {} outputs do not divide into {} groups",
                    stringify!($op), $inputs, $outputs, $groups
                );
                let kernel = kernel.into().0;
                let shape = [&[$first, $second], &kernel[..]].concat();
                let area: usize = kernel.iter().product();
                let (fan_in, fan_out) = ($inputs / $groups * area, $outputs / $groups * area);
                let weight = weight.draw_with_fans(shape, fan_in, fan_out, rng);
                let bias = bias.map(|bias| bias.draw_with_fans([$outputs], fan_in, fan_out, rng));
                let bias = bias.map(|bias: tensor::Tensor<T>| Param::new("bias", bias));
                $Name { weight: Param::new("weight", weight), bias, options }
            }

            /// The same layer with a stride.
            pub fn stride(mut self, stride: impl Into<PerAxis<$N>>) -> Self {
                self.options = self.options.stride(stride);
                self
            }

            /// The same layer with so many zeros at both ends of each axis.
            pub fn padding(mut self, padding: impl Into<PerAxis<$N>>) -> Self {
                self.options = self.options.padding(padding);
                self
            }

            /// The same layer with the places of its kernels so far apart.
            pub fn dilation(mut self, dilation: impl Into<PerAxis<$N>>) -> Self {
                self.options = self.options.dilation(dilation);
                self
            }

            /// The layer's value.
            ///
            /// # Panics
            /// If the input has other channels or axes than the layer, or is smaller than its kernel.
            #[track_caller]
            pub fn forward<'t>(&self, $x: Var<'t, T>) -> Var<'t, T> {
                let tape = $x.tape();
                let ($w, $b) = (tape.param(&self.weight), self.bias.as_ref().map(|bias| tape.param(bias)));
                let $options = self.options;
                $call
            }
        }

        impl<T: Float> Layer<T> for $Name<T> {
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                $Name::forward(self, x)
            }
        }
    )*};
}

convolutions! {
    /// A convolution along one axis: x of `[n, in, l]`, kernels of `[out, in/groups, k]`.
    Conv1d(1): conv1d, |inputs, outputs, groups| [outputs, inputs / groups],
        |x, w, b, options| x.conv1d(w, b, options);
    /// A convolution along two axes: x of `[n, in, h, w]`, kernels of `[out, in/groups, kh, kw]`.
    ///
    /// ```
    /// use nn::Conv2d;
    /// use tensor::{Tape, Tensor, rng};
    /// let layer = Conv2d::<f32>::new(3, 8, 5, &mut rng(0, 0)).padding(2).stride(2);
    /// let tape = Tape::new();
    /// let y = layer.forward(tape.constant(Tensor::zeros([10, 3, 28, 28])));
    /// assert_eq!(y.shape().to_string(), "[10, 8, 14, 14]");
    /// ```
    Conv2d(2): conv2d, |inputs, outputs, groups| [outputs, inputs / groups],
        |x, w, b, options| x.conv2d(w, b, options);
    /// A transposed convolution along one axis: x of `[n, in, l]`, kernels of `[in, out/groups, k]`.
    ConvTranspose1d(1): conv_transpose1d, |inputs, outputs, groups| [inputs, outputs / groups],
        |x, w, b, options| x.conv_transpose1d(w, b, options, 0);
    /// A transposed convolution along two axes: x of `[n, in, h, w]`, kernels of `[in, out/groups, kh, kw]`.
    ConvTranspose2d(2): conv_transpose2d, |inputs, outputs, groups| [inputs, outputs / groups],
        |x, w, b, options| x.conv_transpose2d(w, b, options, 0);
}
