//! All tests of the crate, in one program.

mod allocation;
mod batches;
mod collection;
#[cfg(feature = "csv")]
mod csv;
mod dataset;
mod digits;
#[cfg(feature = "png")]
mod folder;
mod idx;
mod loader;
mod mnist;
mod stream;
mod transform;
