//! What training goes on from: checkpoints of models, optimizers and random streams.

mod checkpoint;
mod error;

pub use checkpoint::{Checkpoint, Saved};
pub use error::Error;
