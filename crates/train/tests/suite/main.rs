//! All tests of the crate, in one program.

mod callbacks;
mod checkpoint;
mod crash;
mod guard;
mod metrics;
mod outputs;
mod progress;
mod resume;
mod setup;
