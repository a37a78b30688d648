//! Optimizers: they change a model's parameters in place, along their gradients.
//!
//! - [`Sgd`], [`Adam`], [`AdamW`], [`RmsProp`], [`Adagrad`] and [`Lion`] are an [`Optimizer`] each, with a [`Method`] of
//!   their own; [`Lbfgs`] minimises a cost over all the data.
//! - [`Schedule`] and [`Plateau`] say how the learning rate goes, [`Group`] where it differs.
//! - [`clip_norm`] and [`clip_value`] bound gradients, [`Ema`] averages weights, and a [`State`] goes on elsewhere.
//!
//! ```
//! use optim::Sgd;
//! use tensor::{Param, Tape, Tensor};
//!
//! let mut w = Param::new("w", Tensor::from([3.0f32, -1.0]));
//! let mut sgd = Sgd::new(0.1).momentum(0.9);
//! let mut tape = Tape::new();
//! for _ in 0..200 {
//!     let cost = tape.param(&w).square().sum(..);
//!     sgd.step(&mut w, &cost.backward())?;
//!     tape.reset();
//! }
//! assert!(w.value().abs().max(..).item() < 1e-3);
//! # Ok::<(), optim::Error>(())
//! ```

mod adagrad;
mod adam;
mod clip;
mod ema;
mod error;
mod group;
mod lbfgs;
mod lion;
mod optimizer;
mod plateau;
mod rms_prop;
mod saved;
mod schedule;
mod sgd;
mod state;

pub use adagrad::{Adagrad, SumOfSquares};
pub use adam::{Adam, AdamW, Moments};
pub use clip::{clip_norm, clip_value, global_norm, try_clip_norm};
pub use ema::Ema;
pub use error::Error;
pub use group::{Group, Settings};
pub use lbfgs::{Lbfgs, Minimum, Outcome};
pub use lion::{Lion, SignOfMomentum};
pub use optimizer::{Method, Optimizer, Step};
pub use plateau::{Plateau, PlateauState};
pub use rms_prop::{RmsProp, RootMeanSquare};
pub use saved::State;
pub use schedule::{OneCycle, Schedule};
pub use sgd::{Momentum, Sgd};
