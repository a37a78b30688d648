//! The eager backward pass: one loop over the nodes, last to first.

use std::ops::Range;

use smallvec::SmallVec;

use super::deferred::{self, ends_chain};
use super::gradient::Factored;
use super::gradients::Gradients;
use super::node::{Grads, Node, Origin, Recorded};
use super::pending::{Adjoint, Pending};
use super::var::Var;
use super::watch::Watch;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::chain::ARGS;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Where an op's [`backward`](crate::Op::backward) puts the gradients of its inputs.
pub struct Adjoints<'a, T: Float> {
    nodes: &'a [Node<T>],
    inputs: &'a [u32],
    needs: &'a [bool],
    pending: &'a mut Pending<T>,
}

impl<'a, T: Float> Adjoints<'a, T> {
    pub(super) fn new(nodes: &'a [Node<T>], inputs: &'a [u32], needs: &'a [bool], pending: &'a mut Pending<T>) -> Self {
        Adjoints { nodes, inputs, needs, pending }
    }

    /// Which inputs need a gradient.
    pub fn needs(&self) -> &[bool] {
        self.needs
    }

    /// Adds `grad` to the gradient of input `i`. The first one is moved into place. A gradient of a shape that the
    /// input was broadcast to is summed to the input's own.
    pub fn add(&mut self, i: usize, grad: Tensor<T>) {
        #[cfg(feature = "mutation")]
        let grad = crate::mutation::sent(i, grad);
        let id = self.inputs[i] as usize;
        let shape = self.nodes[id].value.shape();
        let grad = if grad.shape() == shape { grad } else { unwrap(fit(&grad, shape)) };
        self.pending.add(id, grad);
    }

    /// Adds the gradients that an op's `vjp` has given, but for those that are not needed.
    pub(crate) fn add_all(&mut self, grads: Grads<Tensor<T>>) {
        for (i, grad) in grads.into_iter().enumerate() {
            if let (Some(grad), true) = (grad, self.needs[i]) {
                self.add(i, grad);
            }
        }
    }

    /// Keeps leftᵀ·right, of matrices, as the gradient of input `i` where that is a parameter's, and its first, and the
    /// factors are smaller. The result is whether it has.
    pub(crate) fn keep_factors(&mut self, i: usize, left: &Tensor<T>, right: &Tensor<T>) -> bool {
        let id = self.inputs[i] as usize;
        let first = matches!(self.nodes[id].origin, Origin::Param(_)) && !self.pending.has(id);
        let keeps = first && self.pending.keeps_factors && Factored::pays(left, right);
        if keeps {
            self.pending.put_product(id, Factored::new(left, right));
        }
        keeps
    }

    /// Takes out what has been added for input `i` so far, to accumulate to it in place and [`add`](Adjoints::add) it
    /// back.
    pub fn take(&mut self, i: usize) -> Option<Tensor<T>> {
        let id = self.inputs[i] as usize;
        self.pending.take(id).map(|grad| grad.tensor(self.nodes[id].value.shape()))
    }
}

/// A gradient of a shape that the input was broadcast to, summed to the input's own.
fn fit<T: Float>(grad: &Tensor<T>, shape: &Shape) -> Result<Tensor<T>> {
    if shape.broadcast(grad.shape(), "backward").ok().as_ref() != Some(grad.shape()) {
        let expected = format!("a gradient of the input's shape {shape}");
        return Err(Error::Shape { op: "backward", expected, got: grad.shape().clone() });
    }
    Ok(grad.sum_to_shape(shape))
}

impl<T: Float> Var<'_, T> {
    /// The gradient of this number towards every leaf and parameter that it depends on.
    ///
    /// The tape then lets go of the parameters' values, so that an optimizer can update them in place; every other
    /// value stays. Use [`backward_retain`](Var::backward_retain) to go on using the tape, and
    /// [`Tape::grad`](crate::Tape::grad) for a gradient that is to be differentiated again.
    ///
    /// # Panics
    /// If it has more than one element.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        let gradients = self.backward_retain();
        self.tape().nodes.borrow_mut().release_params();
        gradients
    }

    /// [`backward`](Var::backward), after which the tape can be used as before, for another gradient, say. An update
    /// of a parameter then copies it, until the tape is reset.
    ///
    /// # Panics
    /// If it has more than one element.
    #[track_caller]
    pub fn backward_retain(self) -> Gradients<T> {
        self.expect_scalar("backward");
        self.vjp_retain(Tensor::full(self.shape(), T::ONE))
    }

    /// The gradient of Σ `seed`·self, for an incoming gradient `seed` of its shape; the tape can be used as before.
    ///
    /// # Panics
    /// If `seed` has another shape.
    #[track_caller]
    pub fn vjp_retain(self, seed: Tensor<T>) -> Gradients<T> {
        if *seed.shape() != self.shape() {
            let expected = format!("an incoming gradient of shape {}", self.shape());
            unwrap(Err(Error::Shape { op: "backward", expected, got: seed.shape().clone() }))
        }
        let tape = self.tape();
        let mut pending = std::mem::take(&mut tape.nodes.borrow_mut().pending);
        let mut gradients = Gradients::new(tape.id, tape.life.get());
        let mut sums = Sums::default();
        let mut end = self.id() as usize + 1;
        pending.restart(end);
        // Whoever watches, or breaks a rule on purpose, is to see what each op sends.
        pending.keeps_factors = !tape.watching.get() && !cfg!(feature = "mutation");
        if self.tracked() {
            pending.add(end - 1, seed);
        }
        while end > 0 {
            let start = tape.nodes.borrow().stretch(end);
            if pending.any(start..end) {
                tape.nodes.borrow_mut().prepare(start..end);
                let mut watch = tape.watching.get().then(|| tape.watch.borrow_mut());
                let nodes = tape.nodes.borrow();
                let mut pass = Pass {
                    nodes: nodes.as_slice(),
                    pending: &mut pending,
                    gradients: &mut gradients,
                    sums: &mut sums,
                    watch: watch.as_deref_mut(),
                };
                pass.sweep(start..end);
                drop(nodes);
                tape.nodes.borrow_mut().leave(start);
            }
            end = start;
        }
        gradients.sort();
        let mut nodes = tape.nodes.borrow_mut();
        sums.found.into_iter().for_each(|Found { node, sum }| nodes.found(node, sum));
        nodes.pending = pending;
        gradients
    }
}

/// The sum that a node was waiting for, met on the way.
struct Found<T> {
    node: u32,
    sum: T,
}

/// The sums that a pass has found, and the numbers that wait for the sum of an array, with that array.
struct Sums<T> {
    found: SmallVec<[Found<T>; 4]>,
    waiting: SmallVec<[(u32, u32); 4]>,
}

impl<T> Default for Sums<T> {
    fn default() -> Self {
        Sums { found: SmallVec::new(), waiting: SmallVec::new() }
    }
}

/// A backward pass under way.
struct Pass<'a, T: Float> {
    nodes: &'a [Node<T>],
    pending: &'a mut Pending<T>,
    gradients: &'a mut Gradients<T>,
    sums: &'a mut Sums<T>,
    watch: Option<&'a mut Watch>,
}

impl<T: Float> Pass<'_, T> {
    /// Sends gradients through the nodes of a range, last to first.
    #[track_caller]
    fn sweep(&mut self, range: Range<usize>) {
        for id in range.rev() {
            let y = &self.nodes[id];
            if let Origin::Param(tag) = &y.origin
                && let Some(factored) = self.pending.take_factored(id)
            {
                self.gradients.push_factored(tag.id, factored);
                continue;
            }
            let Some(g) = self.pending.take(id) else { continue };
            match &y.origin {
                Origin::Constant => {}
                Origin::Leaf => self.gradients.push_leaf(id as u32, g.tensor(y.value.shape())),
                Origin::Param(tag) => self.gradients.push_param(tag.id, g.tensor(y.value.shape())),
                Origin::Op if self.watch.is_some() => self.watched(id, g),
                Origin::Op => self.op(id, g),
            }
        }
    }

    #[inline(always)]
    #[track_caller]
    fn op(&mut self, id: usize, g: Adjoint<T>) {
        let y = &self.nodes[id];
        if let Adjoint::Number(g) = &g
            && numbers(self.nodes, y, *g, self.pending)
        {
            return;
        }
        if ends_chain(self.nodes, y) {
            let reader = self.sums.waiting.iter().find(|(_, array)| *array == id as u32).map(|(node, _)| *node);
            let sum = chained(self.nodes, id, &g.tensor(y.value.shape()), reader.is_some(), self.pending);
            return self.sums.found.extend(reader.zip(sum).map(|(node, sum)| Found { node, sum }));
        }
        if y.deferred {
            self.sums.waiting.push((id as u32, y.inputs[0]));
        }
        step(self.nodes, y, g, self.pending);
    }

    #[cold]
    #[track_caller]
    fn watched(&mut self, id: usize, g: Adjoint<T>) {
        let y = &self.nodes[id];
        let g = g.tensor(y.value.shape());
        let mark = self.watch.as_deref().map(|watch| watch.begin(&g));
        self.op(id, Adjoint::new(g));
        let (Some(watch), Some(mark)) = (self.watch.as_deref_mut(), mark) else { return };
        let sent = y.inputs.iter().enumerate().filter_map(|(i, &input)| {
            let shape = self.nodes[input as usize].value.shape();
            self.pending.look(input as usize, shape).map(|grad| (i, grad))
        });
        unwrap(watch.end(&mark, op(y).name(), y.location, sent))
    }
}

#[track_caller]
fn expect_values<T: Float>(nodes: &[Node<T>], inputs: &[u32]) {
    if inputs.iter().any(|&i| nodes[i as usize].is_released()) {
        let message = "an earlier `backward` let go of the parameters; use `backward_retain` for all but the last";
        unwrap(Err(Error::invalid("backward", message)))
    }
}

/// Sends a gradient through a chain of elementwise ops, and gives the sum of its result if that is wanted.
#[track_caller]
fn chained<T: Float>(
    nodes: &[Node<T>],
    id: usize,
    g: &Tensor<T>,
    want_sum: bool,
    pending: &mut Pending<T>,
) -> Option<T> {
    let chain = deferred::chain(nodes, id as u32);
    expect_values(nodes, &chain.inputs);
    let by_parts = chain.taken_by_parts(nodes, id).filter(|&k| !pending.has(chain.inputs[k] as usize));
    let y = by_parts.map(|k| &nodes[chain.inputs[k] as usize]);
    y.iter().for_each(|y| expect_values(nodes, &y.inputs));
    let sent = chain.vjp(nodes, g, want_sum, by_parts, |fill| {
        let y = y.expect("something is taken by parts");
        let room = Tensor::build(y.value.shape(), |_| ());
        send(nodes, y, pending, Node::tracked, |op, x, into| op.backward_by_parts(room, fill, x, &y.value, into));
    });
    for (id, grad) in sent.grads {
        let shape = nodes[id as usize].value.shape();
        let grad = if grad.shape() == shape { grad } else { unwrap(fit(&grad, shape)) };
        pending.add(id as usize, grad);
    }
    sent.sum
}

#[inline]
#[track_caller]
fn step<T: Float>(nodes: &[Node<T>], y: &Node<T>, g: Adjoint<T>, pending: &mut Pending<T>) {
    expect_values(nodes, &y.inputs);
    let g = g.tensor(y.value.shape());
    send(nodes, y, pending, Node::tracked, |op, x, into| op.backward(g, x, &y.value, into));
}

fn op<T: Float>(y: &Node<T>) -> &dyn Recorded<T> {
    y.op.as_deref().expect("an op node holds its op")
}

/// Calls `backward` with a node's op, the values of its inputs, and the way to the gradients of those that need one.
#[inline]
pub(super) fn send<T: Float>(
    nodes: &[Node<T>],
    y: &Node<T>,
    pending: &mut Pending<T>,
    needs: impl Fn(&Node<T>) -> bool,
    backward: impl FnOnce(&dyn Recorded<T>, &[&Tensor<T>], &mut Adjoints<'_, T>),
) {
    let (mut x, mut needed) = (SmallVec::<[_; 4]>::new(), SmallVec::<[_; 4]>::new());
    for &input in &y.inputs {
        let node = &nodes[input as usize];
        x.push(&node.value);
        needed.push(needs(node));
    }
    backward(op(y), &x, &mut Adjoints { nodes, inputs: &y.inputs, needs: &needed, pending });
}

/// The gradients of an elementwise rule of numbers, which need no tensors; false where there is an array.
#[inline]
fn numbers<T: Float>(nodes: &[Node<T>], y: &Node<T>, g: T, pending: &mut Pending<T>) -> bool {
    let (Some(value), Some(rule)) = (y.value.number(), op(y).pointwise()) else { return false };
    let (mut x, mut grads) = ([T::ZERO; ARGS], [T::ZERO; ARGS]);
    let inputs = &y.inputs[..];
    for (i, &input) in inputs.iter().enumerate() {
        let (Some(x), Some(number)) = (x.get_mut(i), nodes[input as usize].value.number()) else { return false };
        *x = number;
    }
    let n = inputs.len();
    rule.vjp_numbers(g, &x[..n], value, &mut grads[..n]);
    for (&input, &grad) in inputs.iter().zip(&grads) {
        if nodes[input as usize].tracked() {
            pending.add_number(input as usize, grad);
        }
    }
    true
}
