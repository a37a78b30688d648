//! Looking at a run: charts and images as SVG, logs that other programs read, and a page with all of it.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! use report::{Axis, Chart};
//! let training = (1..=30).map(|epoch| (epoch as f64, 0.9f64.powi(epoch)));
//! let test = (1..=30).map(|epoch| (epoch as f64, 0.1 + 0.9f64.powi(epoch)));
//! Chart::new("Learning", Axis::whole("epoch"), Axis::log("cost, nats"))
//!     .line("training", training)
//!     .line("test", test)
//!     .save(folder.path().join("learning.svg"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Chart`], [`ImageGrid`] and [`Confusion`] become a [`Picture`], alone or beside others; a [`Histogram`] gives bars;
//! - [`Report`] puts pictures, tables and text on one HTML page;
//! - [`CsvLog`] and [`JsonLog`] append a line at a time, and go on after a crash;
//! - [`EventLog`] writes what TensorBoard shows.

mod chart;
mod color;
mod confusion;
mod error;
mod histogram;
mod html;
mod images;
mod log;
mod picture;
#[cfg(feature = "png")]
mod raster;
mod svg;
mod tensorboard;
mod text;

pub use chart::{Axis, Chart};
pub use color::Color;
pub use confusion::Confusion;
pub use error::Error;
pub use histogram::Histogram;
pub use html::Report;
pub use images::ImageGrid;
pub use log::{CsvLog, JsonLog};
pub use picture::Picture;
pub use serde_json::json;
pub use tensorboard::EventLog;
