//! Tables of numbers in CSV files.
//!
//! ```
//! use data::csv::Csv;
//! use data::Dataset;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("irises.csv");
//! # std::fs::write(&path, "length,width,species\n5.1,3.5,setosa\n6.2,2.9,virginica\n5.0,3.4,setosa\n")?;
//! let irises = Csv::new().classes(&path, "species")?;
//! assert_eq!(irises.names, ["length", "width"]);
//! assert_eq!(irises.classes, ["setosa", "virginica"]);
//! for batch in irises.samples.loader(2).shuffle(1, 0) {
//!     let (measures, species) = batch?;
//!     assert_eq!(measures.shape()[1], 2);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cells are numbers as Rust writes them (`1`, `-2.5`, `1e-3`, `inf`, `NaN`), with spaces around them allowed, and anything
//! in the column of class labels. Every row has as many cells as the first. Whatever is wrong with a file is an error that
//! says where. A line may be up to 1 MiB long. A file of n bytes takes at most 20·n bytes and 32 MiB to read, whatever is in
//! it; one of numbers takes 4 bytes for each cell, and up to three times that while they grow.

mod rows;

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use ::csv::ByteRecord;
use tensor::Tensor;

use crate::{Error, Stream, Tensors};
use rows::Rows;

/// How a CSV file is written.
#[derive(Clone, Copy, Debug)]
pub struct Csv {
    header: bool,
    delimiter: u8,
}

/// A column, by its name in the header or by its index from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The first column of that name.
    Name(String),
    /// The column's index, from 0.
    Index(usize),
}

/// A file of numbers.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns' names; empty where the file has no header.
    pub names: Vec<String>,
    /// The numbers: shape `[rows, columns]`.
    pub numbers: Tensor<f32>,
}

/// Numbers, and a class for each row.
#[derive(Clone, Debug)]
pub struct Classes {
    /// The names of the columns of numbers; empty where the file has no header.
    pub names: Vec<String>,
    /// What the classes are called: class k is `classes[k]`. Empty where they are numbers in the file already.
    pub classes: Vec<String>,
    /// The rows: features `[rows, columns]`, targets `[rows]`.
    pub samples: Tensors<f32, i64>,
}

/// Numbers, and a number to predict for each row.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The names of the other columns; empty where the file has no header.
    pub names: Vec<String>,
    /// The rows: features `[rows, columns]`, targets `[rows]`.
    pub samples: Tensors<f32, f32>,
}

impl Csv {
    /// A file with a header, its cells divided by commas.
    pub fn new() -> Csv {
        Csv { header: true, delimiter: b',' }
    }

    /// A file whose first line is data.
    pub fn without_header(self) -> Csv {
        Csv { header: false, ..self }
    }

    /// A file whose cells are divided by another character, such as `b';'` or `b'\t'`.
    pub fn delimiter(self, delimiter: u8) -> Csv {
        Csv { delimiter, ..self }
    }

    /// Reads a file of numbers.
    ///
    /// # Errors
    /// If the file cannot be read, a row has another length than the first, or a cell is no number.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table, Error> {
        let mut rows = Rows::open(self, path.as_ref())?;
        let names = rows.names().to_vec();
        let mut numbers = Vec::new();
        let (mut count, mut record) = (0, ByteRecord::new());
        while rows.read(&mut record)? {
            rows.numbers(&record, None, &mut numbers)?;
            count += 1;
        }
        Ok(Table { names, numbers: rows.table(numbers, count, rows.width())? })
    }

    /// Reads a file of numbers and a column of classes.
    ///
    /// Where all labels are whole numbers from 0 on, they are the classes; else the different labels are, in alphabetical
    /// order.
    ///
    /// # Errors
    /// As [`read`](Csv::read), or if there is no such column.
    pub fn classes(&self, path: impl AsRef<Path>, column: impl Into<Column>) -> Result<Classes, Error> {
        let mut rows = Rows::open(self, path.as_ref())?;
        let label = rows.find(&column.into())?;
        let (mut numbers, mut labels) = (Vec::new(), Labels::default());
        let mut record = ByteRecord::new();
        while rows.read(&mut record)? {
            rows.numbers(&record, Some(label), &mut numbers)?;
            labels.push(rows.text(&record, label)?);
        }
        let features = rows.table(numbers, labels.indices.len(), rows.width() - 1)?;
        let (classes, targets) = labels.finish();
        let count = targets.len();
        let targets = Tensor::build([count], |out| out.copy_from_slice(&targets));
        Ok(Classes { names: rows.names_but(label), classes, samples: Tensors::new(features, targets)? })
    }

    /// Reads a file of numbers, one column of which is what to predict from the others.
    ///
    /// # Errors
    /// As [`read`](Csv::read), or if there is no such column.
    pub fn targets(&self, path: impl AsRef<Path>, column: impl Into<Column>) -> Result<Targets, Error> {
        let mut rows = Rows::open(self, path.as_ref())?;
        let target = rows.find(&column.into())?;
        let (mut numbers, mut targets) = (Vec::new(), Vec::new());
        let mut record = ByteRecord::new();
        while rows.read(&mut record)? {
            rows.numbers(&record, Some(target), &mut numbers)?;
            targets.push(rows.number(&record, target)?);
        }
        let features = rows.table(numbers, targets.len(), rows.width() - 1)?;
        let count = targets.len();
        let targets = Tensor::build([count], |out| out.copy_from_slice(&targets));
        Ok(Targets { names: rows.names_but(target), samples: Tensors::new(features, targets)? })
    }

    /// The rows of a file of numbers one after the other, each of shape `[columns]`, for files larger than memory. After a
    /// bad row the next follows.
    ///
    /// ```
    /// use data::csv::Csv;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.csv");
    /// # std::fs::write(&path, "1 2 3\n4 5 6\n7 8 9\n")?;
    /// let rows = Csv::new().without_header().delimiter(b' ').stream(&path)?;
    /// let samples = rows.map(|row| (row.narrow(0, 0, 2), row.narrow(0, 2, 1)));
    /// for batch in samples.shuffle(1000, 1, 0).batches(2) {
    ///     let (features, targets) = batch?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be opened, or its header cannot be read.
    pub fn stream(&self, path: impl AsRef<Path>) -> Result<Stream<Tensor<f32>>, Error> {
        let mut rows = Rows::open(self, path.as_ref())?;
        let mut record = ByteRecord::new();
        let mut next = move || -> Result<Option<Tensor<f32>>, Error> {
            if !rows.read(&mut record)? {
                return Ok(None);
            }
            let mut numbers = Vec::with_capacity(rows.width());
            rows.numbers(&record, None, &mut numbers)?;
            Ok(Some(Tensor::build([numbers.len()], |out| out.copy_from_slice(&numbers))))
        };
        Ok(Stream::new(std::iter::from_fn(move || next().transpose())))
    }
}

impl Default for Csv {
    fn default() -> Csv {
        Csv::new()
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Column {
        Column::Name(name.to_owned())
    }
}

impl From<usize> for Column {
    fn from(index: usize) -> Column {
        Column::Index(index)
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Column::Name(name) => write!(f, "{name:?}"),
            Column::Index(index) => write!(f, "with index {index}"),
        }
    }
}

/// The labels that have come, and for each row which it was.
#[derive(Default)]
struct Labels {
    known: BTreeMap<String, usize>,
    indices: Vec<usize>,
}

impl Labels {
    fn push(&mut self, label: &str) {
        let next = self.known.len();
        let index = self.known.get(label).copied().unwrap_or_else(|| {
            self.known.insert(label.to_owned(), next);
            next
        });
        self.indices.push(index);
    }

    /// The classes' names, where they are no numbers, and the class of each row.
    fn finish(self) -> (Vec<String>, Vec<i64>) {
        let number = |label: &String| label.parse().ok().filter(|&number: &i64| number >= 0);
        let numbers: Option<Vec<i64>> = self.known.keys().map(number).collect();
        let sorted = numbers.clone().unwrap_or_else(|| (0..self.known.len() as i64).collect());
        let mut class = vec![0; self.known.len()];
        self.known.values().zip(sorted).for_each(|(&index, number)| class[index] = number);
        let names = if numbers.is_some() { Vec::new() } else { self.known.into_keys().collect() };
        (names, self.indices.into_iter().map(|index| class[index]).collect())
    }
}
