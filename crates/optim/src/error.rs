//! Why a step was not taken.

use tensor::Shape;

/// Why an optimizer did not step. No parameter was changed.
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
}
