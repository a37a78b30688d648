//! What the values on a tape take.

use std::collections::HashSet;
use std::fmt;

use super::Tape;
use super::node::{Node, Origin};
use crate::float::Float;

/// The values that the nodes of one kind hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindMemory {
    /// An op's name, or `constant`, `leaf` or `parameter`.
    pub kind: &'static str,
    /// The number of nodes.
    pub nodes: usize,
    /// The bytes of their values' buffers, but for those that an earlier node holds too.
    pub bytes: usize,
    /// The nodes that hold no value now: deferred, let go by a checkpoint or by `backward`.
    pub without_value: usize,
}

/// What the values on a tape take, from [`Tape::memory`]; printing it gives a table, the largest kind first. Gradients and
/// buffers kept for reuse are not part of it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    kinds: Vec<KindMemory>,
}

impl Memory {
    /// The kinds of nodes, in the order in which they were recorded.
    pub fn kinds(&self) -> &[KindMemory] {
        &self.kinds
    }

    /// The bytes of all values' buffers, each counted once.
    pub fn bytes(&self) -> usize {
        self.kinds.iter().map(|kind| kind.bytes).sum()
    }

    fn kind(&mut self, kind: &'static str) -> &mut KindMemory {
        let at = self.kinds.iter().position(|known| known.kind == kind).unwrap_or_else(|| {
            self.kinds.push(KindMemory { kind, nodes: 0, bytes: 0, without_value: 0 });
            self.kinds.len() - 1
        });
        &mut self.kinds[at]
    }
}

impl<T: Float> Tape<T> {
    /// What the values on the tape take now, by kind of node.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::<f32>::ones([16, 16]));
    /// x.matmul(x).t();
    /// // The transpose is a view of the product. Buffers are a little larger than what they hold.
    /// assert!((2 * 16 * 16 * 4..2200).contains(&tape.memory().bytes()));
    /// ```
    pub fn memory(&self) -> Memory {
        let (nodes, mut seen, mut memory) = (self.nodes.borrow(), HashSet::new(), Memory::default());
        for node in nodes.iter() {
            let kind = memory.kind(kind(node));
            kind.nodes += 1;
            match node.value.buffer() {
                Some((address, bytes)) if seen.insert(address) => kind.bytes += bytes,
                None if node.value.is_released() => kind.without_value += 1,
                _ => {}
            }
        }
        memory
    }
}

fn kind<T: Float>(node: &Node<T>) -> &'static str {
    match node.origin {
        Origin::Constant => "constant",
        Origin::Leaf => "leaf",
        Origin::Param(_) => "parameter",
        Origin::Op => node.op_name().unwrap_or_default(),
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By insertion: there are few, and to sort a list takes a hundred times the code.
        let mut kinds: Vec<&KindMemory> = Vec::with_capacity(self.kinds.len());
        for kind in &self.kinds {
            kinds.insert(kinds.partition_point(|other| other.bytes >= kind.bytes), kind);
        }
        let width = kinds.iter().map(|kind| kind.kind.len()).max().unwrap_or(0).max("total".len());
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "{:width$}  {:>8}  {:>10}  {:>13}", "kind", "nodes", "MiB", "without value")?;
        for KindMemory { kind, nodes, bytes, without_value } in kinds {
            writeln!(f, "{kind:width$}  {nodes:>8}  {:>10.3}  {without_value:>13}", mib(*bytes))?;
        }
        let nodes: usize = self.kinds.iter().map(|kind| kind.nodes).sum();
        write!(f, "{:width$}  {nodes:>8}  {:>10.3}", "total", mib(self.bytes()))
    }
}
