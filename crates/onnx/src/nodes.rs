//! Which nodes an op is written as.

mod elementwise;
mod layers;
mod structure;

use tensor::{Attribute, Attributes, Step, StepKind, Tensor};

use crate::Error;
use crate::graph::Graph;
use crate::trace::{Size, Trace};

/// An op that is to be written: what it reads, under which names, and what it was built with.
struct Op<'a> {
    name: &'static str,
    attributes: &'a Attributes,
    step: &'a Step,
    trace: &'a Trace,
    inputs: Vec<&'a str>,
    /// The sizes of each input's axes.
    from: Vec<&'a [Size]>,
    /// The sizes of the result's axes.
    to: &'a [Size],
}

/// Adds the nodes of an op, and returns the name of their output.
pub(crate) fn add(graph: &mut Graph, trace: &Trace, position: usize, names: &[String]) -> Result<String, Error> {
    let step = &trace.steps[position];
    let StepKind::Op { name, attributes, inputs } = &step.kind else { unreachable!("only ops are added") };
    let unknown = || Error::Op { op: name, location: step.location };
    let op = Op {
        name,
        attributes: attributes.as_ref().ok_or_else(unknown)?,
        step,
        trace,
        inputs: inputs.iter().map(|&input| names[input].as_str()).collect(),
        from: inputs.iter().map(|&input| &trace.sizes[input][..]).collect(),
        to: &trace.sizes[position],
    };
    let written = elementwise::add(graph, &op).or_else(|| layers::add(graph, &op));
    match written {
        Some(output) => Ok(output),
        None => structure::add(graph, &op)?.ok_or_else(unknown),
    }
}

impl Op<'_> {
    fn attribute(&self, name: &str) -> &Attribute {
        let found = self.attributes.iter().find(|(key, _)| *key == name);
        &found.unwrap_or_else(|| panic!("`{}` lists its `{name}`", self.name)).1
    }

    fn number(&self, name: &str) -> f64 {
        match self.attribute(name) {
            Attribute::Number(x) => *x,
            Attribute::Integer(n) => *n as f64,
            other => panic!("`{name}` of `{}` is a number, got {other:?}", self.name),
        }
    }

    fn integer(&self, name: &str) -> i64 {
        match self.attribute(name) {
            Attribute::Integer(n) => *n,
            Attribute::Flag(flag) => i64::from(*flag),
            other => panic!("`{name}` of `{}` is an integer, got {other:?}", self.name),
        }
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        match self.attribute(name) {
            Attribute::Integers(list) => list.clone(),
            other => panic!("`{name}` of `{}` is a list, got {other:?}", self.name),
        }
    }

    fn index(&self) -> &Tensor<i64> {
        match self.attribute("index") {
            Attribute::Index(index) => index,
            other => panic!("`index` of `{}` is a tensor, got {other:?}", self.name),
        }
    }

    fn depends_on_batch(&self) -> Error {
        Error::Batch { what: format!("`{}`", self.name), location: self.step.location }
    }
}
