use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use tensor::{Shape, Tensor};

use super::{Contents, FORMAT, header};
use crate::elements::{Conversion, Form, Site};
use crate::input::Input;
use crate::{AnyTensor, Dtype, Error, Stored};

/// A tensor of a safetensors file that has not been read yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(super) form: Form,
    pub(super) offset: u64,
}

impl Entry {
    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.form.dtype
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.form.shape
    }
}

/// An open safetensors file: its header has been read and checked, its tensors are read one by one when they are asked
/// for, each straight into its own memory.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// use files::safetensors::{self, Contents, Reader};
/// use tensor::Tensor;
///
/// let mut contents = Contents::new();
/// contents.insert("weight", Tensor::from([[1.0f32, 2.0]]));
/// contents.insert("labels", Tensor::from([3i64]));
/// contents.metadata.insert("epoch".into(), "12".into());
/// safetensors::write(&path, &contents)?;
///
/// let mut file = Reader::open(&path)?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["labels", "weight"]);
/// assert_eq!(file.metadata()["epoch"], "12");
/// assert_eq!(file.tensor::<f32>("weight")?, Tensor::from([[1.0, 2.0]]));
/// let error = file.tensor::<f32>("labels").unwrap_err().to_string();
/// assert!(error.ends_with("model.safetensors: `labels` is I64, expected F32"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<R = File> {
    input: Input<R>,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl Reader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If the file cannot be read, or if its header and its size do not agree in every respect.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        Reader::of(Input::open(path.as_ref())?)
    }
}

impl<'a> Reader<Cursor<&'a [u8]>> {
    /// The same for the contents of a file; messages call it `name`.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn parse(bytes: &'a [u8], name: &str) -> Result<Reader<Cursor<&'a [u8]>>, Error> {
        Reader::of(Input::of(bytes, name))
    }
}

impl<R: Read + Seek> Reader<R> {
    fn of(mut input: Input<R>) -> Result<Reader<R>, Error> {
        let header::Header { entries, metadata } = header::read(&mut input)?;
        Ok(Reader { input, entries, metadata })
    }

    /// What messages call the file.
    pub fn file(&self) -> &str {
        &self.input.name
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Element type and shape of each tensor, by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The texts that stand beside the tensors, by name.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// A tensor whose elements are `T` in the file too.
    ///
    /// # Errors
    /// If there is no such tensor, if it has other elements, or if it cannot be read.
    pub fn tensor<T: Stored>(&mut self, name: &str) -> Result<Tensor<T>, Error> {
        self.read(name, |form, reader, site| form.read(reader, Conversion::None, site))
    }

    /// A tensor whose elements are `T`, or can be converted to it: integers, `bool`, F16, BF16 and floats that `T` holds
    /// exactly, and `f64`, which is rounded to `f32`.
    ///
    /// # Errors
    /// If there is no such tensor, if its elements cannot be converted, or if it cannot be read.
    pub fn tensor_as<T: Stored>(&mut self, name: &str) -> Result<Tensor<T>, Error> {
        self.read(name, |form, reader, site| form.read(reader, Conversion::Widening, site))
    }

    /// A tensor with the elements that it has in the file.
    ///
    /// # Errors
    /// If there is no such tensor, if no tensor has such elements, or if it cannot be read.
    pub fn any(&mut self, name: &str) -> Result<AnyTensor, Error> {
        self.read(name, |form, reader, site| form.read_any(reader, site))
    }

    /// All tensors and texts.
    ///
    /// # Errors
    /// As [`any`](Reader::any).
    pub fn contents(mut self) -> Result<Contents, Error> {
        let names: Vec<String> = self.names().map(str::to_string).collect();
        let tensors =
            names.into_iter().map(|name| Ok((name.clone(), self.any(&name)?))).collect::<Result<_, Error>>()?;
        Ok(Contents { tensors, metadata: self.metadata })
    }

    fn read<V>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Form, &mut R, Site<'_>) -> Result<V, Error>,
    ) -> Result<V, Error> {
        let Some(entry) = self.entries.get(name) else {
            let known = self.names().map(str::to_string).collect();
            return Err(Error::Unknown { file: self.input.name.clone(), name: name.to_string(), known });
        };
        self.input.seek(entry.offset)?;
        let site = Site { file: &self.input.name, format: FORMAT, name };
        read(&entry.form, &mut self.input.reader, site)
    }
}
