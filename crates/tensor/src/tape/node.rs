//! The node list. A node's storage, its boxed op included, is kept through a reset and written over, so a step that
//! repeats itself records without allocating.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use super::backward::Adjoints;
use super::checkpoint::Segment;
use super::deferred::{Size, is_large};
use super::param::Tag;
use super::pending::Pending;
use super::var::Var;
use crate::attribute::Attributes;
use crate::error::Result;
use crate::float::Float;
use crate::kernel::chain::{ARGS, Fill, Pointwise};
use crate::ops::{OfSum, SumOfRows};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The gradients of an op's inputs, in their order; `None` where none is needed or it is zero.
pub type Grads<A> = SmallVec<[Option<A>; 3]>;

/// What the tape knows of an op: how to send a gradient back, now or recorded.
pub(crate) trait Recorded<T: Float>: Any {
    fn name(&self) -> &'static str;
    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>);
    fn vjp<'t>(&self, g: Var<'t, T>, x: &[&Var<'t, T>], y: &Var<'t, T>, needs: &[bool]) -> Grads<Var<'t, T>>;
    fn takes_parts(&self, y: &Tensor<T>) -> bool;
    fn backward_by_parts(
        &self,
        g: Tensor<T>,
        fill: &Fill<'_, T>,
        x: &[&Tensor<T>],
        y: &Tensor<T>,
        into: &mut Adjoints<'_, T>,
    );
    fn attributes(&self) -> Option<Attributes>;
    fn permutation(&self) -> Option<&[isize]>;
    fn mixes_examples(&self) -> bool;
    fn sum_of_rows(&self, g: &Tensor<T>, x: &[&Tensor<T>], i: usize) -> Option<SumOfRows<T>>;
    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64;
    fn pointwise(&self) -> Option<&dyn Pointwise<T>>;
    fn of_sum(&self, shape: &Shape) -> Option<OfSum>;
    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>>;
}

/// Where a node's value comes from.
#[derive(Clone)]
pub(super) enum Origin {
    Constant,
    Leaf,
    Param(Arc<Tag>),
    Op,
}

/// The positions of an op's inputs.
pub(super) type Inputs = SmallVec<[u32; 4]>;

impl Origin {
    pub(super) fn describe(&self) -> String {
        match self {
            Origin::Constant => "constant".into(),
            Origin::Leaf => "leaf".into(),
            Origin::Param(tag) => format!("parameter `{}`", tag.name),
            Origin::Op => "op".into(),
        }
    }
}

pub(super) struct Node<T: Float> {
    pub(super) value: Tensor<T>,
    pub(super) origin: Origin,
    /// For [`Origin::Op`]: its inputs, and the op. Otherwise left over from an earlier life, for their storage.
    pub(super) inputs: Inputs,
    pub(super) op: Option<Box<dyn Recorded<T>>>,
    /// Whether the value lies in a parameter's buffer, which `backward` lets go of.
    pub(super) in_param: bool,
    /// Whether the value has so many elements that ops on it are deferred.
    pub(super) large: bool,
    /// Whether the value is still to be worked out; then, whether an op reads it already, and the size of its chain.
    pub(super) deferred: bool,
    pub(super) read: bool,
    pub(super) size: Size,
    /// Whether it depends on the examples of a [batch](super::Tape::batch).
    pub(super) batched: bool,
    /// Whether a checkpoint has let the value go, to be worked out again when it is needed.
    pub(super) forgotten: bool,
    /// The user's line that recorded it.
    pub(super) location: &'static Location<'static>,
}

fn has_large<T: Float>(value: &Tensor<T>) -> bool {
    value.number().is_none() && is_large(value.numel())
}

impl<T: Float> Node<T> {
    fn new(location: &'static Location<'static>) -> Node<T> {
        Node {
            value: Tensor::without_value(Shape::default()),
            origin: Origin::Constant,
            inputs: Inputs::new(),
            op: None,
            in_param: false,
            large: false,
            deferred: false,
            read: false,
            size: Size::default(),
            batched: false,
            forgotten: false,
            location,
        }
    }

    /// Puts the op of an op's node in place, in the box of an earlier life where it is of the same kind.
    #[inline]
    pub(super) fn hold<O: Recorded<T>>(&mut self, op: O) {
        if !matches!(self.origin, Origin::Op) {
            return;
        }
        match self.op.as_mut().and_then(|old| (old.as_mut() as &mut dyn Any).downcast_mut::<O>()) {
            Some(old) => *old = op,
            None => self.op = Some(Box::new(op)),
        }
    }

    /// Whether a gradient is wanted for it, or for something that it depends on.
    #[inline]
    pub(super) fn tracked(&self) -> bool {
        !matches!(self.origin, Origin::Constant)
    }

    /// Whether the value has been let go.
    #[inline]
    pub(super) fn is_released(&self) -> bool {
        self.value.is_released() && !self.deferred
    }

    pub(super) fn op_name(&self) -> Option<&'static str> {
        let recorded = matches!(self.origin, Origin::Op);
        self.op.as_ref().filter(|_| recorded).map(|op| op.name())
    }
}

pub(super) struct Nodes<T: Float> {
    list: Vec<Node<T>>,
    len: usize,
    /// The gradients of a backward pass; kept for their storage.
    pub(super) pending: Pending<T>,
    /// What was recorded inside of checkpoints, inner ones before those around them.
    pub(super) segments: Vec<Segment>,
    /// The number of examples of the batch that is on the tape.
    pub(super) batch: Option<usize>,
    /// The line that nodes are recorded for, where it is not the line that records them.
    pub(super) on_behalf_of: Option<&'static Location<'static>>,
}

impl<T: Float> Default for Nodes<T> {
    fn default() -> Self {
        Nodes {
            list: Vec::new(),
            len: 0,
            pending: Pending::default(),
            segments: Vec::new(),
            batch: None,
            on_behalf_of: None,
        }
    }
}

impl<T: Float> Nodes<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<T>> {
        self.list[..self.len].iter()
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Node<T>] {
        &self.list[..self.len]
    }

    #[inline]
    pub(super) fn get(&self, id: u32) -> &Node<T> {
        &self.list[..self.len][id as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Node<T> {
        &mut self.list[..self.len][id as usize]
    }

    #[inline]
    #[track_caller]
    pub(super) fn push_leaf(&mut self, value: Tensor<T>, origin: Origin, batched: bool) -> u32 {
        let in_param = matches!(origin, Origin::Param(_));
        let (id, node) = self.next(origin, batched);
        (node.large, node.value, node.in_param) = (has_large(&value), value, in_param);
        id
    }

    #[track_caller]
    pub(super) fn push_op(&mut self, value: Tensor<T>, inputs: Inputs, batched: bool) -> u32 {
        let shares = |id: &u32| self.get(*id).in_param && self.get(*id).value.shares_buffer(&value);
        let in_param = inputs.iter().any(shares);
        let (id, node) = self.next(Origin::Op, batched);
        (node.large, node.value, node.in_param) = (has_large(&value), value, in_param);
        node.inputs = inputs;
        id
    }

    /// Records what an elementwise op makes of inputs that are single numbers, in the shape of the one of highest rank, if
    /// a gradient flows to any: what costs little is not to be made dear by a tensor that is built and moved.
    #[inline]
    #[track_caller]
    pub(super) fn push_number_of(&mut self, op: &dyn Recorded<T>, x: &[&Var<'_, T>]) -> Option<u32> {
        let (mut values, mut inputs) = ([T::ZERO; ARGS], [0; ARGS]);
        let (mut tracked, mut batched, mut like, mut rank) = (false, false, 0, None);
        for (i, x) in x.iter().enumerate() {
            let node = self.get(x.id());
            (*values.get_mut(i)?, inputs[i]) = (node.value.number()?, x.id());
            (tracked, batched) = (tracked | node.tracked(), batched | node.batched);
            if rank < Some(node.value.rank()) {
                (like, rank) = (x.id(), Some(node.value.rank()));
            }
        }
        let number = op.pointwise().filter(|_| tracked)?.eval_numbers(&values[..x.len()]);
        let (id, node) = self.next(Origin::Op, batched);
        (node.large, node.in_param) = (false, false);
        node.inputs = Inputs::from_buf_and_len(inputs, x.len());
        let (before, rest) = self.list.split_at_mut(id as usize);
        rest[0].value.set_number(number, &before[like as usize].value);
        Some(id)
    }

    /// The line that a node is recorded for.
    #[inline]
    #[track_caller]
    pub(super) fn line(&self) -> &'static Location<'static> {
        self.on_behalf_of.unwrap_or(Location::caller())
    }

    /// The next node, on storage of an earlier life where there is some.
    #[inline]
    #[track_caller]
    fn next(&mut self, origin: Origin, batched: bool) -> (u32, &mut Node<T>) {
        let id = u32::try_from(self.len).expect("a tape holds at most 2^32 nodes");
        let location = self.line();
        if self.len == self.list.len() {
            self.list.push(Node::new(location));
        }
        self.len += 1;
        let node = &mut self.list[id as usize];
        (node.origin, node.batched, node.location) = (origin, batched, location);
        (id, node)
    }

    /// Lets go of every value, keeping the list's storage.
    pub(super) fn clear(&mut self) {
        for node in &mut self.list[..self.len] {
            node.value.release();
            (node.origin, node.deferred, node.forgotten) = (Origin::Constant, false, false);
        }
        self.segments.clear();
        self.batch = None;
        self.len = 0;
    }

    /// Lets go of the parameters' buffers, so that they can be updated in place.
    pub(super) fn release_params(&mut self) {
        self.give_up_forgotten();
        self.evaluate_of_params();
        for node in self.list[..self.len].iter_mut().filter(|node| node.in_param) {
            node.value.release();
        }
    }
}
