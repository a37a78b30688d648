//! Picking by index, and its adjoint, adding by index.

use smallvec::SmallVec;

use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// The index row-major, once every element is known to lie on the axis that it picks from.
fn check(op: &'static str, index: &Tensor<i64>, axis: usize, len: usize) -> Result<Tensor<i64>> {
    let index = index.contiguous();
    let outside = |&i: &i64| usize::try_from(i).map_or(true, |i| i >= len);
    match elements(&index).iter().position(outside) {
        Some(position) => Err(Error::Index { op, index: elements(&index)[position], position, axis, len }),
        None => Ok(index),
    }
}

/// The elements of an index that [`check`] has passed; each is a `usize`.
fn elements(index: &Tensor<i64>) -> &[i64] {
    index.as_slice().expect("contiguous")
}

/// An array around one axis: `[outer, len, inner]`.
pub(super) struct Around {
    pub(super) outer: usize,
    pub(super) len: usize,
    pub(super) inner: usize,
}

impl Around {
    pub(super) fn of(shape: &Shape, axis: usize) -> Around {
        Around { outer: shape[..axis].iter().product(), len: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// Where the `inner` elements at (o, i) begin.
    fn at(&self, o: usize, i: usize) -> usize {
        (o * self.len + i) * self.inner
    }
}

fn check_vector(op: &'static str, index: &Tensor<i64>) -> Result<()> {
    if index.rank() == 1 {
        return Ok(());
    }
    Err(Error::Shape { op, expected: "an index of rank 1".into(), got: index.shape().clone() })
}

/// Positions of an axis, in the order of an index vector.
pub(crate) struct IndexSelect {
    pub(crate) axis: usize,
    pub(crate) index: Tensor<i64>,
}

impl<T: Float> Op<T> for IndexSelect {
    const NAME: &'static str = "index_select";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        check_vector("index_select", &self.index)?;
        let from = Around::of(x[0].shape(), self.axis);
        let index = check("index_select", &self.index, self.axis, from.len)?;
        let mut shape = x[0].shape().clone();
        shape.0[self.axis] = index.numel();
        let x = x[0].contiguous();
        let x = x.as_slice().expect("contiguous");
        Ok(Tensor::build(shape, |out| {
            let to = Around { len: index.numel(), ..from };
            for o in 0..from.outer {
                for (k, &i) in elements(&index).iter().enumerate() {
                    out[to.at(o, k)..][..to.inner].copy_from_slice(&x[from.at(o, i as usize)..][..from.inner]);
                }
            }
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into()), ("index", (&self.index).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.index_add(self.axis, &self.index, x[0].shape()[self.axis]))
    }
}

/// Adds positions of an axis to the positions of zeros that an index vector names: the adjoint of [`IndexSelect`].
pub(crate) struct IndexAdd {
    pub(crate) axis: usize,
    pub(crate) index: Tensor<i64>,
    pub(crate) len: usize,
}

impl<T: Float> Op<T> for IndexAdd {
    const NAME: &'static str = "index_add";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        check_vector("index_add", &self.index)?;
        let index = check("index_add", &self.index, self.axis, self.len)?;
        let mut shape = x[0].shape().clone();
        let from = Around::of(&shape, self.axis);
        if index.numel() != from.len {
            let expected = format!("axis {} of length {}, as the index", self.axis, index.numel());
            return Err(Error::Shape { op: "index_add", expected, got: shape });
        }
        shape.0[self.axis] = self.len;
        let x = x[0].contiguous();
        let x = x.as_slice().expect("contiguous");
        Ok(Tensor::build(shape, |out| {
            out.fill(T::ZERO);
            let to = Around { len: self.len, ..from };
            for o in 0..from.outer {
                for (k, &i) in elements(&index).iter().enumerate() {
                    add(&mut out[to.at(o, i as usize)..][..to.inner], &x[from.at(o, k)..][..from.inner]);
                }
            }
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into()), ("index", (&self.index).into()), ("len", self.len.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.index_select(self.axis, &self.index))
    }
}

fn add<T: Float>(out: &mut [T], x: &[T]) {
    out.iter_mut().zip(x).for_each(|(out, &x)| *out += x);
}

/// Calls `f(element of the index's shape, element of the array's shape)` for every element of the index.
fn each_gathered(shape: &Shape, axis: usize, index: &Tensor<i64>, mut f: impl FnMut(usize, usize)) {
    let (strides, index_shape) = (shape.contiguous_strides(), index.shape());
    let mut at = SmallVec::<[usize; 4]>::from_elem(0, index_shape.rank());
    for (k, &i) in elements(index).iter().enumerate() {
        let position = |a: usize| if a == axis { i as usize } else { at[a] };
        f(k, (0..at.len()).map(|a| position(a) * strides[a] as usize).sum());
        for a in (0..at.len()).rev() {
            at[a] += 1;
            if at[a] < index_shape[a] {
                break;
            }
            at[a] = 0;
        }
    }
}

/// Checks that an index fits inside an array in every axis but the one that it picks from.
fn check_gather(op: &'static str, shape: &Shape, index: &Tensor<i64>, axis: usize) -> Result<Tensor<i64>> {
    let inside = |a: usize| a == axis || index.shape()[a] <= shape[a];
    if index.rank() != shape.rank() || !(0..shape.rank()).all(inside) {
        let expected = format!("an index that fits in shape {shape} but for axis {axis}");
        return Err(Error::Shape { op, expected, got: index.shape().clone() });
    }
    check(op, index, axis, shape[axis])
}

/// y\[…, k, …\] = x\[…, index\[…, k, …\], …\].
pub(crate) struct Gather {
    pub(crate) axis: usize,
    pub(crate) index: Tensor<i64>,
}

impl<T: Float> Op<T> for Gather {
    const NAME: &'static str = "gather";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let index = check_gather("gather", x[0].shape(), &self.index, self.axis)?;
        let data = x[0].contiguous();
        let data = data.as_slice().expect("contiguous");
        Ok(Tensor::build(self.index.shape(), |out| {
            each_gathered(x[0].shape(), self.axis, &index, |k, at| out[k] = data[at]);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into()), ("index", (&self.index).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let zeros = g.constant(Tensor::zeros(x[0].shape()));
        one(zeros.scatter_add(self.axis, &self.index, &g))
    }
}

/// x with src\[…, k, …\] added at \[…, index\[…, k, …\], …\].
pub(crate) struct ScatterAdd {
    pub(crate) axis: usize,
    pub(crate) index: Tensor<i64>,
}

impl<T: Float> Op<T> for ScatterAdd {
    const NAME: &'static str = "scatter_add";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let index = check_gather("scatter_add", x[0].shape(), &self.index, self.axis)?;
        if x[1].shape() != self.index.shape() {
            let expected = format!("a source of the index's shape {}", self.index.shape());
            return Err(Error::Shape { op: "scatter_add", expected, got: x[1].shape().clone() });
        }
        let src = x[1].contiguous();
        let src = src.as_slice().expect("contiguous");
        let mut out = x[0].copied();
        let data = out.as_mut_slice();
        each_gathered(x[0].shape(), self.axis, &index, |k, at| data[at] += src[k]);
        Ok(out)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into()), ("index", (&self.index).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let src = needs[1].then(|| g.gather(self.axis, &self.index));
        [Some(g), src].into_iter().collect()
    }
}

methods! {
    /// Positions of `axis` in the order of the index vector; the gradient is added back at these positions.
    ///
    /// # Panics
    /// If the axis or an index is out of range.
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor<i64>) -> Self {
        unwrap(self.try_index_select(axis, index))
    }

    /// [`index_select`](Self::index_select), returning the error.
    #[track_caller]
    pub fn try_index_select(&self, axis: isize, index: &Tensor<i64>) -> Result<Self> {
        let axis = Array::shape(self).axis("index_select", axis)?;
        Array::try_apply(IndexSelect { axis, index: index.clone() }, &[self])
    }

    /// The rows of this table, `[n, ..]`, that an index of any shape names, in that shape: `[index.., ..]`. The gradient
    /// is added back to the rows.
    ///
    /// # Panics
    /// If the table is a scalar, or an index is out of range.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let table = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    /// assert_eq!(*table.embedding(&Tensor::from([[1i64, 0, 1]])).shape(), [1, 3, 2]);
    /// ```
    #[track_caller]
    pub fn embedding(&self, index: &Tensor<i64>) -> Self {
        unwrap(self.try_embedding(index))
    }

    /// [`embedding`](Self::embedding), returning the error.
    #[track_caller]
    pub fn try_embedding(&self, index: &Tensor<i64>) -> Result<Self> {
        let shape = Array::shape(self);
        let Some((&rows, rest)) = shape.split_first() else {
            return Err(Error::Shape { op: "embedding", expected: "a table of shape [n, ..]".into(), got: shape });
        };
        let mut out = index.shape().clone();
        out.0.extend_from_slice(rest);
        let index = check("embedding", index, 0, rows)?.flatten();
        Array::try_apply(IndexSelect { axis: 0, index }, &[self])?.try_reshape(out)
    }

    /// One element for each element of the index: its own position, but `index` along `axis`. The gradient is added
    /// back at these positions.
    ///
    /// # Panics
    /// If the axis or an index is out of range, or the index does not fit in the other axes.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor<i64>) -> Self {
        unwrap(self.try_gather(axis, index))
    }

    /// [`gather`](Self::gather), returning the error.
    #[track_caller]
    pub fn try_gather(&self, axis: isize, index: &Tensor<i64>) -> Result<Self> {
        let axis = Array::shape(self).axis("gather", axis)?;
        Array::try_apply(Gather { axis, index: index.clone() }, &[self])
    }

    /// This array with `src` added at the positions that [`gather`](Self::gather) would read with this index; the
    /// gradients are g, and g gathered.
    ///
    /// # Panics
    /// If the axis or an index is out of range, or `src` has another shape than the index.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor<i64>, src: impl std::borrow::Borrow<Self>) -> Self {
        unwrap(self.try_scatter_add(axis, index, src))
    }

    /// [`scatter_add`](Self::scatter_add), returning the error.
    #[track_caller]
    pub fn try_scatter_add(
        &self,
        axis: isize,
        index: &Tensor<i64>,
        src: impl std::borrow::Borrow<Self>,
    ) -> Result<Self> {
        let axis = Array::shape(self).axis("scatter_add", axis)?;
        Array::try_apply(ScatterAdd { axis, index: index.clone() }, &[self, src.borrow()])
    }
}
