//! Rows of cells, and where they are in the file.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use tensor::Tensor;

use super::{Column, Csv};
use crate::Error;

/// The longest line in bytes.
const LONGEST_LINE: usize = 1 << 20;
/// How much of a bad cell a message shows.
const SHOWN: usize = 40;

/// The rows of a file, all of one length.
pub(super) struct Rows {
    reader: Reader<Lines<File>>,
    file: String,
    names: Vec<String>,
    /// The number of cells in each row; known from the header or the first row.
    width: Option<usize>,
    /// The first row of a file without a header, read ahead for its length.
    first: Option<ByteRecord>,
}

impl Rows {
    pub(super) fn open(csv: &Csv, path: &Path) -> Result<Rows, Error> {
        let file = path.display().to_string();
        let failed = |source| Error::Io { file: file.clone(), source };
        // Before opening: to open a pipe would wait for its other end.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Error::Irregular { file, expected: "a CSV file" });
        }
        let lines = Lines { inner: File::open(path).map_err(failed)?, line: 0 };
        let mut builder = ReaderBuilder::new();
        let reader = builder.has_headers(false).flexible(true).delimiter(csv.delimiter).from_reader(lines);
        let mut rows = Rows { reader, file, names: Vec::new(), width: None, first: None };
        let mut first = ByteRecord::new();
        if rows.read(&mut first)? {
            match csv.header {
                true => rows.names = first.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect(),
                false => rows.first = Some(first),
            }
        }
        Ok(rows)
    }

    /// The columns' names; empty where the file has no header.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn names_but(&self, column: usize) -> Vec<String> {
        let others = self.names.iter().enumerate().filter(|&(i, _)| i != column);
        others.map(|(_, name)| name.clone()).collect()
    }

    /// How many cells a row has; 0 in an empty file.
    pub(super) fn width(&self) -> usize {
        self.width.unwrap_or(0)
    }

    pub(super) fn find(&self, column: &Column) -> Result<usize, Error> {
        let found = match column {
            Column::Index(index) => Some(*index).filter(|&index| index < self.width()),
            Column::Name(name) => self.names.iter().position(|other| other == name),
        };
        found.ok_or_else(|| Error::Column {
            file: self.file.clone(),
            column: column.to_string(),
            width: self.width(),
            names: self.names.iter().take(SHOWN).cloned().collect(),
        })
    }

    /// The next row, or false at the end.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, Error> {
        if let Some(first) = self.first.take() {
            *record = first;
            return Ok(true);
        }
        if !self.reader.read_byte_record(record).map_err(|error| self.failed(error))? {
            return Ok(false);
        }
        let expected = *self.width.get_or_insert(record.len());
        match record.len() == expected {
            true => Ok(true),
            false => {
                Err(Error::Cells { file: self.file.clone(), line: self.line(record), found: record.len(), expected })
            }
        }
    }

    fn failed(&self, error: ::csv::Error) -> Error {
        let file = self.file.clone();
        match error.into_kind() {
            ErrorKind::Io(source) => Error::Io { file, source },
            other => Error::Io { file, source: io::Error::other(format!("{other:?}")) },
        }
    }

    /// The numbers of a row, but for one column, at the end of `out`.
    pub(super) fn numbers(&self, record: &ByteRecord, but: Option<usize>, out: &mut Vec<f32>) -> Result<(), Error> {
        for column in (0..record.len()).filter(|&column| Some(column) != but) {
            out.push(self.number(record, column)?);
        }
        Ok(())
    }

    pub(super) fn number(&self, record: &ByteRecord, column: usize) -> Result<f32, Error> {
        let cell = std::str::from_utf8(&record[column]).ok();
        let number = cell.and_then(|cell| cell.trim().parse().ok());
        number.ok_or_else(|| self.bad_cell(record, column, "a number"))
    }

    pub(super) fn text<'a>(&self, record: &'a ByteRecord, column: usize) -> Result<&'a str, Error> {
        let cell = std::str::from_utf8(&record[column]).map(str::trim);
        cell.map_err(|_| self.bad_cell(record, column, "text in UTF-8"))
    }

    fn bad_cell(&self, record: &ByteRecord, column: usize, expected: &'static str) -> Error {
        let cell = &record[column];
        let mut found = String::from_utf8_lossy(&cell[..cell.len().min(SHOWN)]).into_owned();
        if cell.len() > SHOWN {
            found.push('…');
        }
        let name = self.names.get(column).map(|name| format!(" ({name})")).unwrap_or_default();
        Error::Cell { file: self.file.clone(), line: self.line(record), column: column + 1, name, found, expected }
    }

    /// Where a row begins, counted from 1. The reader tells where it began to look for it, before any empty lines; so they
    /// are read again.
    fn line(&self, record: &ByteRecord) -> u64 {
        let Some(position) = record.position() else { return 0 };
        let rest = File::open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(position.byte()))?;
            Ok(BufReader::new(file).bytes())
        });
        let empty = rest.into_iter().flatten().map_while(|byte| byte.ok().filter(|byte| b"\r\n".contains(byte)));
        position.line() + empty.filter(|&byte| byte == b'\n').count() as u64
    }

    /// The numbers of `rows` rows as a tensor.
    pub(super) fn table(&self, numbers: Vec<f32>, rows: usize, columns: usize) -> Result<Tensor<f32>, Error> {
        let failed = |error: tensor::Error| Error::Io { file: self.file.clone(), source: io::Error::other(error) };
        Tensor::new(numbers, [rows, columns]).map_err(failed)
    }
}

/// Reads on as long as no line is too long.
struct Lines<R> {
    inner: R,
    /// The length of the line so far.
    line: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        for line in buffer[..got].split_inclusive(|&byte| byte == b'\n') {
            self.line += line.len();
            if self.line > LONGEST_LINE {
                let message = format!("found a line of more than {LONGEST_LINE} bytes, expected a shorter one");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if line.ends_with(b"\n") {
                self.line = 0;
            }
        }
        Ok(got)
    }
}
