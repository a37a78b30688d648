//! The same seed gives the same bits at any number of threads, and after a run was interrupted and resumed: for a
//! multilayer perceptron, a convolutional network and a transformer, at sizes where kernels are shared between threads.

use std::fs;
use std::path::Path;

use wengert::nn::{BatchNorm, Conv2d, Embedding, Flatten, LayerNorm, MaxPool2d, Relu, TransformerBlock};
use wengert::prelude::*;
use wengert::tensor::Element;
use wengert::train::{
    BoxError, Callback, Checkpoints, Cost, Counted, End, Flow, Interrupt, Progress, StepEvent, Trainer,
};

/// Interrupts a run after a step.
struct After(u64, Interrupt);

impl Callback for After {
    fn name(&self) -> &'static str {
        "after"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        if event.run.step == self.0 {
            self.1.request();
        }
        Ok(Flow::Continue)
    }
}

/// Inputs and labels.
type Batch<X> = (Tensor<X>, Tensor<i64>);

fn train<M: Module, X: Element>(
    mut model: M,
    batches: &[Batch<X>],
    folder: &Path,
    interrupt_after: Option<u64>,
    logits: impl for<'t> Fn(&M, &'t Tape, &Tensor<X>) -> Var<'t>,
) -> End {
    let (mut adam, interrupt) = (Adam::new(1e-3), Interrupt::new());
    let mut trainer = Trainer::new(&mut model, &mut adam).epochs(2).seed(5).clip_norm(1.0).progress(Progress::Quiet);
    trainer = trainer.checkpoints(Checkpoints::new(folder)).interrupt(interrupt.clone());
    if let Some(step) = interrupt_after {
        trainer = trainer.with(After(step, interrupt));
    }
    trainer.resume().expect("no checkpoint, or one that fits");
    trainer
        .fit(
            |_| Counted::new(batches.to_vec()),
            |model, tape, (x, labels)| Cost::new(logits(model, tape, x).cross_entropy(labels), x.shape()[0]),
        )
        .expect("a run")
}

/// The file that a run ends with, which has every bit of model, optimizer and random streams.
fn check<M: Module, X: Element>(
    model: impl Fn() -> M + Sync,
    batches: &[Batch<X>],
    logits: impl for<'t> Fn(&M, &'t Tape, &Tensor<X>) -> Var<'t> + Sync,
) {
    let file = |threads: usize, interrupted: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let folder = tempfile::tempdir().expect("a folder");
            if interrupted {
                let middle = batches.len() as u64 / 2;
                assert_eq!(train(model(), batches, folder.path(), Some(middle), &logits), End::Interrupted);
            }
            assert_eq!(train(model(), batches, folder.path(), None, &logits), End::Finished);
            fs::read(folder.path().join("last.safetensors")).expect("a checkpoint")
        })
    };
    let expected = file(1, false);
    for threads in [1, 2, 3, 8] {
        for interrupted in [false, true] {
            assert!(file(threads, interrupted) == expected, "{threads} threads, interrupted: {interrupted}");
        }
    }
}

fn digits(count: usize, size: usize) -> Vec<Batch<f32>> {
    let digits = wengert::data::digits::generate(count, 3);
    digits.batches(size).map(|batch| (batch.images, batch.labels)).collect()
}

#[test]
fn a_multilayer_perceptron() {
    let model = || {
        let mut rng = rng(1, 0);
        let hidden = Sequential::new().add(Linear::new(784, 512, &mut rng)).add(Relu).add(Dropout::new(0.2));
        hidden.add(Linear::new(512, 10, &mut rng))
    };
    check(model, &digits(400, 100), |model: &Sequential, tape, x| model.forward(tape.constant(x.clone())));
}

#[test]
fn a_convolutional_network() {
    let model = || {
        let mut rng = rng(1, 0);
        let first = Sequential::new().add(Conv2d::new(1, 20, 5, &mut rng)).add(MaxPool2d::new(2)).add(Relu);
        let second = first.add(BatchNorm::new(20)).add(Conv2d::new(20, 40, 5, &mut rng)).add(MaxPool2d::new(2));
        let dense = second.add(Relu).add(Flatten).add(Dropout::new(0.5)).add(Linear::new(640, 100, &mut rng));
        dense.add(Relu).add(Linear::new(100, 10, &mut rng))
    };
    let images = |x: &Tensor| x.reshape([x.shape()[0], 1, 28, 28]);
    check(model, &digits(60, 20), |model: &Sequential, tape, x| model.forward(tape.constant(images(x))));
}

#[derive(Module)]
struct Writer {
    symbols: Embedding,
    places: Param,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    output: Linear,
}

#[test]
fn a_transformer() {
    const SYMBOLS: usize = 39;
    const LENGTH: usize = 35;
    const WIDTH: usize = 64;
    let model = || {
        let mut rng = rng(1, 0);
        Writer {
            symbols: Embedding::with_init(SYMBOLS, WIDTH, Init::Normal(0.1), &mut rng),
            places: Param::new("places", Init::Normal(0.1).draw::<f32>([LENGTH, WIDTH], &mut rng)),
            blocks: (0..2).map(|_| TransformerBlock::new(WIDTH, 4, &mut rng)).collect(),
            norm: LayerNorm::new([WIDTH]),
            output: Linear::new(WIDTH, SYMBOLS, &mut rng),
        }
    };
    let text = |i: usize| ((i * i) % 1000 * 7 % SYMBOLS) as i64;
    let batch = |step: usize| -> Batch<i64> {
        let symbols = |shift: usize| (0..32 * LENGTH).map(|i| text(i + shift + step * 31)).collect::<Vec<_>>();
        let tensor = |shift| Tensor::new(symbols(shift), [32, LENGTH]).expect("as many symbols");
        (tensor(0), tensor(1))
    };
    let batches: Vec<_> = (0..3).map(batch).collect();
    check(model, &batches, |model: &Writer, tape, x| {
        let x = model.symbols.forward(tape, x) + tape.param(&model.places);
        let x = model.blocks.iter().fold(x, |x, block| block.forward(x, None, true));
        model.output.forward(model.norm.forward(x))
    });
}
