//! The tape as a list to read: for programs that write a model down in another language.

use std::panic::Location;

use super::Tape;
use super::node::{Node, Origin};
use crate::attribute::Attributes;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One node of a tape, to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step<T: Float = f32> {
    /// Where its value comes from.
    pub kind: StepKind<T>,
    /// The sizes of its axes.
    pub shape: Shape,
    /// The line that recorded it.
    pub location: &'static Location<'static>,
}

/// Where a node's value comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StepKind<T: Float = f32> {
    /// A value that no gradient is wanted for, or that was computed from such values without being recorded.
    Constant(Tensor<T>),
    /// A leaf.
    Leaf(Tensor<T>),
    /// A parameter: its [`id`](crate::Param::id) and its value.
    Param(u64, Tensor<T>),
    /// An op of other nodes.
    Op {
        /// The op's name.
        name: &'static str,
        /// What it was built with; `None` where it does not say, as the ops of others.
        attributes: Option<Attributes>,
        /// The positions of its inputs, all of them earlier ones.
        inputs: Vec<usize>,
    },
}

impl<T: Float> Tape<T> {
    /// Every node in the order in which it was recorded; a variable's is at its [`position`](crate::Var::position).
    ///
    /// ```
    /// use tensor::{Attribute, Tape, Tensor, StepKind};
    /// let tape = Tape::tracing();
    /// let x = tape.leaf(Tensor::<f32>::zeros([2, 3]));
    /// let y = x.softmax(1);
    /// let steps = tape.steps();
    /// let StepKind::Op { name, attributes, inputs } = &steps[y.position()].kind else { panic!("an op") };
    /// assert_eq!((*name, &inputs[..]), ("softmax", &[x.position()][..]));
    /// assert_eq!(attributes.as_deref(), Some(&[("axis", Attribute::Integer(1))][..]));
    /// ```
    pub fn steps(&self) -> Vec<Step<T>> {
        self.nodes.borrow().iter().map(step).collect()
    }
}

fn step<T: Float>(node: &Node<T>) -> Step<T> {
    let kind = match (&node.origin, &node.op) {
        (Origin::Op, Some(op)) => StepKind::Op {
            name: op.name(),
            attributes: op.attributes(),
            inputs: node.inputs.iter().map(|&input| input as usize).collect(),
        },
        (Origin::Param(tag), _) => StepKind::Param(tag.id, node.value.clone()),
        (Origin::Leaf, _) => StepKind::Leaf(node.value.clone()),
        _ => StepKind::Constant(node.value.clone()),
    };
    Step { kind, shape: node.value.shape().clone(), location: node.location }
}
