use std::path::Path;

use serde::Serialize;

use super::lines::Lines;
use crate::Error;

/// Values of any kind, one JSON text a line.
///
/// Each line is with the operating system when [`JsonLog::write`] returns, so a crash of the program loses at most the line
/// that was being written. A log that is opened again goes on after its last whole line.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("run.jsonl");
/// use report::json;
/// let mut log = report::JsonLog::open(&path)?;
/// log.write(&json!({ "step": 1, "cost": 0.5, "note": "two\nlines" }))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"cost\":0.5,\"note\":\"two\\nlines\",\"step\":1}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonLog {
    lines: Lines,
}

impl JsonLog {
    /// Makes a file, or goes on with one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn open(path: impl AsRef<Path>) -> Result<JsonLog, Error> {
        Ok(JsonLog { lines: Lines::open(path.as_ref())? })
    }

    /// Appends a value of [`json!`](crate::json), or of a type of your own. JSON has no word for NaN and infinities: they
    /// become `null`.
    ///
    /// # Errors
    /// If the value cannot be written as JSON or the file cannot be written; the log is as before then.
    pub fn write(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let line = serde_json::to_string(value)
            .map_err(|error| Error::Json { file: self.lines.path(), reason: error.to_string() })?;
        self.lines.append(line)
    }
}
