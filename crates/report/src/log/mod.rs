//! Numbers of a run in files that other programs read, a line at a time.

mod csv;
mod json;
mod lines;

pub use csv::CsvLog;
pub use json::JsonLog;
