//! `Var`: a value on a tape.

use std::fmt;

use smallvec::SmallVec;

use super::Tape;
use super::node::{Inputs, Node, Nodes, Origin, Recorded};
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A value on a tape: the tape and a position. It is `Copy`, so formulas need no `&` and no `clone`.
///
/// ```
/// use tensor::{Tape, Tensor};
/// let tape = Tape::new();
/// let w = tape.leaf(Tensor::from([1.0f32, -2.0]));
/// let y = (w * w + 3.0 * w).sum(..);
/// assert_eq!(y.backward().wrt(w), &Tensor::from([5.0, -1.0]));
/// ```
pub struct Var<'t, T: Float = f32> {
    tape: &'t Tape<T>,
    id: u32,
}

impl<T: Float> Clone for Var<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Float> Copy for Var<'_, T> {}

impl<'t, T: Float> Var<'t, T> {
    pub(super) fn new(tape: &'t Tape<T>, id: u32) -> Self {
        Var { tape, id }
    }

    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// Its place on the tape, counted from the first node.
    pub fn position(self) -> usize {
        self.id as usize
    }

    /// The variable at a position of the same tape.
    pub(crate) fn at(self, id: usize) -> Self {
        Var { tape: self.tape, id: id as u32 }
    }

    /// The tape it is on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The value; a reference count, not a copy.
    ///
    /// # Panics
    /// If it is a parameter, or a view of one, and `backward` has let go of it.
    #[track_caller]
    pub fn value(&self) -> Tensor<T> {
        let mut nodes = self.tape.nodes.borrow_mut();
        nodes.evaluate(self.id);
        let node = nodes.get(self.id);
        if node.is_released() {
            panic!("{}", released(node));
        }
        node.value.clone()
    }

    /// The only element of a value that has one.
    ///
    /// # Panics
    /// If there is another number of elements.
    #[track_caller]
    pub fn item(&self) -> T {
        self.value().item()
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        self.tape.nodes.borrow().get(self.id).value.shape().clone()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.tape.nodes.borrow().get(self.id).value.rank()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.tape.nodes.borrow().get(self.id).value.numel()
    }

    /// The same value, through which no gradient flows.
    #[track_caller]
    pub fn stop_gradient(&self) -> Var<'t, T> {
        self.tape.constant(self.value())
    }

    /// Whether a gradient flows to it.
    pub(crate) fn tracked(self) -> bool {
        self.tape.nodes.borrow().get(self.id).tracked()
    }

    /// The name of the parameter that it is a leaf of.
    pub(crate) fn param_name(self) -> Option<&'static str> {
        match &self.tape.nodes.borrow().get(self.id).origin {
            Origin::Param(tag) => Some(tag.name),
            _ => None,
        }
    }

    /// Evaluates `op` on the values of `x` and records it with its result, if a gradient flows to any of them.
    #[track_caller]
    pub(crate) fn record<O: Recorded<T>>(op: O, x: &[&Self]) -> Result<Self> {
        let y = match Var::of_numbers(&op, x) {
            Some(y) => y,
            None => Var::evaluated(&op, x)?,
        };
        y.tape.nodes.borrow_mut().get_mut(y.id).hold(op);
        Ok(y)
    }

    // A node that these two record does not hold the op yet. They are apart from `record` so that they are compiled once,
    // and not for every op.

    /// The result of an elementwise op on numbers, which needs no tensors; `None` where there is an array, or anything that
    /// has to be looked at.
    #[track_caller]
    fn of_numbers(op: &dyn Recorded<T>, x: &[&Self]) -> Option<Self> {
        let tape = x.first().map(|x| x.tape).filter(|tape| tape.records && !tape.watching.get())?;
        if x.iter().any(|x| x.tape.id != tape.id) {
            return None;
        }
        let id = tape.nodes.borrow_mut().push_number_of(op, x)?;
        Some(Var { tape, id })
    }

    /// The result of `op`.
    #[track_caller]
    fn evaluated(op: &dyn Recorded<T>, x: &[&Self]) -> Result<Self> {
        let (tape, ids) = positions(op, x)?;
        let mut nodes = tape.nodes.borrow_mut();
        let Together { tracked, large, deferred, batched } = nodes.together(op, &ids)?;
        let (tracked, watching) = (tracked && tape.records, tape.watching.get());
        if tracked
            && large
            && !watching
            && op.pointwise().is_some()
            && let Some(shape) = nodes.defer(&ids)
        {
            return Ok(Var { tape, id: nodes.push_deferred(shape, ids, batched) });
        }
        if deferred {
            if let Some(shape) = nodes.of_sum(op, &ids) {
                return Ok(Var { tape, id: nodes.push_of_sum(shape, ids, batched) });
            }
            ids.iter().for_each(|&id| nodes.evaluate(id));
        }
        let value = {
            let mut values: SmallVec<[_; 4]> = SmallVec::new();
            for &id in &ids {
                values.push(&nodes.get(id).value);
            }
            match watching {
                true => tape.watched_forward(op, &values, nodes.line())?,
                false => op.forward(&values)?,
            }
        };
        let id = match tracked {
            true => nodes.push_op(value, ids, batched),
            false => nodes.push_leaf(value, Origin::Constant, batched),
        };
        Ok(Var { tape, id })
    }

    /// The gradient for each input of the op that made this node, recorded; `None` for a node that no op made.
    pub(crate) fn recorded_vjp(self, g: Self, wanted: &[bool]) -> Option<SmallVec<[(Self, Self); 3]>> {
        let tape = self.tape;
        let (op, inputs) = {
            let mut nodes = tape.nodes.borrow_mut();
            if !matches!(nodes.get(self.id).origin, Origin::Op) {
                return None;
            }
            // Without its op the value could not be worked out any more, and the rule may read it.
            nodes.evaluate(self.id);
            let node = nodes.get_mut(self.id);
            // The op leaves its node while its rule records further nodes on the same tape.
            (node.op.take().expect("an op node holds its op"), node.inputs.clone())
        };
        let x: SmallVec<[_; 4]> = inputs.iter().map(|&id| Var { tape, id }).collect();
        let refs: SmallVec<[_; 4]> = x.iter().collect();
        let needs: SmallVec<[_; 4]> = inputs.iter().map(|&id| wanted[id as usize]).collect();
        let location = self.location();
        let before = tape.nodes.borrow_mut().on_behalf_of.replace(location);
        let grads = op.vjp(g, &refs, &self, &needs);
        let mut nodes = tape.nodes.borrow_mut();
        nodes.on_behalf_of = before;
        nodes.get_mut(self.id).op = Some(op);
        drop(nodes);
        let pairs = x.iter().zip(grads).zip(&needs).filter(|(_, needed)| **needed);
        Some(pairs.filter_map(|((&x, grad), _)| Some((x, grad?))).collect())
    }

    /// Which nodes up to this one depend on any of `x`, by position.
    pub(crate) fn dependents(self, x: &[Self]) -> Vec<bool> {
        let nodes = self.tape.nodes.borrow();
        let mut wanted = vec![false; self.id as usize + 1];
        for x in x.iter().filter(|x| x.id <= self.id) {
            wanted[x.id as usize] = true;
        }
        for (id, node) in nodes.iter().enumerate().take(wanted.len()) {
            let reached = matches!(node.origin, Origin::Op) && node.inputs.iter().any(|&i| wanted[i as usize]);
            wanted[id] |= reached;
        }
        wanted
    }

    /// Checks that it is one number, whose gradient is then well defined.
    #[track_caller]
    pub(crate) fn expect_scalar(self, op: &'static str) {
        if self.numel() != 1 {
            let expected = "a cost of one element (reduce it with `mean(..)` or `sum(..)`)".into();
            unwrap(Err(Error::Shape { op, expected, got: self.shape() }))
        }
    }
}

/// The tape that an op's inputs are on, and their positions.
#[inline(always)]
fn positions<'t, T: Float>(op: &dyn Recorded<T>, x: &[&Var<'t, T>]) -> Result<(&'t Tape<T>, Inputs)> {
    let Some(first) = x.first() else { return Err(Error::invalid(op.name(), "expected at least one input, got none")) };
    if x.iter().any(|x| x.tape.id != first.tape.id) {
        return Err(Error::invalid(op.name(), "inputs are on different tapes; expected one"));
    }
    // Without a loop that grows a list, for the ops of most programs.
    let ids = match x {
        [a] => Inputs::from_buf_and_len([a.id, 0, 0, 0], 1),
        [a, b] => Inputs::from_buf_and_len([a.id, b.id, 0, 0], 2),
        _ => x.iter().map(|x| x.id).collect(),
    };
    Ok((first.tape, ids))
}

/// What is true of any of an op's inputs.
#[derive(Default)]
struct Together {
    tracked: bool,
    large: bool,
    deferred: bool,
    batched: bool,
}

impl<T: Float> Nodes<T> {
    /// What is true of any of an op's inputs, once their values can be had.
    #[inline(always)]
    fn together(&mut self, op: &dyn Recorded<T>, ids: &[u32]) -> Result<Together> {
        let mut together = Together::default();
        for &id in ids {
            let mut node = self.get(id);
            if node.is_released() {
                self.remember(id);
                node = self.get(id);
                if node.is_released() {
                    return Err(Error::invalid(op.name(), released(node)));
                }
            }
            together.tracked |= node.tracked();
            together.large |= node.large;
            together.deferred |= node.deferred;
            together.batched |= node.batched;
        }
        Ok(together)
    }
}

fn released<T: Float>(node: &Node<T>) -> String {
    let what = match &node.origin {
        Origin::Param(tag) => format!("parameter `{}`", tag.name),
        _ if node.forgotten => "a result inside of a checkpoint".to_string(),
        _ => "a view of a parameter".to_string(),
    };
    format!("the value of {what} has been let go by `backward`; use `backward_retain` to go on using the tape")
}

impl<T: Float> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nodes = self.tape.nodes.borrow_mut();
        nodes.evaluate(self.id);
        let node = nodes.get(self.id);
        write!(f, "Var {} = {} {:?}", self.id, node.op_name().unwrap_or("leaf"), node.value)
    }
}
