//! The loop.

mod over;
mod resume;
mod step;

use files::Stored;
use optim::{Ema, Method, Optimizer};
use tensor::{Float, Module, Tape};

use crate::Epoch;
use crate::progress::Reporter;
use crate::{Callback, Checkpoints, Cost, Error, Interrupt, Metrics, Progress, RunState};
use step::Snapshot;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs are over.
    Finished,
    /// A callback stopped it, for a reason.
    Stopped(String),
    /// An [`Interrupt`] ended it; where there are [`Checkpoints`] it can be resumed.
    Interrupted,
}

/// A run: a model and its optimizer, and all that is to happen while they go through the data.
///
/// ```
/// use nn::{Costs, Linear};
/// use optim::Sgd;
/// use tensor::rng;
/// use train::{Accuracy, Cost, End, Progress, Trainer};
///
/// let (digits, test) = data::digits::generate(120, 1).split(100);
/// let mut model = Linear::<f32>::new(784, 10, &mut rng(0, 0));
/// let mut sgd = Sgd::new(0.1);
/// let mut trainer = Trainer::new(&mut model, &mut sgd).epochs(2).progress(Progress::Quiet).validate(|model: &Linear| {
///     let mut accuracy = Accuracy::new();
///     for batch in test.batches(100) {
///         let tape = tensor::Tape::inference();
///         accuracy.add(&model.forward(tape.constant(batch.images)).value(), &batch.labels);
///     }
///     [("accuracy", accuracy.value())].into()
/// });
/// let end = trainer.fit(
///     |epoch| digits.batches(10).shuffle(0, epoch),
///     |model, tape, batch| {
///         let logits = model.forward(tape.constant(batch.images.clone()));
///         Cost::new(logits.cross_entropy(&batch.labels), batch.labels.numel())
///     },
/// )?;
/// assert_eq!(end, End::Finished);
/// assert!(trainer.run().history[1].get("validation.accuracy").is_some());
/// # Ok::<(), train::Error>(())
/// ```
///
/// It borrows the model and the optimizer until it is dropped; [`model`](Trainer::model) lends the model meanwhile.
///
/// A run that is resumed from a checkpoint ends in the same bits as one that was never interrupted, as long as the
/// closures depend on nothing but their arguments.
pub struct Trainer<'a, M, O: Method, T: Float = f32> {
    model: &'a mut M,
    optimizer: &'a mut Optimizer<O, T>,
    tape: Tape<T>,
    run: RunState,
    epochs: u64,
    accumulate: usize,
    clip: Option<f64>,
    guard: bool,
    ema: Option<Ema<T>>,
    validate: Option<Validate<'a, M>>,
    callbacks: Vec<Box<dyn Callback<T> + 'a>>,
    checkpoints: Option<Checkpoints>,
    progress: Progress,
    interrupt: Interrupt,
    /// What a step that has begun and not ended is taken back to.
    begun: Option<Snapshot<T>>,
}

type Validate<'a, M> = Box<dyn FnMut(&M) -> Metrics + 'a>;

impl<'a, M: Module<T>, O: Method, T: Float + Stored> Trainer<'a, M, O, T> {
    /// A run of one epoch, and nothing but training.
    pub fn new(model: &'a mut M, optimizer: &'a mut Optimizer<O, T>) -> Trainer<'a, M, O, T> {
        let run = RunState { lr: optimizer.lr(), ..RunState::default() };
        Trainer {
            model,
            optimizer,
            tape: Tape::new(),
            run,
            epochs: 1,
            accumulate: 1,
            clip: None,
            guard: true,
            ema: None,
            validate: None,
            callbacks: Vec::new(),
            checkpoints: None,
            progress: Progress::Auto,
            interrupt: Interrupt::new(),
            begun: None,
        }
    }

    /// How many epochs there are in all.
    pub fn epochs(self, epochs: u64) -> Self {
        Trainer { epochs, ..self }
    }

    /// The seed of the tape's random stream, for dropout; 0 by default.
    pub fn seed(self, seed: u64) -> Self {
        Trainer { tape: Tape::seeded(seed), ..self }
    }

    /// Makes each step of so many batches, as if they were one; 1 by default. An epoch's last step has what is left.
    ///
    /// # Panics
    /// If that is 0.
    #[track_caller]
    pub fn accumulate(self, batches: usize) -> Self {
        assert!(batches > 0, "trainer: steps of 0 batches, expected at least 1");
        Trainer { accumulate: batches, ..self }
    }

    /// Scales gradients so that their norm is at most `max` ([`optim::try_clip_norm`]).
    ///
    /// # Panics
    /// If `max` is not 0 or more.
    #[track_caller]
    pub fn clip_norm(self, max: f64) -> Self {
        assert!(max >= 0.0, "trainer: a norm of at most {max}, expected 0 or more");
        Trainer { clip: Some(max), ..self }
    }

    /// Whether a cost or gradient that is NaN or infinite ends the run before it reaches the parameters; it does by
    /// default. It takes a pass over the gradients. The step is then evaluated once more, to find the op that it comes
    /// from.
    pub fn guard(self, guard: bool) -> Self {
        Trainer { guard, ..self }
    }

    /// Averages the weights; validation is of the averages.
    pub fn ema(self, ema: Ema<T>) -> Self {
        Trainer { ema: Some(ema), ..self }
    }

    /// What is measured after each epoch.
    pub fn validate(self, validate: impl FnMut(&M) -> Metrics + 'a) -> Self {
        Trainer { validate: Some(Box::new(validate)), ..self }
    }

    /// Adds a callback; they are called in the order in which they were added.
    pub fn with(mut self, callback: impl Callback<T> + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Saves the run.
    pub fn checkpoints(self, checkpoints: Checkpoints) -> Self {
        Trainer { checkpoints: Some(checkpoints), ..self }
    }

    /// What it says of itself.
    pub fn progress(self, progress: Progress) -> Self {
        Trainer { progress, ..self }
    }

    /// What ends it after the step under way: [`Interrupt::on_ctrl_c`] as a rule.
    pub fn interrupt(self, interrupt: Interrupt) -> Self {
        Trainer { interrupt, ..self }
    }

    /// Where the run stands.
    pub fn run(&self) -> &RunState {
        &self.run
    }

    /// The model.
    pub fn model(&self) -> &M {
        self.model
    }

    /// The averages of the weights, if there are any.
    pub fn averages(&self) -> Option<&Ema<T>> {
        self.ema.as_ref()
    }

    /// Trains to the end of the last epoch, from where the run stands. `epoch` makes the batches of an epoch, counted
    /// from 0; `evaluate` gives the cost of a batch.
    ///
    /// A panic of a closure leaves the run after the last step that was completed, from where `fit` can go on.
    ///
    /// # Errors
    /// Before the first step if there is no place for the checkpoints, or for what a callback of this crate writes. Then
    /// if a batch cannot be had, a step cannot be made, the cost or a gradient is NaN or infinite, a callback fails or
    /// a checkpoint cannot be written. The run stands after the last step that was completed.
    pub fn fit<E: Epoch>(
        &mut self,
        mut epoch: impl FnMut(u64) -> E,
        mut evaluate: impl for<'t> FnMut(&M, &'t Tape<T>, &E::Batch) -> Cost<'t, T>,
    ) -> Result<End, Error> {
        self.take_back();
        self.optimizer.set_lr(self.run.lr);
        self.check_checkpoints()?;
        for callback in &mut self.callbacks {
            callback.start(&self.run).map_err(|source| failed(&**callback, source))?;
        }
        let mut reporter = Reporter::new(self.progress);
        while self.run.epoch < self.epochs && self.run.stopped.is_none() {
            let batches = self.begin(epoch(self.run.epoch))?;
            if !self.train(batches, &mut evaluate, &mut reporter)? {
                self.save_last()?;
                reporter.end("interrupted");
                return Ok(End::Interrupted);
            }
            if self.run.stopped.is_none() {
                self.end_epoch(&mut reporter)?;
            }
        }
        Ok(match &self.run.stopped {
            Some(reason) => {
                reporter.end(&format!("stopped: {reason}"));
                End::Stopped(reason.clone())
            }
            None => End::Finished,
        })
    }

    /// The epoch from where the run stands.
    fn begin<E: Epoch>(&self, batches: E) -> Result<E, Error> {
        let RunState { epoch, position, .. } = self.run;
        match batches.samples() {
            Some(samples) if position > samples => Err(Error::Position { epoch, position, samples }),
            _ => Ok(batches.start_at(position)),
        }
    }

    /// The steps of an epoch; whether they were not interrupted.
    fn train<E: Epoch>(
        &mut self,
        mut batches: E,
        evaluate: &mut impl for<'t> FnMut(&M, &'t Tape<T>, &E::Batch) -> Cost<'t, T>,
        reporter: &mut Reporter,
    ) -> Result<bool, Error> {
        let samples = batches.samples();
        reporter.begin(&self.run, samples);
        let every = self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.every);
        while !self.interrupt.is_requested() {
            let Some(examples) = self.step(&mut batches, evaluate)? else {
                return match self.run.position {
                    0 => Err(Error::Empty { epoch: self.run.epoch }),
                    _ => Ok(true),
                };
            };
            reporter.step(&self.run, examples, samples);
            if self.run.stopped.is_some() {
                self.save_last()?;
                return Ok(true);
            }
            if every.is_some_and(|every| self.run.step.is_multiple_of(every)) {
                self.save_last()?;
            }
        }
        Ok(false)
    }
}

fn failed<T: Float>(callback: &(dyn Callback<T> + '_), source: crate::BoxError) -> Error {
    Error::Callback { name: callback.name().to_string(), source }
}
