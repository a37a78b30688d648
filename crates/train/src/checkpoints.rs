//! When and where a run is saved.

use std::path::{Path, PathBuf};

/// Whether a metric is to become small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Small, as a cost.
    Min,
    /// Large, as an accuracy.
    Max,
}

impl Goal {
    /// Whether a score is better than the best one by more than a margin. NaN never is, and anything else is better
    /// than none.
    pub fn is_better(self, score: f64, best: Option<f64>, margin: f64) -> bool {
        match (self, best.filter(|best| !best.is_nan())) {
            (_, None) => !score.is_nan(),
            (Goal::Min, Some(best)) => score < best - margin,
            (Goal::Max, Some(best)) => score > best + margin,
        }
    }
}

/// Saves a run after each epoch, and more often if asked to, as `last.safetensors` in a folder; and as
/// `best.safetensors` the one with the best score.
///
/// ```
/// use train::{Checkpoints, Goal};
/// Checkpoints::new("out/run").every(1000).best("validation.accuracy", Goal::Max);
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    pub(crate) every: Option<u64>,
    pub(crate) best: Option<(String, Goal)>,
}

impl Checkpoints {
    /// In this folder, which is made if it is not there.
    pub fn new(folder: impl Into<PathBuf>) -> Checkpoints {
        Checkpoints { folder: folder.into(), every: None, best: None }
    }

    /// Also after every so many steps.
    ///
    /// # Panics
    /// If that is 0.
    #[track_caller]
    pub fn every(self, steps: u64) -> Checkpoints {
        assert!(steps > 0, "checkpoints: every 0 steps, expected at least 1");
        Checkpoints { every: Some(steps), ..self }
    }

    /// Also keeps the run at its best by a metric of [`Row`](crate::Row): `cost`, or `validation.accuracy`.
    pub fn best(self, metric: impl Into<String>, goal: Goal) -> Checkpoints {
        Checkpoints { best: Some((metric.into(), goal)), ..self }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with the latest state.
    pub fn last_path(&self) -> PathBuf {
        self.folder.join("last.safetensors")
    }

    /// The file with the best one.
    pub fn best_path(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }
}
