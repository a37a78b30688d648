//! Running sums along an axis.

use super::index::Around;
use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::scan;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// yᵢ = x₀ + … + xᵢ along an axis, or with `reverse` xᵢ + … + xₙ₋₁, each of which is the other's adjoint.
pub(crate) struct CumSum {
    pub(crate) axis: usize,
    pub(crate) reverse: bool,
}

impl<T: Float> Op<T> for CumSum {
    const NAME: &'static str = "cumsum";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let Around { len, inner, .. } = Around::of(x[0].shape(), self.axis);
        let x = x[0].contiguous();
        let data = x.as_slice().expect("contiguous");
        Ok(Tensor::build(x.shape(), |out| scan::cumsum(data, out, len, inner, self.reverse)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into()), ("reverse", self.reverse.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.cumsum(self.axis, !self.reverse))
    }
}

methods! {
    /// The running sum yᵢ = x₀ + … + xᵢ along `axis`; the gradient is the running sum of g from the axis's end,
    /// gᵢ + … + gₙ₋₁. Elements are added one after the other.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Self {
        unwrap(self.try_cumsum(axis))
    }

    /// [`cumsum`](Self::cumsum), returning the error.
    #[track_caller]
    pub fn try_cumsum(&self, axis: isize) -> Result<Self> {
        let axis = Array::shape(self).axis("cumsum", axis)?;
        Array::try_apply(CumSum { axis, reverse: false }, &[self])
    }
}
