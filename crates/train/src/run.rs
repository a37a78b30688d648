//! Where a run stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Mean, number};

/// Numbers by name, as a validation gives them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(#[serde(with = "number::map")] pub BTreeMap<String, f64>);

impl<S: Into<String>, const N: usize> From<[(S, f64); N]> for Metrics {
    fn from(metrics: [(S, f64); N]) -> Metrics {
        Metrics(metrics.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

/// What an epoch came to. There are no times in it, so that a run that is resumed has the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// How many steps had been taken at its end.
    pub step: u64,
    /// The learning rate of its last step.
    #[serde(with = "number")]
    pub lr: f64,
    /// The means of the training's `cost` and metrics, and the validation's metrics as `validation.…`.
    pub metrics: Metrics,
}

impl Row {
    /// A metric by its name: `cost`, or `validation.accuracy`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.metrics.0.get(name).copied()
    }
}

impl fmt::Display for Row {
    /// As `epoch 3: cost 0.12345, validation.accuracy 0.97`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}:", self.epoch)?;
        for (i, (name, value)) in self.metrics.0.iter().enumerate() {
            write!(f, "{} {name} {value:.5}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The best score so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The metric.
    #[serde(with = "number")]
    pub score: f64,
    /// The epoch that it is of, counted from 0.
    pub epoch: u64,
}

/// Where a run stands: all of it that is neither a tensor nor a random stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The epoch under way, counted from 0, or how many there were.
    pub epoch: u64,
    /// How far in the epoch it is, in samples as a rule: see [`Epoch::position`](crate::Epoch::position).
    pub position: usize,
    /// How many steps have been taken.
    pub step: u64,
    /// The learning rate.
    #[serde(with = "number")]
    pub lr: f64,
    /// The best score so far, where one is looked for.
    pub best: Option<Best>,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
    /// What each epoch came to.
    pub history: Vec<Row>,
    /// The means of the epoch under way.
    pub(crate) means: BTreeMap<String, Mean>,
}

impl RunState {
    /// The mean of a training metric in the epoch under way.
    pub fn mean(&self, name: &str) -> Option<f64> {
        self.means.get(name).map(Mean::value)
    }

    pub(crate) fn add(&mut self, name: &str, value: f64, examples: usize) {
        match self.means.get_mut(name) {
            Some(mean) => mean.add(value, examples),
            None => self.means.entry(name.to_string()).or_default().add(value, examples),
        }
    }

    /// The row of the epoch under way, which is over.
    pub(crate) fn row(&self, validation: Metrics) -> Row {
        let mut metrics: BTreeMap<String, f64> =
            self.means.iter().map(|(name, mean)| (name.clone(), mean.value())).collect();
        metrics.extend(validation.0.into_iter().map(|(name, value)| (format!("validation.{name}"), value)));
        Row { epoch: self.epoch, step: self.step, lr: self.lr, metrics: Metrics(metrics) }
    }
}
