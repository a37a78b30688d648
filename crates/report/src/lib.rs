//! Looking at a run: charts and grids of images as SVG.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! use report::{Axis, Chart};
//! let training = (1..=30).map(|epoch| (epoch as f64, 0.9f64.powi(epoch)));
//! let test = (1..=30).map(|epoch| (epoch as f64, 0.1 + 0.9f64.powi(epoch)));
//! Chart::new("Learning", Axis::linear("epoch"), Axis::log("cost, nats"))
//!     .line("training", training)
//!     .line("test", test)
//!     .save(folder.path().join("learning.svg"))?;
//! # Ok::<(), report::Error>(())
//! ```

mod chart;
mod color;
mod error;
mod images;
mod picture;
mod save;
mod svg;
mod text;

pub use chart::{Axis, Chart};
pub use color::Color;
pub use error::Error;
pub use images::ImageGrid;
pub use picture::Picture;
