//! Training loops: for those who want theirs written, and parts for those who write their own.
//!
//! - [`Checkpoint`] keeps everything that a run goes on from in one file, which is replaced as a whole;
//! - [`Trainer`] is the loop: epochs, steps, validation, checkpoints and resuming to the same bits;
//! - [`Callback`] is what takes part in it: [`Rates`], [`OnPlateau`], [`EarlyStopping`], [`EpochLog`], [`StepLog`],
//!   [`EventFiles`], [`Page`], [`Watch`] and your own;
//! - [`Accuracy`], [`Confusion`], [`Mean`] and [`Throughput`] measure, in any loop;
//! - [`Interrupt`] ends a run after a step when Ctrl-C is pressed, and [`Progress`] says how far it is.
//!
//! Nothing here can do what a loop of your own could not: it is written with what the other crates offer everybody.

mod callback;
mod checkpoint;
mod checkpoints;
mod cost;
mod epoch;
mod error;
mod interrupt;
mod metric;
mod number;
mod progress;
mod run;
mod trainer;

pub use callback::{
    BoxError, Callback, EarlyStopping, EpochEvent, EpochLog, EventFiles, Flow, OnPlateau, Page, Rates, StepEvent,
    StepLog, Watch, Watched,
};
pub use checkpoint::{Checkpoint, Saved};
pub use checkpoints::{Checkpoints, Goal};
pub use cost::Cost;
pub use epoch::{Counted, Epoch};
pub use error::Error;
pub use interrupt::Interrupt;
pub use metric::{Accuracy, Mean, Throughput, correct, correct_in_top};
pub use progress::Progress;
pub use report::{Confusion, Histogram};
pub use run::{Best, Metrics, Row, RunState};
pub use serde_json::Value;
pub use trainer::{End, Trainer};
