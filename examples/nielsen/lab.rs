//! What every experiment needs: the images, the common flags, a place for pictures.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use wengert::data::{self, NIELSEN_SCALE};
use wengert::prelude::*;

use super::chart::Chart;
use super::options::Common;
use super::training::{Epoch, Trainer};

pub(crate) struct Lab {
    /// The first 50,000 of MNIST's training images.
    pub(crate) training: Images,
    /// The other 10,000.
    pub(crate) validation: Images,
    pub(crate) test: Images,
    pub(crate) seed: u32,
    common: Common,
}

impl Lab {
    /// Checks that pictures can be written, before any time is spent, and finds the images.
    pub(crate) fn open(common: Common) -> Result<Lab, Box<dyn Error>> {
        check_folder(&common.out)?;
        let mnist = load(common.data_dir.as_deref())?;
        println!("Data: {mnist}");
        if let data::Source::Generated(_) = mnist.source {
            println!("These are not the book's images, so neither are the figures below the book's.");
        }
        let (training, validation) = mnist.train.split(mnist.train.len() / 6 * 5);
        let cut = |set: Images| {
            let n = common.limit.map_or(set.len(), |limit| set.len().min(limit as usize));
            set.split(n).0.with_scale(NIELSEN_SCALE)
        };
        let [training, validation, test] = [training, validation, mnist.test].map(cut);
        Ok(Lab { training, validation, test, seed: common.seed, common })
    }

    /// The number of epochs: the book's, unless the command line says another.
    pub(crate) fn epochs(&self, book: usize) -> usize {
        self.common.epochs.map_or(book, |epochs| epochs as usize)
    }

    /// The first training images.
    pub(crate) fn first(&self, n: usize) -> Images {
        self.training.split(n.min(self.training.len())).0
    }

    /// Trains for some epochs, and prints each.
    pub(crate) fn train(&self, trainer: &mut Trainer, epochs: usize) -> Vec<Epoch> {
        let epoch = |_| {
            let epoch = trainer.epoch();
            println!("{epoch}");
            epoch
        };
        (0..epochs).map(epoch).collect()
    }

    pub(crate) fn draw(&self, file: &str, chart: &Chart) -> Result<(), Box<dyn Error>> {
        let path = self.common.out.join(file);
        chart.save(&path)?;
        println!("{}: {}", chart.title(), path.display());
        Ok(())
    }
}

fn load(folder: Option<&Path>) -> Result<Mnist, Box<dyn Error>> {
    let bar = progress_bar(0, "data");
    let mnist = Mnist::open_with(folder, &mut |progress| {
        let (done, total) = match progress {
            data::Progress::Download { received, total, .. } => (received, total.unwrap_or(received)),
            data::Progress::Generate { done, total } => (done as u64, total as u64),
            _ => return,
        };
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(mnist)
}

pub(crate) fn progress_bar(len: u64, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} [{eta}]").expect("a valid template");
    ProgressBar::new(len).with_style(style).with_prefix(name.to_string())
}

fn check_folder(folder: &Path) -> Result<(), Box<dyn Error>> {
    let explain = |error| format!("cannot write to the folder {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(explain)?;
    let probe = folder.join(".writable");
    File::create(&probe).map_err(explain)?;
    fs::remove_file(&probe).map_err(explain)?;
    Ok(())
}
