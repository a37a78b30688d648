//! Reductions over any axes, with (`_keepdim`) and without the reduced axes kept as size 1.

use smallvec::SmallVec;

use super::elementwise::{Map, NormRoot, Square};
use super::{OfSum, Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::{reduce, rows};
use crate::scalar::rules::Select;
use crate::shape::{Axes, AxisSet, Shape};
use crate::tape::{Grads, Var};
use crate::tensor::Tensor;

/// A reduction's result, as it would be with `keepdim`, so that it broadcasts against the input.
fn kept<T: Float, A: Array<T>>(y: &A, x: &A, axes: AxisSet) -> A {
    let shape = x.shape().reduced(&axes, true);
    if y.shape() == shape { y.clone() } else { y.reshape(shape) }
}

/// Σ x over axes.
pub(crate) struct Sum {
    pub(crate) axes: AxisSet,
    pub(crate) keepdim: bool,
}

impl<T: Float> Op<T> for Sum {
    const NAME: &'static str = "sum";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].fold(reduce::Sum, self.axes, self.keepdim))
    }

    fn of_sum(&self, shape: &Shape) -> Option<OfSum> {
        let all = self.axes == AxisSet::all(shape.rank());
        all.then(|| OfSum { shape: shape.reduced(&self.axes, self.keepdim), factor: 1.0 })
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into()), ("keepdim", self.keepdim.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(kept(&g, x[0], self.axes).broadcast_to(&x[0].shape()))
    }
}

/// Σ x/n over axes of n elements together.
struct Mean {
    axes: AxisSet,
    keepdim: bool,
}

impl Mean {
    fn factor(&self, shape: &Shape) -> f64 {
        1.0 / (0..shape.rank()).filter(|&i| self.axes.has(i)).map(|i| shape[i] as f64).product::<f64>()
    }
}

impl<T: Float> Op<T> for Mean {
    const NAME: &'static str = "mean";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(Array::scale(&x[0].fold(reduce::Sum, self.axes, self.keepdim), self.factor(x[0].shape())))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into()), ("keepdim", self.keepdim.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let shape = x[0].shape();
        one(kept(&g.scale(self.factor(&shape)), x[0], self.axes).broadcast_to(&shape))
    }

    fn of_sum(&self, shape: &Shape) -> Option<OfSum> {
        let all = self.axes == AxisSet::all(shape.rank());
        all.then(|| OfSum { shape: shape.reduced(&self.axes, self.keepdim), factor: self.factor(shape) })
    }
}

/// The adjoint of broadcasting.
pub(crate) struct SumTo {
    pub(crate) shape: Shape,
}

impl<T: Float> Op<T> for SumTo {
    const NAME: &'static str = "sum_to";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        if self.shape.broadcast(x[0].shape(), "sum_to")? != *x[0].shape() {
            let expected = format!("a shape that {} broadcasts to", self.shape);
            return Err(Error::Shape { op: "sum_to", expected, got: x[0].shape().clone() });
        }
        Ok(x[0].sum_to_shape(&self.shape))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("shape", (&self.shape).into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.broadcast_to(&x[0].shape()))
    }
}

/// The largest (or smallest) element over axes.
struct Extreme<const MAX: bool> {
    axes: AxisSet,
    keepdim: bool,
    /// Whether the gradient of equals is split evenly, or goes to the first along the only axis.
    even: bool,
}

impl<const MAX: bool> Extreme<MAX> {
    fn check(&self, x: &Shape, op: &'static str) -> Result<()> {
        match (0..x.rank()).find(|&i| self.axes.has(i) && x[i] == 0) {
            None => Ok(()),
            Some(i) => Err(Error::Shape { op, expected: format!("axis {i} not empty"), got: x.clone() }),
        }
    }

    /// How the gradient is shared out among the elements.
    fn weights<T: Float>(&self, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
        let y = y.reshape(x.shape().reduced(&self.axes, true));
        let hit = x.equal(&y).or(&x.not_equal(x).and(&y.not_equal(&y)));
        let hit = hit.map_elements(|hit| if hit { T::ONE } else { T::ZERO });
        match self.axes.single().filter(|_| !self.even) {
            Some(axis) => first(&hit, axis),
            None => &hit / hit.fold(reduce::Sum, self.axes, true),
        }
    }
}

/// Of the ones along an axis, the first only.
fn first<T: Float>(hit: &Tensor<T>, axis: usize) -> Tensor<T> {
    let inner: usize = hit.shape()[axis + 1..].iter().product();
    let block = hit.shape()[axis] * inner;
    let mut out = hit.copied();
    for block in out.as_mut_slice().chunks_mut(block.max(1)) {
        for column in 0..inner {
            let mut seen = false;
            for x in block[column..].iter_mut().step_by(inner) {
                let hit = *x != T::ZERO;
                if seen {
                    *x = T::ZERO;
                }
                seen |= hit;
            }
        }
    }
    out
}

impl<T: Float, const MAX: bool> Op<T> for Extreme<MAX> {
    const NAME: &'static str = if MAX { "max" } else { "min" };

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        self.check(x[0].shape(), <Self as Op<T>>::NAME)?;
        Ok(match MAX {
            true => x[0].fold(reduce::Max, self.axes, self.keepdim),
            false => x[0].fold(reduce::Min, self.axes, self.keepdim),
        })
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into()), ("keepdim", self.keepdim.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let weights = g.constant(self.weights(&x[0].value(), &y.value()));
        let g = kept(&g, x[0], self.axes);
        let zero = g.constant(Tensor::from(T::ZERO));
        // By selection: an infinite gradient must not reach the elements whose weight is 0 as NaN.
        one(A::rule(Select, [&weights, &g.mul(&weights), &zero]))
    }
}

/// ln Σ eˣ over axes.
struct LogSumExp {
    axes: AxisSet,
    keepdim: bool,
}

impl<T: Float> Op<T> for LogSumExp {
    const NAME: &'static str = "logsumexp";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let rank = x[0].rank() as isize;
        let reduced = (0..rank).filter(|&i| self.axes.has(i as usize));
        let kept = (0..rank).filter(|&i| !self.axes.has(i as usize));
        let order: SmallVec<[isize; 8]> = kept.chain(reduced).collect();
        let n = (0..x[0].rank()).filter(|&i| self.axes.has(i)).map(|i| x[0].shape()[i]).product();
        let last = x[0].permute(&order).contiguous();
        let shape = x[0].shape().reduced(&self.axes, self.keepdim);
        Ok(Tensor::build(shape, |out| rows::logsumexp(last.as_slice().expect("contiguous"), out, n)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into()), ("keepdim", self.keepdim.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let y = kept(y, x[0], self.axes);
        let share = x[0].sub(&y).exp();
        // Where every input is −∞, so is the result, and x − y is no number; the gradient there is 0.
        let (mask, zero) = (above_all(&y), g.constant(Tensor::from(T::ZERO)));
        let share = A::rule(Select, [&mask, &share, &zero]);
        one(kept(&g, x[0], self.axes).mul(&share))
    }
}

/// 1 where `y` is more than −∞, as a constant.
fn above_all<T: Float, A: Array<T>>(y: &A) -> A {
    y.constant(y.value().map_elements(|y| if y == T::NEG_INFINITY { T::ZERO } else { T::ONE }))
}

/// The axes of a reduction.
#[derive(Clone, Copy)]
struct Over {
    axes: AxisSet,
    /// Whether they were named as `..`.
    all: bool,
}

impl Over {
    fn extreme<const MAX: bool>(self, keepdim: bool) -> Extreme<MAX> {
        Extreme { axes: self.axes, keepdim, even: self.all || self.axes.single().is_none() }
    }
}

/// A reduction's two methods, and their `try_` twins.
macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $name_keepdim:ident $try_name:ident $run:ident;)*) => {
        methods! {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If an axis is out of range or named twice.
            #[track_caller]
            pub fn $name(&self, axes: impl Into<Axes>) -> Self {
                unwrap(self.$try_name(axes, false))
            }

            #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), ") with the axes kept, as size 1.")]
            ///
            /// # Panics
            /// If an axis is out of range or named twice.
            #[track_caller]
            pub fn $name_keepdim(&self, axes: impl Into<Axes>) -> Self {
                unwrap(self.$try_name(axes, true))
            }

            #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), "), returning the error.")]
            #[track_caller]
            pub fn $try_name(&self, axes: impl Into<Axes>, keepdim: bool) -> Result<Self> {
                let axes = axes.into();
                let over = Over { all: axes == Axes::All, axes: axes.resolve(stringify!($name), &Array::shape(self))? };
                $run(self, over, keepdim)
            }
        )*}
    };
}

reductions! {
    /// Σ x; the gradient is g for every element. The sum of nothing is 0.
    sum sum_keepdim try_sum sum_of;
    /// The mean; the gradient is g/n for each of n elements. The mean of nothing is NaN.
    mean mean_keepdim try_mean mean_of;
    /// The largest element, NaN if there is one. Along one axis the gradient goes to the first of equals; over several
    /// axes, or all (`..`), it is split evenly among them. Over an empty axis there is none: an error.
    max max_keepdim try_max max_of;
    /// The smallest element, NaN if there is one; the gradient is as for [`max`](Self::max).
    min min_keepdim try_min min_of;
    /// Π x; the gradient is the product of all others, exact where elements are 0. The product of nothing is 1.
    prod prod_keepdim try_prod prod_of;
    /// The Euclidean norm √Σx²; the gradient is x/‖x‖, and 0 for ‖x‖ = 0.
    norm norm_keepdim try_norm norm_of;
    /// ln Σ eˣ, stable; the gradient is e^(x − y). Of nothing, or of nothing but −∞, it is −∞ with gradient 0.
    logsumexp logsumexp_keepdim try_logsumexp logsumexp_of;
}

#[track_caller]
fn sum_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    A::try_apply(Sum { axes: over.axes, keepdim }, &[x])
}

fn count<T: Float, A: Array<T>>(x: &A, over: Over) -> f64 {
    let shape = x.shape();
    (0..shape.rank()).filter(|&i| over.axes.has(i)).map(|i| shape[i] as f64).product()
}

#[track_caller]
fn mean_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    A::try_apply(Mean { axes: over.axes, keepdim }, &[x])
}

#[track_caller]
fn max_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    A::try_apply(over.extreme::<true>(keepdim), &[x])
}

#[track_caller]
fn min_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    A::try_apply(over.extreme::<false>(keepdim), &[x])
}

#[track_caller]
fn logsumexp_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    A::try_apply(LogSumExp { axes: over.axes, keepdim }, &[x])
}

#[track_caller]
fn norm_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    let squares = A::try_apply(Map(Square), &[x])?;
    Ok(A::rule(NormRoot, [&sum_of(&squares, over, keepdim)?]))
}

/// The product as a balanced tree of pairwise products, whose gradient needs no division.
#[track_caller]
fn prod_of<T: Float, A: Array<T>>(x: &A, over: Over, keepdim: bool) -> Result<A> {
    let mut y = x.clone();
    for axis in (0..x.shape().rank()).filter(|&axis| over.axes.has(axis)) {
        y = prod_axis(y, axis);
    }
    Ok(y.reshape(x.shape().reduced(&over.axes, keepdim)))
}

#[track_caller]
fn prod_axis<T: Float, A: Array<T>>(mut x: A, axis: usize) -> A {
    let mut len = x.shape()[axis];
    if len == 0 {
        let shape = x.shape().reduced(&AxisSet::one(axis), true);
        return x.sum_to(&shape).constant(Tensor::ones(shape));
    }
    while len > 1 {
        let half = len / 2;
        let part = |from: usize, len: usize| x.slice(super::view::range(axis, from, len));
        let pairs = part(0, half).mul(&part(half, half));
        x = match len % 2 {
            0 => pairs,
            _ => super::join::two(&pairs, &part(len - 1, 1), axis),
        };
        len = len.div_ceil(2);
    }
    x
}

methods! {
    /// The variance Σ(x − mean)²/(n − correction): correction 1 for a sample's, 0 for a whole population's. The gradient
    /// is 2·g·(x − mean)/(n − correction).
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: f64) -> Self {
        unwrap(self.try_var(axes, correction, false))
    }

    /// [`var`](Self::var) with the axes kept, as size 1.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn var_keepdim(&self, axes: impl Into<Axes>, correction: f64) -> Self {
        unwrap(self.try_var(axes, correction, true))
    }

    /// [`var`](Self::var), returning the error.
    #[track_caller]
    pub fn try_var(&self, axes: impl Into<Axes>, correction: f64, keepdim: bool) -> Result<Self> {
        let over = Over { axes: axes.into().resolve("var", &Array::shape(self))?, all: false };
        let centred = Array::sub(self, &mean_of(self, over, true)?);
        let squares = Array::rule(Square, [&centred]);
        Ok(Array::scale(&sum_of(&squares, over, keepdim)?, 1.0 / (count(self, over) - correction)))
    }
}

impl<T: Float> Tensor<T> {
    /// The position of the first largest element along `axis`, which is dropped; NaN counts as largest.
    ///
    /// # Panics
    /// If the axis is out of range or empty.
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<i64> {
        unwrap(self.try_argmax(axis))
    }

    /// [`argmax`](Tensor::argmax), returning the error.
    #[track_caller]
    pub fn try_argmax(&self, axis: isize) -> Result<Tensor<i64>> {
        let i = self.shape().axis("argmax", axis)?;
        let n = self.shape()[i];
        if n == 0 {
            return Err(Error::Shape {
                op: "argmax",
                expected: format!("axis {i} not empty"),
                got: self.shape().clone(),
            });
        }
        let kept = (0..self.rank() as isize).filter(|&a| a as usize != i);
        let order: SmallVec<[isize; 8]> = kept.chain([i as isize]).collect();
        let rows = self.permute(&order).contiguous();
        let rows = rows.as_slice().expect("contiguous").chunks_exact(n);
        let shape = self.shape().reduced(&AxisSet::one(i), false);
        Ok(Tensor::build(shape, |out| out.iter_mut().zip(rows).for_each(|(out, row)| *out = first_largest(row))))
    }
}

#[allow(clippy::eq_op)]
fn first_largest<T: Float>(row: &[T]) -> i64 {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate().skip(1) {
        let settled = row[best] != row[best];
        if !settled && (x > row[best] || x != x) {
            best = i;
        }
    }
    best as i64
}

impl<T: Float> Var<'_, T> {
    /// The position of the first largest element along `axis`, which is dropped; no gradient flows through it.
    ///
    /// # Panics
    /// If the axis is out of range or empty.
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<i64> {
        self.value().argmax(axis)
    }
}
