//! Large results of elementwise ops that are worked out only when somebody needs them.
//!
//! Such a node holds its shape and no value. If its only reader is another elementwise op, the two are evaluated in one
//! pass over memory; if it is a sum, the array never exists; and the backward pass takes the whole chain block by
//! block too. Whoever looks at the value gets it, worked out then; so does a second reader, so that nothing is computed
//! twice but by the backward pass.

use smallvec::SmallVec;

use super::node::{Inputs, Node, Nodes, Recorded};
use crate::float::Float;
use crate::kernel::chain::{ARGS, Chain, From, INPUTS, STEPS, Step, Wanted, sums};
use crate::kernel::reduce::{self, Sum};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Results of fewer elements are evaluated at once: they stay in the second cache, where passes are cheap.
pub(super) const LARGE: usize = 1 << 17;

/// How large the chain is that a deferred node ends, at most: a node that it reads twice counts twice.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    steps: u8,
    inputs: u8,
}

impl Size {
    /// The size of a chain in which another one takes the place of an input.
    fn with(self, other: Size) -> Size {
        Size { steps: self.steps + other.steps, inputs: self.inputs + other.inputs - 1 }
    }
}

/// A chain, and the nodes that it reads.
pub(super) struct Deferred<'a, T: Float> {
    pub(super) chain: Chain<'a, T>,
    /// The node of each of the chain's inputs.
    pub(super) inputs: SmallVec<[u32; INPUTS]>,
}

impl<T: Float> Nodes<T> {
    /// The shape of an elementwise op's result, if it is to be deferred; inputs that the chain cannot take over are
    /// evaluated.
    pub(super) fn defer(&mut self, inputs: &Inputs) -> Option<Shape> {
        let shapes = inputs.iter().map(|&id| self.get(id).value.shape());
        let shape = shapes.max_by_key(|shape| shape.numel()).filter(|shape| shape.numel() >= LARGE)?.clone();
        if inputs.len() > ARGS {
            return None;
        }
        let fits = |&id: &u32| shape.broadcast(self.get(id).value.shape(), "").is_ok_and(|wide| wide == shape);
        if !inputs.iter().all(fits) {
            return None;
        }
        let mut size = Size { steps: 1, inputs: inputs.len() as u8 };
        for &id in inputs {
            let node = self.get(id);
            if !node.deferred {
                continue;
            }
            let longer = size.with(node.size);
            let fits = usize::from(longer.steps) <= STEPS && usize::from(longer.inputs) <= INPUTS;
            if fits && !node.read && *node.value.shape() == shape {
                size = longer;
            } else {
                self.evaluate(id);
            }
        }
        Some(shape)
    }

    /// Records a deferred result.
    pub(super) fn push_deferred<O: Recorded<T>>(&mut self, shape: Shape, op: O, inputs: Inputs) -> u32 {
        let mut size = Size { steps: 1, inputs: inputs.len() as u8 };
        for &id in &inputs {
            let node = self.get_mut(id);
            if node.deferred && !node.read {
                node.read = true;
                size = size.with(node.size);
            }
        }
        let id = self.push_op(Tensor::without_value(shape), op, inputs);
        let node = self.get_mut(id);
        (node.deferred, node.read, node.size) = (true, false, size);
        id
    }

    /// Evaluates a deferred node.
    pub(super) fn evaluate(&mut self, id: u32) {
        if self.get(id).deferred {
            let value = Tensor::build(self.get(id).value.shape(), |out| self.chain(id).chain.eval(out));
            let node = self.get_mut(id);
            (node.value, node.deferred) = (value, false);
        }
    }

    /// The value of an op that reads a deferred node in one pass, if that is how it can be had.
    pub(super) fn read_once<O: Recorded<T>>(&mut self, op: &O, inputs: &Inputs) -> Option<Tensor<T>> {
        let &[id] = &inputs[..] else { return None };
        let node = self.get(id);
        if !node.deferred || node.read {
            return None;
        }
        let value = op.forward_chain(&self.chain(id).chain, node.value.shape())?;
        self.get_mut(id).read = true;
        Some(value)
    }

    /// Evaluates what was worked out from a parameter directly, before the parameter is let go.
    pub(super) fn evaluate_of_params(&mut self) {
        for id in 0..self.len() as u32 {
            let node = self.get(id);
            if node.deferred && node.inputs.iter().any(|&input| self.get(input).in_param) {
                self.evaluate(id);
            }
        }
    }

    fn chain(&self, id: u32) -> Deferred<'_, T> {
        chain(self.as_slice(), id)
    }
}

/// The chain that an elementwise node ends: the node, and the deferred ones that it alone reads.
pub(super) fn chain<T: Float>(nodes: &[Node<T>], id: u32) -> Deferred<'_, T> {
    let shape = nodes[id as usize].value.shape();
    let chain = Chain { len: shape.numel(), inputs: SmallVec::new(), steps: SmallVec::new() };
    let mut deferred = Deferred { chain, inputs: SmallVec::new() };
    deferred.step(nodes, id, shape);
    deferred
}

/// Whether the backward pass takes a node as the end of a chain.
pub(super) fn ends_chain<T: Float>(nodes: &[Node<T>], node: &Node<T>) -> bool {
    let reads_deferred = || node.inputs.iter().any(|&id| nodes[id as usize].deferred);
    node.deferred || (reads_deferred() && node.op.as_ref().is_some_and(|op| op.pointwise().is_some()))
}

impl<'a, T: Float> Deferred<'a, T> {
    /// Adds a node: what it reads first, then itself. Calls are at most [`STEPS`] deep.
    fn step(&mut self, nodes: &'a [Node<T>], id: u32, shape: &Shape) -> From {
        let node = &nodes[id as usize];
        let mut from: SmallVec<[From; ARGS]> = SmallVec::new();
        for (k, &input) in node.inputs.iter().enumerate() {
            let source = match node.inputs[..k].iter().position(|&earlier| earlier == input) {
                Some(earlier) => from[earlier],
                None if nodes[input as usize].deferred => self.step(nodes, input, shape),
                None => self.input(&nodes[input as usize], input, shape),
            };
            from.push(source);
        }
        let rule = node.op.as_ref().and_then(|op| op.pointwise()).expect("only elementwise ops are deferred");
        self.chain.steps.push(Step { rule, from });
        From::Step(self.chain.steps.len() - 1)
    }

    fn input(&mut self, node: &'a Node<T>, id: u32, shape: &Shape) -> From {
        let known = self.inputs.iter().position(|&known| known == id);
        From::Input(known.unwrap_or_else(|| {
            self.inputs.push(id);
            self.chain.inputs.push(node.value.reader(shape));
            self.inputs.len() - 1
        }))
    }

    /// The gradients towards the tracked nodes that the chain reads, given to `add`.
    pub(super) fn vjp(&self, nodes: &[Node<T>], g: &Tensor<T>, mut add: impl FnMut(u32, Tensor<T>)) {
        let len = self.chain.len;
        let mut grads: SmallVec<[Option<Tensor<T>>; INPUTS]> = SmallVec::new();
        for &id in &self.inputs {
            let node = &nodes[id as usize];
            let number = node.value.numel() == 1;
            let room = || Tensor::build(if number { Shape::from(sums(len)) } else { g.shape().clone() }, |_| ());
            grads.push(node.tracked().then(room));
        }
        let wanted = self.inputs.iter().zip(&mut grads).map(|(&id, grad)| {
            let number = nodes[id as usize].value.numel() == 1;
            match grad.as_mut().map(Tensor::as_mut_slice) {
                None => Wanted::Nothing,
                Some(sums) if number => Wanted::Sums(sums),
                Some(array) => Wanted::Array(array),
            }
        });
        self.chain.vjp(&g.reader(g.shape()), wanted.collect());
        for (&id, grad) in self.inputs.iter().zip(grads) {
            let Some(grad) = grad else { continue };
            let value = &nodes[id as usize].value;
            let number = value.numel() == 1;
            add(id, if number { value.number_like(reduce::all(Sum, grad.as_slice().expect("new"))) } else { grad });
        }
    }
}
