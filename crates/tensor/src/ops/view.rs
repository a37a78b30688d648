//! Views on the tape. Each is its layout's change; its gradient is the view that undoes it.

use smallvec::SmallVec;

use super::{Op, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::copy;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads, Var};
use crate::tensor::slice::slice_layout;
use crate::tensor::{Slice, Tensor};

/// The axes in another order.
pub(crate) struct Permute {
    pub(crate) axes: SmallVec<[isize; 4]>,
}

impl<T: Float> Op<T> for Permute {
    const NAME: &'static str = "permute";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        x[0].try_permute(&self.axes)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.iter().copied().collect())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let rank = x[0].shape().rank() as isize;
        let mut inverse: SmallVec<[isize; 4]> = SmallVec::from_elem(0, rank as usize);
        for (to, &from) in self.axes.iter().enumerate() {
            inverse[from.rem_euclid(rank) as usize] = to as isize;
        }
        one(g.permute(inverse))
    }

    fn permutation(&self) -> Option<&[isize]> {
        Some(&self.axes)
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// The same elements in another shape.
pub(crate) struct Reshape {
    pub(crate) shape: Shape,
}

impl<T: Float> Op<T> for Reshape {
    const NAME: &'static str = "reshape";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        x[0].try_reshape(&self.shape)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("shape", (&self.shape).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.reshape(x[0].shape()))
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// Stretched to a shape.
pub(crate) struct BroadcastTo {
    pub(crate) shape: Shape,
}

impl<T: Float> Op<T> for BroadcastTo {
    const NAME: &'static str = "broadcast_to";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        x[0].try_broadcast_to(&self.shape)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("shape", (&self.shape).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.sum_to(&x[0].shape()))
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// Where slices start and end and by how much they move on, and the axes of which they pick a single position.
fn slice_attributes(slices: &[Slice]) -> Attributes {
    let ends = |slice: &Slice| match *slice {
        Slice::At(-1) => (-1, isize::MAX),
        Slice::At(i) => (i, i + 1),
        Slice::Range { start, end, .. } => (start.unwrap_or(0), end.unwrap_or(isize::MAX)),
    };
    let step = |slice: &Slice| if let Slice::Range { step, .. } = *slice { step } else { 1 };
    let all = || slices.iter();
    let dropped = all().enumerate().filter(|(_, slice)| matches!(slice, Slice::At(_)));
    vec![
        ("starts", all().map(|slice| ends(slice).0).collect()),
        ("ends", all().map(|slice| ends(slice).1).collect()),
        ("steps", all().map(step).collect()),
        ("dropped", dropped.map(|(axis, _)| axis).collect()),
    ]
}

/// A part of the array.
pub(crate) struct Slices {
    pub(crate) slices: SmallVec<[Slice; 4]>,
}

impl<T: Float> Op<T> for Slices {
    const NAME: &'static str = "slice";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        x[0].try_slice(&self.slices)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(slice_attributes(&self.slices))
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.embed(&x[0].shape(), self.slices.iter().copied()))
    }

    /// Into the gradient that is there already: one that is taken apart slice by slice, a sequence's, say, would otherwise
    /// be made and added up as a whole for each of them.
    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], _y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        let shape = x[0].shape();
        let target = unwrap(slice_layout(&Layout::contiguous(shape.clone()), &self.slices));
        let (g, mut sum) = (g.contiguous(), into.take(0).unwrap_or_else(|| Tensor::zeros(shape)));
        let values = g.as_slice().expect("contiguous");
        copy::scatter_add(values, sum.as_mut_slice(), target.offset, &target.shape, &target.strides);
        into.add(0, sum);
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// An array as a part of zeros: the adjoint of [`Slices`].
pub(crate) struct Embed {
    pub(crate) shape: Shape,
    pub(crate) slices: SmallVec<[Slice; 4]>,
}

impl<T: Float> Op<T> for Embed {
    const NAME: &'static str = "embed";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let target = slice_layout(&Layout::contiguous(self.shape.clone()), &self.slices)?;
        let x = x[0].try_broadcast_to(&target.shape)?.contiguous();
        let values = x.as_slice().expect("contiguous");
        Ok(Tensor::build(&self.shape, |out| {
            out.fill(T::ZERO);
            copy::scatter_to(values, out, target.offset, &target.shape, &target.strides);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        let mut attributes = slice_attributes(&self.slices);
        attributes.push(("shape", (&self.shape).into()));
        Some(attributes)
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.slice(self.slices.iter().copied()))
    }
}

impl<T: Float> Var<'_, T> {
    /// The same elements, row-major, in another shape; the gradient is reshaped back.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        unwrap(self.try_reshape(shape))
    }

    /// [`reshape`](Var::reshape), returning the error.
    #[track_caller]
    pub fn try_reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        Array::try_apply(Reshape { shape: shape.into() }, &[self])
    }

    /// All elements in one axis; the gradient is reshaped back.
    #[track_caller]
    pub fn flatten(&self) -> Self {
        self.reshape([self.numel()])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`; the gradient is permuted back.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[track_caller]
    pub fn permute(&self, axes: &[isize]) -> Self {
        unwrap(self.try_permute(axes))
    }

    /// [`permute`](Var::permute), returning the error.
    #[track_caller]
    pub fn try_permute(&self, axes: &[isize]) -> Result<Self> {
        Array::try_apply(Permute { axes: SmallVec::from_slice(axes) }, &[self])
    }

    /// Two axes swapped; the gradient is swapped back.
    ///
    /// # Panics
    /// If an axis is out of range.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        unwrap(self.try_transpose(a, b))
    }

    /// [`transpose`](Var::transpose), returning the error.
    #[track_caller]
    pub fn try_transpose(&self, a: isize, b: isize) -> Result<Self> {
        let shape = self.shape();
        let (a, b) = (shape.axis("transpose", a)?, shape.axis("transpose", b)?);
        let mut axes: SmallVec<[isize; 4]> = (0..shape.rank() as isize).collect();
        axes.swap(a, b);
        self.try_permute(&axes)
    }

    /// The last two axes swapped: a matrix's transpose.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Self {
        self.transpose(-2, -1)
    }

    /// Without axis `axis`, whose size is 1; the gradient gets it back.
    ///
    /// # Panics
    /// If the axis is out of range or its size is not 1.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        unwrap(self.try_squeeze(axis))
    }

    /// [`squeeze`](Var::squeeze), returning the error.
    #[track_caller]
    pub fn try_squeeze(&self, axis: isize) -> Result<Self> {
        self.try_reshape(Layout::contiguous(self.shape()).squeeze("squeeze", axis)?.shape)
    }

    /// With a new axis of size 1 before axis `axis` (−1 puts it last); the gradient loses it.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        unwrap(self.try_unsqueeze(axis))
    }

    /// [`unsqueeze`](Var::unsqueeze), returning the error.
    #[track_caller]
    pub fn try_unsqueeze(&self, axis: isize) -> Result<Self> {
        self.try_reshape(Layout::contiguous(self.shape()).unsqueeze("unsqueeze", axis)?.shape)
    }

    /// Stretched to `shape` by NumPy's broadcasting; the gradient is summed over what was stretched.
    ///
    /// # Panics
    /// If the shape does not broadcast to it.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Self {
        unwrap(self.try_broadcast_to(shape))
    }

    /// [`broadcast_to`](Var::broadcast_to), returning the error.
    #[track_caller]
    pub fn try_broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        Array::try_apply(BroadcastTo { shape: shape.into() }, &[self])
    }

    /// `len` elements of `axis` from `start` on; the gradient is embedded in zeros.
    ///
    /// # Panics
    /// If the axis or the range is out of range.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Self {
        unwrap(self.try_narrow(axis, start, len))
    }

    /// [`narrow`](Var::narrow), returning the error.
    #[track_caller]
    pub fn try_narrow(&self, axis: isize, start: usize, len: usize) -> Result<Self> {
        let shape = self.shape();
        Layout::contiguous(shape.clone()).narrow("narrow", axis, start, len)?;
        Array::try_apply(Slices { slices: range(shape.axis("narrow", axis)?, start, len) }, &[self])
    }

    /// A part of the array, as [`s!`](crate::s) names it; the gradient is embedded in zeros.
    ///
    /// # Panics
    /// If an index or range is out of range, or more axes are named than there are.
    #[track_caller]
    pub fn slice(&self, slices: impl AsRef<[Slice]>) -> Self {
        unwrap(self.try_slice(slices))
    }

    /// [`slice`](Var::slice), returning the error.
    #[track_caller]
    pub fn try_slice(&self, slices: impl AsRef<[Slice]>) -> Result<Self> {
        Array::try_apply(Slices { slices: SmallVec::from_slice(slices.as_ref()) }, &[self])
    }
}

/// The slices that take `len` elements of `axis` from `start` on.
pub(super) fn range(axis: usize, start: usize, len: usize) -> SmallVec<[Slice; 4]> {
    let mut slices = SmallVec::from_elem(Slice::from(..), axis);
    slices.push(Slice::from(start as isize..(start + len) as isize));
    slices
}
