//! One step: batches, gradients, and the change of the parameters.

use std::cell::Cell;

use files::Stored;
use optim::{Method, global_norm, try_clip_norm};
use smallvec::SmallVec;
use tensor::{Float, Gradients, Module, Path, Rng, Tape, Tensor};

use super::{Trainer, failed};
use crate::{Cost, Epoch, Error, Flow, RunState, StepEvent};

/// Where a random stream is.
type Stream = [u8; 49];

fn stream<T: Float>(tape: &Tape<T>) -> Stream {
    tape.with_rng(|rng| rng.serialize_state())
}

fn set_stream<T: Float>(tape: &Tape<T>, stream: &Stream) {
    tape.with_rng(|rng| *rng = Rng::deserialize_state(stream));
}

/// What the evaluation of a batch changes, as it was before: the tape's random stream, and the model's buffers.
pub(super) struct Snapshot<T: Float> {
    rng: Stream,
    buffers: Vec<Tensor<T>>,
}

impl<T: Float> Snapshot<T> {
    fn of(model: &impl Module<T>, tape: &Tape<T>) -> Snapshot<T> {
        let mut buffers = Vec::new();
        model.visit_buffers(Path::Root, &mut |_, buffer| buffers.push(buffer.value()));
        Snapshot { rng: stream(tape), buffers }
    }

    fn restore(&self, model: &impl Module<T>, tape: &Tape<T>) {
        set_stream(tape, &self.rng);
        let mut buffers = self.buffers.iter();
        model.visit_buffers(Path::Root, &mut |_, buffer| {
            if let Some(value) = buffers.next() {
                buffer.set(value.clone());
            }
        });
    }
}

/// What the batches of a step come to.
struct Total<T: Float> {
    grads: Gradients<T>,
    examples: usize,
    cost: f64,
    metrics: SmallVec<[(&'static str, f64, usize); 5]>,
}

impl<T: Float> Total<T> {
    /// Adds another batch; gradients are of sums of examples while there are several.
    fn add(&mut self, mut other: Total<T>, is_second: bool) {
        if is_second {
            scale(&mut self.grads, self.examples as f64);
        }
        scale(&mut other.grads, other.examples as f64);
        self.grads.accumulate(&other.grads);
        let examples = self.examples + other.examples;
        self.cost = (self.cost * self.examples as f64 + other.cost * other.examples as f64) / examples as f64;
        self.examples = examples;
        self.metrics.extend(other.metrics);
    }
}

/// What is not finite, if anything is: the cost or a gradient.
fn spoiled<T: Float>(cost: f64, grads: &Gradients<T>) -> Option<String> {
    if !cost.is_finite() {
        return Some(format!("the cost is {cost}"));
    }
    // A sum is the fastest pass there is. It may leave the range though no gradient does, so it is not the last word.
    let is_sound = |grad: &Tensor<T>| grad.sum(..).item().to_f64().is_finite();
    let norm = if grads.params().all(is_sound) { 0.0 } else { global_norm(grads) };
    (!norm.is_finite()).then(|| format!("the norm of the gradients is {norm}"))
}

fn scale<T: Float>(grads: &mut Gradients<T>, factor: f64) {
    let factor = T::from_f64(factor);
    grads.params_mut().for_each(|grad| *grad = &*grad * factor);
}

impl<M: Module<T>, O: Method, T: Float + Stored> Trainer<'_, M, O, T> {
    /// Takes a step that was begun and not completed back, and so the end of an epoch.
    pub(super) fn take_back(&mut self) {
        self.tape.reset();
        let epoch = self.run.epoch;
        self.run.history.retain(|row| row.epoch < epoch);
        if let Some(before) = self.begun.take() {
            before.restore(self.model, &self.tape);
        }
    }

    /// Makes a step, and says of how many examples it was; `None` where there are no batches left.
    pub(super) fn step<E: Epoch>(
        &mut self,
        batches: &mut E,
        evaluate: &mut impl for<'t> FnMut(&M, &'t Tape<T>, &E::Batch) -> Cost<'t, T>,
    ) -> Result<Option<usize>, Error> {
        self.begun = Some(Snapshot::of(self.model, &self.tape));
        let made = self.gradients(batches, evaluate).and_then(|total| match total {
            Some(total) => self.change(total, batches.position()).map(Some),
            None => Ok(None),
        });
        match made {
            Ok(Some(examples)) => {
                self.begun = None;
                Ok(Some(examples))
            }
            other => {
                self.take_back();
                other
            }
        }
    }

    /// The mean gradients of the batches of a step.
    fn gradients<E: Epoch>(
        &mut self,
        batches: &mut E,
        evaluate: &mut impl for<'t> FnMut(&M, &'t Tape<T>, &E::Batch) -> Cost<'t, T>,
    ) -> Result<Option<Total<T>>, Error> {
        let mut total: Option<Total<T>> = None;
        let mut count = 0;
        while count < self.accumulate {
            let RunState { epoch, .. } = self.run;
            let position = batches.position();
            let Some(batch) = batches.next_batch() else { break };
            let batch = batch.map_err(|source| Error::Data { epoch, position, source: Box::new(source) })?;
            let one = self.evaluate(&batch, evaluate)?;
            count += 1;
            match &mut total {
                Some(total) => total.add(one, count == 2),
                None => total = Some(one),
            }
        }
        if let Some(total) = total.as_mut().filter(|_| count > 1) {
            scale(&mut total.grads, 1.0 / total.examples as f64);
        }
        Ok(total)
    }

    fn evaluate<B>(
        &mut self,
        batch: &B,
        evaluate: &mut impl for<'t> FnMut(&M, &'t Tape<T>, &B) -> Cost<'t, T>,
    ) -> Result<Total<T>, Error> {
        let before = self.guard.then(|| stream(&self.tape));
        let Cost { var, examples, metrics } = evaluate(self.model, &self.tape, batch);
        let cost = var.item().to_f64();
        let grads = var.backward();
        self.tape.reset();
        if let Some(before) = before
            && let Some(what) = spoiled(cost, &grads)
        {
            let cause = self.cause(batch, evaluate, before);
            let RunState { step, epoch, .. } = self.run;
            return Err(Error::NonFinite { step, epoch, what, cause });
        }
        let metrics =
            metrics.into_iter().map(|(name, value)| (name, value, examples)).chain([("cost", cost, examples)]);
        Ok(Total { grads, examples, cost, metrics: metrics.collect() })
    }

    /// Evaluates a batch once more, in search of the op that makes the first NaN or infinity.
    fn cause<B>(
        &mut self,
        batch: &B,
        evaluate: &mut impl for<'t> FnMut(&M, &'t Tape<T>, &B) -> Cost<'t, T>,
        before: Stream,
    ) -> String {
        set_stream(&self.tape, &before);
        self.tape.note_anomalies(true);
        drop(evaluate(self.model, &self.tape, batch).var.backward());
        let found = self.tape.anomaly();
        self.tape.note_anomalies(false);
        self.tape.reset();
        found.unwrap_or_else(|| "no op made it of finite numbers: look at the data and the parameters".to_string())
    }

    /// Clips, tells the callbacks, and changes the parameters.
    fn change(&mut self, mut total: Total<T>, position: usize) -> Result<usize, Error> {
        if let Some(max) = self.clip {
            try_clip_norm(&mut total.grads, max)?;
        }
        let stopped = self.step_callbacks(&mut total)?;
        self.optimizer.step(self.model, &total.grads)?;
        if let Some(ema) = &mut self.ema {
            ema.update(self.model)?;
        }
        for (name, value, examples) in total.metrics {
            self.run.add(name, value, examples);
        }
        self.run.step += 1;
        self.run.position = position;
        self.run.stopped = stopped;
        Ok(total.examples)
    }

    /// Why the run is to end after the step, if it is.
    fn step_callbacks(&mut self, total: &mut Total<T>) -> Result<Option<String>, Error> {
        let (mut stopped, norm) = (None, Cell::new(None));
        for callback in &mut self.callbacks {
            let mut lr = self.run.lr;
            let event = &mut StepEvent {
                run: &self.run,
                model: &*self.model,
                grads: &mut total.grads,
                norm: &norm,
                lr: &mut lr,
                cost: total.cost,
                examples: total.examples,
            };
            let flow = callback.step(event).map_err(|source| failed(&**callback, source))?;
            self.run.lr = lr;
            self.optimizer.set_lr(lr);
            if let Flow::Stop(reason) = flow {
                stopped.get_or_insert(reason);
            }
        }
        Ok(stopped)
    }
}
