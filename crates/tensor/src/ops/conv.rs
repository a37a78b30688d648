//! Convolutions, transposed convolutions, and the gradients of both; their methods are in `convolve.rs`.
//!
//! A convolution y = w ∗ x is linear in x and in w. So there are three maps, of which each is what the gradients of the
//! other two are made of: [`Conv`] from x and w to y, its adjoint [`ConvInput`] from y and w to x, which is the
//! transposed convolution, and its adjoint [`ConvWeight`] from x and y to w.

use super::Op;
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::conv::{self, Sizes};
use crate::shape::Shape;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// Everything about a convolution but the numbers of images and channels.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub(super) input: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) groups: usize,
}

impl Geometry {
    /// The sizes for `n` images, and a group's channels of the input and of the output.
    fn sizes(&self, n: usize, c: usize, o: usize) -> Sizes {
        let Geometry { input, kernel, output, stride, padding, dilation, groups } = *self;
        Sizes { n, groups, c, o, input, kernel, output, stride, padding, dilation }
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![
            ("input", self.input.into()),
            ("kernel", self.kernel.into()),
            ("output", self.output.into()),
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("dilation", self.dilation.into()),
            ("groups", self.groups.into()),
        ])
    }
}

/// `[n, channels, h, w]` for a number of channels and an area.
fn image(n: usize, channels: usize, [h, w]: [usize; 2]) -> [usize; 4] {
    [n, channels, h, w]
}

/// y = w ∗ x + b, for x of `[n, groups·c, h, w]`, w of `[groups·o, c, kh, kw]` and b of `[groups·o]`, if it is there.
pub(super) struct Conv(pub(super) Geometry);

impl<T: Float> Op<T> for Conv {
    const NAME: &'static str = "conv";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (input, w, bias) = (x[0].contiguous(), x[1].contiguous(), x.get(2).map(|bias| bias.contiguous()));
        let sizes = self.0.sizes(x[0].shape()[0], x[1].shape()[1], x[1].shape()[0] / self.0.groups);
        let bias = bias.as_ref().map(slice);
        Ok(Tensor::build(image(sizes.n, x[1].shape()[0], sizes.output), |out| {
            conv::conv(&sizes, slice(&input), slice(&w), bias, out);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        self.0.attributes()
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let input = needs[0].then(|| apply(ConvInput(self.0), [&g, x[1]]));
        let weight = needs[1].then(|| apply(ConvWeight(self.0), [x[0], &g]));
        let mut grads = Grads::from_iter([input, weight]);
        if let Some(bias) = x.get(2) {
            let channels = bias.shape()[0];
            // Planes first, whose elements lie together.
            let sum = |g: A| {
                let rows = g.sum_to(&Shape::from([g.shape()[0], channels, 1, 1]));
                rows.sum_to(&Shape::from([1, channels, 1, 1])).reshape([channels])
            };
            grads.push(needs[2].then(|| sum(g)));
        }
        grads
    }

    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        products(y, x[1])
    }
}

/// The adjoint of [`Conv`] towards x, and the transposed convolution.
pub(super) struct ConvInput(pub(super) Geometry);

impl<T: Float> Op<T> for ConvInput {
    const NAME: &'static str = "conv_input";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (g, w) = (x[0].contiguous(), x[1].contiguous());
        let sizes = self.0.sizes(x[0].shape()[0], x[1].shape()[1], x[1].shape()[0] / self.0.groups);
        Ok(Tensor::build(image(sizes.n, sizes.groups * sizes.c, sizes.input), |out| {
            conv::conv_input(&sizes, slice(&g), slice(&w), out);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        self.0.attributes()
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let input = needs[0].then(|| apply(Conv(self.0), [&g, x[1]]));
        let weight = needs[1].then(|| apply(ConvWeight(self.0), [&g, x[0]]));
        [input, weight].into_iter().collect()
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        products(x[0], x[1])
    }
}

/// The adjoint of [`Conv`] towards w.
struct ConvWeight(Geometry);

impl<T: Float> Op<T> for ConvWeight {
    const NAME: &'static str = "conv_weight";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (input, g) = (x[0].contiguous(), x[1].contiguous());
        let [c, o] = [0, 1].map(|i| x[i].shape()[1] / self.0.groups);
        let sizes = self.0.sizes(x[0].shape()[0], c, o);
        Ok(Tensor::build(image(sizes.groups * o, c, sizes.kernel), |out| {
            conv::conv_weight(&sizes, slice(&input), slice(&g), out);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        self.0.attributes()
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let input = needs[0].then(|| apply(ConvInput(self.0), [x[1], &g]));
        let output = needs[1].then(|| apply(Conv(self.0), [x[0], &g]));
        [input, output].into_iter().collect()
    }

    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        products(x[1], y)
    }
}

/// The multiplications and additions between all outputs of a convolution and the weights of a channel each.
fn products<T: Float>(y: &Tensor<T>, w: &Tensor<T>) -> u64 {
    2 * y.numel() as u64 * w.shape()[1..].iter().product::<usize>() as u64
}

fn slice<T: Float>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("contiguous")
}

/// An op that cannot fail any more.
fn apply<T: Float, A: Array<T>>(op: impl Op<T>, x: [&A; 2]) -> A {
    unwrap(A::try_apply(op, &x))
}
