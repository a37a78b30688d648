#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nn::{BatchNorm, Linear, Module};
use optim::{Ema, Momentum, Plateau, Sgd};
use tempfile::TempDir;
use tensor::rng;
use train::{Checkpoint, EarlyStopping, Goal, OnPlateau, Progress, Trainer};

#[derive(Module)]
#[module(crate = tensor)]
struct Model {
    linear: Linear,
    norm: BatchNorm,
}

/// A checkpoint of this model. It is what `Trainer::save` wrote, but for the header's length in front, which the target
/// computes; a newline is behind the header instead.
const SEED: &[u8] = include_bytes!("../seeds/checkpoint/small");

type Run<'a> = Trainer<'a, Model, Momentum>;

struct Folder(TempDir);

static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    fs::write(folder.path("seed"), with_length(SEED).expect("a header")).expect("a file");
    folder.run(1, |trainer| trainer.load(folder.path("seed"))).expect("the seed fits the model");
    folder
});

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Does something with a new run.
    fn run<R>(&self, seed: u64, f: impl FnOnce(&mut Run<'_>) -> R) -> R {
        let mut model = Model { linear: Linear::new(2, 2, &mut rng(seed, 0)), norm: BatchNorm::new(2) };
        let mut sgd = Sgd::new(0.01).momentum(0.9);
        let mut trainer = Trainer::new(&mut model, &mut sgd)
            .ema(Ema::new(0.9))
            .progress(Progress::Quiet)
            .with(OnPlateau::new("cost", Plateau::new(0.01)))
            .with(EarlyStopping::new("cost", Goal::Min));
        f(&mut trainer)
    }

    /// The bytes of a run as it would be saved, where it can be.
    fn saved(&self, trainer: &Run<'_>) -> Option<Vec<u8>> {
        trainer.save(self.path("saved")).ok().map(|()| fs::read(self.path("saved")).expect("what was written"))
    }
}

fn with_length(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let length = (end as u64).to_le_bytes();
    Some([&length, &bytes[..end], &bytes[end + 1..]].concat())
}

fuzz_target!(|bytes: &[u8]| {
    let Some(file) = with_length(bytes) else { return };
    let path = FOLDER.path("fuzz");
    fs::write(&path, file).expect("a file that can be written");
    if let Ok(mut saved) = Checkpoint::load(&path) {
        let _ = (saved.state::<f32>("optimizer"), saved.state::<f64>("averages"), saved.rng("tape"));
        let _ = (saved.get::<u64>("run"), saved.tensor::<f32>("model.linear.weight"));
    }
    FOLDER.run(1, |trainer| {
        let before = FOLDER.saved(trainer);
        match trainer.load(&path) {
            // What is accepted survives being saved and loaded again.
            Ok(()) => {
                let Some(once) = FOLDER.saved(trainer) else { return };
                let load = |other: &mut Run<'_>| other.load(FOLDER.path("saved")).map(|()| FOLDER.saved(other));
                assert_eq!(FOLDER.run(2, load).expect("what was saved"), Some(once));
            }
            Err(_) => assert_eq!(FOLDER.saved(trainer), before),
        }
    });
});
