//! What can be done between the steps of a run.

mod early_stopping;
mod event_files;
mod log;
mod page;
mod rates;
mod watch;

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use serde_json::Value;
use tensor::{Float, Gradients, Module};

pub use early_stopping::EarlyStopping;
pub use event_files::EventFiles;
pub use log::{EpochLog, StepLog};
pub use page::Page;
pub use rates::{OnPlateau, Rates};
pub use watch::{Watch, Watched};

use crate::{Row, RunState};

/// An error of a callback's own.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Whether a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It ends here, for a reason.
    Stop(String),
}

/// What is known before a step.
#[non_exhaustive]
pub struct StepEvent<'a, T: Float> {
    /// Where the run stands; the step is not counted yet.
    pub run: &'a RunState,
    /// The model before the step.
    pub model: &'a dyn Module<T>,
    pub(crate) grads: &'a mut Gradients<T>,
    /// Their norm, as long as nobody changes them.
    pub(crate) norm: &'a Cell<Option<f64>>,
    /// The learning rate of the step, for changing it.
    pub lr: &'a mut f64,
    /// The mean cost of the examples of the step.
    pub cost: f64,
    /// How many they are.
    pub examples: usize,
}

impl<T: Float> StepEvent<'_, T> {
    /// The gradients, clipped if they are.
    pub fn grads(&self) -> &Gradients<T> {
        self.grads
    }

    /// The gradients for changing them, which changes the step.
    pub fn grads_mut(&mut self) -> &mut Gradients<T> {
        self.norm.set(None);
        self.grads
    }

    /// The norm of the gradients ([`optim::global_norm`]). All callbacks of a step share one computation of it.
    pub fn norm(&self) -> f64 {
        let norm = self.norm.get().unwrap_or_else(|| optim::global_norm(self.grads));
        self.norm.set(Some(norm));
        norm
    }
}

/// What is known after an epoch.
#[non_exhaustive]
pub struct EpochEvent<'a, T: Float> {
    /// Where the run stands; the row is in its history, the next epoch has not begun.
    pub run: &'a RunState,
    /// The model.
    pub model: &'a dyn Module<T>,
    /// What the epoch came to.
    pub row: &'a Row,
    /// What its training took, without the validation and without what was done before the run was resumed.
    pub time: Duration,
    /// The learning rate from now on, for changing it.
    pub lr: &'a mut f64,
}

/// Something that is told what happens in a run, and may take part in it. Each method does nothing unless it is
/// written.
///
/// ```
/// use train::{BoxError, Callback, Flow, StepEvent};
///
/// /// Ends a run at a cost that is good enough.
/// struct Enough(f64);
///
/// impl Callback for Enough {
///     fn name(&self) -> &'static str {
///         "enough"
///     }
///
///     fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
///         Ok(if event.cost < self.0 { Flow::Stop("good enough".into()) } else { Flow::Continue })
///     }
/// }
/// ```
pub trait Callback<T: Float = f32> {
    /// What errors call it, and a checkpoint its state.
    fn name(&self) -> &'static str;

    /// Before the first step, or the first after resuming.
    fn start(&mut self, _run: &RunState) -> Result<(), BoxError> {
        Ok(())
    }

    /// When the gradients are there, before the parameters change. Who stops here ends the run after the step.
    fn step(&mut self, _event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        Ok(Flow::Continue)
    }

    /// After an epoch and its validation.
    fn epoch(&mut self, _event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        Ok(Flow::Continue)
    }

    /// What it has to keep for a run to go on with the same bits; `None` where that is nothing and never will be. What has
    /// nothing yet says so in a state, to which it can go back.
    fn state(&self) -> Option<Value> {
        None
    }

    /// Goes on from a state.
    fn load_state(&mut self, _state: Value) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A callback that is lent, so that what it has seen can be looked at afterwards.
impl<T: Float, C: Callback<T> + ?Sized> Callback<T> for &mut C {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn start(&mut self, run: &RunState) -> Result<(), BoxError> {
        (**self).start(run)
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        (**self).step(event)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        (**self).epoch(event)
    }

    fn state(&self) -> Option<Value> {
        (**self).state()
    }

    fn load_state(&mut self, state: Value) -> Result<(), BoxError> {
        (**self).load_state(state)
    }
}

/// A metric that an epoch must have.
fn metric(row: &Row, name: &str) -> Result<f64, BoxError> {
    let known = || row.metrics.0.keys().cloned().collect::<Vec<_>>().join("`, `");
    row.get(name).ok_or_else(|| format!("found no metric `{name}`, expected one of `{}`", known()).into())
}
