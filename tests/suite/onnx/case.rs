//! One case: a node, and what it is given and is to give.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use wengert::files::AnyTensor;
use wengert::files::safetensors::{Contents, Reader};
use wengert::tensor::{Shape, Tensor};

/// The outputs by position, or what of the node has no counterpart.
pub(crate) type Answer = Result<Vec<AnyTensor>, String>;

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) outputs: BTreeMap<usize, AnyTensor>,
    /// How many outputs the node names.
    pub(crate) output_count: usize,
    inputs: BTreeMap<usize, AnyTensor>,
    attributes: Value,
}

impl Case {
    pub(crate) fn open(path: &Path) -> Case {
        let contents = Reader::open(path).and_then(Reader::contents).unwrap_or_else(|error| panic!("{error}"));
        let text = |key: &str| contents.metadata.get(key).unwrap_or_else(|| panic!("{}: no `{key}`", path.display()));
        let name = path.file_stem().expect("the name of a file").to_string_lossy().into_owned();
        Case {
            name,
            op: text("op").clone(),
            outputs: numbered(&contents, "out"),
            output_count: text("outputs").parse().expect("a number of outputs"),
            inputs: numbered(&contents, "in"),
            attributes: serde_json::from_str(text("attributes")).expect("attributes as JSON"),
        }
    }

    /// Input `i` as floats.
    pub(crate) fn x(&self, i: usize) -> Tensor<f32> {
        self.given(i).unwrap_or_else(|| panic!("{}: input {i} is missing", self.name))
    }

    /// Input `i` as floats, if it is given.
    pub(crate) fn given(&self, i: usize) -> Option<Tensor<f32>> {
        Some(floats(self.inputs.get(&i)?)?.cast())
    }

    /// Whether input `i` is given and has floats for elements.
    pub(crate) fn has_floats(&self, i: usize) -> bool {
        self.inputs.get(&i).is_some_and(|x| floats(x).is_some())
    }

    pub(crate) fn has(&self, i: usize) -> bool {
        self.inputs.contains_key(&i)
    }

    /// All inputs, of floats.
    pub(crate) fn all(&self) -> Vec<Tensor<f32>> {
        self.inputs.keys().map(|&i| self.x(i)).collect()
    }

    /// Input `i` as integers, floats rounded.
    pub(crate) fn index(&self, i: usize) -> Option<Tensor<i64>> {
        Some(match self.inputs.get(&i)? {
            AnyTensor::I64(x) => x.clone(),
            AnyTensor::I32(x) => x.map_elements(i64::from),
            AnyTensor::F32(x) => x.map_elements(|x| x as i64),
            other => panic!("{}: input {i} has elements {}", self.name, other.dtype()),
        })
    }

    /// The elements of input `i`, of integers.
    pub(crate) fn integers(&self, i: usize) -> Option<Vec<i64>> {
        Some(self.index(i)?.to_vec())
    }

    pub(crate) fn mask(&self, i: usize) -> Option<Tensor<bool>> {
        self.inputs.get(&i)?.get().cloned()
    }

    pub(crate) fn number(&self, name: &str, default: f64) -> f64 {
        self.attributes[name].as_f64().unwrap_or(default)
    }

    pub(crate) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attributes[name].as_i64().unwrap_or(default)
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.integer(name, i64::from(default)) != 0
    }

    pub(crate) fn text(&self, name: &str, default: &'static str) -> &str {
        self.attributes[name].as_str().unwrap_or(default)
    }

    pub(crate) fn list(&self, name: &str) -> Option<Vec<i64>> {
        Some(self.attributes[name].as_array()?.iter().filter_map(Value::as_i64).collect())
    }

    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.attributes[name].as_array().map_or(Vec::new(), |list| list.iter().filter_map(Value::as_f64).collect())
    }

    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        !self.attributes[name].is_null()
    }

    pub(crate) fn axis(&self, default: i64) -> isize {
        self.integer("axis", default) as isize
    }
}

/// The tensors called `prefix0`, `prefix1`, …
fn numbered(contents: &Contents, prefix: &str) -> BTreeMap<usize, AnyTensor> {
    let position = |name: &String| name.strip_prefix(prefix)?.parse().ok();
    contents.tensors.iter().filter_map(|(name, tensor)| Some((position(name)?, tensor.clone()))).collect()
}

/// The elements as f64, if they are floats.
pub(crate) fn floats(x: &AnyTensor) -> Option<Tensor<f64>> {
    match x {
        AnyTensor::F32(x) => Some(x.cast()),
        AnyTensor::F64(x) => Some(x.clone()),
        _ => None,
    }
}

/// An answer of one output.
pub(crate) fn one(x: impl Into<AnyTensor>) -> Answer {
    Ok(vec![x.into()])
}

/// A shape of integers, none of them negative.
pub(crate) fn shape(sizes: &[i64]) -> Shape {
    Shape::from(sizes.iter().map(|&size| usize::try_from(size).expect("a size")).collect::<Vec<_>>())
}
