//! Each example's own gradient, from one backward pass over the batch.
//!
//! Backward, what depends on the batch carries one gradient for each example anyway: examples do not meet until a
//! parameter's gradient is summed over them. So the pass is the ordinary one, but where an op reads the batch and a
//! parameter, the sum is not taken. For a dense layer it is kept as its two factors, from which norms and weighted sums
//! follow without any example's gradient being formed.

use std::collections::BTreeMap;

use super::backward::{Adjoints, send};
use super::gradients::Gradients;
use super::node::{Node, Nodes, Origin, Recorded};
use super::param::Param;
use super::pending::Pending;
use super::var::Var;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

const OP: &str = "per_sample";

/// A contribution to the gradients of one array, for each example.
#[derive(Clone)]
enum Part<T: Float> {
    /// `[batch, ..]`.
    Dense(Tensor<T>),
    /// Σₚ leftₚ ⊗ rightₚ, for `[batch, p, rows]` and `[batch, p, columns]`.
    Outer(Tensor<T>, Tensor<T>),
}

/// The gradients of each example of a batch, from [`Var::per_sample`].
pub struct PerSample<T: Float> {
    batch: usize,
    /// By the parameter's identity.
    params: BTreeMap<u64, Vec<Part<T>>>,
    tape: u64,
    life: u64,
}

impl<T: Float> Part<T> {
    fn dense(&self) -> Tensor<T> {
        match self {
            Part::Dense(grads) => grads.clone(),
            // A single product is written as fast as memory takes it, by all threads.
            Part::Outer(left, right) if left.shape()[1] == 1 => left.transpose(1, 2) * right,
            Part::Outer(left, right) => left.transpose(1, 2).matmul(right),
        }
    }

    /// ‖·‖² for each example.
    fn square_norms(&self) -> Tensor<T> {
        match self {
            Part::Dense(grads) => rows(grads).square().sum(1),
            // ⟨Σ lₚ⊗rₚ, Σ l_q⊗r_q⟩ = Σ ⟨lₚ, l_q⟩·⟨rₚ, r_q⟩
            Part::Outer(left, right) if factored_pays(left, right) => {
                let gram = |x: &Tensor<T>| x.matmul(x.transpose(1, 2));
                (gram(left) * gram(right)).sum([1, 2])
            }
            Part::Outer(..) => Part::Dense(self.dense()).square_norms(),
        }
    }

    /// Σ of the examples' gradients, each times its weight.
    fn weighted(&self, weights: &Tensor<T>) -> Tensor<T> {
        match self {
            Part::Dense(grads) => weights.matmul(rows(grads)).reshape(&grads.shape()[1..]),
            Part::Outer(left, right) => {
                let flat = |x: &Tensor<T>| x.reshape([x.shape()[0] * x.shape()[1], x.shape()[2]]);
                let left = left * weights.reshape([weights.numel(), 1, 1]);
                flat(&left).t().matmul(flat(right))
            }
        }
    }

    /// The same for the array's transpose.
    fn transposed(self) -> Part<T> {
        match self {
            Part::Dense(grads) => Part::Dense(grads.transpose(1, 2)),
            Part::Outer(left, right) => Part::Outer(right, left),
        }
    }
}

/// `[batch, everything else]`.
fn rows<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    x.reshape([x.shape()[0], x.shape()[1..].iter().product()])
}

/// Whether products of each pair of positions take less than the gradient itself.
fn factored_pays<T: Float>(left: &Tensor<T>, right: &Tensor<T>) -> bool {
    let (p, rows, columns) = (left.shape()[1], left.shape()[2], right.shape()[2]);
    p * (rows + columns) <= rows * columns || p == 1
}

impl<T: Float> PerSample<T> {
    /// The number of examples.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The gradient of each example, `[batch, ..]` with the parameter's axes; `None` where the costs do not depend on it.
    pub fn get(&self, param: &Param<T>) -> Option<Tensor<T>> {
        self.params.get(&param.id()).map(|parts| total(parts).dense())
    }

    /// The Euclidean norm of each example's gradient of all parameters together, `[batch]`. For a dense layer that is
    /// applied once it takes no more than the norms of the layer's inputs and incoming gradients, ‖δ‖·‖a‖.
    pub fn norms(&self) -> Tensor<T> {
        let squares = self.params.values().map(|parts| total(parts).square_norms());
        squares.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([self.batch])).sqrt()
    }

    /// The Euclidean norm of each example's gradient of one parameter, `[batch]`.
    pub fn norms_of(&self, param: &Param<T>) -> Option<Tensor<T>> {
        self.params.get(&param.id()).map(|parts| total(parts).square_norms().sqrt())
    }

    /// Σ wᵢ·gᵢ over the examples, for weights of shape `[batch]`, as gradients that an optimizer takes. No example's
    /// gradient is formed where it is known by its factors.
    ///
    /// # Panics
    /// If there is not one weight for each example.
    #[track_caller]
    pub fn weighted_sum(&self, weights: &Tensor<T>) -> Gradients<T> {
        if **weights.shape() != [self.batch] {
            let expected = format!("a weight for each of {} examples", self.batch);
            unwrap(Err(Error::Shape { op: "weighted_sum", expected, got: weights.shape().clone() }))
        }
        let mut gradients = Gradients::new(self.tape, self.life);
        for (&id, parts) in &self.params {
            let sums = parts.iter().map(|part| part.weighted(weights));
            gradients.push_param(id, sums.reduce(|a, b| a + b).expect("a parameter has at least one part"));
        }
        gradients.sort();
        gradients
    }

    /// The sum of the examples' gradients, each scaled down to a norm of at most `max_norm` (Abadi et al., 2016, to which
    /// noise is still to be added for privacy).
    ///
    /// # Panics
    /// If `max_norm` is not positive.
    #[track_caller]
    pub fn clipped_sum(&self, max_norm: f64) -> Gradients<T> {
        assert!(max_norm > 0.0, "clipped_sum: a norm of at most {max_norm}, expected a positive one");
        let max = T::from_f64(max_norm);
        self.weighted_sum(&self.norms().map_elements(|norm| if norm > max { max / norm } else { T::ONE }))
    }
}

/// The sum of parts: the only one as it is.
fn total<T: Float>(parts: &[Part<T>]) -> Part<T> {
    match parts {
        [part] => part.clone(),
        parts => Part::Dense(parts.iter().map(Part::dense).reduce(|a, b| a + b).expect("at least one part")),
    }
}

impl<T: Float> Var<'_, T> {
    /// The gradient of each example's own cost towards every parameter, for costs of shape `[batch]` (or `[batch, ..]`,
    /// summed for each example) of a batch that was put on the tape with [`Tape::batch`](crate::Tape::batch).
    ///
    /// It takes about one backward pass. Gradients of dense layers stay factored, so that
    /// [`norms`](PerSample::norms) and [`clipped_sum`](PerSample::clipped_sum) never form those of single examples; other
    /// ops that read the batch and a parameter are run example by example.
    ///
    /// The examples must stay the first axis, or consecutive blocks of it, and must not depend on each other.
    ///
    /// ```
    /// use tensor::{Param, Tape, Tensor};
    /// let w = Param::new("w", Tensor::from([[1.0f64, -2.0]]));
    /// let tape = Tape::new();
    /// let x = tape.batch(Tensor::from([[1.0, 1.0], [0.0, 2.0], [3.0, 0.0]]));
    /// let costs = x.linear(tape.param(&w), None).square().squeeze(1);
    /// let grads = costs.per_sample();
    /// // 2·(x·w)·x for each row x
    /// assert_eq!(grads.get(&w).unwrap(), Tensor::from([[[-2.0, -2.0]], [[0.0, -16.0]], [[18.0, 0.0]]]));
    /// assert_eq!(grads.norms(), Tensor::from([8f64.sqrt(), 16.0, 18.0]));
    /// ```
    ///
    /// # Panics
    /// If the costs do not depend on such a batch, or on the way to a parameter the examples are no longer the first axis,
    /// or depend on each other.
    #[track_caller]
    pub fn per_sample(self) -> PerSample<T> {
        unwrap(self.try_per_sample())
    }

    /// [`per_sample`](Var::per_sample), returning the error.
    pub fn try_per_sample(self) -> Result<PerSample<T>> {
        let tape = self.tape();
        let mut nodes = tape.nodes.borrow_mut();
        let batch = nodes.batch.filter(|_| nodes.get(self.id()).batched);
        let Some(batch) = batch else {
            let message = "the costs do not depend on a batch; put the examples on the tape with `Tape::batch`";
            return Err(Error::invalid(OP, message));
        };
        let shape = self.shape_in(&nodes);
        if shape.first() != Some(&batch) {
            let expected = format!("a cost for each of {batch} examples, `[{batch}]`");
            return Err(Error::Shape { op: OP, expected, got: shape });
        }
        let params = gradients_of(&mut nodes, self.id(), batch)?;
        Ok(PerSample { batch, params, tape: tape.id, life: tape.life.get() })
    }

    fn shape_in(self, nodes: &Nodes<T>) -> Shape {
        nodes.get(self.id()).value.shape().clone()
    }
}

fn gradients_of<T: Float>(nodes: &mut Nodes<T>, costs: u32, batch: usize) -> Result<BTreeMap<u64, Vec<Part<T>>>> {
    (0..=costs).for_each(|id| nodes.evaluate(id));
    let list = &nodes.as_slice()[..=costs as usize];
    let mut pass = Pass {
        nodes: list,
        batch,
        pending: Pending::new(list.len()),
        alone: Pending::new(list.len()),
        shared: BTreeMap::new(),
    };
    pass.pending.add(costs as usize, Tensor::ones(list[costs as usize].value.shape()));
    let mut params = BTreeMap::<u64, Vec<Part<T>>>::new();
    for id in (0..list.len()).rev() {
        let node = &list[id];
        let parts = pass.shared.remove(&(id as u32)).unwrap_or_default();
        match &node.origin {
            Origin::Param(tag) if !parts.is_empty() => params.entry(tag.id).or_default().extend(parts),
            Origin::Op if node.batched => pass.batched(id)?,
            Origin::Op if !parts.is_empty() => pass.shared(node, parts),
            _ => {}
        }
    }
    Ok(params)
}

/// The backward pass: gradients of what depends on the batch, and parts for what the examples share.
struct Pass<'a, T: Float> {
    nodes: &'a [Node<T>],
    batch: usize,
    pending: Pending<T>,
    /// The gradients of one op for one example; empty in between.
    alone: Pending<T>,
    shared: BTreeMap<u32, Vec<Part<T>>>,
}

impl<T: Float> Pass<'_, T> {
    /// Sends the gradient of a node that depends on the batch to its inputs.
    fn batched(&mut self, id: usize) -> Result<()> {
        let y = &self.nodes[id];
        let Some(g) = self.pending.take(id) else { return Ok(()) };
        let g = g.tensor(y.value.shape());
        self.check_first_axis(y)?;
        for (i, &input) in y.inputs.iter().enumerate() {
            let node = &self.nodes[input as usize];
            if node.tracked() && !node.batched {
                let part = self.part(y, &g, i)?;
                self.shared.entry(input).or_default().push(part);
            }
        }
        let needs = |node: &Node<T>| node.tracked() && node.batched;
        if y.inputs.iter().any(|&input| needs(&self.nodes[input as usize])) {
            send(self.nodes, y, &mut self.pending, needs, |op, x, into| op.backward(g, x, &y.value, into));
        }
        Ok(())
    }

    /// Examples must be the first axis of what an op makes of them, or blocks of it.
    fn check_first_axis(&self, y: &Node<T>) -> Result<()> {
        let op = y.op.as_ref().expect("an op node holds its op");
        if op.mixes_examples() {
            return Err(dependent(op.as_ref(), y));
        }
        let moved = op.permutation().is_some_and(|axes| order(axes).first() != Some(&0));
        match y.value.shape().first() {
            Some(&n) if n % self.batch == 0 && !moved => Ok(()),
            _ => {
                let message = format!(
                    "{}, recorded at {}, does not keep the {} examples as the first axis: its result has shape {}",
                    op.name(),
                    y.location,
                    self.batch,
                    y.value.shape()
                );
                Err(Error::invalid(OP, message))
            }
        }
    }

    /// What each example contributes to the gradient of input `i`, which they share.
    fn part(&mut self, y: &Node<T>, g: &Tensor<T>, i: usize) -> Result<Part<T>> {
        let op = y.op.as_ref().expect("an op node holds its op");
        let x: Vec<_> = y.inputs.iter().map(|&input| &self.nodes[input as usize].value).collect();
        let rows_batched = self.nodes[y.inputs[0] as usize].batched;
        match op.sum_of_rows(g, &x, i).filter(|_| rows_batched) {
            Some((left, Some(right))) => Ok(Part::Outer(self.grouped(&left), self.grouped(&right))),
            Some((left, None)) => Ok(Part::Dense(self.grouped(&left).sum(1))),
            None => self.one_by_one(op.as_ref(), y, g, i),
        }
    }

    /// Rows, `[batch·p, n]`, as `[batch, p, n]`.
    fn grouped(&self, rows: &Tensor<T>) -> Tensor<T> {
        rows.reshape([self.batch, rows.shape()[0] / self.batch, rows.shape()[1]])
    }

    /// The op run on each example alone.
    fn one_by_one(&mut self, op: &dyn Recorded<T>, y: &Node<T>, g: &Tensor<T>, i: usize) -> Result<Part<T>> {
        let (nodes, batch) = (self.nodes, self.batch);
        let of = |x: &Tensor<T>, example: usize| {
            let len = x.shape()[0] / batch;
            x.narrow(0, example * len, len)
        };
        let mut grads = Vec::with_capacity(batch);
        for example in 0..batch {
            let input = |&input: &u32| {
                let node = &nodes[input as usize];
                if node.batched { of(&node.value, example) } else { node.value.clone() }
            };
            let x: Vec<Tensor<T>> = y.inputs.iter().map(input).collect();
            let x: Vec<&Tensor<T>> = x.iter().collect();
            let together = of(&y.value, example);
            let Some(alone) = op.forward(&x).ok().filter(|alone| agree(alone, &together)) else {
                return Err(dependent(op, y));
            };
            grads.push(self.gradient(op, y, (of(g, example), &x, &alone), i));
        }
        Ok(Part::Dense(Tensor::stack(&grads, 0)))
    }

    /// Sends the parts of a node that the examples share to its inputs.
    fn shared(&mut self, y: &Node<T>, parts: Vec<Part<T>>) {
        let op = y.op.as_ref().expect("an op node holds its op");
        let tracked = |&(_, &input): &(usize, &u32)| self.nodes[input as usize].tracked();
        let inputs: Vec<(usize, u32)> =
            y.inputs.iter().enumerate().filter(tracked).map(|(i, &input)| (i, input)).collect();
        if op.permutation().is_some_and(|axes| *order(axes) == [1, 0]) {
            let parts = parts.into_iter().map(Part::transposed);
            return self.shared.entry(inputs[0].1).or_default().extend(parts);
        }
        let grads = total(&parts).dense();
        let x: Vec<_> = y.inputs.iter().map(|&input| &self.nodes[input as usize].value).collect();
        for (i, input) in inputs {
            let of = |example: usize| grads.narrow(0, example, 1).squeeze(0);
            let examples = 0..self.batch;
            let one = |example| self.gradient(op.as_ref(), y, (of(example), &x, &y.value), i);
            let each: Vec<_> = examples.map(one).collect();
            self.shared.entry(input).or_default().push(Part::Dense(Tensor::stack(&each, 0)));
        }
    }

    /// The gradient of input `i` alone, for an incoming gradient, inputs and an output of one example.
    fn gradient(
        &mut self,
        op: &dyn Recorded<T>,
        y: &Node<T>,
        (g, x, value): (Tensor<T>, &[&Tensor<T>], &Tensor<T>),
        i: usize,
    ) -> Tensor<T> {
        // An input that is read twice gets the sum of both gradients.
        let input = y.inputs[i];
        let needs: Vec<bool> = y.inputs.iter().map(|&other| other == input).collect();
        op.backward(g, x, value, &mut Adjoints::new(self.nodes, &y.inputs, &needs, &mut self.alone));
        let shape = self.nodes[input as usize].value.shape();
        self.alone.take(input as usize).map_or_else(|| Tensor::zeros(shape), |grad| grad.tensor(shape))
    }
}

fn dependent<T: Float>(op: &dyn Recorded<T>, y: &Node<T>) -> Error {
    let (name, line) = (op.name(), y.location);
    let what = "makes the examples depend on each other, or does not keep them as the first axis";
    Error::invalid(OP, format!("{name}, recorded at {line}, {what}"))
}

/// Axes counted from the first.
fn order(axes: &[isize]) -> Vec<isize> {
    axes.iter().map(|axis| axis.rem_euclid(axes.len() as isize)).collect()
}

/// Whether an example alone has the values that it has among others, but for rounding.
fn agree<T: Float>(alone: &Tensor<T>, together: &Tensor<T>) -> bool {
    let near = |(a, b): (T, T)| {
        let (a, b) = (a.to_f64(), b.to_f64());
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * a.abs().max(b.abs()).max(1e-4)
    };
    alone.shape() == together.shape() && alone.to_vec().into_iter().zip(together.to_vec()).all(near)
}
