//! The eager backward pass: one loop over the nodes, last to first.

use smallvec::SmallVec;

use super::gradients::Gradients;
use super::node::{Node, Origin};
use super::var::Var;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Where an op's [`backward`](crate::Op::backward) puts the gradients of its inputs.
pub struct Adjoints<'a, T: Float> {
    nodes: &'a [Node<T>],
    inputs: &'a [u32],
    needs: &'a [bool],
    grads: &'a mut [Option<Tensor<T>>],
}

impl<T: Float> Adjoints<'_, T> {
    /// Which inputs need a gradient.
    pub fn needs(&self) -> &[bool] {
        self.needs
    }

    /// Adds `grad` to the gradient of input `i`. The first one is moved into place. A gradient of a shape that the
    /// input was broadcast to is summed to the input's own.
    pub fn add(&mut self, i: usize, grad: Tensor<T>) {
        let id = self.inputs[i] as usize;
        let shape = self.nodes[id].value.shape();
        let grad = if grad.shape() == shape { grad } else { unwrap(fit(&grad, shape)) };
        match &mut self.grads[id] {
            Some(sum) => sum.accumulate(&grad),
            empty => *empty = Some(grad),
        }
    }

    /// Takes out what has been added for input `i` so far, to accumulate to it in place and [`add`](Adjoints::add) it
    /// back.
    pub fn take(&mut self, i: usize) -> Option<Tensor<T>> {
        self.grads[self.inputs[i] as usize].take()
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
        let mut grads = std::mem::take(&mut tape.nodes.borrow_mut().adjoints);
        let mut gradients = Gradients::new(tape.id, tape.life.get());
        {
            let nodes = tape.nodes.borrow();
            let nodes = &nodes.as_slice()[..=self.id() as usize];
            grads.clear();
            grads.resize_with(nodes.len(), || None);
            if nodes[self.id() as usize].tracked() {
                grads[self.id() as usize] = Some(seed);
            }
            sweep(nodes, &mut grads, &mut gradients);
        }
        gradients.sort();
        tape.nodes.borrow_mut().adjoints = grads;
        gradients
    }
}

#[track_caller]
fn sweep<T: Float>(nodes: &[Node<T>], grads: &mut [Option<Tensor<T>>], gradients: &mut Gradients<T>) {
    for (id, y) in nodes.iter().enumerate().rev() {
        let Some(g) = grads[id].take() else { continue };
        match &y.origin {
            Origin::Constant => {}
            Origin::Leaf => gradients.push_leaf(id as u32, g),
            Origin::Param(tag) => gradients.push_param(tag.id, g),
            Origin::Op => step(nodes, y, g, grads),
        }
    }
}

#[track_caller]
fn step<T: Float>(nodes: &[Node<T>], y: &Node<T>, g: Tensor<T>, grads: &mut [Option<Tensor<T>>]) {
    let inputs: SmallVec<[_; 4]> = y.inputs.iter().map(|&i| &nodes[i as usize]).collect();
    if inputs.iter().any(|node| node.value.is_released()) {
        let message = "an earlier `backward` let go of the parameters; use `backward_retain` for all but the last";
        unwrap(Err(Error::invalid("backward", message)))
    }
    let x: SmallVec<[_; 4]> = inputs.iter().map(|node| &node.value).collect();
    let needs: SmallVec<[_; 4]> = inputs.iter().map(|node| node.tracked()).collect();
    let op = y.op.as_ref().expect("an op node holds its op");
    op.backward(g, &x, &y.value, &mut Adjoints { nodes, inputs: &y.inputs, needs: &needs, grads });
}
