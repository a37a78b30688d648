//! The tape as a drawing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use super::Tape;
use super::node::{Node, Origin};
use crate::float::Float;

impl<T: Float> Tape<T> {
    /// The tape in Graphviz's language: leaves and parameters as boxes, ops with their shapes, what forgets its value in a
    /// checkpoint dashed. Constants that nothing reads are left out, and so are those that a value was computed from
    /// without being recorded.
    ///
    /// ```
    /// use tensor::{Param, Tape, Tensor};
    /// let w = Param::new("weight", Tensor::<f32>::ones([3, 2]));
    /// let tape = Tape::new();
    /// tape.constant(Tensor::<f32>::ones([4, 3])).matmul(tape.param(&w)).tanh();
    /// let dot = tape.to_dot();
    /// assert!(dot.contains("weight") && dot.contains("matmul") && dot.contains("[4, 2]"));
    /// ```
    pub fn to_dot(&self) -> String {
        let nodes = self.nodes.borrow();
        let op = |node: &&Node<T>| matches!(node.origin, Origin::Op);
        let read: BTreeSet<u32> = nodes.iter().filter(op).flat_map(|node| node.inputs.iter().copied()).collect();
        let mut dot = String::from("digraph tape {\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11];\n");
        for (id, node) in nodes.iter().enumerate() {
            if matches!(node.origin, Origin::Constant) && !read.contains(&(id as u32)) {
                continue;
            }
            writeln!(dot, "  n{id} [{}];", attributes(node)).expect("a string takes what is written");
            if op(&node) {
                for input in &node.inputs {
                    writeln!(dot, "  n{input} -> n{id};").expect("a string takes what is written");
                }
            }
        }
        dot.push_str("}\n");
        dot
    }

    /// The drawing of [`to_dot`](Tape::to_dot) as SVG, made by Graphviz's program `dot`.
    ///
    /// # Errors
    /// If `dot` is not installed, or fails.
    pub fn to_svg(&self) -> io::Result<String> {
        let child = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), "Graphviz's program `dot` is not installed"),
            _ => error,
        })?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let dot = self.to_dot();
        // Written by a thread of its own: `dot` may begin to answer before it has read everything.
        let writer = std::thread::spawn(move || stdin.write_all(dot.as_bytes()));
        let output = child.wait_with_output()?;
        writer.join().expect("writing does not panic")?;
        if !output.status.success() {
            return Err(io::Error::other(format!("Graphviz's program `dot` failed: {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(io::Error::other)
    }
}

fn attributes<T: Float>(node: &Node<T>) -> String {
    let shape = node.value.shape();
    let style = if node.forgotten { ", style=dashed" } else { "" };
    match &node.origin {
        Origin::Constant => format!("label=\"constant\\n{shape}\", shape=box, color=gray50, fontcolor=gray40"),
        Origin::Leaf => format!("label=\"leaf\\n{shape}\", shape=box, style=filled, fillcolor=lightblue"),
        Origin::Param(tag) => {
            let name = tag.name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("label=\"{name}\\n{shape}\", shape=box, style=filled, fillcolor=lightgoldenrod")
        }
        Origin::Op => format!("label=\"{}\\n{shape}\", shape=ellipse{style}", node.op_name().unwrap_or_default()),
    }
}
