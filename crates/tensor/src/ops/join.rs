//! Joining and splitting along an axis.

use std::borrow::Borrow;

use smallvec::SmallVec;

use super::view::range;
use super::{Op, methods};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::copy;
use crate::layout::Layout;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// Arrays one after the other along an axis.
struct Concat {
    axis: usize,
}

impl<T: Float> Op<T> for Concat {
    const NAME: &'static str = "concat";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let x0 = x[0];
        let mut shape = x0.shape().clone();
        shape.0[self.axis] = 0;
        for x in x {
            let fits = |(i, size)| i == self.axis || x.shape()[i] == size;
            if x.rank() != shape.rank() || !shape.iter().copied().enumerate().all(fits) {
                let expected = format!("shape {} but for axis {}", x0.shape(), self.axis);
                return Err(Error::Shape { op: "concat", expected, got: x.shape().clone() });
            }
            shape.0[self.axis] += x.shape()[self.axis];
        }
        let whole = Layout::contiguous(shape.clone());
        Ok(Tensor::build(shape, |out| {
            let mut start = 0;
            for x in x {
                let part = whole.slice_axis(self.axis, start, 1, x.shape()[self.axis]);
                let x = x.contiguous();
                copy::scatter_to(x.as_slice().expect("contiguous"), out, part.offset, &part.shape, &part.strides);
                start += x.shape()[self.axis];
            }
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let parts = ranges(x.iter().map(|x| x.shape()[self.axis])).zip(needs);
        parts.map(|((from, len), &needed)| needed.then(|| g.slice(range(self.axis, from, len)))).collect()
    }
}

/// Where parts of these lengths begin, one after the other: (start, length).
fn ranges(lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = (usize, usize)> {
    lengths.scan(0, |end, len| {
        *end += len;
        Some((*end - len, len))
    })
}

methods! {
    /// Arrays one after the other along `axis`; each gets its part of the gradient.
    ///
    /// # Panics
    /// If there are none, or the shapes differ in another axis.
    #[track_caller]
    pub fn concat(arrays: &[impl Borrow<Self>], axis: isize) -> Self {
        unwrap(Self::try_concat(arrays, axis))
    }

    /// [`concat`](Self::concat), returning the error.
    #[track_caller]
    pub fn try_concat(arrays: &[impl Borrow<Self>], axis: isize) -> Result<Self> {
        let arrays: SmallVec<[&Self; 4]> = arrays.iter().map(|array| array.borrow()).collect();
        let Some(first) = arrays.first() else {
            return Err(Error::invalid("concat", "expected at least one array, got none"));
        };
        let axis = Array::shape(*first).axis("concat", axis)?;
        Array::try_apply(Concat { axis }, &arrays)
    }

    /// Arrays of one shape along a new axis before `axis` (−1 puts it last); each gets its part of the gradient.
    ///
    /// # Panics
    /// If there are none, or the shapes differ.
    #[track_caller]
    pub fn stack(arrays: &[impl Borrow<Self>], axis: isize) -> Self {
        unwrap(Self::try_stack(arrays, axis))
    }

    /// [`stack`](Self::stack), returning the error.
    #[track_caller]
    pub fn try_stack(arrays: &[impl Borrow<Self>], axis: isize) -> Result<Self> {
        if arrays.is_empty() {
            return Err(Error::invalid("stack", "expected at least one array, got none"));
        }
        let shape = |i: usize| Array::shape(arrays[i].borrow());
        if let Some(other) = (1..arrays.len()).find(|&i| shape(i) != shape(0)) {
            return Err(Error::Shape { op: "stack", expected: format!("shape {}", shape(0)), got: shape(other) });
        }
        let wide = Layout::contiguous(shape(0)).unsqueeze("stack", axis)?.shape;
        let arrays: Result<SmallVec<[Self; 4]>> = arrays.iter().map(|x| x.borrow().try_reshape(&wide)).collect();
        Self::try_concat(&arrays?, axis)
    }

    /// Parts of the given sizes along `axis`, in order.
    ///
    /// # Panics
    /// If the sizes do not add up to the axis's.
    #[track_caller]
    pub fn split(&self, sizes: &[usize], axis: isize) -> Vec<Self> {
        unwrap(self.try_split(sizes, axis))
    }

    /// [`split`](Self::split), returning the error.
    #[track_caller]
    pub fn try_split(&self, sizes: &[usize], axis: isize) -> Result<Vec<Self>> {
        let shape = Array::shape(self);
        let len = shape[shape.axis("split", axis)?];
        if sizes.iter().sum::<usize>() != len {
            let message = format!("sizes {sizes:?} add up to {}, expected {len}", sizes.iter().sum::<usize>());
            return Err(Error::invalid("split", message));
        }
        ranges(sizes.iter().copied()).map(|(start, size)| self.try_narrow(axis, start, size)).collect()
    }
}

/// Two arrays one after the other along an axis.
#[track_caller]
pub(super) fn two<T: Float, A: Array<T>>(a: &A, b: &A, axis: usize) -> A {
    unwrap(A::try_apply(Concat { axis }, &[a, b]))
}
