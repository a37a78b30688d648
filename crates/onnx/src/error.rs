//! What can be wrong with a model that is to be written.

use std::panic::Location;

/// Why a model could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op is none that can be written in ONNX, or one of somebody else's.
    #[error("`{op}` at {location} cannot be written in ONNX")]
    Op {
        /// The op's name.
        op: &'static str,
        /// The line that recorded it.
        location: &'static Location<'static>,
    },
    /// Something depends on the size of the batch in a way that cannot be written.
    #[error("{what} at {location} depends on the size of the batch; `Export::fixed_batch` writes it for one size")]
    Batch {
        /// What it is.
        what: String,
        /// The line that recorded it.
        location: &'static Location<'static>,
    },
    /// Something was worked out from the numbers of the example other than by recorded ops.
    #[error("{what} at {location} depends on the numbers of the input, and the file would hold what the example gave")]
    Numbers {
        /// What it is.
        what: String,
        /// The line that recorded it.
        location: &'static Location<'static>,
    },
    /// The names, the examples or the outputs are not as they have to be.
    #[error("{0}")]
    Signature(String),
    /// The file would be larger than the format permits.
    #[error("the model takes {bytes} bytes, expected less than 2 GiB, which is as much as an ONNX file can hold")]
    Size {
        /// The size that it would have at least.
        bytes: usize,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] files::Error),
}
