//! What a backward pass gives: the gradients of leaves and parameters.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use super::gradient::{Factored, Gradient};
use super::param::Param;
use super::var::Var;
use crate::float::Float;
use crate::tensor::Tensor;

enum Entry<T: Float> {
    Value(Tensor<T>),
    /// The position of a product that is known by its factors.
    Factored(usize),
}

impl<T: Float> Entry<T> {
    fn gradient<'g>(&'g self, factored: &'g [Factored<T>]) -> Gradient<'g, T> {
        match self {
            Entry::Value(value) => value.into(),
            Entry::Factored(at) => Gradient::factored(&factored[*at]),
        }
    }

    /// The value, for changing it: it is a product no more.
    fn value_mut(&mut self, factored: &mut [Factored<T>]) -> &mut Tensor<T> {
        if let Entry::Factored(at) = self {
            *self = Entry::Value(factored[*at].take_product());
        }
        let Entry::Value(value) = self else { unreachable!("just replaced") };
        value
    }
}

/// What a backward pass gives.
struct Lists<T: Float> {
    /// Sorted by key: a parameter's identity, or a leaf's position with the highest bit set.
    entries: Vec<(u64, Entry<T>)>,
    factored: Vec<Factored<T>>,
}

impl<T: Float> Default for Lists<T> {
    fn default() -> Self {
        Lists { entries: Vec::new(), factored: Vec::new() }
    }
}

thread_local! {
    /// Emptied lists that the next backward pass of this thread can use, of either element type.
    static SPARES: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Lists kept for reuse.
const KEPT: usize = 8;

const LEAF: u64 = 1 << 63;

/// The gradients of a number towards the leaves and parameters that it depends on.
pub struct Gradients<T: Float = f32> {
    /// Gone only while dropping. The box is what [`SPARES`] keeps.
    lists: Option<Box<Lists<T>>>,
    tape: u64,
    life: u64,
}

/// Something that has a gradient: a leaf's [`Var`], or a [`Param`].
pub trait Source<T: Float> {
    /// Its gradient, if the differentiated number depends on it.
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<Gradient<'g, T>>;
    /// What errors call it.
    fn describe(&self) -> String;
}

impl<T: Float> Source<T> for Var<'_, T> {
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<Gradient<'g, T>> {
        let tape = self.tape();
        let same = tape.id == gradients.tape && tape.life.get() == gradients.life;
        if same { gradients.find(LEAF | u64::from(self.id())) } else { None }
    }

    fn describe(&self) -> String {
        format!("this variable of shape {}", self.shape())
    }
}

impl<T: Float> Source<T> for &Param<T> {
    fn gradient<'g>(&self, gradients: &'g Gradients<T>) -> Option<Gradient<'g, T>> {
        gradients.find(self.id())
    }

    fn describe(&self) -> String {
        format!("parameter `{}` of shape {}", self.name(), self.value().shape())
    }
}

impl<T: Float> Gradients<T> {
    pub(super) fn new(tape: u64, life: u64) -> Gradients<T> {
        Gradients { lists: Some(spare().unwrap_or_default()), tape, life }
    }

    fn lists(&mut self) -> &mut Lists<T> {
        self.lists.get_or_insert_default()
    }

    fn entries(&self) -> impl Iterator<Item = (u64, Gradient<'_, T>)> {
        let lists = self.lists.as_deref();
        lists
            .into_iter()
            .flat_map(|Lists { entries, factored }| entries.iter().map(|(key, entry)| (*key, entry.gradient(factored))))
    }

    pub(super) fn push_leaf(&mut self, id: u32, grad: Tensor<T>) {
        self.lists().entries.push((LEAF | u64::from(id), Entry::Value(grad)));
    }

    pub(super) fn push_param(&mut self, id: u64, grad: Tensor<T>) {
        self.lists().entries.push((id, Entry::Value(grad)));
    }

    pub(super) fn push_factored(&mut self, id: u64, grad: Factored<T>) {
        let Lists { entries, factored } = self.lists();
        entries.push((id, Entry::Factored(factored.len())));
        factored.push(grad);
    }

    /// Sorts by key; a parameter that stands on the tape several times gets the sum.
    pub(super) fn sort(&mut self) {
        let Lists { entries, factored } = self.lists();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1.value_mut(factored).accumulate(later.1.value_mut(factored));
            }
            same
        });
    }

    fn find(&self, key: u64) -> Option<Gradient<'_, T>> {
        let Lists { entries, factored } = self.lists.as_deref()?;
        let at = entries.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(entries[at].1.gradient(factored))
    }

    /// The gradient of a leaf or parameter, or `None` where the differentiated number does not depend on it.
    pub fn get(&self, of: impl Source<T>) -> Option<&Tensor<T>> {
        of.gradient(self).map(Gradient::value)
    }

    /// The gradient of a leaf or parameter, as an optimizer takes it: it may be worked out only when it is used.
    pub fn gradient(&self, of: impl Source<T>) -> Option<Gradient<'_, T>> {
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
        self.entries().filter(|(key, _)| key & LEAF == 0).map(|(_, grad)| grad.value())
    }

    /// The gradients of the parameters, for changing them: to clip them, or to add noise.
    pub fn params_mut(&mut self) -> impl Iterator<Item = &mut Tensor<T>> {
        let Lists { entries, factored } = self.lists();
        let params = entries.iter_mut().filter(|(key, _)| key & LEAF == 0);
        params.map(|(_, grad)| grad.value_mut(factored))
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
        for (key, grad) in other.entries().filter(|(key, _)| key & LEAF == 0) {
            let Lists { entries, factored } = self.lists();
            match entries.binary_search_by_key(&key, |(key, _)| *key) {
                Ok(at) => {
                    let (sum, grad) = (entries[at].1.value_mut(factored), grad.value());
                    assert_eq!(sum.shape(), grad.shape(), "accumulate: gradients of two shapes for one parameter");
                    sum.accumulate(grad);
                }
                Err(at) => entries.insert(at, (key, Entry::Value(grad.value().clone()))),
            }
        }
    }

    /// How many leaves and parameters have a gradient.
    pub fn len(&self) -> usize {
        self.lists.as_deref().map_or(0, |lists| lists.entries.len())
    }

    /// Whether the differentiated number depends on no leaf or parameter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Float> Drop for Gradients<T> {
    /// Gives the list back for the next backward pass, so that a training step allocates nothing.
    fn drop(&mut self) {
        let Some(mut lists) = self.lists.take() else { return };
        lists.entries.clear();
        lists.factored.clear();
        // While the thread ends, what it keeps may be gone already; the list is then freed.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < KEPT {
                spares.push(lists);
            }
        });
    }
}

/// An empty list of this element type, if one is kept.
fn spare<T: Float>() -> Option<Box<Lists<T>>> {
    let find = |spares: &RefCell<Vec<Box<dyn Any>>>| {
        let mut spares = spares.borrow_mut();
        let at = spares.iter().rposition(|spare| spare.is::<Lists<T>>())?;
        spares.swap_remove(at).downcast().ok()
    };
    SPARES.try_with(find).ok().flatten()
}

impl<T: Float> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries().map(|(_, grad)| grad)).finish()
    }
}
