//! Wengert: automatic differentiation on the CPU, for custom models.
//!
//! The crates, each under its name: [`tensor`] (arrays, tape, gradients), [`nn`] (modules, layers, costs), [`optim`]
//! (optimizers, schedules, clipping) and [`data`] (datasets and batches). [`prelude`] has what a model file needs. With the
//! feature `files` there is also `files` (models and tensors in files), with `onnx` there is `onnx` (models as ONNX files),
//! with `report` there is `report` (charts and logs of a run), and with `train` there is `train` (a training loop,
//! checkpoints, metrics).

pub use data;
#[cfg(feature = "files")]
pub use files;
pub use nn;
#[cfg(feature = "onnx")]
pub use onnx;
pub use optim;
#[cfg(feature = "report")]
pub use report;
pub use tensor;
#[cfg(feature = "train")]
pub use train;

/// What a model file needs: `use wengert::prelude::*`.
pub mod prelude {
    pub use data::{Batch, Dataset, Images, Mnist};
    pub use nn::{Costs, Dropout, Init, Layer, Linear, Module, Sequential, summary};
    pub use optim::{Adam, AdamW, Schedule, Sgd};
    pub use tensor::{Gradients, Mode, Param, Tape, Tensor, Var, rng, s};
}

/// The README and the guides, whose code blocks are compiled and run as tests.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../docs/gradients.md")]
    struct Gradients;
    #[doc = include_str!("../docs/custom-models.md")]
    struct CustomModels;
    #[doc = include_str!("../docs/files.md")]
    struct Files;
    #[doc = include_str!("../docs/adding-an-op.md")]
    struct AddingAnOp;
    #[cfg(feature = "report")]
    #[doc = include_str!("../docs/report.md")]
    struct Report;
    #[doc = include_str!("../docs/data.md")]
    struct Data;
    #[cfg(feature = "train")]
    #[doc = include_str!("../docs/training.md")]
    struct Training;
    #[doc = include_str!("../docs/numerics.md")]
    struct Numerics;
    #[doc = include_str!("../docs/design.md")]
    struct Design;
}
