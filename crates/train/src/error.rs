//! What can go wrong.

use std::io;

/// What can go wrong in training, and with checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be written or read; a message names it.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A checkpoint has no entry of this name.
    #[error("{file}: found no {kind} `{name}` in the checkpoint, expected one")]
    Missing {
        /// The checkpoint.
        file: String,
        /// What was asked for: a model, a value and so on.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// An entry of a checkpoint is not what it should be.
    #[error("{file}: the {kind} `{name}` of the checkpoint: {reason}")]
    Entry {
        /// The checkpoint.
        file: String,
        /// What was asked for: a model, a value and so on.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What was found, and what was expected.
        reason: String,
    },
    /// A name that a checkpoint cannot have, or has already.
    #[error("checkpoint: cannot keep `{name}`: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint with NaN or infinities in it would be of no use, and is not written.
    #[error("checkpoint: `{name}` has {value} in it, expected finite numbers; nothing was written")]
    Spoiled {
        /// The parameter, buffer or average.
        name: String,
        /// NaN or an infinity.
        value: f64,
    },
    /// An optimizer's step failed, or its state does not fit the model.
    #[error(transparent)]
    Optim(Box<optim::Error>),
    /// A batch could not be had.
    #[error("epoch {epoch}, after {position} samples: {source}")]
    Data {
        /// The epoch, counted from 0.
        epoch: u64,
        /// How many samples of it had been taken.
        position: usize,
        /// What was wrong.
        source: Box<data::Error>,
    },
    /// A checkpoint from the middle of an epoch goes on where this epoch has no samples.
    #[error(
        "epoch {epoch}: the checkpoint goes on after {position} samples, expected at most the {samples} there are; \
         was it made with other data?"
    )]
    Position {
        /// The epoch, counted from 0.
        epoch: u64,
        /// How many samples had been taken.
        position: usize,
        /// How many there are.
        samples: usize,
    },
    /// The cost or a gradient is NaN or infinite. The parameters are as they were before the step.
    #[error("step {step} (epoch {epoch}): {what}; {cause}")]
    NonFinite {
        /// The step, counted from 0.
        step: u64,
        /// The epoch, counted from 0.
        epoch: u64,
        /// What was found first.
        what: String,
        /// The op, the shape and the source line that it comes from.
        cause: String,
    },
    /// An epoch without a single batch.
    #[error("epoch {epoch}: found no batch, expected at least one")]
    Empty {
        /// The epoch, counted from 0.
        epoch: u64,
    },
    /// A score that no metric has the name of.
    #[error("found no metric `{name}` after epoch {epoch}, expected one of `{}`", .known.join("`, `"))]
    Metric {
        /// What was asked for.
        name: String,
        /// The epoch, counted from 0.
        epoch: u64,
        /// What there is.
        known: Vec<String>,
    },
    /// A callback failed.
    #[error("callback `{name}`: {source}")]
    Callback {
        /// The callback.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Signals could not be received.
    #[error("cannot listen for Ctrl-C: {0}")]
    Signal(#[source] io::Error),
}

impl From<optim::Error> for Error {
    fn from(error: optim::Error) -> Error {
        Error::Optim(Box::new(error))
    }
}
