use std::io;

use crate::{Dtype, Mismatch};

/// What can be wrong with a file, or with what is to become one. Nothing was changed then: neither a model nor a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{file}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        file: String,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{file}: found something other than a regular file, expected a regular file")]
    NotAFile {
        /// The path.
        file: String,
    },
    /// The contents break the rules of their format: truncated, damaged, made up, or of a kind that is not supported.
    #[error("{file}: no sound {format} file: {reason}")]
    Format {
        /// The file.
        file: String,
        /// The format: `safetensors`, `npy` or `npz`.
        format: &'static str,
        /// What was found, and what was expected.
        reason: String,
    },
    /// A tensor of another element type than was asked for.
    #[error("{file}: `{name}` is {found}, expected {expected}")]
    Dtype {
        /// The file.
        file: String,
        /// The tensor.
        name: String,
        /// What it holds.
        found: Dtype,
        /// What could have been read.
        expected: String,
    },
    /// No tensor has this name.
    #[error("{file}: found no tensor `{name}`, expected one of {}", names(.known))]
    Unknown {
        /// The file.
        file: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// More compressed data than is unpacked without being asked to.
    #[error("{file}: `{name}` unpacks to {bytes} bytes, expected at most {limit}; raise it with `npz::Reader::limit`")]
    Limit {
        /// The file.
        file: String,
        /// What is too large.
        name: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// More data than there is memory.
    #[error("{file}: `{name}` takes {bytes} bytes, expected that much free memory")]
    Memory {
        /// The file.
        file: String,
        /// What is too large.
        name: String,
        /// How large it is.
        bytes: u64,
    },
    /// A name that cannot be written, or that stands for two tensors.
    #[error("cannot write `{name}`: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Tensors and model do not belong together.
    #[error("{0}")]
    Mismatch(Box<Mismatch>),
}

/// The first names of many.
fn names(known: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match known.len() {
        0 => "none".to_string(),
        n if n > SHOWN => format!("{} and {} more", shown.join(", "), n - SHOWN),
        _ => shown.join(", "),
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io { ref source, .. } => io::Error::new(source.kind(), error),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}
