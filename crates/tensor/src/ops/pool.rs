//! The largest and the mean of what a window sees as it moves over an image.

use super::window::{PerAxis, PoolOptions};
use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::pool::{self, Window};
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads};
use crate::tensor::Tensor;

impl<const N: usize> PoolOptions<N> {
    /// The window that moves over the planes of a shape `[n, channels, …]`.
    fn window(&self, op: &'static str, x: &Shape) -> Result<Window> {
        let PoolOptions { kernel, stride, padding, counts_padding, ceil_mode } = *self;
        let axes = if N == 1 { "length" } else { "height, width" };
        if x.rank() != N + 2 {
            let expected = format!("an input of [batch, channels, {axes}]");
            return Err(Error::Shape { op, expected, got: x.clone() });
        }
        if kernel.contains(&0) || stride.contains(&0) {
            let message = format!("expected a window and a stride of at least 1, got {kernel:?} and {stride:?}");
            return Err(Error::invalid(op, message));
        }
        if (0..N).any(|i| padding[i] > kernel[i] / 2) {
            let message = format!("expected a padding of at most half the window {kernel:?}, got {padding:?}");
            return Err(Error::invalid(op, message));
        }
        let size = |i: usize| (x[i + 2] + 2 * padding[i]).checked_sub(kernel[i]).filter(|_| x[i + 2] > 0);
        if (0..N).any(|i| size(i).is_none()) {
            let expected = format!("an input of at least {kernel:?} when padded by {padding:?}, and not empty");
            return Err(Error::Shape { op, expected, got: x.clone() });
        }
        let output = PerAxis::<N>(std::array::from_fn(|i| {
            let (room, stride) = (size(i).expect("checked"), stride[i]);
            let whole = room / stride + 1;
            // One more begins before the padding at the end, which alone is nothing to see.
            let partial = ceil_mode && room % stride > 0 && whole * stride < x[i + 2] + padding[i];
            whole + usize::from(partial)
        }));
        Ok(Window {
            input: PerAxis::<N>(std::array::from_fn(|i| x[i + 2])).two(1),
            kernel: PerAxis(kernel).two(1),
            output: output.two(1),
            stride: PerAxis(stride).two(1),
            padding: PerAxis(padding).two(0),
            counts_padding,
        })
    }
}

/// The shape of x with planes of another size, for a window along the last axes of x.
fn with_planes(x: &Shape, [h, w]: [usize; 2]) -> Shape {
    match x.rank() {
        3 => Shape::from([x[0], x[1], w]),
        _ => Shape::from([x[0], x[1], h, w]),
    }
}

fn slice<T: Float>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("contiguous")
}

fn attributes(window: &Window) -> Option<Attributes> {
    Some(vec![
        ("kernel", window.kernel.into()),
        ("stride", window.stride.into()),
        ("padding", window.padding.into()),
        ("counts_padding", window.counts_padding.into()),
        ("ceil_mode", window.has_partial().into()),
    ])
}

/// The largest element that each window sees.
struct MaxPool(Window);

impl<T: Float> Op<T> for MaxPool {
    const NAME: &'static str = "max_pool";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let x = x[0].contiguous();
        let shape = with_planes(x.shape(), self.0.output);
        Ok(Tensor::build(shape, |out| pool::max_pool(&self.0, slice(&x), out)))
    }

    fn attributes(&self) -> Option<Attributes> {
        attributes(&self.0)
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let (shape, [area, out_area]) = (x[0].shape(), self.0.areas());
        let (planes, value) = (shape[0] * shape[1], x[0].value().contiguous());
        let positions = Tensor::build([planes, out_area], |out| pool::max_positions(&self.0, slice(&value), out));
        let zeros = g.constant(Tensor::zeros([planes, area]));
        one(zeros.scatter_add(1, &positions, &g.reshape([planes, out_area])).reshape(shape))
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], _y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        if into.needs()[0] {
            let (x, g) = (x[0].contiguous(), g.contiguous());
            let grad = Tensor::build(x.shape(), |out| pool::max_pool_vjp(&self.0, slice(&x), slice(&g), out));
            into.add(0, grad);
        }
    }
}

/// The mean of what each window sees.
struct AvgPool(Window);

impl<T: Float> Op<T> for AvgPool {
    const NAME: &'static str = "avg_pool";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let x = x[0].contiguous();
        let shape = with_planes(x.shape(), self.0.output);
        Ok(Tensor::build(shape, |out| pool::avg_pool(&self.0, slice(&x), out)))
    }

    fn attributes(&self) -> Option<Attributes> {
        attributes(&self.0)
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(unwrap(A::try_apply(AvgUnpool(self.0), &[&g])))
    }
}

/// The adjoint of [`AvgPool`].
struct AvgUnpool(Window);

impl<T: Float> Op<T> for AvgUnpool {
    const NAME: &'static str = "avg_unpool";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let g = x[0].contiguous();
        let shape = with_planes(g.shape(), self.0.input);
        Ok(Tensor::build(shape, |out| pool::avg_unpool(&self.0, slice(&g), out)))
    }

    fn attributes(&self) -> Option<Attributes> {
        attributes(&self.0)
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(unwrap(A::try_apply(AvgPool(self.0), &[&g])))
    }
}

/// `[n, channels, elements]` of `[n, channels, …]`.
fn flat_planes<T: Float, A: Array<T>>(op: &'static str, x: &A) -> Result<A> {
    let shape = x.shape();
    if shape.rank() < 3 {
        return Err(Error::Shape { op, expected: "an input of [batch, channels, …]".into(), got: shape });
    }
    Ok(x.reshape([shape[0], shape[1], shape[2..].iter().product()]))
}

methods! {
    /// The largest element that a window sees as it moves over the planes of `[n, channels, h, w]`, to
    /// `[n, channels, h', w']` with h' = (h + 2·padding − kernel)/stride + 1, rounded down unless the options say up.
    /// NaN counts as largest. The gradient goes to the first largest element of a window, row by row.
    ///
    /// # Panics
    /// If the rank is not 4, the window is larger than the padded input, or the padding is larger than half the window.
    #[track_caller]
    pub fn max_pool2d(&self, options: PoolOptions<2>) -> Self {
        unwrap(self.try_max_pool2d(options))
    }

    /// [`max_pool2d`](Self::max_pool2d), returning the error.
    pub fn try_max_pool2d(&self, options: PoolOptions<2>) -> Result<Self> {
        Array::try_apply(MaxPool(options.window("max_pool2d", &Array::shape(self))?), &[self])
    }

    /// [`max_pool2d`](Self::max_pool2d) along the one axis of `[n, channels, length]`.
    ///
    /// # Panics
    /// If the rank is not 3, the window is larger than the padded input, or the padding is larger than half the window.
    #[track_caller]
    pub fn max_pool1d(&self, options: PoolOptions<1>) -> Self {
        unwrap(self.try_max_pool1d(options))
    }

    /// [`max_pool1d`](Self::max_pool1d), returning the error.
    pub fn try_max_pool1d(&self, options: PoolOptions<1>) -> Result<Self> {
        Array::try_apply(MaxPool(options.window("max_pool1d", &Array::shape(self))?), &[self])
    }

    /// The mean of what a window sees as it moves over the planes of `[n, channels, h, w]`, to `[n, channels, h', w']`
    /// with h' = (h + 2·padding − kernel)/stride + 1, rounded down unless the options say up. Padding counts as 0, unless
    /// the options say that it does not count. The gradient g of a window is shared out evenly among what it sees.
    ///
    /// # Panics
    /// If the rank is not 4, the window is larger than the padded input, or the padding is larger than half the window.
    #[track_caller]
    pub fn avg_pool2d(&self, options: PoolOptions<2>) -> Self {
        unwrap(self.try_avg_pool2d(options))
    }

    /// [`avg_pool2d`](Self::avg_pool2d), returning the error.
    pub fn try_avg_pool2d(&self, options: PoolOptions<2>) -> Result<Self> {
        Array::try_apply(AvgPool(options.window("avg_pool2d", &Array::shape(self))?), &[self])
    }

    /// [`avg_pool2d`](Self::avg_pool2d) along the one axis of `[n, channels, length]`.
    ///
    /// # Panics
    /// If the rank is not 3, the window is larger than the padded input, or the padding is larger than half the window.
    #[track_caller]
    pub fn avg_pool1d(&self, options: PoolOptions<1>) -> Self {
        unwrap(self.try_avg_pool1d(options))
    }

    /// [`avg_pool1d`](Self::avg_pool1d), returning the error.
    pub fn try_avg_pool1d(&self, options: PoolOptions<1>) -> Result<Self> {
        Array::try_apply(AvgPool(options.window("avg_pool1d", &Array::shape(self))?), &[self])
    }

    /// The largest element of each channel of `[n, channels, …]`, to `[n, channels]`; the gradient goes to the first.
    ///
    /// # Panics
    /// If the rank is less than 3, or a channel has no elements.
    #[track_caller]
    pub fn global_max_pool(&self) -> Self {
        unwrap(self.try_global_max_pool())
    }

    /// [`global_max_pool`](Self::global_max_pool), returning the error.
    pub fn try_global_max_pool(&self) -> Result<Self> {
        flat_planes("global_max_pool", self)?.try_max(2, false)
    }

    /// The mean of each channel of `[n, channels, …]`, to `[n, channels]`; the gradient is shared out evenly.
    ///
    /// # Panics
    /// If the rank is less than 3.
    #[track_caller]
    pub fn global_avg_pool(&self) -> Self {
        unwrap(self.try_global_avg_pool())
    }

    /// [`global_avg_pool`](Self::global_avg_pool), returning the error.
    pub fn try_global_avg_pool(&self) -> Result<Self> {
        flat_planes("global_avg_pool", self)?.try_mean(2, false)
    }
}
