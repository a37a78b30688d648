//! An op's attributes, with PyTorch's defaults for those that a case leaves out.

use serde_json::Value;
use wengert::nn::Reduction;
use wengert::tensor::{Axes, Shape};

pub(crate) struct Attrs(pub(crate) Value);

impl Attrs {
    pub(crate) fn number(&self, name: &str, default: f64) -> f64 {
        self.0[name].as_f64().unwrap_or(default)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or(false)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("`{name}` in {}", self.0))
    }

    fn integer(&self, name: &str) -> Option<isize> {
        self.0[name].as_i64().map(|n| n as isize)
    }

    /// A list of integers; a single one counts as a list.
    pub(crate) fn integers(&self, name: &str) -> Option<Vec<isize>> {
        let one = self.integer(name).map(|n| vec![n]);
        let list = self.0[name].as_array();
        one.or_else(|| list.map(|list| list.iter().filter_map(Value::as_i64).map(|n| n as isize).collect()))
    }

    /// A list of pairs of sizes.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(usize, usize)> {
        let size = |n: &Value| n.as_u64().unwrap_or_else(|| panic!("`{name}` in {}", self.0)) as usize;
        let pairs = self.0[name].as_array().unwrap_or_else(|| panic!("`{name}` in {}", self.0));
        pairs.iter().map(|pair| (size(&pair[0]), size(&pair[1]))).collect()
    }

    /// Two sizes, or one for both.
    pub(crate) fn pair(&self, name: &str, default: [usize; 2]) -> [usize; 2] {
        let list = self.integers(name).unwrap_or_default();
        match list[..] {
            [] => default,
            [both] => [both as usize; 2],
            _ => [list[0] as usize, list[1] as usize],
        }
    }

    pub(crate) fn axis(&self) -> isize {
        self.integer("axis").expect("an axis")
    }

    pub(crate) fn size(&self, name: &str) -> usize {
        self.integer(name).and_then(|n| usize::try_from(n).ok()).unwrap_or_else(|| panic!("`{name}` in {}", self.0))
    }

    /// The axes that a reduction works over: all, where none is named.
    pub(crate) fn axes(&self) -> Axes {
        match self.integers("axes").or_else(|| self.integers("axis")) {
            Some(axes) if !axes.is_empty() => Axes::from(&axes[..]),
            _ => Axes::All,
        }
    }

    /// The shape asked for, in which −1 stands for what is left of `elements`.
    pub(crate) fn shape(&self, elements: usize) -> Shape {
        let sizes = self.integers("shape").expect("a shape");
        let known: usize = sizes.iter().filter_map(|&n| usize::try_from(n).ok()).product();
        let size = |n| usize::try_from(n).unwrap_or_else(|_| elements / known.max(1));
        Shape::from(sizes.into_iter().map(size).collect::<Vec<_>>())
    }

    pub(crate) fn reduction(&self) -> Reduction {
        match self.0["reduction"].as_str() {
            Some("none") => Reduction::None,
            Some("sum") => Reduction::Sum,
            Some("mean") | None => Reduction::Mean,
            Some(other) => panic!("reduction `{other}` in {}", self.0),
        }
    }
}
