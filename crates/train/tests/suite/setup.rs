//! A small run that leans on everything a checkpoint has to keep: dropout, running moments, momentum, averages, a
//! shuffled order, and callbacks with a state.

use std::path::Path;

use data::{Dataset, Tensors};
use nn::{BatchNorm, Costs, Dropout, Linear, Module};
use optim::{Adam, Ema, Plateau};
use tensor::{Tape, Tensor, Var, rng};
use train::{
    Accuracy, Callback, Checkpoints, Cost, EarlyStopping, Goal, Interrupt, OnPlateau, Progress, Trainer, correct,
};

#[derive(Module)]
#[module(crate = tensor)]
pub(crate) struct Model {
    inner: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    outer: Linear,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Model {
        let mut rng = rng(seed, 0);
        Model {
            inner: Linear::new(6, 16, &mut rng),
            norm: BatchNorm::new(16),
            dropout: Dropout::new(0.3),
            outer: Linear::new(16, 3, &mut rng),
        }
    }

    pub(crate) fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.outer.forward(self.dropout.forward(self.norm.forward(self.inner.forward(x)).relu()))
    }
}

/// Points around three centres.
pub(crate) fn points(n: usize) -> Tensors {
    let labels: Vec<i64> = (0..n as i64).map(|i| i % 3).collect();
    let noise = Tensor::<f32>::randn([n, 6], &mut rng(1, 0)).to_vec();
    let features = Tensor::from_fn([n, 6], |at| noise[at[0] * 6 + at[1]] + labels[at[0]] as f32 * (at[1] % 2) as f32);
    Tensors::new(features, Tensor::from_fn([n], |at| labels[at[0]])).expect("as many labels as points")
}

/// What differs between runs.
pub(crate) struct Setup<'a> {
    pub(crate) seed: u64,
    pub(crate) points: usize,
    pub(crate) epochs: u64,
    pub(crate) folder: Option<&'a Path>,
    pub(crate) every: u64,
    pub(crate) interrupt: Interrupt,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(seed: u64, folder: Option<&'a Path>) -> Setup<'a> {
        Setup { seed, points: 90, epochs: 3, folder, every: 1000, interrupt: Interrupt::new() }
    }

    /// Trains, from where the folder's checkpoint is if there is one, and gives the model and how it ended.
    pub(crate) fn train(&self, callback: impl Callback) -> Result<(Model, train::End), train::Error> {
        let mut model = Model::new(self.seed);
        let end = self.train_model(&mut model, callback)?;
        Ok((model, end))
    }

    pub(crate) fn train_model(&self, model: &mut Model, callback: impl Callback) -> Result<train::End, train::Error> {
        let points = points(self.points);
        let (loader, test) = (points.clone().loader(8), points);
        let mut adam = Adam::new(0.01);
        let mut trainer = Trainer::new(model, &mut adam)
            .epochs(self.epochs)
            .seed(self.seed)
            .accumulate(2)
            .clip_norm(1.0)
            .ema(Ema::new(0.9))
            .progress(Progress::Quiet)
            .interrupt(self.interrupt.clone())
            .with(OnPlateau::new("cost", Plateau::new(0.01).patience(0).factor(0.7)))
            .with(EarlyStopping::new("validation.accuracy", Goal::Max).patience(1_000_000))
            .with(callback)
            .validate(|model: &Model| {
                let mut accuracy = Accuracy::new();
                let tape = Tape::inference();
                accuracy.add(&model.forward(tape.constant(test.features().clone())).value(), test.targets());
                [("accuracy", accuracy.value())].into()
            });
        if let Some(folder) = self.folder {
            let checkpoints = Checkpoints::new(folder).every(self.every).best("validation.accuracy", Goal::Max);
            trainer = trainer.checkpoints(checkpoints);
            trainer.resume()?;
        }
        trainer.fit(
            |epoch| loader.shuffle(self.seed, epoch),
            |model, tape, (x, labels)| {
                let logits = model.forward(tape.constant(x.clone()));
                let right = correct(&logits.value(), labels) as f64 / labels.numel() as f64;
                Cost::new(logits.cross_entropy(labels), labels.numel()).with("accuracy", right)
            },
        )
    }
}

/// The bits of a model.
pub(crate) fn bits(model: &Model) -> Vec<u32> {
    let mut bits = Vec::new();
    model.visit(tensor::Path::Root, &mut |_, param| bits.extend(param.value().to_vec().into_iter().map(f32::to_bits)));
    model.visit_buffers(tensor::Path::Root, &mut |_, b| bits.extend(b.value().to_vec().into_iter().map(f32::to_bits)));
    bits
}

/// Takes no part.
pub(crate) struct Nothing;

impl Callback for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }
}
