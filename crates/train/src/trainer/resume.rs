//! A run saved, and taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use files::Stored;
use optim::{Method, State};
use serde_json::Value;
use tensor::{Float, Module};

use super::{Trainer, failed};
use crate::{Checkpoint, Error, RunState, Saved};

const MODEL: &str = "model";
const OPTIMIZER: &str = "optimizer";
const AVERAGES: &str = "averages";
const TAPE: &str = "tape";
const RUN: &str = "run";
const CALLBACKS: &str = "callbacks";

/// What can be put back where loading fails half-way.
struct Before<T: Float> {
    optimizer: State<T>,
    averages: Option<State<T>>,
    callbacks: Vec<Option<Value>>,
}

impl<M: Module<T>, O: Method, T: Float + Stored> Trainer<'_, M, O, T> {
    /// The run as it stands: model, optimizer, averages, random stream, callbacks, and [`RunState`].
    ///
    /// # Errors
    /// If two parameters have the same path.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.put_model(MODEL, &*self.model)?;
        checkpoint.put_state(OPTIMIZER, &self.optimizer.state(&*self.model))?;
        if let Some(ema) = &self.ema {
            checkpoint.put_state(AVERAGES, &ema.state())?;
        }
        checkpoint.put_tape(TAPE, &self.tape)?;
        checkpoint.put(RUN, &self.run)?;
        checkpoint.put(CALLBACKS, &self.callback_states())?;
        Ok(checkpoint)
    }

    /// Saves the run in a file, as a whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written, or if there are NaN or infinities in the model.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.checkpoint()?.save_finite(path)
    }

    /// Takes up the run in the folder of its [`Checkpoints`](crate::Checkpoints) where there is one; says whether there
    /// was. Unfinished files that a killed process has left there are removed.
    ///
    /// # Errors
    /// If the file cannot be read or belongs to another model. The run is then as it was.
    pub fn resume(&mut self) -> Result<bool, Error> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(false) };
        remove_unfinished(checkpoints.folder());
        let path = checkpoints.last_path();
        if !path.exists() {
            return Ok(false);
        }
        self.load(path)?;
        Ok(true)
    }

    /// Takes up the run that was saved in a file.
    ///
    /// # Errors
    /// If the file cannot be read or belongs to another model. The run is then as it was.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut saved = Checkpoint::load(path)?;
        let run: RunState = saved.get(RUN)?;
        let rng = saved.rng(TAPE)?;
        let before = Before {
            optimizer: self.optimizer.state(&*self.model),
            averages: self.ema.as_ref().map(|ema| ema.state()),
            callbacks: self.callbacks.iter().map(|callback| callback.state()).collect(),
        };
        if let Err(error) = self.load_parts(&mut saved) {
            self.put_back(before);
            return Err(error);
        }
        self.tape.with_rng(|stream| *stream = rng);
        self.optimizer.set_lr(run.lr);
        (self.run, self.begun) = (run, None);
        Ok(())
    }

    /// The model is last, since it is set as a whole or not at all.
    fn load_parts(&mut self, saved: &mut Saved) -> Result<(), Error> {
        self.optimizer.load_state(&*self.model, &saved.state(OPTIMIZER)?)?;
        if let Some(ema) = &mut self.ema {
            ema.load_state(&*self.model, &saved.state(AVERAGES)?)?;
        }
        let mut states: BTreeMap<String, Value> = saved.get(CALLBACKS)?;
        let names = self.callback_names();
        for (callback, name) in self.callbacks.iter_mut().zip(names) {
            if let Some(state) = states.remove(&name) {
                callback.load_state(state).map_err(|source| failed(&**callback, source))?;
            }
        }
        saved.model(MODEL, self.model)
    }

    fn put_back(&mut self, before: Before<T>) {
        let known = "a state of the same model";
        self.optimizer.load_state(&*self.model, &before.optimizer).expect(known);
        if let (Some(ema), Some(averages)) = (&mut self.ema, before.averages) {
            ema.load_state(&*self.model, &averages).expect(known);
        }
        for (callback, state) in self.callbacks.iter_mut().zip(before.callbacks) {
            // One that had nothing to keep has nothing to go back to.
            let _ = state.map(|state| callback.load_state(state));
        }
    }

    fn callback_states(&self) -> BTreeMap<String, Value> {
        let states = self.callbacks.iter().map(|callback| callback.state());
        self.callback_names().into_iter().zip(states).filter_map(|(name, state)| Some((name, state?))).collect()
    }

    /// What the callbacks' states are called: several of one name are counted.
    fn callback_names(&self) -> Vec<String> {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let name = |name: &'static str| {
            let count = seen.entry(name).or_default();
            *count += 1;
            if *count == 1 { name.to_string() } else { format!("{name} {count}") }
        };
        self.callbacks.iter().map(|callback| callback.name()).map(name).collect()
    }

    /// Tries whether the checkpoints can be written, before any time is spent on training.
    pub(super) fn check_checkpoints(&self) -> Result<(), Error> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        make(checkpoints.folder())?;
        files::atomic::check(checkpoints.last_path())?;
        match &checkpoints.best {
            Some(_) => Ok(files::atomic::check(checkpoints.best_path())?),
            None => Ok(()),
        }
    }

    pub(super) fn save_last(&self) -> Result<(), Error> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        make(checkpoints.folder())?;
        self.save(checkpoints.last_path())
    }

    pub(super) fn save_best(&self) -> Result<(), Error> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        make(checkpoints.folder())?;
        self.save(checkpoints.best_path())
    }
}

/// Makes a folder that may be there.
fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| {
        let file = folder.display().to_string();
        Error::Files(files::Error::Io { file, action: "make the folder for checkpoints", source })
    })
}

/// Removes what `files::atomic` leaves where a process is killed. It does no harm that one of them stays.
fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = [".last.safetensors.", ".best.safetensors."].iter().any(|prefix| name.starts_with(prefix));
        if ours && name.ends_with(".part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}
