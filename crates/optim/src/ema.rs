//! A moving average of a model's weights.

use std::mem;

use tensor::{Float, Module, Param, Path, Scalar, Tensor, Update};

use crate::Error;
use crate::error::name;
use crate::saved::{Entries, State};

/// An exponential moving average of a model's parameters (Polyak and Juditsky, 1992, with weights that fade), which often
/// generalises better than the last ones: a ← d·a + (1 − d)·p after each step, and a ← p after the first.
///
/// With `bias_corrected` the first weights fade like all others: a = Σ dᵗ⁻ⁱ·pᵢ / Σ dᵗ⁻ⁱ, which is the average that began
/// with 0, divided by 1 − dᵗ, as Adam corrects its moments.
///
/// ```
/// use optim::{Ema, Sgd};
/// use tensor::{Param, Tape, Tensor};
///
/// let mut w = Param::new("w", Tensor::from([3.0f32, -1.0]));
/// let (mut sgd, mut ema) = (Sgd::new(0.1), Ema::new(0.9));
/// let mut tape = Tape::new();
/// for _ in 0..100 {
///     let cost = tape.param(&w).square().sum(..);
///     sgd.step(&mut w, &cost.backward())?;
///     ema.update(&w)?;
///     tape.reset();
/// }
/// ema.swap(&mut w)?; // evaluate the averages
/// ema.swap(&mut w)?; // and go on with the weights
/// # Ok::<(), optim::Error>(())
/// ```
///
/// Averages are found by the path of their parameter, so that they can be copied into another model of the same form.
pub struct Ema<T: Float = f32> {
    decay: f64,
    bias_corrected: bool,
    swapped: bool,
    averages: Vec<Average<T>>,
}

struct Average<T: Float> {
    name: String,
    updates: u64,
    value: Tensor<T>,
}

impl<T: Float> Average<T> {
    /// Whether it is that of a parameter; nothing is allocated.
    fn is_of(&self, path: Path<'_>, param: &Param<T>) -> bool {
        match path {
            Path::Root => self.name == param.name(),
            path => path.is(&self.name),
        }
    }
}

impl<T: Float> Ema<T> {
    /// An average in which `decay` stays in an update.
    ///
    /// # Panics
    /// If it is not in \[0, 1).
    #[track_caller]
    pub const fn new(decay: f64) -> Ema<T> {
        assert!(0.0 <= decay && decay < 1.0, "ema: a decay outside of 0 ≤ d < 1");
        Ema { decay, bias_corrected: false, swapped: false, averages: Vec::new() }
    }

    /// Whether the first weights fade like all others; not by default.
    pub const fn bias_corrected(mut self, bias_corrected: bool) -> Ema<T> {
        self.bias_corrected = bias_corrected;
        self
    }

    /// Takes in the weights after a step, in one pass over each.
    ///
    /// # Errors
    /// If the averages are swapped in, or a parameter has changed its shape. Nothing is changed then.
    pub fn update(&mut self, model: &(impl Module<T> + ?Sized)) -> Result<(), Error> {
        if self.swapped {
            return Err(Error::Swapped);
        }
        self.check_shapes(model)?;
        let mut next = 0;
        model.visit(Path::Root, &mut |path, param| {
            let at = self.position(next, path, param).unwrap_or(self.averages.len());
            next = at + 1;
            if at == self.averages.len() {
                let value = Tensor::zeros(param.value().shape());
                self.averages.push(Average { name: name(path, param), updates: 0, value });
            }
            let average = &mut self.averages[at];
            average.updates += 1;
            let weight = weight(self.decay, self.bias_corrected, average.updates);
            average.value.update(Approach(weight), param.value(), []);
        });
        Ok(())
    }

    /// Exchanges the averages and the model's weights, without copying them; a second time takes it back.
    ///
    /// # Errors
    /// If a parameter has no average, or one of another shape. Nothing is changed then.
    pub fn swap(&mut self, model: &mut (impl Module<T> + ?Sized)) -> Result<(), Error> {
        self.check_all(model)?;
        self.swapped = !self.swapped;
        let mut next = 0;
        model.visit_mut(Path::Root, &mut |path, param| {
            let at = self.position(next, path, param).expect("checked");
            next = at + 1;
            mem::swap(param.value_mut(), &mut self.averages[at].value);
        });
        Ok(())
    }

    /// Sets the weights of a model, which may be another one of the same form, to the averages.
    ///
    /// # Errors
    /// If the averages are swapped in, or a parameter has no average, or one of another shape. Nothing is changed then.
    pub fn copy_to(&self, model: &mut (impl Module<T> + ?Sized)) -> Result<(), Error> {
        if self.swapped {
            return Err(Error::Swapped);
        }
        self.check_all(model)?;
        let mut next = 0;
        model.visit_mut(Path::Root, &mut |path, param| {
            let at = self.position(next, path, param).expect("checked");
            next = at + 1;
            *param.value_mut() = self.averages[at].value.clone();
        });
        Ok(())
    }

    /// The averages and how many updates they have seen, for another process to go on.
    ///
    /// # Panics
    /// If they are swapped in.
    #[track_caller]
    pub fn state(&self) -> State<T> {
        assert!(!self.swapped, "{}", Error::Swapped);
        let mut state = State::new();
        for Average { name, updates, value } in &self.averages {
            state.tensors.push((format!("{name}.average"), value.clone()));
            state.counts.push((format!("{name}.updates"), *updates));
        }
        state
    }

    /// Goes on from a state of a model of the same form. One without entries is that before the first update.
    ///
    /// # Errors
    /// If an entry is missing, unexpected or of another shape. Nothing is changed then.
    pub fn load_state(&mut self, model: &(impl Module<T> + ?Sized), state: &State<T>) -> Result<(), Error> {
        let mut entries = Entries::of(state);
        let mut averages = Vec::new();
        if state.tensors.is_empty() && state.counts.is_empty() {
            (self.averages, self.swapped) = (averages, false);
            return Ok(());
        }
        model.visit(Path::Root, &mut |path, param| {
            let name = name(path, param);
            let updates = entries.count(format!("{name}.updates"));
            let value = entries.tensor(format!("{name}.average"), param.value().shape());
            averages.extend(value.map(|value| Average { name, updates, value }));
        });
        entries.finish()?;
        (self.averages, self.swapped) = (averages, false);
        Ok(())
    }

    /// Where the average of a parameter is, which is at `next` where the model is visited in its usual order.
    fn position(&self, next: usize, path: Path<'_>, param: &Param<T>) -> Option<usize> {
        let is_there = self.averages.get(next).is_some_and(|average| average.is_of(path, param));
        if is_there { Some(next) } else { self.averages.iter().position(|average| average.is_of(path, param)) }
    }

    /// Checks that the averages that there are have the shapes of their parameters.
    fn check_shapes(&self, model: &(impl Module<T> + ?Sized)) -> Result<(), Error> {
        let (mut next, mut result) = (0, Ok(()));
        model.visit(Path::Root, &mut |path, param| {
            let Some(at) = self.position(next, path, param) else { return };
            next = at + 1;
            let (got, expected) = (param.value().shape(), self.averages[at].value.shape());
            if got != expected && result.is_ok() {
                let (got, expected) = (got.clone(), expected.clone());
                result = Err(Error::Entry { op: "ema", name: name(path, param), expected, got });
            }
        });
        result
    }

    /// The same, and that there is one for each parameter.
    fn check_all(&self, model: &(impl Module<T> + ?Sized)) -> Result<(), Error> {
        let (mut next, mut missing) = (0, Vec::new());
        model.visit(Path::Root, &mut |path, param| match self.position(next, path, param) {
            Some(at) => next = at + 1,
            None => missing.push(name(path, param)),
        });
        if !missing.is_empty() {
            return Err(Error::Entries { op: "ema", missing, unexpected: Vec::new() });
        }
        self.check_shapes(model)
    }
}

/// What the newest weights count in update `t`: 1 − d, corrected (1 − d)/(1 − dᵗ), and all in the first.
fn weight(decay: f64, corrected: bool, t: u64) -> f64 {
    match t {
        1 => 1.0,
        _ if corrected => (1.0 - decay) / (1.0 - decay.powf(t as f64)),
        _ => 1.0 - decay,
    }
}

/// a ← a + w·(p − a).
#[derive(Clone, Copy)]
struct Approach(f64);

impl Update<0> for Approach {
    #[inline(always)]
    fn update<A: Scalar>(self, a: A, p: A, _: [A; 0]) -> (A, [A; 0]) {
        (a + a.lit(self.0) * (p - a), [])
    }
}
