//! What an optimizer keeps for each parameter.

use tensor::{Float, Shape, Tensor};

use crate::optimizer::Method;
use crate::saved::{Entries, State};

/// How far a parameter has come.
pub(crate) struct Slot<T: Float> {
    steps: u64,
    buffers: Vec<Tensor<T>>,
}

impl<T: Float> Slot<T> {
    const fn new() -> Slot<T> {
        Slot { steps: 0, buffers: Vec::new() }
    }

    /// Begins a step and says which it is. Where the method or the parameter's shape has changed, it is the first.
    pub(crate) fn advance(&mut self, method: &impl Method, shape: &Shape) -> u64 {
        let names = method.buffers();
        if self.buffers.len() != names.len() || self.buffers.iter().any(|buffer| buffer.shape() != shape) {
            let initial = T::from_f64(method.initial());
            self.buffers = names.iter().map(|_| Tensor::full(shape, initial)).collect();
            self.steps = 0;
        }
        self.steps += 1;
        self.steps
    }

    /// Adds what it holds to a state, under the parameter's name.
    pub(crate) fn save(&self, of: &str, names: &[&str], state: &mut State<T>) {
        state.counts.push((format!("{of}.step"), self.steps));
        let named = names.iter().zip(&self.buffers);
        state.tensors.extend(named.map(|(name, buffer)| (format!("{of}.{name}"), buffer.clone())));
    }

    /// Takes what belongs to a parameter out of a state.
    pub(crate) fn load(of: &str, names: &[&str], shape: &Shape, entries: &mut Entries<'_, T>) -> Slot<T> {
        let steps = entries.count(format!("{of}.step"));
        let names = if steps == 0 { &[] } else { names };
        Slot { steps, buffers: names.iter().filter_map(|name| entries.tensor(format!("{of}.{name}"), shape)).collect() }
    }

    pub(crate) fn buffers(&mut self) -> &mut [Tensor<T>] {
        &mut self.buffers
    }
}

/// A slot for each parameter of a model, found by the order of the visit: a model that visits its parameters in the
/// same order each time costs one comparison each.
pub(crate) struct States<T: Float> {
    slots: Vec<(u64, Slot<T>)>,
    next: usize,
}

impl<T: Float> States<T> {
    pub(crate) const fn new() -> States<T> {
        States { slots: Vec::new(), next: 0 }
    }

    /// Begins a visit.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The slot of a parameter, empty where it has not been met.
    pub(crate) fn get(&self, id: u64) -> &Slot<T> {
        self.slots.iter().find(|slot| slot.0 == id).map_or(const { &Slot::new() }, |slot| &slot.1)
    }

    /// The slot of a parameter, made when it is met for the first time.
    pub(crate) fn of(&mut self, id: u64) -> &mut Slot<T> {
        if self.slots.get(self.next).is_none_or(|slot| slot.0 != id) {
            self.next = self.slots.iter().position(|slot| slot.0 == id).unwrap_or(self.slots.len());
        }
        if self.next == self.slots.len() {
            self.slots.push((id, Slot::new()));
        }
        self.next += 1;
        &mut self.slots[self.next - 1].1
    }
}
