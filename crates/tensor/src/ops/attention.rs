//! Scaled dot-product attention, made of matrix products and a softmax.

use std::borrow::Borrow;

use super::diagonal::triangle;
use super::elementwise::Map;
use super::methods;
use super::softmax::Softmax;
use crate::array::Array;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::reduce::Max;
use crate::scalar::rules::Select;
use crate::shape::{AxisSet, Shape};
use crate::tensor::Tensor;

const OP: &str = "attention";

/// The shape of the scores, `[.., m, n]`.
fn check(q: &Shape, k: &Shape, v: &Shape) -> Result<Shape> {
    if let Some(shape) = [q, k, v].into_iter().find(|shape| shape.rank() < 2) {
        let expected = "queries, keys and values of [.., n, d]".into();
        return Err(Error::Shape { op: OP, expected, got: shape.clone() });
    }
    let outer = |x: &Shape| Shape::from(&x[..x.rank() - 2]);
    let last = |x: &Shape, i: usize| x[x.rank() - i];
    if last(q, 1) != last(k, 1) {
        let expected = format!("keys as wide as the queries {q}");
        return Err(Error::Shape { op: OP, expected, got: k.clone() });
    }
    if last(k, 2) != last(v, 2) {
        let expected = format!("a value for each of the keys {k}");
        return Err(Error::Shape { op: OP, expected, got: v.clone() });
    }
    let mut scores = outer(q).broadcast(&outer(k), OP)?;
    scores.broadcast(&outer(v), OP)?;
    scores.0.extend([last(q, 2), last(k, 2)]);
    Ok(scores)
}

/// 1 where a query may look at a key, else 0; `None` where all may look at all.
fn permitted<T: Float>(scores: &Shape, mask: Option<&Tensor<bool>>, causal: bool) -> Result<Option<Tensor<T>>> {
    let number = |yes: bool| if yes { T::ONE } else { T::ZERO };
    let (m, n) = (scores[scores.rank() - 2], scores[scores.rank() - 1]);
    let past = causal.then(|| triangle([m, n], 0, true, false));
    if let Some(mask) = mask.filter(|mask| mask.try_broadcast_to(scores).is_err()) {
        let expected = format!("a mask that broadcasts to the scores' shape {scores}");
        return Err(Error::Shape { op: OP, expected, got: mask.shape().clone() });
    }
    let both = match (mask, past) {
        (Some(mask), Some(past)) => Some(mask.and(&past)),
        (mask, past) => past.or(mask.cloned()),
    };
    let with_axis = |mask: Tensor<bool>| if mask.rank() == 0 { mask.unsqueeze(0) } else { mask };
    Ok(both.map(|mask| with_axis(mask).map_elements(number)))
}

/// The softmax of scores over the keys that are permitted, and 0 for a query to which none is.
#[track_caller]
fn weights<T: Float, A: Array<T>>(scores: &A, permitted: Option<Tensor<T>>) -> Result<A> {
    let softmax = |scores: &A| A::try_apply(Softmax { axis: scores.shape().rank() - 1 }, &[scores]);
    let Some(permitted) = permitted else { return softmax(scores) };
    let some = permitted.fold(Max, AxisSet::one(permitted.rank() - 1), true);
    // Where nothing is permitted the softmax is one of zeros, not of −∞, so that no NaN has to be kept from spreading.
    let low = some.map_elements(|some| if some > T::ZERO { T::NEG_INFINITY } else { T::ZERO });
    let some = some.map_elements(|some| if some > T::ZERO { T::ONE } else { T::ZERO });
    select(some, &softmax(&select(permitted, scores, low)?)?, Tensor::from(T::ZERO))
}

/// x where the mask is not 0, else the other.
#[track_caller]
fn select<T: Float, A: Array<T>>(mask: Tensor<T>, x: &A, other: Tensor<T>) -> Result<A> {
    A::try_apply(Map(Select), &[&x.constant(mask), x, &x.constant(other)])
}

#[track_caller]
fn attention<T: Float, A: Array<T>>(q: &A, k: &A, v: &A, mask: Option<&Tensor<bool>>, causal: bool) -> Result<A> {
    let shape = q.shape();
    let scores = check(&shape, &k.shape(), &v.shape())?;
    let permitted = permitted(&scores, mask, causal)?;
    let width = shape[shape.rank() - 1].max(1) as f64;
    let scores = q.scale(1.0 / width.sqrt()).matmul(&k.t());
    Ok(weights(&scores, permitted)?.matmul(v))
}

methods! {
    /// Scaled dot-product attention softmax(q·kᵀ/√d)·v of these queries q, `[.., m, d]`, keys k, `[.., n, d]`, and values
    /// v, `[.., n, e]`, with the axes before them broadcast: `[.., m, e]`. The softmax is over the keys for which the
    /// mask, which broadcasts to `[.., m, n]`, is true; with `causal` only keys whose position is at most the query's
    /// count. Keys and values that do not count have no influence as long as they are finite. A query to which no key is
    /// permitted gives 0, and gradient 0. The gradients are those of the ops that this is made of.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (q, k) = (Tensor::<f32>::zeros([2, 4]), Tensor::ones([2, 4]));
    /// let v = Tensor::from([[1.0], [3.0]]);
    /// assert_eq!(q.attention(&k, &v, None, false), Tensor::from([[2.0], [2.0]]));
    /// assert_eq!(q.attention(&k, &v, None, true), Tensor::from([[1.0], [2.0]]));
    /// ```
    #[track_caller]
    pub fn attention(
        &self,
        k: impl Borrow<Self>,
        v: impl Borrow<Self>,
        mask: Option<&Tensor<bool>>,
        causal: bool,
    ) -> Self {
        unwrap(self.try_attention(k, v, mask, causal))
    }

    /// [`attention`](Self::attention), returning the error.
    #[track_caller]
    pub fn try_attention(
        &self,
        k: impl Borrow<Self>,
        v: impl Borrow<Self>,
        mask: Option<&Tensor<bool>>,
        causal: bool,
    ) -> Result<Self> {
        attention(self, k.borrow(), v.borrow(), mask, causal)
    }
}
