//! Checkpoints: stretches of the tape whose intermediate values are let go after the forward pass, and worked out again,
//! by the ops that stand on the tape, when the backward pass comes to them.

use std::ops::Range;

use smallvec::SmallVec;

use super::node::{Nodes, Origin};
use super::{Mode, Tape, Var};
use crate::float::Float;

/// What was recorded inside of a checkpoint.
pub(super) struct Segment {
    nodes: Range<usize>,
    /// The results, which stay.
    kept: SmallVec<[u32; 2]>,
    forgotten: bool,
}

/// What a checkpoint may return: variables, whose values stay.
pub trait Kept<T: Float> {
    /// Calls `keep` with each variable.
    fn each(&self, keep: &mut dyn FnMut(Var<'_, T>));
}

impl<T: Float> Kept<T> for Var<'_, T> {
    fn each(&self, keep: &mut dyn FnMut(Var<'_, T>)) {
        keep(*self);
    }
}

impl<T: Float, K: Kept<T>> Kept<T> for Vec<K> {
    fn each(&self, keep: &mut dyn FnMut(Var<'_, T>)) {
        self.iter().for_each(|kept| kept.each(keep));
    }
}

impl<T: Float, K: Kept<T>, const N: usize> Kept<T> for [K; N] {
    fn each(&self, keep: &mut dyn FnMut(Var<'_, T>)) {
        self.iter().for_each(|kept| kept.each(keep));
    }
}

impl<T: Float, A: Kept<T>, B: Kept<T>> Kept<T> for (A, B) {
    fn each(&self, keep: &mut dyn FnMut(Var<'_, T>)) {
        self.0.each(keep);
        self.1.each(keep);
    }
}

impl<T: Float> Tape<T> {
    /// Runs `f` and lets go of the intermediate values that it recorded, but for what it returns. When the backward pass
    /// comes to them they are worked out again, once, and let go when it has passed. So memory for a deep model need not
    /// grow with its depth: with one checkpoint around each √n of n layers it grows with √n, for the price of one more
    /// forward pass.
    ///
    /// Values and gradients have the same bits as without the checkpoint: the ops that stand on the tape are evaluated
    /// again, not `f`, and what `f` drew at random stays. (Where an array of at least 2¹⁷ elements leaves the checkpoint as
    /// the result of an elementwise op, it is evaluated there, and the sums that are the gradients of single numbers
    /// broadcast over it are made of other parts, as they are for any result that is looked at.) Checkpoints may be nested.
    ///
    /// A value from inside that is asked for later is worked out then. A recorded gradient ([`Tape::grad`]) asks for all of
    /// them, and they stay.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([0.5f64, -1.0]));
    /// let mut h = x;
    /// for _ in 0..4 {
    ///     h = tape.checkpoint(|| (2.0 * h).sin().exp().log1p());
    /// }
    /// assert!(h.sum(..).backward().get(x).is_some());
    /// ```
    pub fn checkpoint<K: Kept<T>>(&self, f: impl FnOnce() -> K) -> K {
        let start = self.len();
        let results = f();
        if self.mode() == Mode::Training {
            let mut kept = SmallVec::new();
            results.each(&mut |var| kept.push(var.id()));
            let mut nodes = self.nodes.borrow_mut();
            kept.iter().for_each(|&id| nodes.evaluate(id));
            let segment = Segment { nodes: start..nodes.len(), kept, forgotten: false };
            nodes.segments.push(segment);
            let last = nodes.segments.len() - 1;
            nodes.forget(last);
        }
        results
    }
}

impl<T: Float> Nodes<T> {
    /// Lets go of the values of a segment that can be worked out again.
    fn forget(&mut self, segment: usize) {
        let mut segments = std::mem::take(&mut self.segments);
        let Segment { nodes, kept, forgotten } = &mut segments[segment];
        *forgotten = true;
        for id in nodes.clone().map(|id| id as u32).filter(|id| !kept.contains(id)) {
            let node = self.get_mut(id);
            if matches!(node.origin, Origin::Op) && !node.deferred {
                node.value.release();
                node.forgotten = true;
            }
        }
        self.segments = segments;
    }

    /// Works the values of a segment out again, but for those inside of inner ones, which are let go as soon as the inner
    /// one's results are there.
    fn restore(&mut self, segment: usize) {
        for id in self.segments[segment].nodes.clone() {
            self.work_out(id as u32);
            let inner = (0..segment).rev().find(|&inner| self.segments[inner].nodes.end == id + 1);
            if let Some(inner) = inner {
                self.forget(inner);
            }
        }
        self.segments[segment].forgotten = false;
    }

    /// Works one value out again; it stays away where a parameter that it needs has been let go.
    fn work_out(&mut self, id: u32) {
        if !self.get(id).forgotten {
            return;
        }
        let inputs = self.get(id).inputs.clone();
        inputs.iter().for_each(|&input| self.evaluate(input));
        if inputs.iter().any(|&input| self.get(input).is_released()) {
            return;
        }
        let value = {
            let x: SmallVec<[_; 4]> = inputs.iter().map(|&input| &self.get(input).value).collect();
            let op = self.get(id).op.as_ref().expect("an op node holds its op");
            op.forward(&x).expect("its shapes have been checked")
        };
        let node = self.get_mut(id);
        (node.value, node.forgotten) = (value, false);
    }

    /// Makes the value of a forgotten node be there again.
    pub(super) fn remember(&mut self, id: u32) {
        // The segments around it, the outermost first.
        for segment in (0..self.segments.len()).rev() {
            let Segment { nodes, forgotten, .. } = &self.segments[segment];
            if *forgotten && nodes.contains(&(id as usize)) {
                self.restore(segment);
            }
        }
    }

    /// Makes the values be there that a node is worked out from.
    pub(super) fn remember_inputs(&mut self, id: u32) {
        if self.segments.is_empty() {
            return;
        }
        for input in self.get(id).inputs.clone() {
            match self.get(input) {
                node if node.forgotten => self.remember(input),
                node if node.deferred => self.remember_inputs(input),
                _ => {}
            }
        }
    }

    /// Where the stretch of nodes begins that ends before `end` and in which no segment begins or ends.
    pub(super) fn stretch(&self, end: usize) -> usize {
        let edges = self.segments.iter().flat_map(|segment| [segment.nodes.start, segment.nodes.end]);
        edges.filter(|&edge| edge < end).max().unwrap_or(0)
    }

    /// Makes everything be there that the backward pass needs for a stretch.
    pub(super) fn prepare(&mut self, stretch: Range<usize>) {
        if self.segments.is_empty() {
            return;
        }
        self.remember(stretch.start as u32);
        for id in stretch {
            if matches!(self.get(id as u32).origin, Origin::Op) {
                self.remember_inputs(id as u32);
            }
        }
    }

    /// Lets go of the segments that begin where a backward pass has come to.
    pub(super) fn leave(&mut self, start: usize) {
        for segment in 0..self.segments.len() {
            if self.segments[segment].nodes.start == start && !self.segments[segment].forgotten {
                self.forget(segment);
            }
        }
    }

    /// Declares what waits inside of a segment forgotten, so that nothing is worked out for its sake when the parameters
    /// are let go.
    pub(super) fn give_up_forgotten(&mut self) {
        for segment in 0..self.segments.len() {
            if !self.segments[segment].forgotten {
                continue;
            }
            for id in self.segments[segment].nodes.clone() {
                let node = self.get_mut(id as u32);
                node.forgotten |= node.deferred;
                node.deferred = false;
            }
        }
    }
}
