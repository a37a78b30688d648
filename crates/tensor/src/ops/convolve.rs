//! The methods of convolutions: what they check, and how one axis counts as two.

use super::conv::{Conv, ConvInput, Geometry};
use super::window::{ConvOptions, PerAxis};
use crate::array::Array;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The names of the weight and of the bias, where they are parameters.
type Names = [Option<&'static str>; 2];

/// A weight or bias with its parameter's name.
fn named(shape: &Shape, name: Option<&str>) -> String {
    name.map_or(shape.to_string(), |name| format!("`{name}` {shape}"))
}

/// A convolution's shapes and options, and what errors are to say of them.
struct Call<const N: usize> {
    op: &'static str,
    x: Shape,
    w: Shape,
    options: ConvOptions<N>,
    names: Names,
}

impl<const N: usize> Call<N> {
    /// The call, once everything fits but channels and areas.
    fn checked(op: &'static str, x: Shape, w: Shape, options: ConvOptions<N>, names: Names) -> Result<Self> {
        let axes = if N == 1 { "length" } else { "height, width" };
        if x.rank() != N + 2 {
            return Err(Error::Shape { op, expected: format!("an input of [batch, channels, {axes}]"), got: x });
        }
        if w.rank() != N + 2 || w[2..].contains(&0) {
            let expected = format!("a weight of two axes of channels and a kernel of [{axes}] that is not empty");
            return Err(Error::Shape { op, expected, got: w });
        }
        let ConvOptions { stride, dilation, groups, .. } = options;
        let zero =
            [("stride", stride.contains(&0)), ("dilation", dilation.contains(&0)), ("number of groups", groups == 0)];
        if let Some((what, _)) = zero.into_iter().find(|(_, zero)| *zero) {
            return Err(Error::invalid(op, format!("expected a {what} of at least 1, got 0")));
        }
        let call = Call { op, x, w, options, names };
        if !call.w[0].is_multiple_of(groups) {
            let weight = call.weight();
            return Err(Error::invalid(
                op,
                format!("the first axis of the weight {weight} is no multiple of {groups}"),
            ));
        }
        Ok(call)
    }

    fn weight(&self) -> String {
        named(&self.w, self.names[0])
    }

    fn check(&self, inputs: usize, outputs: usize, bias: Option<Shape>) -> Result<()> {
        if self.x[1] != inputs {
            let expected = format!("an input of {inputs} channels for the weight {}", self.weight());
            return Err(Error::Shape { op: self.op, expected, got: self.x.clone() });
        }
        match bias.filter(|bias| **bias != [outputs]) {
            Some(got) => {
                let expected = format!("a bias of shape [{outputs}] for the weight {}", self.weight());
                let expected = self.names[1].map_or(expected.clone(), |name| format!("{expected} as `{name}`"));
                Err(Error::Shape { op: self.op, expected, got })
            }
            None => Ok(()),
        }
    }

    /// The geometry where x has the area of the input (or of the output, of a transposed one), and the other one's is
    /// `size(area, extent of the kernel, axis)`.
    fn geometry(&self, size: impl Fn(usize, usize, usize) -> Option<usize>) -> Option<(Geometry, [usize; 2])> {
        let area = |shape: &Shape| PerAxis::<N>(std::array::from_fn(|i| shape[i + 2])).two(1);
        let ConvOptions { stride, padding, dilation, groups } = self.options;
        let geometry = Geometry {
            input: area(&self.x),
            kernel: area(&self.w),
            output: area(&self.x),
            stride: PerAxis(stride).two(1),
            padding: PerAxis(padding).two(0),
            dilation: PerAxis(dilation).two(1),
            groups,
        };
        let other = |i: usize| size(geometry.input[i], (geometry.kernel[i] - 1) * geometry.dilation[i] + 1, i);
        Some((geometry, [other(0)?, other(1)?]))
    }

    /// The way from the ops' two axes back to N.
    fn shaped<T: Float, A: Array<T>>(&self, y: A) -> A {
        if N == 2 {
            return y;
        }
        let shape = y.shape();
        y.reshape([shape[0], shape[1], shape[3]])
    }
}

/// With two axes for the kernel, the first of size 1 where there is only one.
fn planes<T: Float, A: Array<T>>(x: &A) -> A {
    if x.shape().rank() == 4 { x.clone() } else { x.unsqueeze(2) }
}

fn conv<T: Float, A: Array<T>, const N: usize>(
    [x, w]: [&A; 2],
    bias: Option<&A>,
    options: ConvOptions<N>,
    names: Names,
) -> Result<A> {
    let call = Call::checked(["conv1d", "conv2d"][N - 1], x.shape(), w.shape(), options, names)?;
    call.check(call.w[1] * options.groups, call.w[0], bias.map(|bias| bias.shape()))?;
    let padding = PerAxis(options.padding).two(0);
    let stride = PerAxis(options.stride).two(1);
    let found = call.geometry(|input, extent, i| Some((input + 2 * padding[i]).checked_sub(extent)? / stride[i] + 1));
    let Some((geometry, output)) = found else {
        let extent: [usize; N] = std::array::from_fn(|i| (call.w[i + 2] - 1) * options.dilation[i] + 1);
        let expected = format!("an input of at least {extent:?} when padded by {:?}", options.padding);
        return Err(Error::Shape { op: call.op, expected, got: call.x });
    };
    let (op, x, w) = (Conv(Geometry { output, ..geometry }), planes(x), planes(w));
    let y = match bias {
        Some(bias) => A::try_apply(op, &[&x, &w, bias])?,
        None => A::try_apply(op, &[&x, &w])?,
    };
    Ok(call.shaped(y))
}

fn conv_transpose<T: Float, A: Array<T>, const N: usize>(
    [x, w]: [&A; 2],
    bias: Option<&A>,
    options: ConvOptions<N>,
    more: PerAxis<N>,
    names: Names,
) -> Result<A> {
    let op = ["conv_transpose1d", "conv_transpose2d"][N - 1];
    let call = Call::checked(op, x.shape(), w.shape(), options, names)?;
    let outputs = call.w[1] * options.groups;
    call.check(call.w[0], outputs, bias.map(|bias| bias.shape()))?;
    if (0..N).any(|i| more.0[i] >= options.stride[i].max(options.dilation[i])) {
        let message = format!("expected an output padding below the stride or the dilation, got {:?}", more.0);
        return Err(Error::invalid(op, message));
    }
    let (more, padding, stride) = (more.two(0), PerAxis(options.padding).two(0), PerAxis(options.stride).two(1));
    let found = call.geometry(|input, extent, i| {
        let whole = input.checked_sub(1)? * stride[i] + extent + more[i];
        whole.checked_sub(2 * padding[i]).filter(|&size| size > 0)
    });
    let Some((geometry, input)) = found else {
        let expected = format!("an input of which a padding of {:?} leaves something", options.padding);
        return Err(Error::Shape { op, expected, got: call.x });
    };
    let y = call.shaped(A::try_apply(ConvInput(Geometry { input, ..geometry }), &[&planes(x), &planes(w)])?);
    let column = [outputs, 1, 1];
    Ok(match bias {
        Some(bias) => y.add(&bias.reshape(&column[..N + 1])),
        None => y,
    })
}

fn names<T: Float>(weight: Var<'_, T>, bias: Option<Var<'_, T>>) -> Names {
    [weight.param_name(), bias.and_then(Var::param_name)]
}

impl<T: Float> Tensor<T> {
    /// The convolution of `[n, in, h, w]` with a weight of `[out, in/groups, kh, kw]`: for each place of the kernel
    /// in the padded image, the sum of the products, to `[n, out, h', w']` with
    /// h' = (h + 2·padding − dilation·(kh − 1) − 1)/stride + 1, rounded down. The kernel is not mirrored. A bias of
    /// `[out]` is added to each channel.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded input.
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>, options: ConvOptions<2>) -> Tensor<T> {
        unwrap(self.try_conv2d(weight, bias, options))
    }

    /// [`conv2d`](Tensor::conv2d), returning the error.
    pub fn try_conv2d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<2>,
    ) -> Result<Tensor<T>> {
        conv([self, weight], bias, options, [None; 2])
    }

    /// [`conv2d`](Tensor::conv2d) along one axis: of `[n, in, length]` with a weight of `[out, in/groups, kernel]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded input.
    #[track_caller]
    pub fn conv1d(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>, options: ConvOptions<1>) -> Tensor<T> {
        unwrap(self.try_conv1d(weight, bias, options))
    }

    /// [`conv1d`](Tensor::conv1d), returning the error.
    pub fn try_conv1d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<1>,
    ) -> Result<Tensor<T>> {
        conv([self, weight], bias, options, [None; 2])
    }

    /// The transposed convolution of `[n, in, h, w]` with a weight of `[in, out/groups, kh, kw]`: each element puts
    /// the kernel, times itself, into an image of `[n, out, h', w']` with
    /// h' = (h − 1)·stride + dilation·(kh − 1) + 1 − 2·padding + `output_padding`. A bias of `[out]` is added to each
    /// channel.
    ///
    /// # Panics
    /// If the shapes do not fit, nothing is left of the output, or the output padding is not less than the stride or
    /// the dilation.
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<2>,
        output_padding: impl Into<PerAxis<2>>,
    ) -> Tensor<T> {
        unwrap(self.try_conv_transpose2d(weight, bias, options, output_padding))
    }

    /// [`conv_transpose2d`](Tensor::conv_transpose2d), returning the error.
    pub fn try_conv_transpose2d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<2>,
        output_padding: impl Into<PerAxis<2>>,
    ) -> Result<Tensor<T>> {
        conv_transpose([self, weight], bias, options, output_padding.into(), [None; 2])
    }

    /// [`conv_transpose2d`](Tensor::conv_transpose2d) along one axis: of `[n, in, length]` with a weight of
    /// `[in, out/groups, kernel]`.
    ///
    /// # Panics
    /// If the shapes do not fit, nothing is left of the output, or the output padding is not less than the stride or
    /// the dilation.
    #[track_caller]
    pub fn conv_transpose1d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<1>,
        output_padding: impl Into<PerAxis<1>>,
    ) -> Tensor<T> {
        unwrap(self.try_conv_transpose1d(weight, bias, options, output_padding))
    }

    /// [`conv_transpose1d`](Tensor::conv_transpose1d), returning the error.
    pub fn try_conv_transpose1d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: ConvOptions<1>,
        output_padding: impl Into<PerAxis<1>>,
    ) -> Result<Tensor<T>> {
        conv_transpose([self, weight], bias, options, output_padding.into(), [None; 2])
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The convolution of `[n, in, h, w]` with a weight of `[out, in/groups, kh, kw]`: for each place of the kernel
    /// in the padded image, the sum of the products, to `[n, out, h', w']` with
    /// h' = (h + 2·padding − dilation·(kh − 1) − 1)/stride + 1, rounded down. The kernel is not mirrored. A bias of
    /// `[out]` is added to each channel.
    ///
    /// The gradient of the input is the transposed convolution of g with the weight, that of the weight sums the
    /// products of g with what the kernel sees, and that of the bias sums g over all but the channels.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded input.
    #[track_caller]
    pub fn conv2d(&self, weight: Var<'t, T>, bias: Option<Var<'t, T>>, options: ConvOptions<2>) -> Var<'t, T> {
        unwrap(self.try_conv2d(weight, bias, options))
    }

    /// [`conv2d`](Var::conv2d), returning the error.
    pub fn try_conv2d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<2>,
    ) -> Result<Var<'t, T>> {
        conv([self, &weight], bias.as_ref(), options, names(weight, bias))
    }

    /// [`conv2d`](Var::conv2d) along one axis: of `[n, in, length]` with a weight of `[out, in/groups, kernel]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded input.
    #[track_caller]
    pub fn conv1d(&self, weight: Var<'t, T>, bias: Option<Var<'t, T>>, options: ConvOptions<1>) -> Var<'t, T> {
        unwrap(self.try_conv1d(weight, bias, options))
    }

    /// [`conv1d`](Var::conv1d), returning the error.
    pub fn try_conv1d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<1>,
    ) -> Result<Var<'t, T>> {
        conv([self, &weight], bias.as_ref(), options, names(weight, bias))
    }

    /// The transposed convolution of `[n, in, h, w]` with a weight of `[in, out/groups, kh, kw]`: each element puts
    /// the kernel, times itself, into an image of `[n, out, h', w']` with
    /// h' = (h − 1)·stride + dilation·(kh − 1) + 1 − 2·padding + `output_padding`. A bias of `[out]` is added to each
    /// channel.
    ///
    /// The gradient of the input is the convolution of g with the weight, that of the weight sums the products of the
    /// input with what the kernel sees of g, and that of the bias sums g over all but the channels.
    ///
    /// # Panics
    /// If the shapes do not fit, nothing is left of the output, or the output padding is not less than the stride or
    /// the dilation.
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<2>,
        output_padding: impl Into<PerAxis<2>>,
    ) -> Var<'t, T> {
        unwrap(self.try_conv_transpose2d(weight, bias, options, output_padding))
    }

    /// [`conv_transpose2d`](Var::conv_transpose2d), returning the error.
    pub fn try_conv_transpose2d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<2>,
        output_padding: impl Into<PerAxis<2>>,
    ) -> Result<Var<'t, T>> {
        conv_transpose([self, &weight], bias.as_ref(), options, output_padding.into(), names(weight, bias))
    }

    /// [`conv_transpose2d`](Var::conv_transpose2d) along one axis: of `[n, in, length]` with a weight of
    /// `[in, out/groups, kernel]`.
    ///
    /// # Panics
    /// If the shapes do not fit, nothing is left of the output, or the output padding is not less than the stride or
    /// the dilation.
    #[track_caller]
    pub fn conv_transpose1d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<1>,
        output_padding: impl Into<PerAxis<1>>,
    ) -> Var<'t, T> {
        unwrap(self.try_conv_transpose1d(weight, bias, options, output_padding))
    }

    /// [`conv_transpose1d`](Var::conv_transpose1d), returning the error.
    pub fn try_conv_transpose1d(
        &self,
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: ConvOptions<1>,
        output_padding: impl Into<PerAxis<1>>,
    ) -> Result<Var<'t, T>> {
        conv_transpose([self, &weight], bias.as_ref(), options, output_padding.into(), names(weight, bias))
    }
}
