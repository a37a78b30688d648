//! What the flags add to a run: checkpoints, an early end, logs, a page.

use std::error::Error;
use std::path::PathBuf;

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

impl Course {
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
