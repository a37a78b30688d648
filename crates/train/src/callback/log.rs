//! Runs written down, for other programs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use report::JsonLog;
use serde_json::{Value, json};
use tensor::Float;

use super::{BoxError, Callback, EpochEvent, Flow, StepEvent};
use crate::{Row, RunState};

/// Writes a CSV file with a row for each epoch. After each the whole file is replaced, so that it is never half a file,
/// and the rows of a run that was resumed are all there.
#[derive(Clone, Debug)]
pub struct EpochLog {
    path: PathBuf,
}

impl EpochLog {
    /// To this file; one that is there is replaced.
    pub fn new(path: impl Into<PathBuf>) -> EpochLog {
        EpochLog { path: path.into() }
    }
}

impl<T: Float> Callback<T> for EpochLog {
    fn name(&self) -> &'static str {
        "epoch log"
    }

    fn start(&mut self, _run: &RunState) -> Result<(), BoxError> {
        Ok(files::atomic::check(&self.path)?)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        let table = table(&event.run.history)?;
        files::atomic::write(&self.path, |file| file.write_all(&table))?;
        Ok(Flow::Continue)
    }
}

fn table(rows: &[Row]) -> Result<Vec<u8>, BoxError> {
    let names: BTreeSet<&str> = rows.iter().flat_map(|row| row.metrics.0.keys()).map(String::as_str).collect();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["epoch", "step", "lr"].iter().chain(&names))?;
    for row in rows {
        let fixed = [row.epoch.to_string(), row.step.to_string(), row.lr.to_string()];
        let metrics = names.iter().map(|name| row.get(name).map_or(String::new(), |value| value.to_string()));
        table.write_record(fixed.into_iter().chain(metrics))?;
    }
    Ok(table.into_inner().map_err(|error| error.into_error())?)
}

/// Writes a file of JSON lines: one for every so many steps (`step`, `epoch`, `cost`, `lr`, `norm`, `seconds`), and one
/// for each epoch. A run that is resumed goes on with the file; lines of steps that it takes again are dropped from it
/// first.
pub struct StepLog {
    path: PathBuf,
    every: u64,
    start: Instant,
    log: Option<JsonLog>,
}

impl StepLog {
    /// To this file, every step.
    pub fn new(path: impl Into<PathBuf>) -> StepLog {
        StepLog { path: path.into(), every: 1, start: Instant::now(), log: None }
    }

    /// A line for every so many steps only.
    ///
    /// # Panics
    /// If that is 0.
    #[track_caller]
    pub fn every(self, steps: u64) -> StepLog {
        assert!(steps > 0, "step log: every 0 steps, expected at least 1");
        StepLog { every: steps, ..self }
    }

    fn line(&mut self, line: &Value) -> Result<(), BoxError> {
        Ok(self.log.as_mut().map_or(Ok(()), |log| log.write(line))?)
    }

    /// The lines there are of what is before the place where the run stands.
    fn kept(&self, run: &RunState) -> io::Result<String> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            result => result?,
        };
        let is_before = |line: &&str| {
            let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
            let (step, is_epoch) = (line["step"].as_u64(), line["event"] == "epoch");
            step.is_some_and(|step| if is_epoch { line["epoch"].as_u64() < Some(run.epoch) } else { step < run.step })
        };
        Ok(text.lines().filter(is_before).map(|line| format!("{line}\n")).collect())
    }
}

impl<T: Float> Callback<T> for StepLog {
    fn name(&self) -> &'static str {
        "step log"
    }

    fn start(&mut self, run: &RunState) -> Result<(), BoxError> {
        let said = |error| format!("{}: cannot go on with it: {error}", self.path.display());
        let kept = self.kept(run).map_err(said)?;
        files::atomic::write(&self.path, |file| file.write_all(kept.as_bytes()))?;
        self.log = Some(JsonLog::open(&self.path)?);
        self.start = Instant::now();
        Ok(())
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        let RunState { step, epoch, .. } = *event.run;
        if step.is_multiple_of(self.every) {
            let (lr, norm) = (*event.lr, event.norm());
            let seconds = self.start.elapsed().as_secs_f64();
            let (cost, event) = (event.cost, "step");
            self.line(&json!({ "event": event, "step": step, "epoch": epoch, "cost": cost, "lr": lr, "norm": norm,
                "seconds": seconds }))?;
        }
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        let Row { epoch, step, lr, metrics } = event.row;
        let seconds = self.start.elapsed().as_secs_f64();
        self.line(&json!({ "event": "epoch", "epoch": epoch, "step": step, "lr": lr, "metrics": metrics,
            "seconds": seconds }))?;
        Ok(Flow::Continue)
    }
}
