//! A model's parameters and buffers in a safetensors file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use tensor::{Float, Module, Path as ModulePath, Shape, Tensor};

use crate::dtype::sealed::Sealed;
use crate::safetensors::{self, Contents, Reader};
use crate::{Dtype, Error, Fault, Mismatch, Stored};

/// Saves a model's parameters and buffers under their paths, which are PyTorch's names for the same layers.
///
/// The file appears as a whole or not at all; one that was there is replaced.
///
/// # Errors
/// If the file cannot be written, or if two parameters have the same path.
pub fn save<T: Float + Stored>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), Error> {
    Weights::new().save(model, path)
}

/// Sets a model's parameters and buffers to those in a file, which must be the same by name, shape and element type.
///
/// # Errors
/// If the file cannot be read; if anything is missing, unexpected, or of another shape or element type, an
/// [`Error::Mismatch`] that lists all of it. The model is then as it was.
pub fn load<T: Float + Stored>(model: &mut (impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), Error> {
    Weights::new().load(model, path)
}

/// Sets those of a model's parameters and buffers that fit the tensors in a file, and says what did not fit.
///
/// # Errors
/// If the file cannot be read. The model is then as it was.
pub fn load_partial<T: Float + Stored>(
    model: &mut (impl Module<T> + ?Sized),
    path: impl AsRef<Path>,
) -> Result<Mismatch, Error> {
    Weights::new().load_partial(model, path)
}

/// How a model stands in a file, where it is not the usual way.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// use files::Weights;
/// use files::safetensors::{self, Contents, Reader};
/// use nn::{Linear, Module};
/// use tensor::{Tensor, rng};
///
/// #[derive(Module)]
/// #[module(crate = tensor)]
/// struct Model {
///     inner: Linear,
/// }
///
/// // A model in a file of several things, under names of its own.
/// let weights = Weights::new().prefix("model").rename(|path| path.replace("inner", "fc1"));
/// let mut model = Model { inner: Linear::new(3, 2, &mut rng(0, 0)) };
/// let mut contents = Contents::new();
/// weights.insert(&model, &mut contents)?;
/// contents.insert("step", Tensor::from(7i64));
/// safetensors::write(&path, &contents)?;
///
/// let mut file = Reader::open(&path)?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["model.fc1.bias", "model.fc1.weight", "step"]);
/// weights.read(&mut model, &mut file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Weights<'n> {
    prefix: String,
    rename: Option<Box<Rename<'n>>>,
    convert: bool,
}

/// From a path of the model to a name in the file.
type Rename<'n> = dyn Fn(&str) -> String + 'n;

impl<'n> Weights<'n> {
    /// Under the paths of the model, and without conversions.
    pub fn new() -> Weights<'n> {
        Weights::default()
    }

    /// Under names that begin with `prefix` and a dot. What has other names in the file belongs to somebody else: it is
    /// not unexpected.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Weights<'n> {
        self.prefix = prefix.into() + ".";
        self
    }

    /// Under the names that `rename` gives for paths of the model, without the prefix. It serves both directions.
    pub fn rename(mut self, rename: impl Fn(&str) -> String + 'n) -> Weights<'n> {
        self.rename = Some(Box::new(rename));
        self
    }

    /// Whether loading converts elements of other types: F16, BF16, small integers, and floats of the other size.
    pub fn convert(mut self, convert: bool) -> Weights<'n> {
        self.convert = convert;
        self
    }

    /// [`save`](fn@save) in this way.
    ///
    /// # Errors
    /// As [`save`](fn@save), and if two paths get the same name.
    pub fn save<T: Float + Stored>(
        &self,
        model: &(impl Module<T> + ?Sized),
        path: impl AsRef<Path>,
    ) -> Result<(), Error> {
        let mut contents = Contents::new();
        self.insert(model, &mut contents)?;
        // Where the names and the order of axes come from, for programs that ask.
        contents.metadata.insert("format".to_string(), "pt".to_string());
        safetensors::write(path, &contents)
    }

    /// Adds a model to what is to become a file. Buffers are shared, not copied.
    ///
    /// # Errors
    /// If a name is there already.
    pub fn insert<T: Float + Stored>(
        &self,
        model: &(impl Module<T> + ?Sized),
        contents: &mut Contents,
    ) -> Result<(), Error> {
        for (slot, tensor) in self.slots(model) {
            if contents.tensors.contains_key(&slot.name) {
                return Err(Error::Name { name: slot.name, reason: TWICE });
            }
            contents.insert(slot.name, tensor);
        }
        Ok(())
    }

    /// [`load`](fn@load) in this way.
    ///
    /// # Errors
    /// As [`load`](fn@load).
    pub fn load<T: Float + Stored>(
        &self,
        model: &mut (impl Module<T> + ?Sized),
        path: impl AsRef<Path>,
    ) -> Result<(), Error> {
        self.read(model, &mut Reader::<File>::open(path)?)
    }

    /// [`load_partial`](fn@load_partial) in this way.
    ///
    /// # Errors
    /// As [`load_partial`](fn@load_partial).
    pub fn load_partial<T: Float + Stored>(
        &self,
        model: &mut (impl Module<T> + ?Sized),
        path: impl AsRef<Path>,
    ) -> Result<Mismatch, Error> {
        self.read_partial(model, &mut Reader::<File>::open(path)?)
    }

    /// [`load`](Weights::load) from an open file.
    ///
    /// # Errors
    /// As [`load`](fn@load).
    pub fn read<T: Float + Stored>(
        &self,
        model: &mut (impl Module<T> + ?Sized),
        file: &mut Reader<impl Read + Seek>,
    ) -> Result<(), Error> {
        let (slots, mismatch) = self.compare(model, file)?;
        if !mismatch.is_empty() {
            return Err(Error::Mismatch(Box::new(mismatch)));
        }
        self.fill(model, file, &slots)
    }

    /// [`load_partial`](Weights::load_partial) from an open file.
    ///
    /// # Errors
    /// As [`load_partial`](fn@load_partial).
    pub fn read_partial<T: Float + Stored>(
        &self,
        model: &mut (impl Module<T> + ?Sized),
        file: &mut Reader<impl Read + Seek>,
    ) -> Result<Mismatch, Error> {
        let (slots, mismatch) = self.compare(model, file)?;
        self.fill(model, file, &slots)?;
        Ok(mismatch)
    }

    /// The places of the model, in the order of its visit, with what is there.
    fn slots<T: Float + Stored>(&self, model: &(impl Module<T> + ?Sized)) -> Vec<(Slot, Tensor<T>)> {
        let mut slots = Vec::new();
        let mut add = |path: ModulePath<'_>, own_name: &str, value: Tensor<T>| {
            let path = match path {
                ModulePath::Root => own_name.to_string(),
                path => path.to_string(),
            };
            let renamed = self.rename.as_ref().map_or_else(|| path.clone(), |rename| rename(&path));
            slots.push((Slot { name: format!("{}{renamed}", self.prefix), path, fits: true }, value));
        };
        model.visit(ModulePath::Root, &mut |path, param| add(path, param.name(), param.value().clone()));
        model.visit_buffers(ModulePath::Root, &mut |path, buffer| add(path, buffer.name(), buffer.value()));
        slots
    }

    /// The places of the model, and what does not fit between them and the file.
    fn compare<T: Float + Stored>(
        &self,
        model: &(impl Module<T> + ?Sized),
        file: &Reader<impl Read + Seek>,
    ) -> Result<(Vec<Slot>, Mismatch), Error> {
        let mut rest: BTreeMap<&str, _> = file.entries().iter().map(|(name, entry)| (&**name, entry)).collect();
        rest.retain(|name, _| name.starts_with(&self.prefix));
        let mut faults = Vec::new();
        let mut slots = Vec::new();
        let mut seen = BTreeSet::new();
        for (mut slot, value) in self.slots(model) {
            if !seen.insert(slot.name.clone()) {
                return Err(Error::Name { name: slot.name, reason: TWICE });
            }
            let found = rest.remove(&*slot.name);
            let before = faults.len();
            self.compare_one::<T>(&slot, value.shape(), found, &mut faults);
            slot.fits = faults.len() == before;
            slots.push(slot);
        }
        rest.retain(|name, _| !is_batch_counter(name, &seen));
        faults.extend(rest.into_iter().map(|(name, entry)| Fault::Unexpected {
            name: name.to_string(),
            dtype: entry.dtype(),
            shape: entry.shape().clone(),
        }));
        let fitting = slots.iter().filter(|slot| slot.fits).count();
        Ok((slots, Mismatch { file: file.file().to_string(), faults, fitting }))
    }

    fn compare_one<T: Stored>(
        &self,
        slot: &Slot,
        shape: &Shape,
        found: Option<&safetensors::Entry>,
        faults: &mut Vec<Fault>,
    ) {
        let (name, dtype) = (slot.name.clone(), T::STORED);
        let Some(found) = found else {
            let (path, shape) = (slot.path.clone(), shape.clone());
            return faults.push(Fault::Missing { name, path, dtype, shape });
        };
        if found.shape() != shape {
            let (found, expected) = (found.shape().clone(), shape.clone());
            faults.push(Fault::Shape { name: name.clone(), found, expected });
        }
        if !self.readable::<T>().contains(&found.dtype()) {
            faults.push(Fault::Dtype { name, found: found.dtype(), expected: dtype });
        }
    }

    fn readable<T: Stored>(&self) -> &'static [Dtype] {
        let all = <T as Sealed>::READ_FROM;
        if self.convert { all } else { &all[..1] }
    }

    /// Reads everything that fits, and then, when nothing can fail any more, puts it into the model.
    fn fill<T: Float + Stored>(
        &self,
        model: &mut (impl Module<T> + ?Sized),
        file: &mut Reader<impl Read + Seek>,
        slots: &[Slot],
    ) -> Result<(), Error> {
        let read = |slot: &Slot| slot.fits.then(|| file.tensor_as::<T>(&slot.name)).transpose();
        let mut values = slots.iter().map(read).collect::<Result<Vec<_>, Error>>()?.into_iter();
        // Parameters keep their own buffers, which are aligned as kernels like them.
        model.visit_mut(ModulePath::Root, &mut |_, param| {
            if let Some(value) = values.next().flatten() {
                param.value_mut().as_mut_slice().copy_from_slice(value.as_slice().expect("read in row-major order"));
            }
        });
        model.visit_buffers(ModulePath::Root, &mut |_, buffer| {
            if let Some(value) = values.next().flatten() {
                buffer.set(value);
            }
        });
        Ok(())
    }
}

const TWICE: &str = "two tensors would have this name";

/// A parameter or buffer of a model: its name in the file, its path in the model, and whether the file has what fits.
struct Slot {
    name: String,
    path: String,
    fits: bool,
}

/// PyTorch counts the batches that a batch normalisation has seen, and needs the number only where its momentum is none.
fn is_batch_counter(name: &str, known: &BTreeSet<String>) -> bool {
    let layer = name.strip_suffix("num_batches_tracked");
    layer.is_some_and(|layer| known.contains(&format!("{layer}running_mean")))
}
