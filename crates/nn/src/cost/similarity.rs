//! Costs of the angle between vectors.

use tensor::{Error, Float, Result, Tensor, Var};

use super::Reduction;

/// What a norm counts as at least, so that a vector of 0 has a direction.
const SHORTEST: f64 = 1e-8;

/// The cosine of the angle between the vectors along an axis, which is dropped: a·b/(‖a‖·‖b‖), with broadcasting. A norm
/// counts as at least 1e-8, so a vector of 0 gives 0. The gradient towards a is (b/‖b‖ − y·a/‖a‖)/‖a‖.
///
/// # Errors
/// If the shapes do not broadcast, or the axis is out of range.
pub fn cosine_similarity<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, axis: isize) -> Result<Var<'t, T>> {
    const OP: &str = "cosine_similarity";
    let shape = a.shape().broadcast(&b.shape(), OP)?;
    shape.axis(OP, axis)?;
    let shortest = a.tape().constant(Tensor::from(T::from_f64(SHORTEST)));
    let unit = |x: Var<'t, T>| {
        let x = x.try_broadcast_to(&shape)?;
        x.try_div(x.try_norm(axis, true)?.maximum(shortest))
    };
    unit(a)?.try_mul(unit(b)?)?.try_sum(axis, false)
}

/// A cost of vectors of one shape, `[.., d]`, that should point the same way where the label of `[..]` is 1, and should
/// not where it is −1: 1 − cos, or max(0, cos − margin), with the [`cosine_similarity`] along the last axis.
///
/// # Errors
/// If the shapes do not fit, a label is neither 1 nor −1, or a mean is asked of an empty batch.
pub fn cosine_embedding<'t, T: Float>(
    a: Var<'t, T>,
    b: Var<'t, T>,
    labels: &Tensor<i64>,
    margin: f64,
    reduction: Reduction,
) -> Result<Var<'t, T>> {
    const OP: &str = "cosine_embedding";
    let shape = a.shape();
    if b.shape() != shape || shape.rank() == 0 {
        let expected =
            if shape.rank() == 0 { "vectors".into() } else { format!("vectors of the others' shape {shape}") };
        return Err(Error::Shape { op: OP, expected, got: b.shape() });
    }
    let batch = &shape[..shape.rank() - 1];
    if **labels.shape() != *batch {
        let expected = format!("labels of shape {batch:?} for vectors of shape {shape}");
        return Err(Error::Shape { op: OP, expected, got: labels.shape().clone() });
    }
    let values = labels.to_vec();
    if let Some(row) = values.iter().position(|&label| label != 1 && label != -1) {
        return Err(Error::invalid(OP, format!("label {} in row {row}, expected 1 or -1", values[row])));
    }
    let cosine = cosine_similarity(a, b, -1)?;
    let alike = labels.map_elements(|label| label == 1);
    let apart = (cosine - T::from_f64(margin)).relu();
    reduction.apply(OP, (-cosine + T::ONE).try_select(&alike, apart)?)
}
