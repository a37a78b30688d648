//! The folder of reference cases.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use wengert::tensor::{Element, Tensor};

use crate::golden::attrs::Attrs;

/// One line of `cases.json`.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) attrs: Attrs,
    pub(crate) inputs: usize,
    pub(crate) ints: usize,
    pub(crate) differentiable: Vec<usize>,
    pub(crate) second: bool,
}

impl Case {
    fn parse(case: &Value) -> Case {
        let text = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("`{key}` in {case}")).to_string();
        let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {case}")) as usize;
        let differentiable = case["differentiable"].as_array().map(|list| list.iter().map(count).collect());
        Case {
            id: text("id"),
            op: text("op"),
            attrs: Attrs(case["attrs"].clone()),
            inputs: count(&case["inputs"]),
            ints: count(&case["ints"]),
            differentiable: differentiable.unwrap_or_default(),
            second: case["second"].as_bool().unwrap_or(false),
        }
    }
}

/// The cases and their tensors.
pub(crate) struct Reference<'f> {
    pub(crate) cases: Vec<Case>,
    tensors: SafeTensors<'f>,
}

impl<'f> Reference<'f> {
    /// From the contents of `cases.json` and `cases.safetensors`.
    pub(crate) fn parse(cases: &[u8], tensors: &'f [u8]) -> Reference<'f> {
        let cases: Vec<Value> = serde_json::from_slice(cases).expect("cases.json is a list");
        let tensors = SafeTensors::deserialize(tensors).expect("cases.safetensors is well formed");
        Reference { cases: cases.iter().map(Case::parse).collect(), tensors }
    }

    pub(crate) fn has(&self, case: &Case, name: &str) -> bool {
        self.tensors.tensor(&key(case, name)).is_ok()
    }

    /// A tensor of floats.
    pub(crate) fn floats(&self, case: &Case, name: &str) -> Tensor<f64> {
        self.tensor(case, name, Dtype::F64, f64::from_le_bytes)
    }

    /// A tensor of integers.
    pub(crate) fn ints(&self, case: &Case, name: &str) -> Tensor<i64> {
        self.tensor(case, name, Dtype::I64, i64::from_le_bytes)
    }

    fn tensor<T: Element>(&self, case: &Case, name: &str, dtype: Dtype, parse: fn([u8; 8]) -> T) -> Tensor<T> {
        let key = key(case, name);
        let view = self.tensors.tensor(&key).unwrap_or_else(|e| panic!("{key}: {e}"));
        assert_eq!(view.dtype(), dtype, "the type of {key}");
        let elements = view.data().chunks_exact(8).map(|bytes| parse(bytes.try_into().expect("eight bytes")));
        Tensor::new(elements.collect(), view.shape().to_vec()).expect("as many elements as the shape holds")
    }
}

fn key(case: &Case, name: &str) -> String {
    format!("{}/{name}", case.id)
}
