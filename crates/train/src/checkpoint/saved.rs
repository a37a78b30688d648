//! Reading a checkpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use files::safetensors::Reader;
use files::{Stored, Weights};
use optim::State;
use serde::de::DeserializeOwned;
use tensor::{Float, Module, Rng, Tape, Tensor};

use super::{COUNTS, FORMAT, VALUE, VERSION};
use crate::Error;

/// A checkpoint that was written before; made by [`Checkpoint::load`](crate::Checkpoint::load).
///
/// It stays what it was when another one takes its place on the disk.
pub struct Saved {
    file: Reader<File>,
}

impl Saved {
    pub(super) fn open(path: &Path) -> Result<Saved, Error> {
        let file = Reader::<File>::open(path)?;
        let saved = Saved { file };
        match saved.file.metadata().get(FORMAT).map(String::as_str) {
            Some(VERSION) => Ok(saved),
            found => {
                let found = found.map_or_else(|| "none".to_string(), |found| format!("{found:?}"));
                Err(saved.wrong("text", FORMAT, format!("found {found}, expected {VERSION:?}")))
            }
        }
    }

    /// The file's name, as messages have it.
    pub fn file(&self) -> &str {
        self.file.file()
    }

    /// Sets a model's parameters and buffers to those of the model of this name.
    ///
    /// # Errors
    /// If there is none, or it has others by name, shape or element type; the error lists them. The model is then as it
    /// was.
    pub fn model<T: Float + Stored>(&mut self, name: &str, model: &mut (impl Module<T> + ?Sized)) -> Result<(), Error> {
        Ok(Weights::new().prefix(name).read(model, &mut self.file)?)
    }

    /// The state of this name, for an optimizer's or an average's `load_state`.
    ///
    /// # Errors
    /// If there is none, or its tensors are of another element type.
    pub fn state<T: Float + Stored>(&mut self, name: &str) -> Result<State<T>, Error> {
        let counts: BTreeMap<String, u64> = {
            let counts: Vec<(String, u64)> = self.parse("state", COUNTS, name)?;
            counts.into_iter().collect()
        };
        let prefix = format!("{name}.");
        let names: Vec<String> = self.file.names().filter(|entry| entry.starts_with(&prefix)).map(Into::into).collect();
        let tensors = names.into_iter().map(|full| {
            let tensor = self.file.tensor::<T>(&full)?;
            Ok((full[prefix.len()..].to_string(), tensor))
        });
        Ok(State { tensors: tensors.collect::<Result<_, Error>>()?, counts: counts.into_iter().collect() })
    }

    /// The random stream of this name, where it was.
    ///
    /// # Errors
    /// If there is none.
    pub fn rng(&mut self, name: &str) -> Result<Rng, Error> {
        if !self.file.entries().contains_key(name) {
            return Err(self.missing("random stream", name));
        }
        let bytes = self.file.tensor::<u8>(name)?.to_vec();
        let found = bytes.len();
        match bytes.try_into() {
            Ok(state) => Ok(Rng::deserialize_state(&state)),
            Err(_) => Err(self.wrong("random stream", name, format!("found {found} bytes, expected 49"))),
        }
    }

    /// Sets the random stream of a tape to where the one of this name was.
    ///
    /// # Errors
    /// If there is none.
    pub fn tape<T: Float>(&mut self, name: &str, tape: &Tape<T>) -> Result<(), Error> {
        let saved = self.rng(name)?;
        tape.with_rng(|rng| *rng = saved);
        Ok(())
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// If there is none, or it is of another element type.
    pub fn tensor<T: Stored>(&mut self, name: &str) -> Result<Tensor<T>, Error> {
        Ok(self.file.tensor(name)?)
    }

    /// The value of this name.
    ///
    /// # Errors
    /// If there is none, or it is no `V`.
    pub fn get<V: DeserializeOwned>(&self, name: &str) -> Result<V, Error> {
        self.parse("value", VALUE, name)
    }

    /// Whether there is a value or a state of this name.
    pub fn has(&self, name: &str) -> bool {
        [VALUE, COUNTS].iter().any(|kind| self.file.metadata().contains_key(&format!("{kind}{name}")))
    }

    fn parse<V: DeserializeOwned>(&self, kind: &'static str, prefix: &str, name: &str) -> Result<V, Error> {
        let text = self.file.metadata().get(&format!("{prefix}{name}"));
        let text = text.ok_or_else(|| self.missing(kind, name))?;
        serde_json::from_str(text).map_err(|error| self.wrong(kind, name, error.to_string()))
    }

    fn missing(&self, kind: &'static str, name: &str) -> Error {
        Error::Missing { file: self.file().to_string(), kind, name: name.to_string() }
    }

    fn wrong(&self, kind: &'static str, name: &str, reason: String) -> Error {
        Error::Entry { file: self.file().to_string(), kind, name: name.to_string(), reason }
    }
}
