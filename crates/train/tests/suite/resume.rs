//! Runs that are resumed, disturbed, or beside each other end in the bits of one that is alone and undisturbed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nn::Linear;
use optim::{Ema, Momentum, Plateau, Sgd};
use tensor::{Tensor, rng};

use crate::setup::{Model, Nothing, Setup, bits};
use train::{
    BoxError, Callback, Cost, Counted, EarlyStopping, End, Error, Flow, Goal, Interrupt, OnPlateau, Progress,
    StepEvent, Trainer,
};

/// Does something at one step.
struct At<F>(u64, F);

impl<F: FnMut()> Callback for At<F> {
    fn name(&self) -> &'static str {
        "at"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        if event.run.step == self.0 {
            self.1();
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn a_run_that_is_interrupted_anywhere_ends_in_the_bytes_of_an_undisturbed_one() {
    let undisturbed = tempfile::tempdir().expect("a folder");
    let (_, end) = Setup::new(1, Some(undisturbed.path())).train(Nothing).expect("a run");
    assert_eq!(end, End::Finished);
    // Six steps an epoch: 12 batches of 8 or fewer, two to a step. Step 5 is an epoch's last.
    for step in [0, 2, 5, 6, 10, 17] {
        let folder = tempfile::tempdir().expect("a folder");
        let interrupt = Interrupt::new();
        let setup = Setup { interrupt: interrupt.clone(), ..Setup::new(1, Some(folder.path())) };
        let (_, end) = setup.train(&mut At(step, || interrupt.request())).expect("a run");
        assert_eq!(end, End::Interrupted);
        // Another seed for the weights, which must not matter any more.
        let mut model = Model::new(77);
        let end = Setup::new(1, Some(folder.path())).train_model(&mut model, Nothing).expect("a run");
        assert_eq!(end, End::Finished);
        for name in ["last.safetensors", "best.safetensors"] {
            let [one, other] =
                [&undisturbed, &folder].map(|folder| fs::read(folder.path().join(name)).expect("a file"));
            assert!(one == other, "{name} after an interruption at step {step}");
        }
    }
}

#[test]
fn eight_runs_in_eight_threads_have_the_bits_of_each_alone() {
    let alone: Vec<_> = (0..8).map(|seed| bits(&Setup::new(seed, None).train(Nothing).expect("a run").0)).collect();
    let start = std::sync::Barrier::new(8);
    let together: Vec<_> = std::thread::scope(|scope| {
        let train = |seed| {
            start.wait();
            bits(&Setup::new(seed, None).train(Nothing).expect("a run").0)
        };
        let threads: Vec<_> = (0..8).map(|seed| scope.spawn(move || train(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(alone == together);
    assert_ne!(alone[0], alone[1]);
}

#[test]
fn the_number_of_threads_changes_no_bit_with_and_without_resuming() {
    let train = |threads: usize, step: Option<u64>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let folder = tempfile::tempdir().expect("a folder");
            if let Some(step) = step {
                let interrupt = Interrupt::new();
                let setup = Setup { interrupt: interrupt.clone(), ..Setup::new(3, Some(folder.path())) };
                setup.train(&mut At(step, || interrupt.request())).expect("a run");
            }
            bits(&Setup::new(3, Some(folder.path())).train(Nothing).expect("a run").0)
        })
    };
    let expected = train(1, None);
    for threads in [1, 2, 3, 8] {
        assert!(train(threads, None) == expected, "{threads} threads");
        assert!(train(threads, Some(8)) == expected, "{threads} threads, resumed");
    }
}

#[test]
fn a_panic_in_a_step_is_taken_back_and_training_goes_on() {
    let expected = bits(&Setup::new(5, None).train(Nothing).expect("a run").0);
    let folder = tempfile::tempdir().expect("a folder");
    let setup = Setup { every: 1, ..Setup::new(5, Some(folder.path())) };
    let mut panics = At(9, || panic!("on purpose"));
    let panic = catch_unwind(AssertUnwindSafe(|| setup.train(&mut panics))).err().expect("a panic");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    // What follows is neither locked nor spoiled: the same thread, and others.
    assert!(bits(&setup.train(Nothing).expect("a run").0) == expected);
    let other = std::thread::spawn(|| bits(&Setup::new(5, None).train(Nothing).expect("a run").0));
    assert!(other.join().expect("no panic") == expected);
}

#[test]
fn a_checkpoint_of_something_else_is_an_error_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut other = nn::Linear::<f32>::new(2, 2, &mut tensor::rng(0, 0));
    let path = folder.path().join("last.safetensors");
    let mut sgd = optim::Sgd::new(0.1);
    train::Trainer::new(&mut other, &mut sgd).save(&path).expect("a file");
    let mut model = Model::new(1);
    let before = bits(&model);
    let error = Setup::new(1, Some(folder.path())).train_model(&mut model, Nothing).expect_err("another model");
    assert!(matches!(error, Error::Optim(_)), "{error}");
    assert_eq!(bits(&model), before);
}

/// The bytes of a run before and after it fails to load a file, in which everything fits but for the model.
#[test]
fn a_checkpoint_that_fits_but_for_its_end_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let run = |epochs, f: &mut dyn FnMut(&mut Trainer<'_, Linear, Momentum>)| {
        let (mut model, mut sgd) = (Linear::new(2, 1, &mut rng(epochs, 0)), Sgd::new(0.1).momentum(0.9));
        let mut trainer = Trainer::new(&mut model, &mut sgd)
            .epochs(epochs)
            .progress(Progress::Quiet)
            .ema(Ema::new(0.9))
            .with(OnPlateau::new("cost", Plateau::new(0.1)))
            .with(EarlyStopping::new("cost", Goal::Min));
        let batch = Tensor::randn([4, 2], &mut rng(0, 1));
        trainer
            .fit(
                |_| Counted::new(std::iter::once(batch.clone())),
                |model, tape, x| Cost::new(model.forward(tape.constant(x.clone())).square().mean(..), 4),
            )
            .expect("a run");
        f(&mut trainer);
    };
    run(3, &mut |trainer| trainer.save(&path).expect("a file"));
    let mut contents = files::safetensors::read(&path).expect("a checkpoint");
    contents.tensors.remove("model.bias").expect("a bias");
    files::safetensors::write(&path, &contents).expect("a file");

    let bytes = |trainer: &Trainer<'_, Linear, Momentum>| {
        let own = folder.path().join("own");
        trainer.save(&own).expect("a file");
        fs::read(own).expect("a file")
    };
    for epochs in [0, 2] {
        run(epochs, &mut |trainer| {
            let before = bytes(trainer);
            let error = trainer.load(&path).expect_err("no bias").to_string();
            assert!(error.contains("bias"), "{error}");
            assert!(bytes(trainer) == before, "after {epochs} epochs");
        });
    }
}

/// The resident memory of this process, in KiB, as Linux tells it.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a system with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident memory");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}

/// Notes the step, the bytes of tensors and the resident memory every 10,000 steps.
#[derive(Default)]
struct Sample(Vec<(u64, usize, u64)>);

impl Callback for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        if event.run.step > 0 && event.run.step.is_multiple_of(10_000) {
            let buffers = tensor::Tensor::<f32>::buffers();
            self.0.push((event.run.step, buffers.live + buffers.kept, resident()));
        }
        Ok(Flow::Continue)
    }
}

#[test]
#[ignore = "ten seconds; RAYON_NUM_THREADS=1 cargo test --release -p wengert-train --test suite soak -- --ignored --nocapture"]
fn soak() {
    let mut sample = Sample::default();
    // 563 steps to an epoch, so that the history, a row for each epoch, hardly grows.
    let setup = Setup { points: 9_000, epochs: 100_000 / 563 + 1, ..Setup::new(1, None) };
    setup.train(&mut sample).expect("a run");
    println!("step, bytes of tensors, KiB of the process:\n{:?}", sample.0);
    let [first, .., last] = sample.0[..] else { panic!("samples") };
    assert_eq!((first.0, last.0), (10_000, 100_000));
    assert_eq!(first.1, last.1, "bytes of tensors");
    // The smallest allocation takes 32 bytes; one that is lost in each step would come to 2,800 KiB.
    assert!(last.2 < first.2 + 512, "from {} to {} KiB", first.2, last.2);
}
