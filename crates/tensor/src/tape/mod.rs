//! The tape: one flat list of nodes in the order in which they were recorded, which is already a topological order.

mod backward;
mod checkpoint;
mod deferred;
mod dot;
mod gradient;
mod gradients;
mod memory;
mod node;
mod param;
mod pending;
mod per_sample;
mod profile;
mod steps;
mod var;
mod watch;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

pub use backward::Adjoints;
pub use checkpoint::Kept;
pub(crate) use deferred::is_large;
pub use gradient::Gradient;
pub use gradients::{Gradients, Source};
pub use memory::{KindMemory, Memory};
pub use node::Grads;
pub(crate) use node::Recorded;
use node::{Nodes, Origin};
pub use param::{Buffer, Module, Param, Path};
pub use per_sample::PerSample;
pub use profile::{OpProfile, Profile};
pub use steps::{Step, StepKind};
pub use var::Var;
use watch::Watch;

use crate::float::Float;
use crate::tensor::{Rng, Tensor, rng};

/// Whether a tape's evaluation trains: layers such as dropout ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Ops are recorded for gradients.
    Training,
    /// Layers evaluate, and unless the tape is [`tracing`](Tape::tracing) nothing is recorded.
    Inference,
}

/// An arena of evaluated nodes, and what an evaluation needs besides values: its [`Mode`] and its random stream.
///
/// ```
/// use tensor::{Tape, Tensor};
/// let mut tape = Tape::new();
/// for step in 0..3 {
///     let x = tape.leaf(Tensor::from([1.0f32, 2.0, step as f32]));
///     let y = x.square().sum(..);
///     assert_eq!(y.backward().wrt(x), &(2.0 * &x.value()));
///     tape.reset();
/// }
/// ```
pub struct Tape<T: Float = f32> {
    nodes: RefCell<Nodes<T>>,
    mode: Mode,
    /// Whether ops are recorded.
    records: bool,
    rng: RefCell<Rng>,
    watch: RefCell<Watch>,
    watching: Cell<bool>,
    id: u64,
    /// How often it was reset: a leaf's gradient belongs to one such life.
    life: Cell<u64>,
}

/// The stream of a tape's random numbers, which no one else counts up to: a model drawn from stream 0 of the same seed
/// must not meet its own weights again as dropout masks.
const STREAM: u64 = u64::MAX;

impl<T: Float> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<T: Float> Tape<T> {
    /// A tape for training whose random stream starts from seed 0.
    pub fn new() -> Tape<T> {
        Tape::seeded(0)
    }

    /// A tape for training whose random stream (dropout's masks, say) starts from `seed`.
    pub fn seeded(seed: u64) -> Tape<T> {
        Tape::with_mode(Mode::Training, true, seed)
    }

    /// A tape that records nothing: values only, and layers such as dropout evaluate.
    pub fn inference() -> Tape<T> {
        Tape::with_mode(Mode::Inference, false, 0)
    }

    /// A tape on which layers evaluate, as on one for [`inference`](Tape::inference), and that records all the same: for
    /// what is to be read with [`steps`](Tape::steps), and for gradients of a model that is not being trained. Frozen
    /// parameters are recorded as parameters too.
    pub fn tracing() -> Tape<T> {
        Tape::with_mode(Mode::Inference, true, 0)
    }

    fn with_mode(mode: Mode, records: bool, seed: u64) -> Tape<T> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Tape {
            nodes: RefCell::default(),
            mode,
            records,
            rng: RefCell::new(rng(seed, STREAM)),
            watch: RefCell::default(),
            watching: Cell::new(false),
            id,
            life: Cell::new(0),
        }
    }

    /// Training or inference.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Calls `f` with the tape's random stream, which runs on through [`reset`](Tape::reset).
    pub fn with_rng<R>(&self, f: impl FnOnce(&mut Rng) -> R) -> R {
        f(&mut self.rng.borrow_mut())
    }

    /// A value that no gradient is wanted for.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor<T>>) -> Var<'_, T> {
        self.push(value.into(), Origin::Constant, false)
    }

    /// A constant whose first axis counts the examples of a batch, for [`Var::per_sample`].
    ///
    /// # Panics
    /// If it is a scalar, or a batch of another size is on the tape.
    #[track_caller]
    pub fn batch(&self, value: impl Into<Tensor<T>>) -> Var<'_, T> {
        let value = value.into();
        let Some(&examples) = value.shape().first() else {
            panic!("batch: expected examples along the first axis, got a scalar");
        };
        let known = *self.nodes.borrow_mut().batch.get_or_insert(examples);
        assert_eq!(known, examples, "batch: {examples} examples on a tape with a batch of {known}");
        self.push(value, Origin::Constant, true)
    }

    /// A value whose gradient is wanted, read from [`Gradients`] by this variable.
    #[track_caller]
    pub fn leaf(&self, value: impl Into<Tensor<T>>) -> Var<'_, T> {
        self.push(value.into(), self.unless_inference(Origin::Leaf), false)
    }

    /// A parameter's value, whose gradient is read from [`Gradients`] by the parameter.
    #[track_caller]
    pub fn param(&self, param: &Param<T>) -> Var<'_, T> {
        let origin = match param.is_frozen() && self.mode == Mode::Training {
            true => Origin::Constant,
            false => self.unless_inference(Origin::Param(param.tag().clone())),
        };
        self.push(param.value().clone(), origin, false)
    }

    fn unless_inference(&self, origin: Origin) -> Origin {
        if self.records { origin } else { Origin::Constant }
    }

    #[track_caller]
    fn push(&self, value: Tensor<T>, origin: Origin, batched: bool) -> Var<'_, T> {
        if self.watching.get() {
            self.watch_value(&origin.describe(), &value);
        }
        let id = self.nodes.borrow_mut().push_leaf(value, origin, batched);
        Var::new(self, id)
    }

    /// Forgets every node, keeping their storage for the next step. It takes `&mut self`, so no [`Var`] can outlive it.
    pub fn reset(&mut self) {
        self.nodes.get_mut().clear();
        self.life.set(self.life.get() + 1);
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the recorded ops, in the order in which they were recorded.
    pub fn ops(&self) -> Vec<&'static str> {
        self.nodes.borrow().iter().filter_map(node::Node::op_name).collect()
    }
}

impl<T: Float> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tape<{}>({:?}, {} nodes)", T::DTYPE, self.mode, self.len())
    }
}
