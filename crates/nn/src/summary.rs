//! A table of a model's parameters and buffers.

use std::fmt;

use tensor::{Float, Module, Path, Shape};

/// A model's parameters and buffers with their shapes and counts; prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The parameters, in the order of the visit, and then the buffers.
    pub rows: Vec<Row>,
}

/// A parameter or buffer of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it is in the model.
    pub path: String,
    /// Its shape.
    pub shape: Shape,
    /// What it is.
    pub kind: Kind,
}

/// What a tensor of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A parameter that is trained.
    Trained,
    /// A parameter that is frozen.
    Frozen,
    /// A buffer: running statistics, say.
    Buffer,
}

impl Summary {
    /// The number of parameters, element by element, frozen ones included.
    pub fn count(&self) -> usize {
        self.trainable() + self.elements(Kind::Frozen)
    }

    /// The number of parameters that are not frozen, element by element.
    pub fn trainable(&self) -> usize {
        self.elements(Kind::Trained)
    }

    fn elements(&self, kind: Kind) -> usize {
        self.rows.iter().filter(|row| row.kind == kind).map(|row| row.shape.numel()).sum()
    }
}

/// The parameters and buffers of a model.
pub fn summary<T: Float>(model: &(impl Module<T> + ?Sized)) -> Summary {
    let mut rows = Vec::new();
    let name = |path: Path<'_>, name: &str| match path {
        Path::Root => name.to_string(),
        path => path.to_string(),
    };
    model.visit(Path::Root, &mut |path, param| {
        let kind = if param.is_frozen() { Kind::Frozen } else { Kind::Trained };
        rows.push(Row { path: name(path, param.name()), shape: param.value().shape().clone(), kind });
    });
    model.visit_buffers(Path::Root, &mut |path, buffer| {
        let shape = buffer.value().shape().clone();
        rows.push(Row { path: name(path, buffer.name()), shape, kind: Kind::Buffer });
    });
    Summary { rows }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |Row { path, shape, kind }: &Row| {
            let note = ["", "frozen", "buffer"][*kind as usize];
            [path.clone(), shape.to_string(), thousands(shape.numel()), note.into()]
        };
        let note = match self.elements(Kind::Frozen) {
            0 => String::new(),
            _ => format!("{} trained", thousands(self.trainable())),
        };
        let header = ["parameter", "shape", "count", ""].map(String::from);
        let total = ["total".into(), String::new(), thousands(self.count()), note];
        let lines: Vec<_> = [header].into_iter().chain(self.rows.iter().map(line)).chain([total]).collect();
        let [a, b, c] = [0, 1, 2].map(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0));
        for (i, [path, shape, count, note]) in lines.iter().enumerate() {
            let line = format!("{path:<a$}  {shape:<b$}  {count:>c$}  {note}");
            let end = if i + 1 == lines.len() { "" } else { "\n" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

/// 1234567 as `1,234,567`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<_> = groups.iter().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}
