//! Reductions of values; the ops and the tape build on them.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Tensor;
use crate::float::Float;
use crate::kernel::reduce::{self, Fold, Sum};
use crate::layout::Layout;
use crate::shape::{AxisSet, Shape};

/// A contiguous tensor seen as `[outer, mid, inner]`, where `mid` are the axes to be folded away.
pub(crate) struct Folded<'a, T: Float> {
    pub(crate) data: Cow<'a, Tensor<T>>,
    pub(crate) mid: usize,
    pub(crate) inner: usize,
}

impl<T: Float> Tensor<T> {
    /// Lays the reduced axes side by side, moving data only where they are not so already.
    pub(crate) fn fold_axes(&self, axes: AxisSet) -> Folded<'_, T> {
        let rank = self.rank();
        let first = (0..rank).find(|&i| axes.has(i)).unwrap_or(rank);
        let last = (0..rank).rfind(|&i| axes.has(i)).map_or(rank, |i| i + 1);
        if self.is_contiguous() && (first..last).all(|i| axes.has(i)) {
            let size = |range: std::ops::Range<usize>| self.shape()[range].iter().product();
            return Folded { data: Cow::Borrowed(self), mid: size(first..last), inner: size(last..rank) };
        }
        let (mut order, mut mid) = (SmallVec::<[isize; 8]>::new(), 1);
        for folded in [false, true] {
            for i in 0..rank {
                if axes.has(i) == folded {
                    order.push(i as isize);
                    mid *= if folded { self.shape()[i] } else { 1 };
                }
            }
        }
        Folded { data: Cow::Owned(self.permute(&order).contiguous()), mid, inner: 1 }
    }

    /// Folds the axes away, or to size 1 with `keepdim`.
    pub(crate) fn fold<F: Fold>(&self, fold: F, axes: AxisSet, keepdim: bool) -> Tensor<T> {
        let Folded { data, mid, inner } = self.fold_axes(axes);
        let x = data.as_slice().expect("folded data is contiguous");
        Tensor::build(self.shape().reduced(&axes, keepdim), |out| match mid {
            0 => out.fill(fold.empty()),
            _ => reduce::reduce(fold, x, mid, inner, out),
        })
    }

    /// Sums what broadcasting from `shape` to this tensor's shape has added or stretched: the adjoint of broadcasting.
    pub(crate) fn sum_to_shape(&self, shape: &Shape) -> Tensor<T> {
        let stretched = AxisSet::stretched(shape, self.shape());
        let sum = self.fold(Sum, stretched, false);
        sum.with_layout(Layout::contiguous(shape.clone()))
    }
}
