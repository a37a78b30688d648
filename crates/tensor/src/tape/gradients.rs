//! What a backward pass gives: the gradients of leaves and parameters.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use super::gradient::Gradient;
use super::param::Param;
use super::var::Var;
use crate::float::Float;
use crate::tensor::Tensor;

/// Gradients by key: a parameter's identity, or a leaf's position with the highest bit set.
type Entries<T> = Vec<(u64, Gradient<T>)>;

thread_local! {
    /// Emptied lists that the next backward pass of this thread can use, of either element type.
    static SPARES: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Lists kept for reuse.
const KEPT: usize = 8;

const LEAF: u64 = 1 << 63;

/// The gradients of a number towards the leaves and parameters that it depends on.
pub struct Gradients<T: Float = f32> {
    /// Sorted by key; gone only while dropping. The box is what [`SPARES`] keeps.
    entries: Option<Box<Entries<T>>>,
    tape: u64,
    life: u64,
}

/// Something that has a gradient: a leaf's [`Var`], or a [`Param`].
pub trait Source<T: Float> {
    /// Its gradient, if the differentiated number depends on it.
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<&'g Gradient<T>>;
    /// What errors call it.
    fn describe(&self) -> String;
}

impl<T: Float> Source<T> for Var<'_, T> {
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<&'g Gradient<T>> {
        let tape = self.tape();
        let same = tape.id == gradients.tape && tape.life.get() == gradients.life;
        if same { gradients.find(LEAF | u64::from(self.id())) } else { None }
    }

    fn describe(&self) -> String {
        format!("this variable of shape {}", self.shape())
    }
}

impl<T: Float> Source<T> for &Param<T> {
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<&'g Gradient<T>> {
        gradients.find(self.id())
    }

    fn describe(&self) -> String {
        format!("parameter `{}` of shape {}", self.name(), self.value().shape())
    }
}

impl<T: Float> Gradients<T> {
    pub(super) fn new(tape: u64, life: u64) -> Gradients<T> {
        Gradients { entries: Some(spare().unwrap_or_default()), tape, life }
    }

    fn list(&mut self) -> &mut Entries<T> {
        self.entries.get_or_insert_default()
    }

    fn entries(&self) -> &[(u64, Gradient<T>)] {
        self.entries.as_deref().map_or(&[], Vec::as_slice)
    }

    pub(super) fn push_leaf(&mut self, id: u32, grad: Tensor<T>) {
        self.list().push((LEAF | u64::from(id), grad.into()));
    }

    pub(super) fn push_param(&mut self, id: u64, grad: impl Into<Gradient<T>>) {
        self.list().push((id, grad.into()));
    }

    /// Sorts by key; a parameter that stands on the tape several times gets the sum.
    pub(super) fn sort(&mut self) {
        self.list().sort_unstable_by_key(|(key, _)| *key);
        self.list().dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1.value_mut().accumulate(later.1.value());
            }
            same
        });
    }

    fn find(&self, key: u64) -> Option<&Gradient<T>> {
        let entries = self.entries();
        let at = entries.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&entries[at].1)
    }

    /// The gradient of a leaf or parameter, or `None` where the differentiated number does not depend on it.
    pub fn get(&self, of: impl Source<T>) -> Option<&Tensor<T>> {
        of.gradient(self).map(Gradient::value)
    }

    /// The gradient of a leaf or parameter, as an optimizer takes it: it may be worked out only when it is used.
    pub fn gradient(&self, of: impl Source<T>) -> Option<&Gradient<T>> {
        of.gradient(self)
    }

    /// The gradient of a leaf or parameter.
    ///
    /// # Panics
    /// If the differentiated number does not depend on it, or it is not a leaf of the same tape.
    #[track_caller]
    pub fn wrt(&self, of: impl Source<T>) -> &Tensor<T> {
        match of.gradient(self) {
            Some(grad) => grad.value(),
            None => panic!(
                "no gradient for {}: the cost does not depend on it, or it is not a leaf of the tape that the cost \
                 was recorded on",
                of.describe()
            ),
        }
    }

    /// The gradients of the parameters, in the order in which these were made.
    pub fn params(&self) -> impl Iterator<Item = &Tensor<T>> {
        self.entries().iter().filter(|(key, _)| key & LEAF == 0).map(|(_, grad)| grad.value())
    }

    /// The gradients of the parameters, for changing them: to clip them, or to add noise.
    pub fn params_mut(&mut self) -> impl Iterator<Item = &mut Tensor<T>> {
        self.list().iter_mut().filter(|(key, _)| key & LEAF == 0).map(|(_, grad)| grad.value_mut())
    }

    /// Adds the gradients of parameters of another backward pass: that of another part of a batch, say. Those of its leaves
    /// belong to its tape and are passed over.
    ///
    /// ```
    /// use tensor::{Param, Tape, Tensor};
    /// let w = Param::new("w", Tensor::from([3.0f32, -1.0]));
    /// let (one, other) = (Tape::new(), Tape::new());
    /// let mut grads = one.param(&w).sum(..).backward();
    /// grads.accumulate(&other.param(&w).square().sum(..).backward());
    /// assert_eq!(*grads.wrt(&w), Tensor::from([7.0, -1.0]));
    /// ```
    ///
    /// # Panics
    /// If a parameter has gradients of two shapes.
    #[track_caller]
    pub fn accumulate(&mut self, other: &Gradients<T>) {
        for (key, grad) in other.entries().iter().filter(|(key, _)| key & LEAF == 0) {
            let list = self.list();
            match list.binary_search_by_key(key, |(key, _)| *key) {
                Ok(at) => {
                    let (sum, grad) = (list[at].1.value_mut(), grad.value());
                    assert_eq!(sum.shape(), grad.shape(), "accumulate: gradients of two shapes for one parameter");
                    sum.accumulate(grad);
                }
                Err(at) => list.insert(at, (*key, grad.clone())),
            }
        }
    }

    /// How many leaves and parameters have a gradient.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether the differentiated number depends on no leaf or parameter.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }
}

impl<T: Float> Drop for Gradients<T> {
    /// Gives the list back for the next backward pass, so that a training step allocates nothing.
    fn drop(&mut self) {
        let Some(mut entries) = self.entries.take() else { return };
        entries.clear();
        // While the thread ends, what it keeps may be gone already; the list is then freed.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < KEPT {
                spares.push(entries);
            }
        });
    }
}

/// An empty list of this element type, if one is kept.
fn spare<T: Float>() -> Option<Box<Entries<T>>> {
    let find = |spares: &RefCell<Vec<Box<dyn Any>>>| {
        let mut spares = spares.borrow_mut();
        let at = spares.iter().rposition(|spare| spare.is::<Entries<T>>())?;
        spares.swap_remove(at).downcast().ok()
    };
    SPARES.try_with(find).ok().flatten()
}

impl<T: Float> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries().iter().map(|(_, grad)| grad)).finish()
    }
}
