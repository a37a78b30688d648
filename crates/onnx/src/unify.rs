//! What two recordings of a model have in common.

use std::panic::Location;

use tensor::{Attribute, Step, StepKind, Tensor};

use crate::Error;
use crate::trace::{Size, Trace};

/// In what the examples of two recordings differ.
#[derive(Clone, Copy)]
pub(crate) enum Varied {
    /// In nothing but their numbers.
    Numbers,
    /// In the size of the batch.
    Batch { from: usize, to: usize },
}

impl Varied {
    fn error(self, what: impl Into<String>, location: &'static Location<'static>) -> Error {
        let what = what.into();
        match self {
            Varied::Numbers => Error::Numbers { what, location },
            Varied::Batch { .. } => Error::Batch { what, location },
        }
    }

    /// The size of an axis that is `a` in one recording and `b` in the other.
    fn size(self, a: usize, b: usize) -> Size {
        match self {
            Varied::Batch { from, to } if a != b => {
                let each = a / from;
                if [each * from, each * to] == [a, b] { Size::PerExample(each) } else { Size::Other }
            }
            _ => Size::Fixed(a),
        }
    }
}

/// Makes of a recording what is true of another one as well.
pub(crate) fn unify(one: &mut Trace, other: &Trace, varied: Varied) -> Result<(), Error> {
    same_ops(one, other, varied)?;
    let reached = one.reached();
    for position in (0..one.steps.len()).filter(|&position| reached[position]) {
        unify_step(one, other, position, varied)?;
    }
    for (position, sizes) in one.sizes.iter_mut().enumerate() {
        let pairs = one.steps[position].shape.iter().zip(other.steps[position].shape.iter());
        *sizes = pairs.map(|(&a, &b)| varied.size(a, b)).collect();
    }
    Ok(())
}

/// What is the same in a node of the same op.
fn signature(step: &Step) -> (&'static str, &[usize], usize) {
    let rank = step.shape.rank();
    match &step.kind {
        StepKind::Op { name, inputs, .. } => (name, inputs, rank),
        StepKind::Constant(_) => ("constant", &[], rank),
        StepKind::Param(..) => ("parameter", &[], rank),
        _ => ("leaf", &[], rank),
    }
}

/// Whether both have the same ops in the same order; the error names the first that differs.
fn same_ops(one: &Trace, other: &Trace, varied: Varied) -> Result<(), Error> {
    let (a, b) = (&one.steps, &other.steps);
    let differs = a.iter().zip(b).position(|(a, b)| signature(a) != signature(b));
    let longer = if a.len() > b.len() { a } else { b };
    let missing = (a.len() != b.len()).then_some(a.len().min(b.len()));
    if let Some(position) = differs.or(missing) {
        return Err(varied.error("the choice of ops", longer[position].location));
    }
    match one.outputs.iter().zip(&other.outputs).find(|(a, b)| a != b) {
        Some((&output, _)) => Err(varied.error("the choice of outputs", a[output].location)),
        None if one.outputs.len() == other.outputs.len() => Ok(()),
        None => Err(Error::Signature("expected as many outputs for every batch".into())),
    }
}

fn unify_step(one: &mut Trace, other: &Trace, position: usize, varied: Varied) -> Result<(), Error> {
    let location = one.steps[position].location;
    let is_input = one.is_input(position);
    let common = match (&one.steps[position].kind, &other.steps[position].kind) {
        (StepKind::Constant(a), StepKind::Constant(b)) => common(a, b, "a constant", varied, location)?,
        (StepKind::Leaf(a), StepKind::Leaf(b)) if !is_input => common(a, b, "a leaf", varied, location)?,
        (StepKind::Param(a, _), StepKind::Param(b, _)) if a != b => return Err(varied.error("a parameter", location)),
        (StepKind::Op { name, attributes: a, .. }, StepKind::Op { attributes: b, .. }) => {
            let pairs = a.iter().flatten().zip(b.iter().flatten());
            for ((key, a), (_, b)) in pairs {
                if !is_same(key, (one, a), (other, b), varied) {
                    return Err(varied.error(format!("`{key}` of `{name}`"), location));
                }
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    if let StepKind::Constant(value) | StepKind::Leaf(value) = &mut one.steps[position].kind {
        *value = common;
    }
    Ok(())
}

/// Whether an attribute is the same in both recordings. A shape need not be, since that of the result tells it.
fn is_same(key: &str, (one, a): (&Trace, &Attribute), (other, b): (&Trace, &Attribute), varied: Varied) -> bool {
    match (a, b, varied) {
        (Attribute::Index(a), Attribute::Index(b), _) => {
            let given = |trace: &Trace, index| trace.given(index).map(|(k, _)| k);
            given(one, a) == given(other, b) && (given(one, a).is_some() || a == b)
        }
        (_, _, Varied::Batch { .. }) if key == "shape" => true,
        _ => a == b,
    }
}

/// The constant itself, or one that broadcasts to it: where the constants repeat something along the axis in which their
/// shapes differ.
fn common(
    a: &Tensor,
    b: &Tensor,
    what: &str,
    varied: Varied,
    location: &'static Location<'static>,
) -> Result<Tensor, Error> {
    let differs = (0..a.rank()).find(|&axis| a.shape()[axis] != b.shape()[axis]);
    let part = match differs.filter(|&axis| a.shape()[axis] > 0 && b.shape()[axis] > 0) {
        Some(axis) => a.narrow(axis as isize, 0, 1),
        None => a.clone(),
    };
    let repeats = |x: &Tensor| part.try_broadcast_to(x.shape()).is_ok_and(|part| equal(&part, x));
    if repeats(a) && repeats(b) { Ok(part) } else { Err(varied.error(what, location)) }
}

/// Whether all bits are equal, so that a NaN is equal to itself.
fn equal(a: &Tensor, b: &Tensor) -> bool {
    let bits = |x: &Tensor| x.to_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    a.shape() == b.shape() && bits(a) == bits(b)
}
