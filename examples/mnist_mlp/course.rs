//! What the flags add to a run: checkpoints, an early end, logs, a page.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use wengert::files::atomic;
use wengert::nn::Module;
use wengert::optim::Method;
use wengert::train::{Checkpoints, EarlyStopping, EpochLog, EventFiles, Goal, Interrupt, Page, StepLog, Trainer};

/// What the run keeps on the disk, and when it ends.
pub(crate) struct Course {
    pub(crate) checkpoint: Option<PathBuf>,
    pub(crate) every: Option<u64>,
    pub(crate) resume: bool,
    pub(crate) early_stopping: Option<u64>,
    pub(crate) log: Option<PathBuf>,
    pub(crate) tensorboard: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}

/// Makes the folder, and tries whether files can be written there.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: cannot make the folder: {error}", folder.display()))?;
    Ok(atomic::check(folder.join("file"))?)
}

impl Course {
    /// Tries whether there is a place for everything, before any time is spent on data and on training.
    pub(crate) fn check(&self) -> Result<(), Box<dyn Error>> {
        [&self.log, &self.report].into_iter().flatten().try_for_each(atomic::check)?;
        [&self.checkpoint, &self.tensorboard].into_iter().flatten().try_for_each(|folder| check_folder(folder))
    }

    /// The page that is kept of a run on so many test images.
    pub(crate) fn page(&self, images: usize) -> Option<Page> {
        let page = Page::new(self.report.clone()?, "A multilayer perceptron on MNIST");
        Some(page.unit("cost", "nats an image").unit("right", format!("of {images} images")))
    }

    pub(crate) fn apply<'a, M: Module, O: Method>(
        &self,
        mut trainer: Trainer<'a, M, O>,
        page: Option<&'a mut Page>,
    ) -> Result<Trainer<'a, M, O>, Box<dyn Error>> {
        if let Some(epochs) = self.early_stopping {
            trainer = trainer.with(EarlyStopping::new("validation.right", Goal::Max).patience(epochs));
        }
        trainer = match &self.log {
            Some(log) if log.extension().is_some_and(|extension| extension == "csv") => {
                trainer.with(EpochLog::new(log))
            }
            Some(log) => trainer.with(StepLog::new(log)),
            None => trainer,
        };
        if let Some(folder) = &self.tensorboard {
            trainer = trainer.with(EventFiles::new(folder));
        }
        if let Some(page) = page {
            trainer = trainer.with(page);
        }
        let Some(folder) = &self.checkpoint else { return Ok(trainer) };
        let checkpoints = Checkpoints::new(folder).best("validation.right", Goal::Max);
        let checkpoints = match self.every {
            Some(steps) => checkpoints.every(steps),
            None => checkpoints,
        };
        trainer = trainer.checkpoints(checkpoints).interrupt(Interrupt::on_ctrl_c()?);
        if self.resume && trainer.resume()? {
            println!("Resumed after {} steps, in epoch {}.", trainer.run().step, trainer.run().epoch + 1);
        }
        Ok(trainer)
    }
}
