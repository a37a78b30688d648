//! Sorting along an axis. Values are gathered by the order that was found, and so are gradients.

use super::methods;
use crate::array::Array;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::sort;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The positions of the first `k` elements along `axis`, in their order.
fn order<T: Float>(x: &Tensor<T>, axis: usize, k: usize, descending: bool) -> Tensor<i64> {
    let n = x.shape()[axis];
    let last = x.transpose(axis as isize, -1).contiguous();
    let data = last.as_slice().expect("contiguous");
    let all = Tensor::build(last.shape(), |out| sort::argsort(data, out, n, k, descending));
    all.narrow(-1, 0, k).transpose(axis as isize, -1).contiguous()
}

methods! {
    /// The elements in ascending (or descending) order along `axis`, and their positions there, `values[i] =
    /// x[positions[i]]`. The sort is stable, and NaN counts as the largest number: it comes last in ascending order and
    /// first in descending order. The gradient of each value goes to the position that it came from.
    ///
    /// # Panics
    /// If the axis is out of range.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (values, positions) = Tensor::from([3.0f32, 1.0, 2.0]).sort(0, false);
    /// assert_eq!(values, Tensor::from([1.0, 2.0, 3.0]));
    /// assert_eq!(positions, Tensor::from([1i64, 2, 0]));
    /// ```
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Self, Tensor<i64>) {
        unwrap(self.try_sort(axis, descending))
    }

    /// [`sort`](Self::sort), returning the error.
    #[track_caller]
    pub fn try_sort(&self, axis: isize, descending: bool) -> Result<(Self, Tensor<i64>)> {
        let shape = Array::shape(self);
        let axis = shape.axis("sort", axis)?;
        let positions = order(&Array::value(self), axis, shape[axis], descending);
        Ok((self.try_gather(axis as isize, &positions)?, positions))
    }

    /// The `k` largest (or smallest) elements along `axis`, the most extreme first, and their positions there. Of equal
    /// elements those that stand first are taken, and NaN counts as the largest number. The gradient of each value goes
    /// to the position that it came from.
    ///
    /// # Panics
    /// If the axis is out of range or shorter than `k`.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (values, positions) = Tensor::from([3.0f32, 1.0, 4.0, 1.0]).topk(2, 0, true);
    /// assert_eq!(values, Tensor::from([4.0, 3.0]));
    /// assert_eq!(positions, Tensor::from([2i64, 0]));
    /// ```
    #[track_caller]
    pub fn topk(&self, k: usize, axis: isize, largest: bool) -> (Self, Tensor<i64>) {
        unwrap(self.try_topk(k, axis, largest))
    }

    /// [`topk`](Self::topk), returning the error.
    #[track_caller]
    pub fn try_topk(&self, k: usize, axis: isize, largest: bool) -> Result<(Self, Tensor<i64>)> {
        let shape = Array::shape(self);
        let axis = shape.axis("topk", axis)?;
        if k > shape[axis] {
            return Err(Error::Shape { op: "topk", expected: format!("at least {k} elements along axis {axis}"), got: shape });
        }
        let positions = order(&Array::value(self), axis, k, largest);
        Ok((self.try_gather(axis as isize, &positions)?, positions))
    }
}

impl<T: Float> Tensor<T> {
    /// The positions of the elements along `axis` in ascending (or descending) order. The sort is stable, and NaN counts
    /// as the largest number.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor<i64> {
        unwrap(self.try_argsort(axis, descending))
    }

    /// [`argsort`](Tensor::argsort), returning the error.
    #[track_caller]
    pub fn try_argsort(&self, axis: isize, descending: bool) -> Result<Tensor<i64>> {
        let axis = self.shape().axis("argsort", axis)?;
        Ok(order(self, axis, self.shape()[axis], descending))
    }
}

impl<T: Float> Var<'_, T> {
    /// The positions of the elements along `axis` in ascending (or descending) order; no gradient flows through them.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor<i64> {
        self.value().argsort(axis, descending)
    }
}
