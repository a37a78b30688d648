//! State that outlives the program: named tensors and counts.

use std::collections::BTreeMap;

use tensor::{Float, Shape, Tensor};

use crate::Error;

/// What an optimizer has to keep so that another process can go on where it stopped: named tensors, and named counts.
/// Options are not in it: they are the program's.
///
/// Entries are called by the path of their parameter and a name of their own: `hidden.weight.velocity`. The tensors share
/// their buffers with the optimizer until its next step, which then copies them.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T: Float = f32> {
    /// Tensors by name.
    pub tensors: Vec<(String, Tensor<T>)>,
    /// Numbers of steps by name.
    pub counts: Vec<(String, u64)>,
}

impl<T: Float> State<T> {
    pub(crate) const fn new() -> State<T> {
        State { tensors: Vec::new(), counts: Vec::new() }
    }
}

/// The entries of a state that have not been asked for yet, and what is wrong so far.
pub(crate) struct Entries<'s, T: Float> {
    tensors: BTreeMap<&'s str, &'s Tensor<T>>,
    counts: BTreeMap<&'s str, u64>,
    missing: Vec<String>,
    misshapen: Option<Error>,
}

impl<'s, T: Float> Entries<'s, T> {
    pub(crate) fn of(state: &'s State<T>) -> Entries<'s, T> {
        Entries {
            tensors: state.tensors.iter().map(|(name, tensor)| (&**name, tensor)).collect(),
            counts: state.counts.iter().map(|(name, count)| (&**name, *count)).collect(),
            missing: Vec::new(),
            misshapen: None,
        }
    }

    /// The tensor of this name; where there is none, or one of another shape, `finish` will say so.
    pub(crate) fn tensor(&mut self, name: String, shape: &Shape) -> Option<Tensor<T>> {
        match self.tensors.remove(&*name) {
            Some(tensor) if tensor.shape() == shape => return Some(tensor.clone()),
            Some(tensor) => {
                let (expected, got) = (shape.clone(), tensor.shape().clone());
                self.misshapen.get_or_insert(Error::Entry { op: "load_state", name, expected, got });
            }
            None => self.missing.push(name),
        }
        None
    }

    /// The count of this name, or 0, of which `finish` will say that it is missing.
    pub(crate) fn count(&mut self, name: String) -> u64 {
        self.counts.remove(&*name).unwrap_or_else(|| {
            self.missing.push(name);
            0
        })
    }

    /// An error where something was missing or misshapen, or has not been asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let unexpected: Vec<String> =
            self.tensors.keys().chain(self.counts.keys()).map(|name| name.to_string()).collect();
        if !self.missing.is_empty() || !unexpected.is_empty() {
            return Err(Error::Entries { op: "load_state", missing: self.missing, unexpected });
        }
        self.misshapen.map_or(Ok(()), Err)
    }
}
