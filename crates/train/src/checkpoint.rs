//! Everything that a run goes on from, in one file.

mod saved;

use std::path::Path;

use files::safetensors::{self, Contents};
use files::{AnyTensor, Stored, Weights};
use optim::State;
use serde::Serialize;
use tensor::{Float, Module, Rng, Tape, Tensor};

use crate::Error;
pub use saved::Saved;

/// What a run goes on from, under names of its parts: models, states of optimizers and averages, random streams, and
/// values of any type that serde knows. It is one safetensors file, so that weights in it can be read elsewhere.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("run.safetensors");
/// use nn::Linear;
/// use optim::Adam;
/// use tensor::{Tape, rng};
/// use train::Checkpoint;
///
/// let mut model = Linear::<f32>::new(3, 2, &mut rng(0, 0));
/// let mut adam = Adam::new(0.01);
/// let tape = Tape::<f32>::seeded(7);
/// let (epoch, position) = (3u64, 640usize);
///
/// let mut checkpoint = Checkpoint::new();
/// checkpoint.put_model("model", &model)?;
/// checkpoint.put_state("adam", &adam.state(&model))?;
/// checkpoint.put_tape("tape", &tape)?;
/// checkpoint.put("position", &(epoch, position))?;
/// checkpoint.save(&path)?;
///
/// // In another process, perhaps:
/// let mut saved = Checkpoint::load(&path)?;
/// saved.model("model", &mut model)?;
/// adam.load_state(&model, &saved.state("adam")?)?;
/// saved.tape("tape", &tape)?;
/// let (epoch, position): (u64, usize) = saved.get("position")?;
/// # assert_eq!((epoch, position), (3, 640));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Tensors share their buffers with the model until it changes. The same contents make the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    contents: Contents,
}

/// How the names of values begin among the file's texts; counts of a state belong to it by name.
const VALUE: &str = "value.";
const COUNTS: &str = "counts.";

/// What the file's text `format` says, and which version of it this is.
const FORMAT: &str = "format";
const VERSION: &str = "wengert checkpoint 1";

impl Checkpoint {
    /// An empty one.
    pub fn new() -> Checkpoint {
        let mut contents = Contents::new();
        contents.metadata.insert(FORMAT.into(), VERSION.into());
        Checkpoint { contents }
    }

    /// Adds a model: its parameters and buffers, as `name.path`.
    ///
    /// # Errors
    /// If the name is taken or has a dot, or if two parameters have the same path.
    pub fn put_model<T: Float + Stored>(&mut self, name: &str, model: &(impl Module<T> + ?Sized)) -> Result<(), Error> {
        self.check(name)?;
        Ok(Weights::new().prefix(name).insert(model, &mut self.contents)?)
    }

    /// Adds the state of an optimizer or of an average of weights.
    ///
    /// # Errors
    /// If the name is taken or has a dot.
    pub fn put_state<T: Float + Stored>(&mut self, name: &str, state: &State<T>) -> Result<(), Error> {
        self.check(name)?;
        for (entry, tensor) in &state.tensors {
            self.contents.insert(format!("{name}.{entry}"), tensor);
        }
        let counts = text(name, &state.counts)?;
        self.contents.metadata.insert(format!("{COUNTS}{name}"), counts);
        Ok(())
    }

    /// Adds where a random stream is.
    ///
    /// # Errors
    /// If the name is taken or has a dot.
    pub fn put_rng(&mut self, name: &str, rng: &Rng) -> Result<(), Error> {
        self.check(name)?;
        self.contents.insert(name, Tensor::from(rng.serialize_state()));
        Ok(())
    }

    /// Adds where the random stream of a tape is.
    ///
    /// # Errors
    /// If the name is taken or has a dot.
    pub fn put_tape<T: Float>(&mut self, name: &str, tape: &Tape<T>) -> Result<(), Error> {
        tape.with_rng(|rng| self.put_rng(name, rng))
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// If the name is taken or has a dot.
    pub fn put_tensor(&mut self, name: &str, tensor: impl Into<AnyTensor>) -> Result<(), Error> {
        self.check(name)?;
        self.contents.insert(name, tensor);
        Ok(())
    }

    /// Adds a value of any other type, as JSON. JSON has no NaN and no infinities.
    ///
    /// # Errors
    /// If the name is taken or has a dot, or if the value cannot be written as JSON.
    pub fn put<V: Serialize + ?Sized>(&mut self, name: &str, value: &V) -> Result<(), Error> {
        self.check(name)?;
        let value = text(name, value)?;
        self.contents.metadata.insert(format!("{VALUE}{name}"), value);
        Ok(())
    }

    /// Writes the file, as a whole or not at all; one that was there is replaced only when the new one is on the disk.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(safetensors::write(path, &self.contents)?)
    }

    /// [`save`](Checkpoint::save), unless there are NaN or infinities in it: training has gone astray then, and the
    /// file that is there is worth more.
    ///
    /// # Errors
    /// [`Error::Spoiled`], or if it cannot be written.
    pub fn save_finite(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        for (name, tensor) in &self.contents.tensors {
            let spoiled = match tensor {
                AnyTensor::F32(tensor) => non_finite(tensor),
                AnyTensor::F64(tensor) => non_finite(tensor),
                _ => None,
            };
            if let Some(value) = spoiled {
                return Err(Error::Spoiled { name: name.clone(), value });
            }
        }
        self.save(path)
    }

    /// Opens a file to go on from. Tensors are read when they are asked for.
    ///
    /// # Errors
    /// If there is none, or it is not whole, or not a checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Saved, Error> {
        Saved::open(path.as_ref())
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        let failed = |reason: &str| Err(Error::Name { name: name.to_string(), reason: reason.to_string() });
        let Contents { tensors, metadata } = &self.contents;
        let below = format!("{name}.");
        let taken = tensors.contains_key(name)
            || tensors.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below))
            || [VALUE, COUNTS].iter().any(|kind| metadata.contains_key(&format!("{kind}{name}")));
        match () {
            () if name.is_empty() || name.contains('.') => {
                failed("expected a name without dots, of at least one letter")
            }
            () if taken => failed("the name is taken"),
            () => Ok(()),
        }
    }
}

fn text<V: Serialize + ?Sized>(name: &str, value: &V) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Name { name: name.to_string(), reason: error.to_string() })
}

/// The first NaN or infinity.
fn non_finite<T: Float>(tensor: &Tensor<T>) -> Option<f64> {
    let is_finite = (tensor * T::from_f64(0.0)).sum(..).item().to_f64() == 0.0;
    let first = || tensor.to_vec().into_iter().map(T::to_f64).find(|x| !x.is_finite());
    if is_finite { None } else { first() }
}
