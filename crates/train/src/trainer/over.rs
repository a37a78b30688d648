//! The end of an epoch: validation, callbacks, the best score, checkpoints.

use std::time::Duration;

use files::Stored;
use optim::Method;
use tensor::{Float, Module};

use super::{Trainer, failed};
use crate::progress::Reporter;
use crate::{Best, EpochEvent, Error, Flow, Metrics, Row};

impl<M: Module<T>, O: Method, T: Float + Stored> Trainer<'_, M, O, T> {
    pub(super) fn end_epoch(&mut self, reporter: &mut Reporter) -> Result<(), Error> {
        let throughput = reporter.trained();
        let (time, rate) = (throughput.elapsed(), throughput.rate());
        let validation = self.validation()?;
        let row = self.run.row(validation);
        reporter.epoch(&row, rate);
        self.run.history.push(row.clone());
        self.epoch_callbacks(&row, time)?;
        let is_best = self.is_best(&row)?;
        self.run.epoch += 1;
        (self.run.position, self.run.means) = (0, Default::default());
        if is_best {
            self.save_best()?;
        }
        self.save_last()
    }

    /// The metrics of the model, or of the averages of its weights.
    fn validation(&mut self) -> Result<Metrics, Error> {
        let Some(validate) = &mut self.validate else { return Ok(Metrics::default()) };
        let Some(ema) = &mut self.ema else { return Ok(validate(self.model)) };
        ema.swap(self.model)?;
        // The weights must be back even if the closure panics.
        let metrics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| validate(self.model)));
        ema.swap(self.model)?;
        metrics.map_err(|panic| std::panic::resume_unwind(panic))
    }

    fn epoch_callbacks(&mut self, row: &Row, time: Duration) -> Result<(), Error> {
        for callback in &mut self.callbacks {
            let mut lr = self.run.lr;
            let event = &mut EpochEvent { run: &self.run, model: &*self.model, row, time, lr: &mut lr };
            let flow = callback.epoch(event).map_err(|source| failed(&**callback, source))?;
            self.run.lr = lr;
            self.optimizer.set_lr(lr);
            if let Flow::Stop(reason) = flow {
                self.run.stopped.get_or_insert(reason);
            }
        }
        Ok(())
    }

    /// Whether the epoch has the best score, which is kept then.
    fn is_best(&mut self, row: &Row) -> Result<bool, Error> {
        let Some((name, goal)) = self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.best.as_ref()) else {
            return Ok(false);
        };
        let known = || row.metrics.0.keys().cloned().collect();
        let unknown = || Error::Metric { name: name.clone(), epoch: row.epoch, known: known() };
        let score = row.get(name).ok_or_else(unknown)?;
        let is_best = goal.is_better(score, self.run.best.map(|best| best.score), 0.0);
        if is_best {
            self.run.best = Some(Best { score, epoch: row.epoch });
        }
        Ok(is_best)
    }
}
