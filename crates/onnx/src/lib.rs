//! Models as ONNX files, for programs that run them elsewhere.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.onnx");
//! use nn::{Linear, Module};
//! use tensor::{Tensor, Var, rng};
//!
//! #[derive(Module)]
//! #[module(crate = tensor)]
//! struct Mlp {
//!     hidden: Linear,
//!     output: Linear,
//! }
//!
//! impl Mlp {
//!     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
//!         self.output.forward(self.hidden.forward(x).relu())
//!     }
//! }
//!
//! let mut rng = rng(0, 0);
//! let model = Mlp { hidden: Linear::new(784, 30, &mut rng), output: Linear::new(30, 10, &mut rng) };
//! onnx::export(&model, &Tensor::zeros([1, 784]), |x| model.forward(x), &path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A model is recorded as it evaluates an example, op by op, on a [`tracing`](tensor::Tape::tracing) tape: layers such
//! as dropout and batch normalisation do what they do in an evaluation. It is recorded again with other numbers, and with a
//! batch of another size. A constant, an option of an op or the choice of ops that then differs is nothing that a file could
//! hold, and an error. [`Export`] has what else can be said.

mod error;
mod graph;
mod inputs;
mod nodes;
mod proto;
mod trace;
mod unify;

use std::io::Write;
use std::path::Path;

use tensor::{Module, Tensor, Var};

pub use error::Error;
use inputs::Example;
pub use inputs::Inputs;

/// Writes a model of one input and one output, called `input` and `output`, of which the first axis counts the examples
/// of a batch of any size. `example` is a batch that the model takes, of any size but 0. The parameters have their paths for
/// names, as [`files::save`](fn@files::save) gives them.
///
/// # Errors
/// If an op cannot be written in ONNX, if the model is not the same for other numbers or for batches of other sizes, or if
/// the file cannot be written; the old file is then as it was.
pub fn export(
    model: &dyn Module,
    example: &Tensor,
    forward: impl for<'t> Fn(Var<'t>) -> Var<'t>,
    path: impl AsRef<Path>,
) -> Result<(), Error> {
    Export::new(model).input("input", example).output("output").write(path, |x| vec![forward(x[0])])
}

/// How a model is written: its inputs and outputs, and whether the size of the batch is fixed.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.onnx");
/// use nn::{Embedding, Linear, Module};
/// use onnx::Export;
/// use tensor::{Tensor, rng};
///
/// #[derive(Module)]
/// #[module(crate = tensor)]
/// struct Scorer {
///     words: Embedding,
///     features: Linear,
/// }
///
/// let rng = &mut rng(0, 0);
/// let model = Scorer { words: Embedding::new(100, 8, rng), features: Linear::new(3, 8, rng) };
/// let export = Export::new(&model)
///     .indices("words", &Tensor::from([[7i64, 0, 12]]))
///     .input("features", &Tensor::ones([1, 3]))
///     .output("score")
///     .output("vector");
/// export.write(&path, |x| {
///     let vector = model.words.forward(x.tape(), x.indices(0)).mean(1);
///     vec![(vector * model.features.forward(x[0])).sum(1), vector]
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Export<'m> {
    model: &'m dyn Module,
    inputs: Vec<(String, Example)>,
    outputs: Vec<String>,
    fixed_batch: bool,
}

impl<'m> Export<'m> {
    /// An export of this model, without inputs and outputs yet.
    pub fn new(model: &'m dyn Module) -> Export<'m> {
        Export { model, inputs: Vec::new(), outputs: Vec::new(), fixed_batch: false }
    }

    /// With one more input of numbers, and an example of it: a batch of any size but 0.
    pub fn input(mut self, name: impl Into<String>, example: &Tensor) -> Export<'m> {
        self.inputs.push((name.into(), Example::Numbers(example.clone())));
        self
    }

    /// With one more input of indices, and an example of it: a batch of any size but 0, not all of one index, so that it is
    /// seen what depends on them. The model gives it as it is to
    /// [`embedding`](tensor::Var::embedding), [`index_select`](tensor::Var::index_select) or
    /// [`gather`](tensor::Var::gather).
    pub fn indices(mut self, name: impl Into<String>, example: &Tensor<i64>) -> Export<'m> {
        self.inputs.push((name.into(), Example::Indices(example.contiguous())));
        self
    }

    /// With a name for one more output.
    pub fn output(mut self, name: impl Into<String>) -> Export<'m> {
        self.outputs.push(name.into());
        self
    }

    /// With the shapes of the examples for all inputs. Otherwise their first axis may have any size; to find out what
    /// depends on it, the model is recorded for two sizes.
    pub fn fixed_batch(self) -> Export<'m> {
        Export { fixed_batch: true, ..self }
    }

    /// The contents of the file. `forward` is the model, from what it is given to its outputs in the order of their names. It
    /// is called up to three times, with the examples and with others that are made of them.
    ///
    /// # Errors
    /// If an op cannot be written in ONNX, if the model is not the same for other numbers or for batches of other sizes, or
    /// if names and examples do not fit.
    pub fn to_bytes(&self, forward: impl for<'t> Fn(&Inputs<'t>) -> Vec<Var<'t>>) -> Result<Vec<u8>, Error> {
        let examples: Vec<Example> = self.inputs.iter().map(|(_, example)| example.clone()).collect();
        let trace = match self.fixed_batch {
            true => trace::of_these(&examples, &forward)?,
            false => trace::of_any_batch(&examples, &forward)?,
        };
        let names: Vec<&str> = self.inputs.iter().map(|(name, _)| name.as_str()).collect();
        let outputs: Vec<&str> = self.outputs.iter().map(String::as_str).collect();
        graph::model(self.model, &trace, &names, &outputs)
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// As [`to_bytes`](Export::to_bytes), and if the file cannot be written; the old file is then as it was.
    pub fn write(
        &self,
        path: impl AsRef<Path>,
        forward: impl for<'t> Fn(&Inputs<'t>) -> Vec<Var<'t>>,
    ) -> Result<(), Error> {
        let bytes = self.to_bytes(forward)?;
        Ok(files::atomic::write(path, |file| file.write_all(&bytes))?)
    }
}
