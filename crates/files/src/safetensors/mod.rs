//! The safetensors format: named tensors of any element types, and texts, in one file.
//!
//! A file is the length of a header, a header in JSON, and the elements of one tensor after the other. Nothing in it is
//! executed, and nothing that it says is believed: the header is checked against the size of the file before memory is
//! set aside. Reading takes at most the size of what is read plus [`MAX_OVERHEAD`] bytes, whatever the file.
//!
//! [`read`] and [`write`](fn@write) are for whole files; a [`Reader`] reads tensors one by one.

mod header;
mod reader;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;

use crate::{AnyTensor, Error};

pub use reader::{Entry, Reader};
pub use writer::{write, write_to};

const FORMAT: &str = "safetensors";
const METADATA: &str = "__metadata__";

/// The longest header that is read or written, in bytes: enough for about 60 000 tensors.
pub const MAX_HEADER: u64 = 8 << 20;

/// What reading takes beside the tensors that are read, in bytes. Only a header that is made for it and nearly as long as
/// [`MAX_HEADER`] takes as much; others take a few times their own size, and 64 KiB.
pub const MAX_OVERHEAD: u64 = 12 * MAX_HEADER + (1 << 20);

/// What a safetensors file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The tensors by name.
    pub tensors: BTreeMap<String, AnyTensor>,
    /// Texts by name.
    pub metadata: BTreeMap<String, String>,
}

impl Contents {
    /// No tensors and no texts.
    pub fn new() -> Contents {
        Contents::default()
    }

    /// Adds a tensor, which shares its buffer. One that had the name before is returned.
    pub fn insert(&mut self, name: impl Into<String>, tensor: impl Into<AnyTensor>) -> Option<AnyTensor> {
        self.tensors.insert(name.into(), tensor.into())
    }
}

/// Reads all tensors and texts of a file.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("all.safetensors");
/// use files::safetensors::{self, Contents};
/// use tensor::Tensor;
///
/// let mut contents = Contents::new();
/// contents.insert("mask", Tensor::from([[true, false]]));
/// contents.insert("scale", Tensor::from(0.5f64));
/// contents.metadata.insert("made by".into(), "an example".into());
/// safetensors::write(&path, &contents)?;
/// assert_eq!(safetensors::read(&path)?, contents);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read or is not sound, or if it holds a tensor of an element type that tensors here do not have;
/// [`Reader::tensor_as`] converts those.
pub fn read(path: impl AsRef<Path>) -> Result<Contents, Error> {
    Reader::open(path)?.contents()
}

/// The same for the contents of a file; messages call it `name`.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str) -> Result<Contents, Error> {
    Reader::parse(bytes, name)?.contents()
}
