//! A table of a model's parameters.

use std::fmt;

use tensor::{Float, Module, Path};

/// A model's parameters with their shapes and counts; prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Path, shape and number of elements of each parameter.
    pub rows: Vec<(String, String, usize)>,
}

impl Summary {
    /// The number of parameters, element by element.
    pub fn count(&self) -> usize {
        self.rows.iter().map(|(_, _, count)| count).sum()
    }
}

/// The parameters of a model.
pub fn summary<T: Float>(model: &(impl Module<T> + ?Sized)) -> Summary {
    let mut rows = Vec::new();
    model.visit(Path::Root, &mut |path, param| {
        let name = if matches!(path, Path::Root) { param.name().to_string() } else { path.to_string() };
        rows.push((name, param.value().shape().to_string(), param.value().numel()));
    });
    Summary { rows }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = ("total".to_string(), String::new(), self.count());
        let header = ["parameter", "shape", "count"];
        let widths = self.rows.iter().chain([&total]).fold(header.map(str::len), |[a, b, c], (name, shape, count)| {
            [a.max(name.chars().count()), b.max(shape.len()), c.max(thousands(*count).len())]
        });
        let [a, b, c] = widths;
        writeln!(f, "{:<a$}  {:<b$}  {:>c$}", header[0], header[1], header[2])?;
        for (name, shape, count) in &self.rows {
            writeln!(f, "{name:<a$}  {shape:<b$}  {:>c$}", thousands(*count))?;
        }
        write!(f, "{:<a$}  {:<b$}  {:>c$}", total.0, total.1, thousands(total.2))
    }
}

/// 1234567 as `1,234,567`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<_> = groups.iter().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}
