//! What a model is given: examples, batches made of them, and the variables that they become.

use std::ops::Index;

use tensor::{Element, Tape, Tensor, Var};

use crate::Error;

/// What a model is given: variables by position, in the order of the calls of [`Export::input`](crate::Export::input), and
/// tensors of indices.
pub struct Inputs<'t> {
    pub(crate) tape: &'t Tape,
    pub(crate) vars: Vec<Var<'t>>,
    pub(crate) indices: Vec<Tensor<i64>>,
}

impl<'t> Inputs<'t> {
    /// The tape that the model is recorded on.
    pub fn tape(&self) -> &'t Tape {
        self.tape
    }

    /// The `k`-th of the calls of [`Export::indices`](crate::Export::indices).
    ///
    /// # Panics
    /// If there are not so many.
    #[track_caller]
    pub fn indices(&self, k: usize) -> &Tensor<i64> {
        &self.indices[k]
    }
}

impl<'t> Index<usize> for Inputs<'t> {
    type Output = Var<'t>;

    #[track_caller]
    fn index(&self, k: usize) -> &Var<'t> {
        &self.vars[k]
    }
}

/// An example of an input.
#[derive(Clone)]
pub(crate) enum Example {
    Numbers(Tensor),
    Indices(Tensor<i64>),
}

impl Example {
    fn sizes(&self) -> &[usize] {
        match self {
            Example::Numbers(x) => x.shape(),
            Example::Indices(x) => x.shape(),
        }
    }

    /// A batch of another size, of the examples one after the other and again from the first.
    pub(crate) fn of_batch(&self, size: usize) -> Example {
        match self {
            Example::Numbers(x) => Example::Numbers(of_batch(x, size)),
            Example::Indices(x) => Example::Indices(of_batch(x, size)),
        }
    }

    /// The index that all of them are.
    pub(crate) fn only_index(&self) -> Option<i64> {
        let Example::Indices(index) = self else { return None };
        let index = index.to_vec();
        index.first().copied().filter(|first| index.iter().all(|i| i == first))
    }

    /// An example of the same sizes with other elements: each in the place of the one before, and numbers moved half the
    /// way to ½. So they stay between bounds such as 0 and 1, and what depends on them, even on their sum or the largest
    /// of them alone, changes.
    pub(crate) fn varied(&self) -> Example {
        match self {
            Example::Numbers(x) => Example::Numbers(turned(x) * 0.5 + 0.25),
            Example::Indices(x) => Example::Indices(turned(x)),
        }
    }
}

fn of_batch<T: Element>(x: &Tensor<T>, size: usize) -> Tensor<T> {
    let (data, examples) = (x.to_vec(), x.shape()[0]);
    let row = data.len() / examples;
    let rows = (0..size).flat_map(|i| &data[i % examples * row..][..row]);
    let sizes = [&[size], &x.shape()[1..]].concat();
    Tensor::new(rows.copied().collect(), sizes).expect("as many elements as the rows have")
}

fn turned<T: Element>(x: &Tensor<T>) -> Tensor<T> {
    let mut data = x.to_vec();
    data.rotate_left(1.min(x.numel()));
    Tensor::new(data, x.shape()).expect("as many elements as before")
}

/// The size of the batch, along the first axis of all examples.
pub(crate) fn batch(examples: &[Example]) -> Result<usize, Error> {
    let first = examples.first().and_then(|example| example.sizes().first().copied()).unwrap_or(0);
    if first > 0 && examples.iter().all(|example| example.sizes().first() == Some(&first)) {
        return Ok(first);
    }
    let shapes: Vec<_> = examples.iter().map(|example| format!("{:?}", example.sizes())).collect();
    let shapes = if shapes.is_empty() { "none".to_string() } else { shapes.join(" and ") };
    Err(Error::Signature(format!("expected examples with a batch of one size along the first axis, got {shapes}")))
}
