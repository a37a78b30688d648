//! Learning rates that change.

use optim::{Plateau, PlateauState, Schedule};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tensor::Float;

use super::{BoxError, Callback, EpochEvent, Flow, StepEvent, metric};
use crate::number;

/// Carries the rates of a [`Schedule`] over to the optimizer.
///
/// ```
/// use optim::Schedule;
/// use train::Rates;
/// Rates::by_step(Schedule::linear(0.0, 0.1, 500).then(500, Schedule::cosine(0.1, 0.0, 10_000)));
/// Rates::by_epoch(Schedule::exponential(0.1, 0.9));
/// ```
pub struct Rates {
    schedule: Schedule,
    by_epoch: bool,
}

impl Rates {
    /// A rate for each step.
    pub fn by_step(schedule: impl Into<Schedule>) -> Rates {
        Rates { schedule: schedule.into(), by_epoch: false }
    }

    /// A rate for each epoch.
    pub fn by_epoch(schedule: impl Into<Schedule>) -> Rates {
        Rates { schedule: schedule.into(), by_epoch: true }
    }
}

impl<T: Float> Callback<T> for Rates {
    fn name(&self) -> &'static str {
        "rates"
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        *event.lr = self.schedule.lr(if self.by_epoch { event.run.epoch } else { event.run.step });
        Ok(Flow::Continue)
    }
}

/// Lowers the learning rate when a metric has not become better for a while: a [`Plateau`] that is told it after each
/// epoch.
///
/// ```
/// use optim::Plateau;
/// use train::OnPlateau;
/// OnPlateau::new("validation.cost", Plateau::new(0.1).factor(0.5).patience(3));
/// ```
pub struct OnPlateau {
    metric: String,
    plateau: Plateau,
}

impl OnPlateau {
    /// By a metric of [`Row`](crate::Row): `cost`, or `validation.cost`.
    pub fn new(metric: impl Into<String>, plateau: Plateau) -> OnPlateau {
        OnPlateau { metric: metric.into(), plateau }
    }
}

/// A [`PlateauState`] as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(with = "number")]
    lr: f64,
    #[serde(with = "number")]
    best: f64,
    bad: u64,
    cooling: u64,
}

impl<T: Float> Callback<T> for OnPlateau {
    fn name(&self) -> &'static str {
        "on plateau"
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        *event.lr = self.plateau.lr();
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        *event.lr = self.plateau.observe(metric(event.row, &self.metric)?);
        Ok(Flow::Continue)
    }

    fn state(&self) -> Option<Value> {
        let PlateauState { lr, best, bad, cooling } = self.plateau.state();
        serde_json::to_value(Written { lr, best: best.unwrap_or(f64::NAN), bad, cooling }).ok()
    }

    fn load_state(&mut self, state: Value) -> Result<(), BoxError> {
        let Written { lr, best, bad, cooling } = serde_json::from_value(state)?;
        let best = (!best.is_nan()).then_some(best);
        self.plateau = self.plateau.clone().resume(PlateauState { lr, best, bad, cooling });
        Ok(())
    }
}
