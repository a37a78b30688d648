//! A training step in steady state asks the system for no memory, and a long run holds no more than a short one.
//!
//! This binary has an allocator that counts, and one test, so that nothing else runs beside it.

// An allocator cannot be written without `unsafe`.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use wengert::optim::{Adagrad, Ema, Group, Lion, Method, Optimizer, RmsProp, clip_norm, clip_value};
use wengert::prelude::*;
use wengert::train::{self, Progress, Trainer};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    /// Those of one thread: while it works alone, threads of earlier pools may still be ending.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

fn count(grown: usize, freed: usize) {
    OWN.set(OWN.get() + usize::from(grown > 0));
    ALLOCATIONS.fetch_add(usize::from(grown > 0), Relaxed);
    LIVE.fetch_add(grown as isize - freed as isize, Relaxed);
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches atomics and a number of the thread
// that needs no initialisation, and cannot allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Module)]
struct Mlp {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Mlp {
    fn new(hidden: usize) -> Mlp {
        let mut rng = rng(0, 0);
        let [hidden, output] = [[784, hidden], [hidden, 10]].map(|[from, to]| Linear::new(from, to, &mut rng));
        Mlp { hidden, dropout: Dropout::new(0.1), output }
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.output.forward(self.dropout.forward(self.hidden.forward(x).relu()))
    }
}

/// The cost of logits.
type Cost = for<'t> fn(Var<'t>, &Tensor<i64>) -> Var<'t>;

const COSTS: [(&str, Cost); 3] = [
    ("cross-entropy", |z, labels| z.cross_entropy(labels)),
    ("quadratic", |z, labels| z.sigmoid().quadratic_cost(labels.one_hot(10))),
    ("binary cross-entropy", |z, labels| z.bce_with_logits(labels.one_hot(10))),
];

struct Training<M: Method> {
    model: Mlp,
    optimizer: Optimizer<M>,
    tape: Tape,
    cost: Cost,
    /// Where there are averages, gradients are clipped too.
    averages: Option<Ema>,
}

impl<M: Method> Training<M> {
    fn new(hidden: usize, optimizer: Optimizer<M>, cost: Cost) -> Training<M> {
        Training { model: Mlp::new(hidden), optimizer, tape: Tape::new(), cost, averages: None }
    }

    fn step(&mut self, batch: Batch) {
        let cost = (self.cost)(self.model.forward(self.tape.constant(batch.images)), &batch.labels);
        let mut grads = cost.backward();
        if self.averages.is_some() {
            clip_value(&mut grads, 0.1);
            clip_norm(&mut grads, 0.1);
        }
        self.optimizer.step(&mut self.model, &grads).expect("every parameter is reached");
        drop(grads);
        self.averages.iter_mut().for_each(|averages| averages.update(&self.model).expect("the same model"));
        self.tape.reset();
    }
}

/// How many allocations the steps 10 to 20 of an epoch make on this thread, the batches' assembly included.
fn allocations_in_steady_state<M: Method>(data: &Images, batch: usize, mut training: Training<M>) -> usize {
    let mut batches = data.batches(batch).shuffle(0, 0);
    batches.by_ref().take(9).for_each(|batch| training.step(batch));
    let before = OWN.get();
    for _ in 10..=20 {
        training.step(batches.next().expect("enough rows for 20 batches"));
    }
    OWN.get() - before
}

/// How many allocations a trainer's steps 10 to 20 of an epoch make on this thread.
fn allocations_in_a_trainer(data: &Images, progress: Progress) -> usize {
    let (mut model, mut sgd) = (Mlp::new(30), Sgd::new(0.01).momentum(0.9));
    let mut counts = Vec::with_capacity(data.len());
    let mut trainer = Trainer::new(&mut model, &mut sgd).progress(progress);
    let end = trainer.fit(
        |epoch| data.batches(10).shuffle(0, epoch),
        |model, tape, batch| {
            counts.push(OWN.get());
            let z = model.forward(tape.constant(batch.images.clone()));
            train::Cost::new(z.cross_entropy(&batch.labels), 10)
        },
    );
    end.expect("a run");
    counts[20] - counts[9]
}

/// The bytes held after each of the epochs.
fn live_after_epochs<M: Method>(data: &Images, epochs: u64, mut training: Training<M>) -> Vec<isize> {
    let mut live = Vec::with_capacity(epochs as usize);
    for epoch in 0..epochs {
        data.batches(10).shuffle(0, epoch).for_each(|batch| training.step(batch));
        live.push(LIVE.load(Relaxed));
    }
    live
}

/// Steps on arrays so large that their elementwise results are deferred and shared among threads.
fn deferred_step(tape: &mut Tape, x: &Tensor, w: &mut Param) {
    let y = (tape.constant(x.clone()) * tape.param(w) + 0.5).tanh().square();
    let cost = y.mean(..);
    let grads = cost.backward();
    w.value_mut().as_mut_slice()[0] -= 0.1 * grads.wrt(&*w).as_slice().expect("contiguous")[0];
    assert!(cost.item().is_finite());
    drop(grads);
    tape.reset();
}

/// Whether such steps come to allocate nothing. A helper's first part in a job takes its scratch from the system, and
/// when that is depends on the machine, so several rounds may pass.
fn deferred_steps_settle(threads: usize) -> bool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        let x = Tensor::uniform([(1 << 18) + 5], -1.0, 1.0, &mut rng(1, 0));
        let (mut tape, mut w) = (Tape::new(), Param::new("w", x.clone() * 0.5));
        let mut round = || {
            let before = (ALLOCATIONS.load(Relaxed), LIVE.load(Relaxed));
            (0..10).for_each(|_| deferred_step(&mut tape, &x, &mut w));
            (ALLOCATIONS.load(Relaxed), LIVE.load(Relaxed)) == before
        };
        // One round may be quiet because the helpers slept through it.
        (0..100).any(|_| round() && round() && round())
    })
}

/// Whether the steps of a model come to allocate nothing on two threads, for the same reason.
fn steps_settle() -> bool {
    let data = wengert::data::digits::generate(320, 0);
    let mut training = Training::new(300, Sgd::new(0.01).momentum(0.9), COSTS[0].1);
    let mut round = |epoch| {
        let before = ALLOCATIONS.load(Relaxed);
        let mut batches = data.batches(32).shuffle(0, epoch);
        let shuffled = ALLOCATIONS.load(Relaxed) - before;
        batches.by_ref().for_each(|batch| training.step(batch));
        ALLOCATIONS.load(Relaxed) - before == shuffled
    };
    (0..100).any(|epoch| round(3 * epoch) && round(3 * epoch + 1) && round(3 * epoch + 2))
}

#[test]
fn a_training_step_allocates_nothing_and_keeps_nothing() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool(1).install(one_thread_allocates_nothing);
    assert!(pool(2).install(steps_settle), "two threads: every round allocates");
}

fn one_thread_allocates_nothing() {
    let data = wengert::data::digits::generate(1000, 0);
    assert!(ALLOCATIONS.load(Relaxed) > 0 && LIVE.load(Relaxed) > 784_000, "the allocator counts");
    assert!(OWN.get() > 0, "the allocator counts this thread's");
    for threads in [1, 2] {
        assert!(deferred_steps_settle(threads), "deferred results on {threads} threads: every round allocates");
    }
    for (name, cost) in COSTS {
        for (batch, hidden) in [(10, 30), (32, 100)] {
            for momentum in [0.0, 0.9] {
                let training = Training::new(hidden, Sgd::new(0.01).momentum(momentum), cost);
                let allocations = allocations_in_steady_state(&data, batch, training);
                assert_eq!(
                    allocations, 0,
                    "{name}, batch {batch}, hidden {hidden}, momentum {momentum}: steps 10 to 20"
                );
            }
        }
    }
    no_optimizer_allocates(&data);
    for progress in [Progress::Quiet, Progress::Lines(Duration::from_secs(3600))] {
        let allocations = allocations_in_a_trainer(&data, progress);
        assert_eq!(allocations, 0, "a trainer with {progress:?}: steps 10 to 20");
    }
    for (name, cost) in COSTS {
        let live = live_after_epochs(&data, 100, Training::new(30, Sgd::new(0.01).momentum(0.9), cost));
        assert!(
            live.iter().all(|&bytes| bytes == live[0]),
            "{name}: live bytes after each 100 of 10,000 steps: {live:?}"
        );
    }
}

/// All optimizers, with as many buffers as they may have and with groups, clipping and averages beside them.
fn no_optimizer_allocates(data: &Images) {
    fn check<M: Method>(data: &Images, name: &str, optimizer: Optimizer<M>) {
        let averages = Some(Ema::new(0.99));
        let training = Training { averages, ..Training::new(30, optimizer, COSTS[0].1) };
        let allocations = allocations_in_steady_state(data, 10, training);
        assert_eq!(allocations, 0, "{name}: steps 10 to 20");
    }
    check(data, "Adam", Adam::new(1e-3).amsgrad(true));
    check(data, "AdamW", AdamW::new(1e-3));
    check(
        data,
        "RmsProp",
        RmsProp::new(1e-3).centered(true).momentum(0.9).group(Group::prefix("hidden").lr_factor(0.1)),
    );
    check(data, "Adagrad", Adagrad::new(1e-2).lr_decay(0.1));
    check(data, "Lion", Lion::new(1e-4).weight_decay(0.1));
}
