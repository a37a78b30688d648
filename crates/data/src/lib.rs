//! Data for training: files and generated digits, transforms, and seeded mini-batches.
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
//! - [`Mnist`] finds or replaces the MNIST files, and with the feature `download` also fetches them,
//!   [`Collection`] those of Fashion-MNIST, KMNIST and CIFAR-10;
//! - [`Images`] holds rows of bytes with a label each, [`Batches`] deals them out as tensors;
//! - [`Dataset`] is what other data is: [`Tensors`] in memory, or a type of your own; it is mapped, split and joined, and a
//!   [`Loader`] deals it out in batches, made ahead by any number of threads with the same bits;
//! - [`Stream`] takes samples that come one after the other;
//! - [`transform`] shifts, turns and distorts images, in advance or as they are drawn;
//! - with the feature `csv`, `csv` reads tables of numbers; with the feature `png`, `ImageFolder` reads pictures in a folder
//!   for each class, with `jpeg` in JPEG as well;
//! - [`idx`] reads the files of MNIST, trusting nothing that a header says;
//! - [`digits`] draws handwritten-looking digits where there are no files.

mod batches;
pub mod cifar;
mod collection;
#[cfg(feature = "csv")]
pub mod csv;
pub mod dataset;
pub mod digits;
#[cfg(feature = "download")]
mod download;
mod error;
#[cfg(feature = "png")]
mod folder;
pub mod idx;
mod images;
mod loader;
mod locate;
mod mnist;
mod prefetch;
mod random;
mod sample;
pub mod split;
mod stream;
mod tensors;
pub mod transform;

pub use batches::{Batch, Batches};
pub use collection::{Collection, TrainTest};
pub use dataset::{BoxError, Dataset};
pub use error::Error;
#[cfg(feature = "png")]
pub use folder::ImageFolder;
pub use images::{Images, NIELSEN_SCALE};
pub use loader::{Loader, Pass};
pub use locate::{Progress, Source};
pub use mnist::Mnist;
pub use sample::{BatchOf, Misfit, Sample};
pub use stream::{Stream, StreamBatches};
pub use tensors::Tensors;
