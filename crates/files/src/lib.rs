//! Models and tensors in files: safetensors with PyTorch's names, NumPy's `.npy` and `.npz`, and writing that leaves a file
//! whole or untouched.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.safetensors");
//! use nn::Linear;
//! use tensor::{Tensor, rng};
//!
//! let trained = Linear::<f32>::new(3, 2, &mut rng(0, 0));
//! files::save(&trained, &path)?;
//!
//! let mut model = Linear::<f32>::new(3, 2, &mut rng(1, 0));
//! files::load(&mut model, &path)?;
//! assert_eq!(model.weight.value(), trained.weight.value());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`save`] and [`load`] are for models; [`Weights`] has what else can be said: other names, a prefix, conversions;
//! - [`safetensors`] reads and writes named tensors and texts of any kind;
//! - [`npy`] and [`npz`] exchange arrays with NumPy;
//! - [`atomic`] writes a file of any kind as a whole or not at all.
//!
//! **Files are not trusted.** Whatever is in one, reading it ends in a value or an [`Error`], never in a panic, and takes
//! at most as much memory as the file has bytes, plus a fixed amount that each format states. Nothing in a file is
//! executed.

mod any;
pub mod atomic;
mod dtype;
mod elements;
mod error;
mod half;
mod input;
mod mismatch;
pub mod npy;
pub mod npz;
pub mod safetensors;
mod weights;

pub use any::AnyTensor;
pub use dtype::{Dtype, Stored};
pub use error::Error;
pub use mismatch::{Fault, Mismatch};
pub use weights::{Weights, load, load_partial, save};
