//! An optimizer's tensors for each parameter, and the checks before a step.

use tensor::{Float, Gradients, Module, Param, Path};

use crate::Error;

/// Something for each parameter of a model, found by the order of the visit: a model that visits its parameters in
/// the same order each time costs one comparison each.
pub(crate) struct States<S> {
    slots: Vec<(u64, S)>,
    next: usize,
}

impl<S> States<S> {
    pub(crate) const fn new() -> States<S> {
        States { slots: Vec::new(), next: 0 }
    }

    /// Begins a visit.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The slot of a parameter, made with `init` when it is met for the first time.
    pub(crate) fn of(&mut self, id: u64, init: impl FnOnce() -> S) -> &mut S {
        if self.slots.get(self.next).is_none_or(|slot| slot.0 != id) {
            self.next = self.slots.iter().position(|slot| slot.0 == id).unwrap_or(self.slots.len());
        }
        if self.next == self.slots.len() {
            self.slots.push((id, init()));
        }
        self.next += 1;
        &mut self.slots[self.next - 1].1
    }
}

/// Checks that every parameter has a gradient of its shape, before any is changed.
pub(crate) fn check<T: Float>(
    model: &impl Module<T>,
    grads: &Gradients<T>,
    allow_unreached: bool,
) -> Result<(), Error> {
    let mut unreached = Vec::new();
    let mut misshapen = None;
    model.visit(Path::Root, &mut |path, param| match grads.get(param) {
        None if allow_unreached => {}
        None => unreached.push(name(path, param)),
        Some(grad) if grad.shape() != param.value().shape() && misshapen.is_none() => {
            let (expected, got) = (param.value().shape().clone(), grad.shape().clone());
            misshapen = Some(Error::Shape { name: name(path, param), expected, got });
        }
        Some(_) => {}
    });
    if !unreached.is_empty() {
        return Err(Error::Unreached(unreached));
    }
    misshapen.map_or(Ok(()), Err)
}

/// What errors call a parameter: its path, or its own name where it is the whole model.
fn name<T: Float>(path: Path<'_>, param: &Param<T>) -> String {
    match path {
        Path::Root => param.name().to_string(),
        path => path.to_string(),
    }
}
