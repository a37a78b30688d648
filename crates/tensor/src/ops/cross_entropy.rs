//! Softmax cross-entropy of logits and integer labels, in one pass over each row.

use super::softmax::Softmax;
use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::rows;
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads};
use crate::tensor::Tensor;

/// −Σ q·ln softmax(z) over the last axis, where q is 1 at the label, mixed with the uniform distribution.
struct CrossEntropy {
    /// Contiguous, and checked.
    labels: Tensor<i64>,
    smoothing: f64,
}

impl CrossEntropy {
    fn target<T: Float>(&self) -> rows::Labels<'_, T> {
        let labels = self.labels.as_slice().expect("contiguous");
        rows::Labels { labels, smoothing: T::from_f64(self.smoothing) }
    }

    /// q, as numbers.
    fn distribution<T: Float>(&self, shape: &Shape) -> Tensor<T> {
        let n = shape[shape.rank() - 1];
        let mut q = Tensor::full(shape, T::from_f64(self.smoothing / n as f64));
        let rows = q.as_mut_slice().chunks_exact_mut(n.max(1));
        for (row, &label) in rows.zip(self.labels.as_slice().expect("contiguous")) {
            row[label as usize] += T::from_f64(1.0 - self.smoothing);
        }
        q
    }
}

impl<T: Float> Op<T> for CrossEntropy {
    const NAME: &'static str = "cross_entropy";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (z, n) = (x[0].contiguous(), x[0].shape()[x[0].rank() - 1]);
        let z = z.as_slice().expect("contiguous");
        Ok(Tensor::build(self.labels.shape(), |out| rows::cross_entropy(z, self.target(), out, n)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("labels", (&self.labels).into()), ("smoothing", self.smoothing.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let shape = x[0].shape();
        let axis = shape.rank() - 1;
        let p = unwrap(A::try_apply(Softmax { axis }, &[x[0]]));
        let slope = p.sub(&p.constant(self.distribution(&shape)));
        one(g.unsqueeze(axis).broadcast_to(&shape).chain(&slope))
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], _y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        let (z, g, n) = (x[0].contiguous(), g.contiguous(), x[0].shape()[x[0].rank() - 1]);
        let (g, z) = (g.as_slice().expect("contiguous"), z.as_slice().expect("contiguous"));
        let grad = Tensor::build(x[0].shape(), |out| rows::cross_entropy_vjp(g, z, self.target(), out, n));
        into.add(0, grad);
    }
}

fn check(z: &Shape, labels: &Tensor<i64>, smoothing: f64) -> Result<()> {
    const OP: &str = "cross_entropy";
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(Error::invalid(OP, format!("label smoothing {smoothing}, expected 0 ≤ s ≤ 1")));
    }
    let Some((&classes, batch)) = z.split_last() else {
        return Err(Error::Shape { op: OP, expected: "logits of shape [.., classes]".into(), got: z.clone() });
    };
    if **labels.shape() != *batch {
        let expected = format!("labels of shape {} for logits of shape {z}", Shape::from(batch));
        return Err(Error::Shape { op: OP, expected, got: labels.shape().clone() });
    }
    let wrong = |(_, label): &(usize, &i64)| !(0..classes as i64).contains(*label);
    match labels.as_slice().expect("contiguous").iter().enumerate().find(wrong) {
        Some((row, label)) => {
            let message = format!("label {label} in row {row} is out of range for {classes} classes");
            Err(Error::invalid(OP, message))
        }
        None => Ok(()),
    }
}

methods! {
    /// Softmax cross-entropy −Σ q·ln softmax(z) of these logits z, `[.., classes]`, for each row of the last axis, where
    /// `labels`, `[..]`, are the right classes: q is (1 − s) at the label and s/classes more everywhere, with s the
    /// `smoothing`. The gradient is g·(softmax(z) − q).
    ///
    /// # Panics
    /// If the shapes do not fit, a label is out of range, or the smoothing is not in \[0, 1\].
    #[track_caller]
    pub fn softmax_cross_entropy(&self, labels: &Tensor<i64>, smoothing: f64) -> Self {
        unwrap(self.try_softmax_cross_entropy(labels, smoothing))
    }

    /// [`softmax_cross_entropy`](Self::softmax_cross_entropy), returning the error.
    #[track_caller]
    pub fn try_softmax_cross_entropy(&self, labels: &Tensor<i64>, smoothing: f64) -> Result<Self> {
        let labels = labels.contiguous();
        check(&Array::shape(self), &labels, smoothing)?;
        Array::try_apply(CrossEntropy { labels, smoothing }, &[self])
    }
}
