//! The graph of a model: its inputs, nodes, outputs, and the values of its parameters.

use std::collections::{HashMap, HashSet};

use tensor::{Module, Path, StepKind, Tensor};

use crate::Error;
use crate::nodes;
use crate::proto::{self, Message, Type, Value};
use crate::trace::{Given, Size, Trace};

/// The version of ONNX's ops that the nodes are written for, and that of the format which goes with it.
const OPSET: i64 = 20;
const IR: i64 = 9;

/// What the nodes are written to, one after the other.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    used: HashSet<String>,
    /// How often a name was wanted.
    wanted: HashMap<String, usize>,
    /// The inputs' names.
    inputs: Vec<String>,
    /// The name of the batch's size, once something asked for it.
    batch: Option<String>,
}

impl Graph {
    /// A name that nothing has yet: `wanted`, or that and a number.
    fn fresh(&mut self, wanted: &str) -> String {
        let times = self.wanted.entry(wanted.to_string()).or_default();
        loop {
            let name = if *times == 0 { wanted.to_string() } else { format!("{wanted}_{times}") };
            *times += 1;
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Adds a node, and returns the name of its output.
    pub(crate) fn node(&mut self, kind: &str, inputs: &[&str], attributes: &[(&str, Value)]) -> String {
        let output = self.fresh(&kind.to_lowercase());
        self.nodes.push(proto::node(kind, inputs, &output, attributes));
        output
    }

    fn initializer(&mut self, name: &str, of: Type, sizes: &[usize], bytes: Vec<u8>) -> String {
        let name = self.fresh(name);
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        self.initializers.push(proto::tensor(&name, of, &sizes, &bytes));
        name
    }

    /// A constant list of whole numbers.
    pub(crate) fn integers(&mut self, values: &[i64]) -> String {
        self.index(&Tensor::from(values.to_vec()))
    }

    /// A constant tensor of whole numbers.
    pub(crate) fn index(&mut self, value: &Tensor<i64>) -> String {
        let bytes = value.to_vec().iter().flat_map(|n| n.to_le_bytes()).collect();
        self.initializer("integers", Type::Int64, value.shape(), bytes)
    }

    /// A constant single number.
    pub(crate) fn number(&mut self, value: f64) -> String {
        self.floats("number", &Tensor::from(value as f32))
    }

    /// A constant tensor.
    pub(crate) fn floats(&mut self, name: &str, value: &Tensor) -> String {
        let bytes = value.to_vec().iter().flat_map(|x| x.to_le_bytes()).collect();
        self.initializer(name, Type::Float, value.shape(), bytes)
    }

    /// The name of an input.
    pub(crate) fn input(&self, k: usize) -> &str {
        &self.inputs[k]
    }

    /// A list of sizes, or `None` if one of them cannot be told from the size of the batch.
    pub(crate) fn sizes(&mut self, sizes: &[Size]) -> Option<String> {
        let fixed = |size: &Size| if let Size::Fixed(size) = size { Some(*size as i64) } else { None };
        if let Some(fixed) = sizes.iter().map(fixed).collect::<Option<Vec<_>>>() {
            return Some(self.integers(&fixed));
        }
        let parts: Vec<String> = sizes.iter().map(|&size| self.size(size)).collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(self.node("Concat", &parts, &[("axis", Value::Int(0))]))
    }

    fn size(&mut self, size: Size) -> Option<String> {
        match size {
            Size::Fixed(size) => Some(self.integers(&[size as i64])),
            Size::PerExample(1) => Some(self.batch()),
            Size::PerExample(each) => {
                let (batch, each) = (self.batch(), self.integers(&[each as i64]));
                Some(self.node("Mul", &[&batch, &each], &[]))
            }
            Size::Other => None,
        }
    }

    /// The size of the batch, which is the first of any input.
    fn batch(&mut self) -> String {
        if self.batch.is_none() {
            let input = self.inputs[0].clone();
            let first = [("start", Value::Int(0)), ("end", Value::Int(1))];
            self.batch = Some(self.node("Shape", &[&input], &first));
        }
        self.batch.clone().expect("just made")
    }
}

/// The paths of a model's parameters, by their ids.
fn paths(model: &dyn Module) -> HashMap<u64, String> {
    let mut paths = HashMap::new();
    model.visit(Path::Root, &mut |path, param| {
        paths.insert(param.id(), path.to_string());
    });
    paths
}

/// The whole model, as the contents of a file.
pub(crate) fn model(model: &dyn Module, trace: &Trace, inputs: &[&str], outputs: &[&str]) -> Result<Vec<u8>, Error> {
    check_names(inputs, outputs, trace.outputs.len())?;
    let reached = trace.reached();
    let reached: Vec<usize> = (0..trace.steps.len()).filter(|&position| reached[position]).collect();
    check_size(values(trace, &reached).values().map(|value| 4 * value.numel()).sum())?;
    let mut graph = Graph { inputs: inputs.iter().map(|name| name.to_string()).collect(), ..Graph::default() };
    graph.used.extend(inputs.iter().chain(outputs).map(|name| name.to_string()));
    let mut names = parameters(&mut graph, &paths(model), trace, &reached);
    for (given, name) in trace.inputs.iter().zip(inputs) {
        if let Given::Numbers(position) = given {
            names[*position] = name.to_string();
        }
    }
    for &position in &reached {
        match &trace.steps[position].kind {
            StepKind::Op { .. } => names[position] = nodes::add(&mut graph, trace, position, &names)?,
            StepKind::Constant(value) | StepKind::Leaf(value) if !trace.is_input(position) => {
                names[position] = constant(&mut graph, trace, position, value)?;
            }
            _ => {}
        }
    }
    for (&position, name) in trace.outputs.iter().zip(outputs) {
        graph.nodes.push(proto::node("Identity", &[&names[position]], name, &[]));
    }
    finish(&graph, trace, outputs)
}

fn check_names(inputs: &[&str], outputs: &[&str], given: usize) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let error = match inputs.iter().chain(outputs).find(|name| name.is_empty() || !seen.insert(**name)) {
        _ if outputs.len() != given => format!("expected {} outputs, one for each name, got {given}", outputs.len()),
        Some(&"") => "expected inputs and outputs that have names, got an empty one".to_string(),
        Some(name) => format!("expected inputs and outputs of different names, got `{name}` twice"),
        None => return Ok(()),
    };
    Err(Error::Signature(error))
}

/// The values that go into the file: those of parameters by id, and others by position.
fn values<'a>(trace: &'a Trace, reached: &[usize]) -> HashMap<(bool, u64), &'a Tensor> {
    let value = |&position: &usize| match &trace.steps[position].kind {
        StepKind::Param(id, value) => Some(((true, *id), value)),
        StepKind::Constant(value) | StepKind::Leaf(value) if !trace.is_input(position) => {
            Some(((false, position as u64), value))
        }
        _ => None,
    };
    reached.iter().filter_map(value).collect()
}

/// An ONNX file is one message, which may have less than 2³¹ bytes.
fn check_size(bytes: usize) -> Result<(), Error> {
    if i32::try_from(bytes).is_err() { Err(Error::Size { bytes }) } else { Ok(()) }
}

/// Writes the parameters, which have their paths before anything else can take these names, and returns the names of all
/// nodes, which for others are still empty.
fn parameters(graph: &mut Graph, paths: &HashMap<u64, String>, trace: &Trace, reached: &[usize]) -> Vec<String> {
    let mut names = vec![String::new(); trace.steps.len()];
    let mut known: HashMap<u64, String> = HashMap::new();
    for &position in reached {
        if let StepKind::Param(id, value) = &trace.steps[position].kind {
            let path = paths.get(id).map_or("parameter", String::as_str);
            names[position] = known.entry(*id).or_insert_with(|| graph.floats(path, value)).clone();
        }
    }
    names
}

/// A constant, repeated for every example if it was smaller for fewer of them.
fn constant(graph: &mut Graph, trace: &Trace, position: usize, value: &Tensor) -> Result<String, Error> {
    let (name, step) = (graph.floats("constant", value), &trace.steps[position]);
    if value.shape() == &step.shape {
        return Ok(name);
    }
    match graph.sizes(&trace.sizes[position]) {
        Some(sizes) => Ok(graph.node("Expand", &[&name, &sizes], &[])),
        None => Err(Error::Batch { what: "a constant".into(), location: step.location }),
    }
}

fn finish(graph: &Graph, trace: &Trace, outputs: &[&str]) -> Result<Vec<u8>, Error> {
    let input = |(given, name): (&Given, &String)| match given {
        Given::Numbers(position) => proto::value(name, Type::Float, &trace.sizes[*position]),
        Given::Indices(index) => proto::value(name, Type::Int64, &trace.sizes_of(index)),
    };
    let output = |(&position, name): (&usize, &&str)| proto::value(name, Type::Float, &trace.sizes[position]);
    let inputs: Vec<Message> = trace.inputs.iter().zip(&graph.inputs).map(input).collect();
    let outputs: Vec<Message> = trace.outputs.iter().zip(outputs).map(output).collect();
    let body = Message::new()
        .messages(1, &graph.nodes)
        .text(2, "model")
        .messages(5, &graph.initializers)
        .messages(11, &inputs)
        .messages(12, &outputs);
    let model = Message::new()
        .integer(1, IR)
        .text(2, "wengert")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &body)
        .message(8, &Message::new().text(1, "").integer(2, OPSET));
    check_size(model.0.len())?;
    Ok(model.0)
}
