//! The elements in another order, with others around them, or several times.

use smallvec::SmallVec;

use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::copy;
use crate::layout::Layout;
use crate::shape::{Axes, AxisSet, Shape};
use crate::tape::Grads;
use crate::tensor::{Slice, Tensor};

/// Axes turned round.
pub(crate) struct Flip {
    pub(crate) axes: AxisSet,
}

impl<T: Float> Op<T> for Flip {
    const NAME: &'static str = "flip";

    /// A copy, since the kernels of products take no negative strides.
    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].with_layout(x[0].layout().flip(self.axes)).copied())
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(unwrap(A::try_apply(Flip { axes: self.axes }, &[&g])))
    }
}

/// A number before and after the elements of each axis.
struct Pad {
    widths: SmallVec<[(usize, usize); 4]>,
    value: f64,
}

impl Pad {
    /// The shape of the result.
    fn around(&self, shape: &Shape) -> Result<Shape> {
        if self.widths.len() != shape.rank() {
            let (axes, pairs) = (shape.rank(), self.widths.len());
            let message = format!("expected {axes} pairs of widths, one for each axis of shape {shape}, got {pairs}");
            return Err(Error::invalid("pad", message));
        }
        let wide = |(&size, &(before, after)): (&usize, &(usize, usize))| size.checked_add(before)?.checked_add(after);
        let sizes: Option<SmallVec<[usize; 4]>> = shape.iter().zip(&self.widths).map(wide).collect();
        let too_many =
            || Error::invalid("pad", format!("shape {shape} with widths {:?} has too many elements", self.widths));
        let padded = Shape(sizes.ok_or_else(too_many)?);
        padded.checked_numel("pad")?;
        Ok(padded)
    }

    /// Where the elements of an array of this shape come to lie.
    fn inside(&self, shape: &Shape) -> impl Iterator<Item = Slice> {
        shape
            .iter()
            .zip(&self.widths)
            .map(|(&size, &(before, _))| Slice::from(before as isize..(before + size) as isize))
    }
}

impl<T: Float> Op<T> for Pad {
    const NAME: &'static str = "pad";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let shape = self.around(x[0].shape())?;
        let strides = shape.contiguous_strides();
        let offset = self.widths.iter().zip(&strides).map(|(&(before, _), &stride)| before * stride as usize).sum();
        let x = x[0].contiguous();
        let values = x.as_slice().expect("contiguous");
        Ok(Tensor::build(shape, |out| {
            out.fill(T::from_f64(self.value));
            copy::scatter_to(values, out, offset, x.shape(), &strides);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![
            ("before", self.widths.iter().map(|width| width.0).collect()),
            ("after", self.widths.iter().map(|width| width.1).collect()),
            ("value", self.value.into()),
        ])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.slice(self.inside(&x[0].shape())))
    }
}

/// Each block of `block` elements `n` times, in a shape in which axis `axis` is `n` times as long.
fn repeated<T: Float, A: Array<T>>(op: &'static str, x: &A, axis: usize, block: usize, n: usize) -> Result<A> {
    let mut shape = x.shape();
    let blocks = shape.numel().checked_div(block).unwrap_or(0);
    let too_many = || Error::invalid(op, format!("shape {} {n} times has too many elements", x.shape()));
    shape.0[axis] = shape[axis].checked_mul(n).ok_or_else(too_many)?;
    shape.checked_numel(op)?;
    let wide = x.reshape([blocks, 1, block]).broadcast_to(&Shape::from([blocks, n, block]));
    Ok(wide.reshape(shape))
}

methods! {
    /// The elements in reverse order along `axes`; the gradient is turned round in the same way.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.flip(0), Tensor::from([[3.0, 4.0], [1.0, 2.0]]));
    /// assert_eq!(x.flip([0, 1]), Tensor::from([[4.0, 3.0], [2.0, 1.0]]));
    /// ```
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        unwrap(self.try_flip(axes))
    }

    /// [`flip`](Self::flip), returning the error.
    #[track_caller]
    pub fn try_flip(&self, axes: impl Into<Axes>) -> Result<Self> {
        let axes = axes.into().resolve("flip", &Array::shape(self))?;
        Array::try_apply(Flip { axes }, &[self])
    }

    /// With `value` around: `widths` has for each axis how many come before and after its elements. The gradient is the
    /// inner part of g.
    ///
    /// # Panics
    /// If there is not one pair for each axis.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1.0f32, 2.0]]);
    /// assert_eq!(x.pad(&[(1, 0), (0, 1)], -1.0), Tensor::from([[-1.0, -1.0, -1.0], [1.0, 2.0, -1.0]]));
    /// ```
    #[track_caller]
    pub fn pad(&self, widths: &[(usize, usize)], value: f64) -> Self {
        unwrap(self.try_pad(widths, value))
    }

    /// [`pad`](Self::pad), returning the error.
    #[track_caller]
    pub fn try_pad(&self, widths: &[(usize, usize)], value: f64) -> Result<Self> {
        Array::try_apply(Pad { widths: SmallVec::from_slice(widths), value }, &[self])
    }

    /// The whole array `counts[i]` times along axis `i`, as NumPy's `tile`: fewer counts than axes are those of the last
    /// axes, and more make new axes before the first. The gradient is summed over the copies.
    ///
    /// # Panics
    /// If the result has more elements than can be addressed.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1.0f32, 2.0]);
    /// assert_eq!(x.tile(&[2, 2]), Tensor::from([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]));
    /// ```
    #[track_caller]
    pub fn tile(&self, counts: &[usize]) -> Self {
        unwrap(self.try_tile(counts))
    }

    /// [`tile`](Self::tile), returning the error.
    #[track_caller]
    pub fn try_tile(&self, counts: &[usize]) -> Result<Self> {
        let mut shape = Array::shape(self);
        while shape.rank() < counts.len() {
            shape.0.insert(0, 1);
        }
        let mut y = self.try_reshape(&shape)?;
        for (axis, &n) in (shape.rank() - counts.len()..).zip(counts).filter(|(_, n)| **n != 1) {
            let block = Array::shape(&y)[axis..].iter().product();
            y = repeated("tile", &y, axis, block, n)?;
        }
        Ok(y)
    }

    /// Each position of `axis` `n` times, one after the other; the gradient is summed over the copies.
    ///
    /// # Panics
    /// If the axis is out of range, or the result has more elements than can be addressed.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([1.0f32, 2.0]).repeat(0, 2), Tensor::from([1.0, 1.0, 2.0, 2.0]));
    /// ```
    #[track_caller]
    pub fn repeat(&self, axis: isize, n: usize) -> Self {
        unwrap(self.try_repeat(axis, n))
    }

    /// [`repeat`](Self::repeat), returning the error.
    #[track_caller]
    pub fn try_repeat(&self, axis: isize, n: usize) -> Result<Self> {
        let shape = Array::shape(self);
        let axis = shape.axis("repeat", axis)?;
        repeated("repeat", self, axis, shape[axis + 1..].iter().product(), n)
    }
}

impl Layout {
    /// The elements of these axes from the last to the first.
    fn flip(&self, axes: AxisSet) -> Layout {
        let mut out = self.clone();
        for axis in (0..self.shape.rank()).filter(|&axis| axes.has(axis) && !self.shape.contains(&0)) {
            let last = (self.shape[axis] - 1) as isize * self.strides[axis];
            out.offset = (out.offset as isize + last) as usize;
            out.strides[axis] = -self.strides[axis];
        }
        out
    }
}
