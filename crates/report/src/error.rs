use std::io;
use std::path::Path;

/// What can go wrong between a run and the files that show it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be made, written or read; a message names it.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The file's ending names no format that can be written.
    #[error("{file}: no picture format has this ending, expected one of {known}")]
    Format {
        /// The file.
        file: String,
        /// The endings that are known.
        known: &'static str,
    },
    /// A picture that cannot be made of pixels.
    #[error("cannot draw the picture: {0}")]
    Draw(String),
    /// Pixels that cannot be encoded as an image.
    #[error("cannot encode images of the shape {shape:?}: {reason}")]
    Image {
        /// The images' shape.
        shape: Vec<usize>,
        /// What is wrong with it, or what was expected.
        reason: String,
    },
    /// Columns of a log that are not those of the file, or not as many as a row has values.
    #[error("{file}: {reason}")]
    Columns {
        /// The file.
        file: String,
        /// What was found, and what was expected.
        reason: String,
    },
    /// A value that JSON cannot express.
    #[error("{file}: cannot write the value as JSON: {reason}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// Labels and predictions that do not belong together, or a class that has no name.
    #[error("no confusion matrix: {0}")]
    Classes(String),
}

/// The operating system refused an action on a file or folder.
pub(crate) fn refused(at: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    let file = at.display().to_string();
    move |source| Error::Files(files::Error::Io { file, action, source })
}
