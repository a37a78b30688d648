//! What a model records of its evaluations.

use tensor::{Step, StepKind, Tape, Tensor, Var};

use crate::Error;
use crate::inputs::{self, Example, Inputs};
use crate::unify::{Varied, unify};

/// The size of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Size {
    Fixed(usize),
    /// So many for each example of the batch.
    PerExample(usize),
    /// Another function of the batch's size.
    Other,
}

/// An input of the model.
pub(crate) enum Given {
    /// A node's position.
    Numbers(usize),
    Indices(Tensor<i64>),
}

/// The nodes of an evaluation, and which of them are inputs and outputs.
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
    /// The sizes of each node's axes.
    pub(crate) sizes: Vec<Vec<Size>>,
    pub(crate) inputs: Vec<Given>,
    pub(crate) outputs: Vec<usize>,
    pub(crate) any_batch: bool,
}

impl Trace {
    /// Whether each node is an output, or read on the way to one.
    pub(crate) fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.steps.len()];
        self.outputs.iter().for_each(|&output| reached[output] = true);
        for position in (0..self.steps.len()).rev() {
            if let (true, StepKind::Op { inputs, .. }) = (reached[position], &self.steps[position].kind) {
                inputs.iter().for_each(|&input| reached[input] = true);
            }
        }
        reached
    }

    /// Which input an index is: one whose memory it shares as a whole.
    pub(crate) fn given(&self, index: &Tensor<i64>) -> Option<(usize, &Tensor<i64>)> {
        let place = |index: &Tensor<i64>| index.as_slice().map(|slice| (slice.as_ptr(), slice.len()));
        let at = place(index)?;
        self.inputs.iter().enumerate().find_map(|(k, given)| match given {
            Given::Indices(given) if place(given) == Some(at) => Some((k, given)),
            _ => None,
        })
    }

    /// The sizes of an index that is an input.
    pub(crate) fn sizes_of(&self, index: &Tensor<i64>) -> Vec<Size> {
        let mut sizes: Vec<Size> = index.shape().iter().map(|&size| Size::Fixed(size)).collect();
        if self.any_batch {
            sizes[0] = Size::PerExample(1);
        }
        sizes
    }

    pub(crate) fn is_input(&self, position: usize) -> bool {
        self.inputs.iter().any(|given| matches!(given, Given::Numbers(at) if *at == position))
    }
}

/// Records a model with examples of the sizes that they have, and makes sure that it records the same with other numbers.
pub(crate) fn of_these(
    examples: &[Example],
    forward: &impl for<'t> Fn(&Inputs<'t>) -> Vec<Var<'t>>,
) -> Result<Trace, Error> {
    if let Some(index) = examples.iter().find_map(Example::only_index) {
        return Err(Error::Signature(format!("expected examples of indices that differ, got {index} throughout")));
    }
    let mut trace = record(examples, forward);
    let varied: Vec<Example> = examples.iter().map(Example::varied).collect();
    unify(&mut trace, &record(&varied, forward), Varied::Numbers)?;
    Ok(trace)
}

/// Records a model with batches of two sizes, neither of which broadcasts, and keeps what they have in common.
pub(crate) fn of_any_batch(
    examples: &[Example],
    forward: &impl for<'t> Fn(&Inputs<'t>) -> Vec<Var<'t>>,
) -> Result<Trace, Error> {
    let size = inputs::batch(examples)?.max(2);
    let batch = |size: usize| examples.iter().map(|example| example.of_batch(size)).collect::<Vec<_>>();
    let mut trace = of_these(&batch(size), forward)?;
    unify(&mut trace, &record(&batch(size + 1), forward), Varied::Batch { from: size, to: size + 1 })?;
    Ok(Trace { any_batch: true, ..trace })
}

fn record(examples: &[Example], forward: &impl for<'t> Fn(&Inputs<'t>) -> Vec<Var<'t>>) -> Trace {
    let tape = Tape::tracing();
    let mut inputs = Inputs { tape: &tape, vars: Vec::new(), indices: Vec::new() };
    let mut give = |example: &Example| match example {
        Example::Numbers(x) => {
            inputs.vars.push(tape.leaf(x.clone()));
            Given::Numbers(tape.len() - 1)
        }
        Example::Indices(index) => {
            inputs.indices.push(index.clone());
            Given::Indices(index.clone())
        }
    };
    let given = examples.iter().map(&mut give).collect();
    let outputs = forward(&inputs).iter().map(|output| output.position()).collect();
    let steps = tape.steps();
    let sizes = steps.iter().map(|step| step.shape.iter().map(|&size| Size::Fixed(size)).collect()).collect();
    Trace { steps, sizes, inputs: given, outputs, any_batch: false }
}
