use std::path::PathBuf;

use report::EventLog;
use tensor::Float;

use super::watch::watched;
use super::{BoxError, Callback, EpochEvent, Flow, StepEvent};
use crate::RunState;

/// Writes event files for TensorBoard: cost, learning rate and norm of the gradient of every so many steps, the metrics
/// of each epoch, and at its first step how weights and gradients are spread. A run that is resumed adds a file.
///
/// `tensorboard --logdir runs` shows all the runs that have a folder below `runs`.
pub struct EventFiles {
    folder: PathBuf,
    every: u64,
    log: Option<EventLog>,
    /// The epoch whose weights are written.
    spread: Option<u64>,
}

impl EventFiles {
    /// To this folder, which is made if it does not exist; every tenth step.
    pub fn new(folder: impl Into<PathBuf>) -> EventFiles {
        EventFiles { folder: folder.into(), every: 10, log: None, spread: None }
    }

    /// Every so many steps.
    ///
    /// # Panics
    /// If that is 0.
    #[track_caller]
    pub fn every(self, steps: u64) -> EventFiles {
        assert!(steps > 0, "event files: every 0 steps, expected at least 1");
        EventFiles { every: steps, ..self }
    }
}

impl<T: Float> Callback<T> for EventFiles {
    fn name(&self) -> &'static str {
        "event files"
    }

    fn start(&mut self, _run: &RunState) -> Result<(), BoxError> {
        self.log = Some(EventLog::create(&self.folder)?);
        Ok(())
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        let Some(log) = &mut self.log else { return Ok(Flow::Continue) };
        let RunState { step, epoch, .. } = *event.run;
        if step.is_multiple_of(self.every) {
            let values = [("step/cost", event.cost), ("step/lr", *event.lr), ("step/gradient norm", event.norm())];
            for (tag, value) in values {
                log.scalar(tag, step as i64, value)?;
            }
        }
        if self.spread.replace(epoch) != Some(epoch) {
            for parameter in watched(event, BINS) {
                log.histogram(&format!("weights/{}", parameter.name), step as i64, &parameter.weights)?;
                if let Some(gradient) = &parameter.gradient {
                    log.histogram(&format!("gradients/{}", parameter.name), step as i64, gradient)?;
                }
            }
        }
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        if let Some(log) = &mut self.log {
            for (name, &value) in &event.row.metrics.0 {
                log.scalar(&format!("epoch/{name}"), event.row.epoch as i64, value)?;
            }
        }
        Ok(Flow::Continue)
    }
}

const BINS: usize = 64;
