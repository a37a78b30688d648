//! A table of vectors.

use rand::Rng;
use tensor::{Float, Param, Tensor, Var};

use crate::{Init, Module};

/// A table with a vector for each of n symbols.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct Embedding<T: Float = f32> {
    /// The vectors, `[n, width]`.
    pub weight: Param<T>,
}

impl<T: Float> Embedding<T> {
    /// A table for `symbols`, drawn from N(0, 1).
    pub fn new(symbols: usize, width: usize, rng: &mut (impl Rng + ?Sized)) -> Embedding<T> {
        Embedding::with_init(symbols, width, Init::Normal(1.0), rng)
    }

    /// A table with an initialiser of its own.
    pub fn with_init(symbols: usize, width: usize, init: Init, rng: &mut (impl Rng + ?Sized)) -> Embedding<T> {
        Embedding { weight: Param::new("weight", init.draw([symbols, width], rng)) }
    }

    /// The vectors of an index of any shape, `[.., width]`; the gradient is added up at the rows that were read.
    ///
    /// # Panics
    /// If an index is not a symbol.
    #[track_caller]
    pub fn forward<'t>(&self, tape: &'t tensor::Tape<T>, index: &Tensor<i64>) -> Var<'t, T> {
        tape.param(&self.weight).embedding(index)
    }
}
