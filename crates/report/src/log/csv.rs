use std::path::Path;

use super::lines::Lines;
use crate::Error;

/// Numbers in columns, a row at a time, as comma-separated values.
///
/// Each row is with the operating system when [`CsvLog::row`] returns, so a crash of the program loses at most the row that
/// was being written. A log that is opened again goes on after its last whole row.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("run.csv");
/// let mut log = report::CsvLog::open(&path, ["step", "cost, nats"])?;
/// log.row([1.0, 0.5])?;
/// drop(log);
/// report::CsvLog::open(&path, ["step", "cost, nats"])?.row([2.0, f64::NAN])?;
/// assert_eq!(std::fs::read_to_string(&path)?, "step,\"cost, nats\"\n1,0.5\n2,NaN\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CsvLog {
    lines: Lines,
    columns: usize,
}

impl CsvLog {
    /// Makes a file with these names of columns, or goes on with one that has them.
    ///
    /// # Errors
    /// If the file cannot be written, if it begins with other names, or if a name has an end of line in it.
    pub fn open<S: AsRef<str>>(path: impl AsRef<Path>, columns: impl IntoIterator<Item = S>) -> Result<CsvLog, Error> {
        let columns: Vec<String> = columns.into_iter().map(|name| quoted(name.as_ref())).collect();
        let expected = columns.join(",");
        if expected.contains(['\n', '\r']) || columns.is_empty() {
            let reason = format!("found {expected:?}, expected one name or more, without ends of lines");
            return Err(Error::Columns { file: path.as_ref().display().to_string(), reason });
        }
        let mut lines = Lines::open(path.as_ref())?;
        match lines.first()? {
            Some(found) if found == expected => {}
            Some(found) => {
                let found: String = found.chars().take(200).collect();
                let reason = format!("it begins with `{found}`, expected `{expected}`");
                return Err(Error::Columns { file: lines.path(), reason });
            }
            None => lines.append(expected)?,
        }
        Ok(CsvLog { lines, columns: columns.len() })
    }

    /// Appends a row: a value for each column, written so that it is read back exactly; NaN and infinities as `NaN`, `inf` and
    /// `-inf`.
    ///
    /// # Errors
    /// If there are more or fewer values than columns, or the file cannot be written; the log is as before then.
    pub fn row(&mut self, values: impl IntoIterator<Item = f64>) -> Result<(), Error> {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if values.len() != self.columns {
            let reason = format!("found a row of {} values, expected {}", values.len(), self.columns);
            return Err(Error::Columns { file: self.lines.path(), reason });
        }
        self.lines.append(values.join(","))
    }
}

/// A name as a field: in quotes where it has a character that would end it.
fn quoted(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_string() }
}
