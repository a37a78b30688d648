//! Recurrent layers: over a sequence `[batch, time, features]`, one step after the other. Parameters have the names, and
//! the order of gates, that PyTorch gives to a layer of its own.

use rand::Rng;
use tensor::{Float, Tape, Tensor, Var};

use crate::{Init, Module, Param};

/// What enters a recurrent step, and the state that it leaves: both maps of the features to all gates, with PyTorch's names.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
struct Gates<T: Float> {
    weight_ih_l0: Param<T>,
    bias_ih_l0: Param<T>,
    weight_hh_l0: Param<T>,
    bias_hh_l0: Param<T>,
}

impl<T: Float> Gates<T> {
    /// Weights and biases from U(−1/√hidden, 1/√hidden).
    fn new(inputs: usize, hidden: usize, gates: usize, rng: &mut (impl Rng + ?Sized)) -> Gates<T> {
        let init = Init::Uniform((hidden.max(1) as f64).sqrt().recip());
        let rows = gates * hidden;
        let mut draw = |name, shape: &[usize]| Param::new(name, init.draw::<T>(shape, rng));
        Gates {
            weight_ih_l0: draw("weight_ih_l0", &[rows, inputs]),
            bias_ih_l0: draw("bias_ih_l0", &[rows]),
            weight_hh_l0: draw("weight_hh_l0", &[rows, hidden]),
            bias_hh_l0: draw("bias_hh_l0", &[rows]),
        }
    }

    fn inputs(&self) -> usize {
        self.weight_ih_l0.value().shape()[1]
    }

    /// The part of each gate that comes from the input, `[.., gates·hidden]`; for a whole sequence, that of all its steps.
    fn of_input<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.linear(x.tape().param(&self.weight_ih_l0), Some(x.tape().param(&self.bias_ih_l0)))
    }

    /// The part that comes from the state, `[batch, gates·hidden]`.
    fn of_state<'t>(&self, h: Var<'t, T>) -> Var<'t, T> {
        h.linear(h.tape().param(&self.weight_hh_l0), Some(h.tape().param(&self.bias_hh_l0)))
    }
}

/// Step `t` of a sequence.
fn at<'t, T: Float>(sequence: Var<'t, T>, t: usize) -> Var<'t, T> {
    sequence.narrow(1, t, 1).squeeze(1)
}

/// Gate `k` of several.
fn gate<'t, T: Float>(gates: Var<'t, T>, k: usize, hidden: usize) -> Var<'t, T> {
    gates.narrow(1, k * hidden, hidden)
}

fn zeros<T: Float>(tape: &Tape<T>, batch: usize, hidden: usize) -> Var<'_, T> {
    tape.constant(Tensor::zeros([batch, hidden]))
}

#[track_caller]
fn sequence_sizes<T: Float>(op: &str, x: Var<'_, T>, inputs: usize) -> [usize; 2] {
    let shape = x.shape();
    assert!(
        shape.rank() == 3 && shape[2] == inputs,
        "{op}: expected a sequence of [batch, time, {inputs}], got shape {shape}"
    );
    [shape[0], shape[1]]
}

/// h′ = tanh(W·x + b + U·h + c) (Elman, 1990).
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct Rnn<T: Float = f32> {
    #[module(flatten)]
    gates: Gates<T>,
    #[module(skip)]
    hidden: usize,
}

impl<T: Float> Rnn<T> {
    /// A layer from `inputs` to `hidden` features; weights and biases are drawn from U(−1/√hidden, 1/√hidden).
    pub fn new(inputs: usize, hidden: usize, rng: &mut (impl Rng + ?Sized)) -> Rnn<T> {
        Rnn { gates: Gates::new(inputs, hidden, 1, rng), hidden }
    }

    /// The states after each step of a sequence `[batch, time, in]`, `[batch, time, hidden]`, and the last one; it starts
    /// from `h`, `[batch, hidden]`, or from 0.
    ///
    /// # Panics
    /// If the sequence has other features, or no step.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, h: Option<Var<'t, T>>) -> (Var<'t, T>, Var<'t, T>) {
        let [batch, time] = sequence_sizes("rnn", x, self.gates.inputs());
        let inputs = self.gates.of_input(x);
        let mut h = h.unwrap_or_else(|| zeros(x.tape(), batch, self.hidden));
        let mut states = Vec::with_capacity(time);
        for t in 0..time {
            h = (at(inputs, t) + self.gates.of_state(h)).tanh();
            states.push(h);
        }
        (Var::stack(&states, 1), h)
    }
}

/// The gated recurrent unit (Cho et al., 2014), with the reset gate after the product, as in cuDNN and PyTorch:
///
/// ```text
/// r = σ(Wᵣ·x + bᵣ + Uᵣ·h + cᵣ)    n  = tanh(Wₙ·x + bₙ + r ⊙ (Uₙ·h + cₙ))
/// z = σ(W_z·x + b_z + U_z·h + c_z)    h′ = (1 − z) ⊙ n + z ⊙ h
/// ```
///
/// The rows of the weights are those of r, z and n, one after the other.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct Gru<T: Float = f32> {
    #[module(flatten)]
    gates: Gates<T>,
    #[module(skip)]
    hidden: usize,
}

impl<T: Float> Gru<T> {
    /// A layer from `inputs` to `hidden` features; weights and biases are drawn from U(−1/√hidden, 1/√hidden).
    pub fn new(inputs: usize, hidden: usize, rng: &mut (impl Rng + ?Sized)) -> Gru<T> {
        Gru { gates: Gates::new(inputs, hidden, 3, rng), hidden }
    }

    /// One step: the state after `x`, `[batch, in]`, from the state `h`, `[batch, hidden]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn step<'t>(&self, x: Var<'t, T>, h: Var<'t, T>) -> Var<'t, T> {
        self.next(self.gates.of_input(x), h)
    }

    #[track_caller]
    fn next<'t>(&self, from_x: Var<'t, T>, h: Var<'t, T>) -> Var<'t, T> {
        let from_h = self.gates.of_state(h);
        let [r, z] = [0, 1].map(|k| (gate(from_x, k, self.hidden) + gate(from_h, k, self.hidden)).sigmoid());
        let n = (gate(from_x, 2, self.hidden) + r * gate(from_h, 2, self.hidden)).tanh();
        n + z * (h - n)
    }

    /// The states after each step of a sequence `[batch, time, in]`, `[batch, time, hidden]`, and the last one; it starts
    /// from `h`, `[batch, hidden]`, or from 0.
    ///
    /// # Panics
    /// If the sequence has other features, or no step.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, h: Option<Var<'t, T>>) -> (Var<'t, T>, Var<'t, T>) {
        let [batch, time] = sequence_sizes("gru", x, self.gates.inputs());
        let inputs = self.gates.of_input(x);
        let mut h = h.unwrap_or_else(|| zeros(x.tape(), batch, self.hidden));
        let mut states = Vec::with_capacity(time);
        for t in 0..time {
            h = self.next(at(inputs, t), h);
            states.push(h);
        }
        (Var::stack(&states, 1), h)
    }
}

/// Long short-term memory (Hochreiter and Schmidhuber, 1997), with a forget gate:
///
/// ```text
/// i, f, o = σ(W·x + b + U·h + c)    g = tanh(W·x + b + U·h + c)
/// c′ = f ⊙ c + i ⊙ g                h′ = o ⊙ tanh c′
/// ```
///
/// The rows of the weights are those of i, f, g and o, one after the other.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct Lstm<T: Float = f32> {
    #[module(flatten)]
    gates: Gates<T>,
    #[module(skip)]
    hidden: usize,
}

impl<T: Float> Lstm<T> {
    /// A layer from `inputs` to `hidden` features; weights and biases are drawn from U(−1/√hidden, 1/√hidden).
    pub fn new(inputs: usize, hidden: usize, rng: &mut (impl Rng + ?Sized)) -> Lstm<T> {
        Lstm { gates: Gates::new(inputs, hidden, 4, rng), hidden }
    }

    /// One step: the states (h, c) after `x`, `[batch, in]`, from the states before it, `[batch, hidden]` each.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn step<'t>(&self, x: Var<'t, T>, state: (Var<'t, T>, Var<'t, T>)) -> (Var<'t, T>, Var<'t, T>) {
        self.next(self.gates.of_input(x), state)
    }

    #[track_caller]
    fn next<'t>(&self, from_x: Var<'t, T>, (h, c): (Var<'t, T>, Var<'t, T>)) -> (Var<'t, T>, Var<'t, T>) {
        let gates = from_x + self.gates.of_state(h);
        let [i, f, o] = [0, 1, 3].map(|k| gate(gates, k, self.hidden).sigmoid());
        let c = f * c + i * gate(gates, 2, self.hidden).tanh();
        (o * c.tanh(), c)
    }

    /// The states h after each step of a sequence `[batch, time, in]`, `[batch, time, hidden]`, and the last (h, c); it
    /// starts from `state` or from 0.
    ///
    /// # Panics
    /// If the sequence has other features, or no step.
    #[track_caller]
    pub fn forward<'t>(
        &self,
        x: Var<'t, T>,
        state: Option<(Var<'t, T>, Var<'t, T>)>,
    ) -> (Var<'t, T>, (Var<'t, T>, Var<'t, T>)) {
        let [batch, time] = sequence_sizes("lstm", x, self.gates.inputs());
        let inputs = self.gates.of_input(x);
        let start = || [0, 1].map(|_| zeros(x.tape(), batch, self.hidden)).into();
        let mut state = state.unwrap_or_else(start);
        let mut states = Vec::with_capacity(time);
        for t in 0..time {
            state = self.next(at(inputs, t), state);
            states.push(state.0);
        }
        (Var::stack(&states, 1), state)
    }
}
