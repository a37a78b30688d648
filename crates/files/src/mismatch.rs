//! What does not fit between the tensors of a file and those of a model.

use std::fmt;

use tensor::Shape;

use crate::Dtype;

/// Everything that does not fit between a file and a model.
///
/// An error lists all of it; [`load_partial`](crate::load_partial) returns it as what was skipped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The file.
    pub file: String,
    /// What does not fit: first what the model has, in its order, then what else the file has, by name.
    pub faults: Vec<Fault>,
    /// How many tensors fit.
    pub fitting: usize,
}

/// One thing that does not fit. Names are those in the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The model has it, the file has not.
    Missing {
        /// What it would be called.
        name: String,
        /// What it is called in the model.
        path: String,
        /// What its elements are.
        dtype: Dtype,
        /// Its shape.
        shape: Shape,
    },
    /// The file has it, the model has not.
    Unexpected {
        /// What it is called.
        name: String,
        /// What its elements are.
        dtype: Dtype,
        /// Its shape.
        shape: Shape,
    },
    /// Both have it, in different shapes.
    Shape {
        /// What it is called.
        name: String,
        /// Its shape in the file.
        found: Shape,
        /// Its shape in the model.
        expected: Shape,
    },
    /// Both have it, with different elements.
    Dtype {
        /// What it is called.
        name: String,
        /// Its elements in the file.
        found: Dtype,
        /// Its elements in the model.
        expected: Dtype,
    },
}

impl Fault {
    /// What the tensor is called in the file, or would be.
    pub fn name(&self) -> &str {
        match self {
            Fault::Missing { name, .. }
            | Fault::Unexpected { name, .. }
            | Fault::Shape { name, .. }
            | Fault::Dtype { name, .. } => name,
        }
    }
}

impl Mismatch {
    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Mismatch {
    /// A line that counts, and one for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (misfits, fitting) = (self.faults.len(), self.fitting);
        write!(f, "{}: found {misfits} misfits between file and model, and {fitting} tensors that fit", self.file)?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing { name, path, dtype, shape } if name == path => {
                write!(f, "missing: `{name}`, expected {dtype} {shape}")
            }
            Fault::Missing { name, path, dtype, shape } => {
                write!(f, "missing: `{name}`, the model's `{path}`, expected {dtype} {shape}")
            }
            Fault::Unexpected { name, dtype, shape } => write!(f, "unexpected: `{name}`, found {dtype} {shape}"),
            Fault::Shape { name, found, expected } => {
                write!(f, "shape: `{name}`, found {found}, expected {expected}")
            }
            Fault::Dtype { name, found, expected } => {
                write!(f, "dtype: `{name}`, found {found}, expected {expected}")
            }
        }
    }
}
