//! `Array`: the vocabulary that gradients are written in, with two meanings. On a [`Tensor`] it computes, on a [`Var`]
//! it records.

use smallvec::SmallVec;

use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::ops::Op;
use crate::ops::diagonal::{Diagonal, EmbedDiagonal};
use crate::ops::elementwise::{self, Map, Scale};
use crate::ops::index::{Gather, IndexAdd, IndexSelect, ScatterAdd};
use crate::ops::matmul::MatMul;
use crate::ops::reduce::{Sum, SumTo};
use crate::ops::scan::CumSum;
use crate::ops::sum_of::sum_gradients;
use crate::ops::view::{BroadcastTo, Embed, Permute, Reshape, Slices};
use crate::scalar::Elementwise;
use crate::scalar::rules;
use crate::shape::{AxisSet, Shape};
use crate::tape::{Grads, Tape, Var};
use crate::tensor::{Slice, Tensor};
use crate::traced::Traced;

/// A function of variables that gives gradients.
pub type OfVars<'f, T> = dyn for<'v> Fn(&[Var<'v, T>]) -> Grads<Var<'v, T>> + 'f;

/// What a gradient rule may do with its arguments.
pub trait Array<T: Float>: Clone {
    /// Evaluates an op, or records it.
    #[track_caller]
    fn try_apply<O: Op<T>>(op: O, x: &[&Self]) -> Result<Self>;
    /// The gradients of an elementwise rule for the inputs that need one.
    fn rule_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        y: &Self,
        needs: &[bool],
    ) -> Grads<Self>;
    /// The gradients of Σ rule(x), where the incoming one is one number.
    fn rule_sum_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        needs: &[bool],
    ) -> Grads<Self> {
        let y = Self::rule(rule, x);
        Self::rule_vjp(rule, &g.broadcast_to(&y.shape()), x, &y, needs)
    }
    /// What a function of variables makes of `x`: for variables itself, for tensors its values.
    fn with_vars(x: &[&Self], f: &OfVars<'_, T>) -> Grads<Self>;
    /// The value; a gradient that depends on more than its shape is no longer linear in it.
    fn value(&self) -> Tensor<T>;
    /// A constant in the world of `self`.
    #[track_caller]
    fn constant(&self, value: Tensor<T>) -> Self;
    /// The sizes of the axes.
    fn shape(&self) -> Shape;

    /// An elementwise rule, applied with broadcasting.
    #[track_caller]
    fn rule<R: Elementwise<N>, const N: usize>(rule: R, x: [&Self; N]) -> Self {
        unwrap(Self::try_apply(Map(rule), &x))
    }
    /// a + b, elementwise.
    #[track_caller]
    fn add(&self, other: &Self) -> Self {
        Self::rule(rules::Add, [self, other])
    }
    /// a − b, elementwise.
    #[track_caller]
    fn sub(&self, other: &Self) -> Self {
        Self::rule(rules::Sub, [self, other])
    }
    /// a · b, elementwise.
    #[track_caller]
    fn mul(&self, other: &Self) -> Self {
        Self::rule(rules::Mul, [self, other])
    }
    /// `self · d` for an incoming gradient `self`, where a gradient of 0 stays 0 whatever `d` is.
    #[track_caller]
    fn chain(&self, d: &Self) -> Self {
        Self::rule(rules::Chain, [self, d])
    }
    /// c · x.
    #[track_caller]
    fn scale(&self, factor: f64) -> Self {
        Self::rule(Scale { factor }, [self])
    }
    /// eˣ.
    #[track_caller]
    fn exp(&self) -> Self {
        Self::rule(rules::Exp, [self])
    }
    /// The matrix product over the last two axes.
    #[track_caller]
    fn matmul(&self, other: &Self) -> Self {
        unwrap(Self::try_apply(MatMul, &[self, other]))
    }
    /// The last two axes swapped.
    #[track_caller]
    fn t(&self) -> Self {
        let rank = self.shape().rank() as isize;
        self.permute((0..rank - 2).chain([rank - 1, rank - 2]))
    }
    /// The axes in another order.
    #[track_caller]
    fn permute(&self, axes: impl IntoIterator<Item = isize>) -> Self {
        unwrap(Self::try_apply(Permute { axes: axes.into_iter().collect() }, &[self]))
    }
    /// The same elements in another shape.
    #[track_caller]
    fn reshape(&self, shape: impl Into<Shape>) -> Self {
        unwrap(Self::try_apply(Reshape { shape: shape.into() }, &[self]))
    }
    /// With a new axis of size 1 before axis `axis`.
    #[track_caller]
    fn unsqueeze(&self, axis: usize) -> Self {
        let mut shape = self.shape();
        shape.0.insert(axis, 1);
        self.reshape(shape)
    }
    /// Stretched to a shape.
    #[track_caller]
    fn broadcast_to(&self, shape: &Shape) -> Self {
        if self.shape() == *shape {
            return self.clone();
        }
        unwrap(Self::try_apply(BroadcastTo { shape: shape.clone() }, &[self]))
    }
    /// The adjoint of [`broadcast_to`](Array::broadcast_to): summed to a shape that broadcasts to this one.
    #[track_caller]
    fn sum_to(&self, shape: &Shape) -> Self {
        if self.shape() == *shape {
            return self.clone();
        }
        unwrap(Self::try_apply(SumTo { shape: shape.clone() }, &[self]))
    }
    /// The sum over an axis, which is dropped.
    #[track_caller]
    fn sum_axis(&self, axis: usize) -> Self {
        unwrap(Self::try_apply(Sum { axes: AxisSet::one(axis), keepdim: false }, &[self]))
    }
    /// The sum over an axis, which stays with size 1.
    #[track_caller]
    fn sum_axis_keepdim(&self, axis: usize) -> Self {
        unwrap(Self::try_apply(Sum { axes: AxisSet::one(axis), keepdim: true }, &[self]))
    }
    /// A part of the array.
    #[track_caller]
    fn slice(&self, slices: impl IntoIterator<Item = Slice>) -> Self {
        unwrap(Self::try_apply(Slices { slices: slices.into_iter().collect() }, &[self]))
    }
    /// The adjoint of [`slice`](Array::slice): these elements in an array of zeros.
    #[track_caller]
    fn embed(&self, shape: &Shape, slices: impl IntoIterator<Item = Slice>) -> Self {
        unwrap(Self::try_apply(Embed { shape: shape.clone(), slices: slices.into_iter().collect() }, &[self]))
    }
    /// The elements whose positions on two axes are equal, along a new last axis.
    fn diagonal(&self, axes: [usize; 2]) -> Self {
        unwrap(Self::try_apply(Diagonal { axes }, &[self]))
    }
    /// The adjoint of [`diagonal`](Array::diagonal): these elements on the diagonal of an array of zeros.
    fn embed_diagonal(&self, shape: &Shape, axes: [usize; 2]) -> Self {
        unwrap(Self::try_apply(EmbedDiagonal { shape: shape.clone(), axes }, &[self]))
    }
    /// The sums up to each position of an axis, or from it on with `reverse`, which are each other's adjoints.
    fn cumsum(&self, axis: usize, reverse: bool) -> Self {
        unwrap(Self::try_apply(CumSum { axis, reverse }, &[self]))
    }
    /// Positions of an axis, picked by an index vector.
    #[track_caller]
    fn index_select(&self, axis: usize, index: &Tensor<i64>) -> Self {
        unwrap(Self::try_apply(IndexSelect { axis, index: index.clone() }, &[self]))
    }
    /// The adjoint of [`index_select`](Array::index_select), into an axis of `len` zeros.
    #[track_caller]
    fn index_add(&self, axis: usize, index: &Tensor<i64>, len: usize) -> Self {
        unwrap(Self::try_apply(IndexAdd { axis, index: index.clone(), len }, &[self]))
    }
    /// One position of an axis for every element of the index.
    #[track_caller]
    fn gather(&self, axis: usize, index: &Tensor<i64>) -> Self {
        unwrap(Self::try_apply(Gather { axis, index: index.clone() }, &[self]))
    }
    /// The adjoint of [`gather`](Array::gather): `self`, with `src` added at the index's positions.
    #[track_caller]
    fn scatter_add(&self, axis: usize, index: &Tensor<i64>, src: &Self) -> Self {
        unwrap(Self::try_apply(ScatterAdd { axis, index: index.clone() }, &[self, src]))
    }
}

impl<T: Float> Array<T> for Tensor<T> {
    fn try_apply<O: Op<T>>(op: O, x: &[&Self]) -> Result<Self> {
        op.forward(x)
    }

    fn rule_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        y: &Self,
        needs: &[bool],
    ) -> Grads<Self> {
        elementwise::gradients(&Map(rule), g, x, y, needs)
    }

    fn rule_sum_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        needs: &[bool],
    ) -> Grads<Self> {
        sum_gradients(&Map(rule), R::NAME, g, x, needs)
    }

    fn with_vars(x: &[&Self], f: &OfVars<'_, T>) -> Grads<Self> {
        let tape = Tape::inference();
        let x: SmallVec<[_; 4]> = x.iter().map(|&x| tape.constant(x.clone())).collect();
        f(&x).into_iter().map(|grad| grad.map(|grad| grad.value())).collect()
    }

    fn value(&self) -> Tensor<T> {
        self.clone()
    }

    fn constant(&self, value: Tensor<T>) -> Self {
        value
    }

    fn shape(&self) -> Shape {
        Tensor::shape(self).clone()
    }
}

impl<T: Float> Array<T> for Var<'_, T> {
    #[track_caller]
    fn try_apply<O: Op<T>>(op: O, x: &[&Self]) -> Result<Self> {
        Var::record(op, x)
    }

    fn rule_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        y: &Self,
        needs: &[bool],
    ) -> Grads<Self> {
        let mut traced = [Traced(*y); N];
        for k in 0..N {
            traced[k] = Traced(*x[k]);
        }
        needed_gradients(&rule.vjp(Traced(*g), traced, Traced(*y)), y, needs)
    }

    fn with_vars(x: &[&Self], f: &OfVars<'_, T>) -> Grads<Self> {
        let x: SmallVec<[_; 4]> = x.iter().map(|&&x| x).collect();
        f(&x)
    }

    fn value(&self) -> Tensor<T> {
        Var::value(self)
    }

    fn constant(&self, value: Tensor<T>) -> Self {
        self.tape().constant(value)
    }

    fn shape(&self) -> Shape {
        Var::shape(self)
    }
}

/// Doors for users' own rules and ops.
macro_rules! doors {
    ($Array:ty, $($t:lifetime)?) => {
        impl<$($t,)? T: Float> $Array {
            /// An elementwise rule of `N` inputs, applied with broadcasting.
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn map<R: Elementwise<N>, const N: usize>(rule: R, x: [impl std::borrow::Borrow<Self>; N]) -> Self {
                let x = x.each_ref().map(|x| x.borrow());
                unwrap(<Self as Array<T>>::try_apply(Map(rule), &x))
            }

            /// An op, applied to its inputs.
            ///
            /// # Panics
            /// If the op fails.
            #[track_caller]
            pub fn apply<O: Op<T>>(op: O, x: &[impl std::borrow::Borrow<Self>]) -> Self {
                let x: SmallVec<[&Self; 4]> = x.iter().map(|x| x.borrow()).collect();
                unwrap(<Self as Array<T>>::try_apply(op, &x))
            }

            /// An op, applied to its inputs, returning the error.
            #[track_caller]
            pub fn try_apply<O: Op<T>>(op: O, x: &[impl std::borrow::Borrow<Self>]) -> Result<Self> {
                let x: SmallVec<[&Self; 4]> = x.iter().map(|x| x.borrow()).collect();
                <Self as Array<T>>::try_apply(op, &x)
            }
        }
    };
}
doors!(Tensor<T>,);
doors!(Var<'t, T>, 't);

/// The gradients that are needed of those of a rule. It may answer with a literal, which is one number for all elements.
fn needed_gradients<'t, T: Float>(grads: &[Traced<'t, T>], y: &Var<'t, T>, needs: &[bool]) -> Grads<Var<'t, T>> {
    let shape = y.shape();
    let pairs = grads.iter().zip(needs);
    pairs.map(|(grad, &needed)| needed.then(|| Array::broadcast_to(&grad.0, &shape))).collect()
}
