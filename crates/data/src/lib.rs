//! Data for training: IDX and MNIST files, generated digits, and seeded mini-batches.
//!
//! ```
//! // Sixty generated digits, so that this page needs no file and no network; `Mnist::open` finds the real ones.
//! let (train, validation) = data::digits::generate(60, 7).split(50);
//! for epoch in 0..2 {
//!     for batch in train.batches(16).shuffle(42, epoch) {
//!         assert_eq!(batch.images.shape()[1], 28 * 28);
//!     }
//! }
//! assert_eq!(validation.len(), 10);
//! ```
//!
//! - [`Mnist`] finds or replaces the MNIST files, and with the feature `download` also fetches them;
//! - [`Images`] holds rows of bytes with a label each, [`Batches`] deals them out as tensors;
//! - [`idx`] reads the files, trusting nothing that a header says;
//! - [`transform`] shifts, turns and distorts images, in advance or as they are drawn;
//! - [`digits`] draws handwritten-looking digits where there are no files.

mod batches;
pub mod digits;
#[cfg(feature = "download")]
mod download;
mod error;
pub mod idx;
mod images;
mod mnist;
mod random;
pub mod transform;

pub use batches::{Batch, Batches};
pub use error::Error;
pub use images::{Images, NIELSEN_SCALE};
pub use mnist::{Mnist, Progress, Source};
