//! What can go wrong.

use tensor::{Float, Param, Path, Shape};

/// What an optimizer, or what stands beside it, could not do. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cost does not depend on these parameters.
    #[error(
        "step: the cost never reached `{}`; leave them out of the model, or allow it with `allow_unreached`",
        .0.join("`, `")
    )]
    Unreached(Vec<String>),
    /// A gradient of another shape than its parameter.
    #[error("step: the gradient of `{name}` has shape {got}, expected {expected}")]
    Shape {
        /// The parameter.
        name: String,
        /// Its shape.
        expected: Shape,
        /// The gradient's shape.
        got: Shape,
    },
    /// An option out of its range.
    #[error("step: {option} is {value}, expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
    /// The gradients have no norm that they could be scaled by.
    #[error("clip_norm: the norm of the gradients is {0}, expected a finite number")]
    Norm(f64),
    /// A cost that cannot be minimised from here.
    #[error("minimize: the cost at the start is {0}, expected a finite number")]
    Cost(f64),
    /// The averages stand in the model, and the weights where the averages belong.
    #[error("ema: the averages are swapped into the model; swap them back first")]
    Swapped,
    /// A tensor of another shape than its parameter.
    #[error("{op}: `{name}` has shape {got}, expected {expected}")]
    Entry {
        /// What was called.
        op: &'static str,
        /// The tensor.
        name: String,
        /// Its parameter's shape.
        expected: Shape,
        /// Its shape.
        got: Shape,
    },
    /// A state that belongs to another model or another optimizer.
    #[error("{op}: {}", entries(.missing, .unexpected))]
    Entries {
        /// What was called.
        op: &'static str,
        /// Entries that should be there.
        missing: Vec<String>,
        /// Entries that should not be there.
        unexpected: Vec<String>,
    },
}

fn entries(missing: &[String], unexpected: &[String]) -> String {
    let list = |what, names: &[String]| format!("{what} `{}`", names.join("`, `"));
    match (missing, unexpected) {
        (missing, []) => list("missing", missing),
        ([], unexpected) => list("unexpected", unexpected),
        (missing, unexpected) => format!("{}; {}", list("missing", missing), list("unexpected", unexpected)),
    }
}

/// An error unless `ok`.
pub(crate) fn check(option: &'static str, value: f64, ok: bool, expected: &'static str) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::Option { option, value, expected }) }
}

/// An error unless it is a number from 0 on.
pub(crate) fn check_amount(option: &'static str, value: f64) -> Result<(), Error> {
    check(option, value, value.is_finite() && value >= 0.0, "a finite number, at least 0")
}

/// What errors call a parameter: its path, or its own name where it is the whole model.
pub(crate) fn name<T: Float>(path: Path<'_>, param: &Param<T>) -> String {
    match path {
        Path::Root => param.name().to_string(),
        path => path.to_string(),
    }
}
