//! What crosses crates.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod analytic;
mod conventions;
mod determinism;
mod golden;
mod learning;
mod nielsen;
mod onnx;
mod runs;
