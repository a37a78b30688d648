//! Costs, each with an explicit reduction.
//!
//! The methods of [`Costs`] take the reduction that a cost is usually written with; the functions take any.

mod classification;
mod cross_entropy;
mod methods;
mod regression;
mod similarity;

use tensor::{Array, Elementwise, Error, Float, Result, Shape, Var};

pub use classification::{Targets, bce_with_logits, cross_entropy, hinge, kl_div, nll};
pub use cross_entropy::CrossEntropy;
pub use methods::Costs;
pub use regression::{huber, l1, mse, quadratic, smooth_l1};
pub use similarity::{cosine_embedding, cosine_similarity};

/// How the costs of single elements or examples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// They do not.
    None,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The sum over each example, averaged over the batch (the first axis).
    BatchMean,
}

impl Reduction {
    /// What the sum of costs of this shape is multiplied by; `None` where they are not summed.
    fn factor(self, op: &'static str, shape: &Shape) -> Result<Option<f64>> {
        if shape.contains(&0) && self != Reduction::None && self != Reduction::Sum {
            return Err(Error::invalid(op, format!("the batch is empty: the costs have shape {shape}")));
        }
        Ok(match self {
            Reduction::None => None,
            Reduction::Sum => Some(1.0),
            Reduction::Mean => Some(1.0 / shape.numel() as f64),
            Reduction::BatchMean => Some(1.0 / shape.first().map_or(1, |&n| n) as f64),
        })
    }

    fn apply<'t, T: Float>(self, op: &'static str, cost: Var<'t, T>) -> Result<Var<'t, T>> {
        let Some(factor) = self.factor(op, &cost.shape())? else { return Ok(cost) };
        Ok(match self {
            Reduction::Mean => cost.mean(..),
            Reduction::BatchMean => cost.sum(..).scale(factor),
            _ => cost.sum(..),
        })
    }
}

fn elementwise<'t, T: Float, R: Elementwise<2>>(
    rule: R,
    output: Var<'t, T>,
    target: Var<'t, T>,
    reduction: Reduction,
) -> Result<Var<'t, T>> {
    let (got, expected) = (target.shape(), output.shape());
    if got != expected {
        let expected = format!("a target of the output's shape {expected}");
        return Err(Error::Shape { op: R::NAME, expected, got });
    }
    Ok(match reduction.factor(R::NAME, &expected)? {
        Some(factor) => Var::sum_of(rule, [output, target], factor),
        None => Var::map(rule, [output, target]),
    })
}
