//! Charts, images, logs and pages from outside.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod chart;
mod confusion;
mod histogram;
mod html;
mod images;
mod log;
#[cfg(feature = "png")]
mod raster;
mod tensorboard;
