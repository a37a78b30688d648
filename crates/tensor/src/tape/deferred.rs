//! Large results of elementwise ops that are worked out only when somebody needs them.
//!
//! Such a node holds its shape and no value. If its only reader is another elementwise op, the two are evaluated in one
//! pass over memory; if it is a sum, the array never exists; and the backward pass takes the whole chain block by
//! block too. Whoever looks at the value gets it, worked out then; so does a second reader, so that nothing is computed
//! twice but by the backward pass.

use smallvec::SmallVec;

use super::node::{Inputs, Node, Nodes, Origin, Recorded};
use crate::array::Array;
use crate::float::Float;
use crate::kernel::chain::{ARGS, Chain, Fill, From, INPUTS, STEPS, Step, Wanted, sums};
use crate::kernel::reduce::{self, Sum};
use crate::ops::OfSum;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Results of fewer elements are evaluated at once: they stay in the second cache, where passes are cheap.
const LARGE: usize = 1 << 17;

/// Whether a result of so many elements is deferred.
pub(crate) fn is_large(elements: usize) -> bool {
    elements >= LARGE
}

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
    /// The node of each of the chain's inputs, and of each of its steps.
    pub(super) inputs: SmallVec<[u32; INPUTS]>,
    pub(super) steps: SmallVec<[u32; STEPS]>,
}

/// What a chain's backward pass gives: gradients and the nodes that they are for, and the sum of the chain's result
/// if that was wanted.
pub(super) struct Sent<T: Float> {
    pub(super) grads: SmallVec<[(u32, Tensor<T>); INPUTS]>,
    pub(super) sum: Option<T>,
}

impl<T: Float> Nodes<T> {
    /// The shape of an elementwise op's result, if it is to be deferred; inputs that the chain cannot take over are
    /// evaluated.
    pub(super) fn defer(&mut self, inputs: &Inputs) -> Option<Shape> {
        let shapes = inputs.iter().map(|&id| self.get(id).value.shape());
        let shape = shapes.max_by_key(|shape| shape.numel()).filter(|shape| is_large(shape.numel()))?.clone();
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
    #[track_caller]
    pub(super) fn push_deferred(&mut self, shape: Shape, inputs: Inputs, batched: bool) -> u32 {
        let mut size = Size { steps: 1, inputs: inputs.len() as u8 };
        for &id in &inputs {
            let node = self.get_mut(id);
            if node.deferred && !node.read {
                node.read = true;
                size = size.with(node.size);
            }
        }
        let id = self.push_op(Tensor::without_value(shape), inputs, batched);
        let node = self.get_mut(id);
        (node.deferred, node.read, node.size) = (true, false, size);
        id
    }

    /// The shape of what an op makes of the sum of a deferred array, if it makes no more of it and is to be deferred too.
    pub(super) fn of_sum(&self, op: &dyn Recorded<T>, inputs: &Inputs) -> Option<Shape> {
        let [id] = inputs[..] else { return None };
        let array = Some(self.get(id)).filter(|array| array.deferred && !array.read)?;
        Some(op.of_sum(array.value.shape())?.shape)
    }

    /// Records what an op makes of such a sum.
    #[track_caller]
    pub(super) fn push_of_sum(&mut self, shape: Shape, inputs: Inputs, batched: bool) -> u32 {
        self.get_mut(inputs[0]).read = true;
        let id = self.push_op(Tensor::without_value(shape), inputs, batched);
        let node = self.get_mut(id);
        // It is no part of a chain: whatever reads it is to find it evaluated.
        (node.deferred, node.read) = (true, true);
        id
    }

    /// Evaluates a deferred node.
    pub(super) fn evaluate(&mut self, id: u32) {
        if self.get(id).forgotten {
            return self.remember(id);
        }
        if !self.get(id).deferred {
            return;
        }
        self.remember_inputs(id);
        let node = self.get(id);
        let op = node.op.as_ref().expect("an op node holds its op");
        let value = if op.pointwise().is_some() {
            Tensor::build(node.value.shape(), |out| self.chain(id).chain.eval(out))
        } else {
            let array = self.get(node.inputs[0]);
            match array.deferred {
                true => number(node, array, self.chain(node.inputs[0]).chain.sum()),
                false => op.forward(&[&array.value]).expect("its shape has been checked"),
            }
        };
        let node = self.get_mut(id);
        (node.value, node.deferred) = (value, false);
    }

    /// Takes in a number that a backward pass has come by.
    pub(super) fn found(&mut self, id: u32, sum: T) {
        let node = self.get(id);
        let value = number(node, self.get(node.inputs[0]), sum);
        let node = self.get_mut(id);
        (node.value, node.deferred) = (value, false);
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

/// What a node's op makes of the sum of an array.
fn number<T: Float>(node: &Node<T>, array: &Node<T>, sum: T) -> Tensor<T> {
    let of_sum = node.op.as_ref().and_then(|op| op.of_sum(array.value.shape()));
    let OfSum { shape, factor } = of_sum.expect("only what needs a sum is deferred with it");
    let sum = Tensor::full(shape, sum);
    if factor == 1.0 { sum } else { Array::scale(&sum, factor) }
}

/// The chain that an elementwise node ends: the node, and the deferred ones that it alone reads.
pub(super) fn chain<T: Float>(nodes: &[Node<T>], id: u32) -> Deferred<'_, T> {
    let shape = nodes[id as usize].value.shape();
    let chain = Chain { len: shape.numel(), inputs: SmallVec::new(), steps: SmallVec::new() };
    let mut deferred = Deferred { chain, inputs: SmallVec::new(), steps: SmallVec::new() };
    deferred.step(nodes, id, shape);
    deferred
}

/// Whether the backward pass takes a node as the end of a chain.
#[inline]
pub(super) fn ends_chain<T: Float>(nodes: &[Node<T>], node: &Node<T>) -> bool {
    let reads_deferred = || node.inputs.iter().any(|&id| nodes[id as usize].deferred);
    (node.deferred || reads_deferred()) && node.op.as_ref().is_some_and(|op| op.pointwise().is_some())
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
        self.steps.push(id);
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

    /// The input whose op can take its gradient by parts, if this chain alone sends it one. `id` is the chain's end.
    pub(super) fn taken_by_parts(&self, nodes: &[Node<T>], id: usize) -> Option<usize> {
        let wants_sum = |&input: &u32| nodes[input as usize].tracked() && nodes[input as usize].value.numel() == 1;
        if self.inputs.iter().any(wants_sum) {
            return None;
        }
        let reads = |(number, node): (usize, &Node<T>), input: u32| {
            matches!(node.origin, Origin::Op)
                && node.inputs.contains(&input)
                && !self.steps.iter().any(|&step| step as usize == number)
        };
        self.inputs.iter().position(|&input| {
            let node = &nodes[input as usize];
            let takes = matches!(node.origin, Origin::Op)
                && node.value.shape() == nodes[id].value.shape()
                && node.op.as_ref().is_some_and(|op| op.takes_parts(&node.value));
            takes && !(input as usize + 1..id).any(|number| reads((number, &nodes[number]), input))
        })
    }

    /// The gradients towards the tracked nodes that the chain reads, but for the input `by_parts`, of which `consume`
    /// asks for them.
    pub(super) fn vjp(
        &self,
        nodes: &[Node<T>],
        g: &Tensor<T>,
        want_sum: bool,
        by_parts: Option<usize>,
        consume: impl FnOnce(&Fill<'_, T>),
    ) -> Sent<T> {
        let len = self.chain.len;
        let mut grads: SmallVec<[Option<Tensor<T>>; INPUTS]> = SmallVec::new();
        for (k, &id) in self.inputs.iter().enumerate() {
            let node = &nodes[id as usize];
            let number = node.value.numel() == 1;
            let room = || Tensor::build(if number { Shape::from(sums(len)) } else { g.shape().clone() }, |_| ());
            grads.push((node.tracked() && by_parts != Some(k)).then(room));
        }
        let wanted = self.inputs.iter().zip(&mut grads).enumerate().map(|(k, (&id, grad))| {
            let number = nodes[id as usize].value.numel() == 1;
            match grad.as_mut().map(Tensor::as_mut_slice) {
                None if by_parts == Some(k) => Wanted::Parts,
                None => Wanted::Nothing,
                Some(sums) if number => Wanted::Sums(sums),
                Some(array) => Wanted::Array(array),
            }
        });
        let mut parts = want_sum.then(|| Tensor::build([self.chain.parts_of_sum()], |_| ()));
        let (g, wanted, parts_out) = (g.reader(g.shape()), wanted.collect(), parts.as_mut().map(Tensor::as_mut_slice));
        match by_parts {
            None => self.chain.vjp(&g, wanted, parts_out),
            Some(_) => self.chain.vjp_by_parts(&g, wanted, parts_out, consume),
        }
        let sent = self.inputs.iter().zip(grads).filter_map(|(&id, grad)| {
            let (value, grad) = (&nodes[id as usize].value, grad?);
            let sum = || value.number_like(reduce::all(Sum, grad.as_slice().expect("new")));
            Some((id, if value.numel() == 1 { sum() } else { grad }))
        });
        Sent { grads: sent.collect(), sum: parts.map(|parts| self.chain.sum_of_parts(parts.as_slice().expect("new"))) }
    }
}
