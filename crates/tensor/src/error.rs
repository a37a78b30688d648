//! What can go wrong with shapes, axes and indices.

use crate::shape::Shape;

/// A result of this crate.
pub type Result<V, E = Error> = std::result::Result<V, E>;

/// An error that names the op, what it met and what it expected.
///
/// Operators and plain methods panic with this text at the caller's line; their `try_` twins return it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two shapes that NumPy's broadcasting rule cannot join.
    #[error("{op}: shapes {lhs} and {rhs} do not broadcast")]
    Broadcast {
        /// The op.
        op: &'static str,
        /// The left operand's shape.
        lhs: Shape,
        /// The right operand's shape.
        rhs: Shape,
    },
    /// A product whose inner axes differ.
    #[error("{op}: inner axes differ: {lhs} · {rhs}")]
    Inner {
        /// The op.
        op: &'static str,
        /// The left operand's shape.
        lhs: Shape,
        /// The right operand's shape, as the product sees it, with a parameter's name where it is one.
        rhs: String,
    },
    /// An axis that the shape does not have.
    #[error("{op}: axis {axis} is out of range for shape {shape} of rank {}", .shape.rank())]
    Axis {
        /// The op.
        op: &'static str,
        /// The axis asked for.
        axis: isize,
        /// The shape.
        shape: Shape,
    },
    /// A shape other than the op needs.
    #[error("{op}: expected {expected}, got shape {got}")]
    Shape {
        /// The op.
        op: &'static str,
        /// What the op needs.
        expected: String,
        /// What it was given.
        got: Shape,
    },
    /// An index outside its axis.
    #[error("{op}: index {index} at position {position} is out of range for axis {axis} of length {len}")]
    Index {
        /// The op.
        op: &'static str,
        /// The index.
        index: i64,
        /// Where it stands in the index tensor, in row-major order.
        position: usize,
        /// The axis that it indexes.
        axis: usize,
        /// That axis's length.
        len: usize,
    },
    /// Data of another length than its shape holds.
    #[error("{op}: shape {shape} holds {} elements, got {len}", .shape.numel())]
    Length {
        /// The constructor.
        op: &'static str,
        /// The shape.
        shape: Shape,
        /// How many elements were given.
        len: usize,
    },
    /// A NaN or infinity that an op has made, forward or backward.
    #[error("{op}: {found}; recorded at {location}")]
    Anomaly {
        /// The op.
        op: &'static str,
        /// What was found, and where.
        found: String,
        /// The source line that recorded the op.
        location: String,
    },
    /// Anything else, in words.
    #[error("{op}: {message}")]
    Invalid {
        /// The op.
        op: &'static str,
        /// What is wrong and what was expected.
        message: String,
    },
}

impl Error {
    /// An [`Error::Invalid`].
    pub fn invalid(op: &'static str, message: impl Into<String>) -> Error {
        Error::Invalid { op, message: message.into() }
    }
}

/// The value, or a panic with the error's text at the line of the user who called.
#[track_caller]
pub(crate) fn unwrap<V>(result: Result<V>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
