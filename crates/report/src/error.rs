use std::io;

/// What can go wrong between a run and the files that show it.
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
    /// The file's ending names no format that can be written.
    #[error("{file}: no picture format has this ending, expected one of {known}")]
    Format {
        /// The file.
        file: String,
        /// The endings that are known.
        known: &'static str,
    },
    /// Pixels that cannot be encoded as an image.
    #[error("cannot encode images of the shape {shape:?}: {reason}")]
    Image {
        /// The images' shape.
        shape: Vec<usize>,
        /// What is wrong with it, or what was expected.
        reason: String,
    },
}
