//! Tensors, a reverse-mode tape, ops with gradients of any order, and a gradient check.
//!
//! - [`Tensor`] is an n-dimensional array with shared, recycled buffers.
//! - [`Tape`] records what is done with its [`Var`]s; [`Var::backward`] computes gradients, [`Tape::grad`] records them.
//! - [`Elementwise`] and [`Op`] are the doors for rules of your own; [`gradcheck`] checks them.
//!
//! ```
//! use tensor::{Tape, Tensor};
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]));
//! let y = x.tanh().matmul(x.t()).sum(..);
//! println!("dy/dx = {}", y.backward().wrt(x));
//! ```

mod array;
mod attribute;
mod error;
mod float;
mod grad;
mod gradcheck;
mod kernel;
mod layout;
#[cfg(feature = "mutation")]
pub mod mutation;
pub mod ops;
mod scalar;
mod shape;
mod storage;
mod tape;
mod tensor;
mod traced;
pub mod transform;

pub use array::{Array, OfVars};
pub use attribute::{Attribute, Attributes};
pub use error::{Error, Result};
pub use float::{Element, Float};
pub use gradcheck::{Gradcheck, GradcheckError, Report, gradcheck};
pub use kernel::update::Update;
pub use ops::Op;
pub use ops::batch_norm::Moments;

pub use ops::linalg::Triangular;
pub use ops::window::{ConvOptions, PerAxis, PoolOptions};
pub use scalar::{Elementwise, Scalar, rules};
pub use shape::{Axes, Shape};
pub use storage::Buffers;
pub use tape::{
    Adjoints, Buffer, Gradient, Gradients, Grads, Kept, KindMemory, Memory, Mode, Module, OpProfile, Param, Path,
    PerSample, Profile, Source, Step, StepKind, Tape, Var,
};
pub use tensor::{Cast, Rng, Slice, Tensor, rng};

/// Conversions of stored data, vectorised.
pub mod convert {
    pub use crate::kernel::convert::{fetch, u8_to_f32};
}
