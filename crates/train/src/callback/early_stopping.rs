//! An end to runs that get no better.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tensor::Float;

use super::{BoxError, Callback, EpochEvent, Flow, metric};
use crate::{Goal, number};

/// Ends a run when a metric has not become better for a number of epochs.
///
/// ```
/// use train::{EarlyStopping, Goal};
/// EarlyStopping::new("validation.accuracy", Goal::Max).patience(5).min_delta(0.001);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    metric: String,
    goal: Goal,
    patience: u64,
    min_delta: f64,
    seen: Option<Seen>,
}

/// The best so far, and for how many epochs none was better.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    #[serde(with = "number")]
    best: f64,
    epochs: u64,
}

impl EarlyStopping {
    /// For a metric of [`Row`](crate::Row): `cost`, or `validation.accuracy`. It is patient for 10 epochs.
    pub fn new(metric: impl Into<String>, goal: Goal) -> EarlyStopping {
        EarlyStopping { metric: metric.into(), goal, patience: 10, min_delta: 0.0, seen: None }
    }

    /// After how many epochs without a better one the run ends; 10 by default.
    pub fn patience(self, epochs: u64) -> EarlyStopping {
        EarlyStopping { patience: epochs, ..self }
    }

    /// By how much a better one is better; 0 by default.
    pub fn min_delta(self, delta: f64) -> EarlyStopping {
        EarlyStopping { min_delta: delta, ..self }
    }
}

impl<T: Float> Callback<T> for EarlyStopping {
    fn name(&self) -> &'static str {
        "early stopping"
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        let score = metric(event.row, &self.metric)?;
        let best = self.seen.map(|seen| seen.best);
        let seen = match self.goal.is_better(score, best, self.min_delta) {
            true => Seen { best: score, epochs: 0 },
            false => self.seen.map_or(Seen { best: score, epochs: 1 }, |seen| Seen { epochs: seen.epochs + 1, ..seen }),
        };
        self.seen = Some(seen);
        Ok(match seen.epochs >= self.patience && seen.epochs > 0 {
            true => Flow::Stop(format!("{} was not better than {} for {} epochs", self.metric, seen.best, seen.epochs)),
            false => Flow::Continue,
        })
    }

    fn state(&self) -> Option<Value> {
        serde_json::to_value(self.seen).ok()
    }

    fn load_state(&mut self, state: Value) -> Result<(), BoxError> {
        self.seen = serde_json::from_value(state)?;
        Ok(())
    }
}
