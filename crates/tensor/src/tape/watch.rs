//! Watching a tape at work: a profile of its ops, and the first NaN or infinity.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::node::Recorded;
use super::profile::Profile;
use super::{Tape, Var};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What is watched for. While anything is, elementwise results are not deferred, so that each op stands for itself.
#[derive(Default)]
pub(super) struct Watch {
    anomalies: Anomalies,
    noted: Option<String>,
    profile: Option<Profile>,
}

/// What becomes of an anomaly.
#[derive(Clone, Copy, Default, PartialEq)]
enum Anomalies {
    #[default]
    Ignored,
    Raised,
    Noted,
}

impl<T: Float> Tape<T> {
    /// Looks for the first NaN or infinity, forward and backward, or stops looking. A result of an op that has one
    /// where no input has, or such a gradient that an op sends back, is an error (a panic of the op or of `backward`)
    /// that names the op, the shape and the line that recorded it. A NaN in a constant, leaf or parameter is one too.
    /// Every value is read once more for it.
    ///
    /// ```should_panic
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// tape.detect_anomalies(true);
    /// let x = tape.leaf(Tensor::from([4.0f32, 0.0]));
    /// // sqrt: the gradient of input 0, of shape [2], has an infinity at [1]; recorded at src/main.rs:6:11
    /// x.sqrt().sum(..).backward();
    /// ```
    pub fn detect_anomalies(&self, on: bool) {
        self.look_for_anomalies(if on { Anomalies::Raised } else { Anomalies::Ignored });
    }

    /// Looks for the same as [`detect_anomalies`](Tape::detect_anomalies), or stops looking, but goes on when it finds
    /// something: [`anomaly`](Tape::anomaly) says what was first. For programs that must not panic.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// tape.note_anomalies(true);
    /// let x = tape.leaf(Tensor::from([4.0f32, 0.0]));
    /// x.sqrt().sum(..).backward();
    /// let found = tape.anomaly().expect("the slope of the root at 0");
    /// assert!(found.starts_with("sqrt: the gradient of input 0, of shape [2], has an infinity at [1]; recorded at "));
    /// ```
    pub fn note_anomalies(&self, on: bool) {
        self.look_for_anomalies(if on { Anomalies::Noted } else { Anomalies::Ignored });
    }

    /// The first NaN or infinity since [`note_anomalies`](Tape::note_anomalies), in words.
    pub fn anomaly(&self) -> Option<String> {
        self.watch.borrow().noted.clone()
    }

    fn look_for_anomalies(&self, how: Anomalies) {
        let mut watch = self.watch.borrow_mut();
        (watch.anomalies, watch.noted) = (how, None);
        drop(watch);
        self.update_watching();
    }

    /// Starts a new profile of the ops that follow, or stops with it.
    pub fn set_profiling(&self, on: bool) {
        self.watch.borrow_mut().profile = on.then(Profile::default);
        self.update_watching();
    }

    /// What the ops since [`set_profiling`](Tape::set_profiling) have taken, through any number of resets; nothing
    /// where it was not called.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// tape.set_profiling(true);
    /// let x = tape.leaf(Tensor::<f32>::ones([64, 64]));
    /// x.matmul(x).tanh().sum(..).backward();
    /// println!("{}", tape.profile());
    /// assert_eq!(tape.profile().ops().iter().find(|op| op.name == "matmul").unwrap().flops, 2 * 64 * 64 * 64);
    /// ```
    pub fn profile(&self) -> Profile {
        self.watch.borrow().profile.clone().unwrap_or_default()
    }

    fn update_watching(&self) {
        let watch = self.watch.borrow();
        self.watching.set(watch.looks() || watch.profile.is_some());
    }

    /// Checks a value that no op has made.
    #[track_caller]
    pub(super) fn watch_value(&self, what: &str, value: &Tensor<T>) {
        let mut watch = self.watch.borrow_mut();
        if !watch.looks() {
            return;
        }
        let Some((_, place)) = first(value, f64::is_nan) else { return };
        let found = format!("{what}: a value of shape {} has NaN at {place}", value.shape());
        match watch.anomalies {
            Anomalies::Noted => _ = watch.noted.get_or_insert(found),
            _ => panic!("{found}"),
        }
    }

    /// Evaluates an op that is recorded for a line, watching.
    pub(super) fn watched_forward(
        &self,
        op: &dyn Recorded<T>,
        x: &[&Tensor<T>],
        location: &Location<'_>,
    ) -> Result<Tensor<T>> {
        let start = Instant::now();
        let y = op.forward(x)?;
        let mut watch = self.watch.borrow_mut();
        if let Some(profile) = &mut watch.profile {
            let elements: usize = x.iter().map(|x| x.numel()).sum::<usize>() + y.numel();
            profile.forward(op.name(), start.elapsed(), op.flops(x, &y), (elements * size_of::<T>()) as u64);
        }
        if watch.looks() {
            let nan = first(&y, f64::is_nan).filter(|_| !x.iter().any(|x| has(x, f64::is_nan)));
            let infinite = || first(&y, f64::is_infinite).filter(|_| !x.iter().any(|x| has(x, f64::is_infinite)));
            if let Some((kind, place)) = nan.or_else(infinite) {
                let found = format!("the result, of shape {}, has {kind} at {place}", y.shape());
                watch.found(Error::Anomaly { op: op.name(), found, location: location.to_string() })?;
            }
        }
        Ok(y)
    }
}

/// A backward step under way.
pub(super) struct Mark {
    start: Instant,
    /// Whether the incoming gradient has neither NaN nor infinity.
    finite: bool,
}

impl Watch {
    fn looks(&self) -> bool {
        self.anomalies != Anomalies::Ignored
    }

    /// The anomaly as an error, unless they are only noted.
    fn found(&mut self, anomaly: Error) -> Result<()> {
        if self.anomalies != Anomalies::Noted {
            return Err(anomaly);
        }
        self.noted.get_or_insert_with(|| anomaly.to_string());
        Ok(())
    }

    pub(super) fn begin<T: Float>(&self, g: &Tensor<T>) -> Mark {
        let finite = !self.looks() || !has(g, |x| !x.is_finite());
        Mark { start: Instant::now(), finite }
    }

    /// Takes note of a backward step that has ended; `grads` are what has been sent to each input.
    pub(super) fn end<'g, T: Float>(
        &mut self,
        mark: &Mark,
        op: &'static str,
        location: &Location<'_>,
        grads: impl Iterator<Item = (usize, Tensor<T>)> + 'g,
    ) -> Result<()> {
        if let Some(profile) = &mut self.profile {
            profile.backward(op, mark.start.elapsed());
        }
        if !self.looks() || !mark.finite {
            return Ok(());
        }
        for (i, grad) in grads {
            if let Some((kind, place)) = first(&grad, |x| !x.is_finite()) {
                let found = format!("the gradient of input {i}, of shape {}, has {kind} at {place}", grad.shape());
                return self.found(Error::Anomaly { op, found, location: location.to_string() });
            }
        }
        Ok(())
    }
}

fn has<T: Float>(x: &Tensor<T>, what: impl Fn(f64) -> bool) -> bool {
    x.to_vec().into_iter().any(|x| what(x.to_f64()))
}

/// The first element that is `what`, NaN or infinite, in words, and its place.
fn first<T: Float>(x: &Tensor<T>, what: impl Fn(f64) -> bool) -> Option<(&'static str, Shape)> {
    let elements = x.to_vec();
    let position = elements.iter().position(|&x| what(x.to_f64()))?;
    let kind = if elements[position].to_f64().is_nan() { "NaN" } else { "an infinity" };
    Some((kind, place(x.shape(), position)))
}

/// The index of the element at a position, row-major; a shape prints like an index.
fn place(shape: &Shape, mut position: usize) -> Shape {
    let mut index = shape.clone();
    for axis in (0..shape.rank()).rev() {
        index.0[axis] = position % shape[axis];
        position /= shape[axis];
    }
    index
}

impl<T: Float> Var<'_, T> {
    /// The source line that recorded it.
    pub fn location(&self) -> &'static Location<'static> {
        self.tape().nodes.borrow().get(self.id()).location
    }
}

/// Time in the unit that suits it.
pub(super) fn in_words(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
