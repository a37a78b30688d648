//! Views: the same buffer through another layout.

use super::Tensor;
use crate::error::{Error, Result, unwrap};
use crate::float::Element;
use crate::shape::Shape;

impl<T: Element> Tensor<T> {
    /// The same elements, row-major, in another shape; a view where the strides allow it, else a copy.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor<T> {
        unwrap(self.try_reshape(shape))
    }

    /// [`reshape`](Tensor::reshape), returning the error.
    pub fn try_reshape(&self, shape: impl Into<Shape>) -> Result<Tensor<T>> {
        let shape = shape.into();
        if shape.checked_numel("reshape")? != self.numel() {
            let expected = format!("{} elements for shape {shape}", shape.numel());
            return Err(Error::Shape { op: "reshape", expected, got: self.shape().clone() });
        }
        Ok(match self.layout.reshape(&shape) {
            Some(layout) => self.with_layout(layout),
            None => {
                let copy = self.copied();
                copy.with_layout(crate::layout::Layout::contiguous(shape))
            }
        })
    }

    /// All elements in one axis.
    pub fn flatten(&self) -> Tensor<T> {
        self.reshape([self.numel()])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[track_caller]
    pub fn permute(&self, axes: &[isize]) -> Tensor<T> {
        unwrap(self.try_permute(axes))
    }

    /// [`permute`](Tensor::permute), returning the error.
    pub fn try_permute(&self, axes: &[isize]) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.permute("permute", axes)?))
    }

    /// Two axes swapped.
    ///
    /// # Panics
    /// If an axis is out of range.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor<T> {
        unwrap(self.try_transpose(a, b))
    }

    /// [`transpose`](Tensor::transpose), returning the error.
    pub fn try_transpose(&self, a: isize, b: isize) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.swap("transpose", a, b)?))
    }

    /// The last two axes swapped: a matrix's transpose.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Tensor<T> {
        self.transpose(-2, -1)
    }

    /// Without axis `axis`, whose size is 1.
    ///
    /// # Panics
    /// If the axis is out of range or its size is not 1.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Tensor<T> {
        unwrap(self.try_squeeze(axis))
    }

    /// [`squeeze`](Tensor::squeeze), returning the error.
    pub fn try_squeeze(&self, axis: isize) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.squeeze("squeeze", axis)?))
    }

    /// With a new axis of size 1 before axis `axis`; −1 puts it last.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Tensor<T> {
        unwrap(self.try_unsqueeze(axis))
    }

    /// [`unsqueeze`](Tensor::unsqueeze), returning the error.
    pub fn try_unsqueeze(&self, axis: isize) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.unsqueeze("unsqueeze", axis)?))
    }

    /// Stretched to `shape` by NumPy's broadcasting, without copying.
    ///
    /// # Panics
    /// If the shape does not broadcast to it.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Tensor<T> {
        unwrap(self.try_broadcast_to(shape))
    }

    /// [`broadcast_to`](Tensor::broadcast_to), returning the error.
    pub fn try_broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.broadcast_to("broadcast_to", &shape.into())?))
    }

    /// `len` elements of `axis` from `start` on.
    ///
    /// # Panics
    /// If the axis or the range is out of range.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Tensor<T> {
        unwrap(self.try_narrow(axis, start, len))
    }

    /// [`narrow`](Tensor::narrow), returning the error.
    pub fn try_narrow(&self, axis: isize, start: usize, len: usize) -> Result<Tensor<T>> {
        Ok(self.with_layout(self.layout.narrow("narrow", axis, start, len)?))
    }
}
