//! Models and tensors in files from outside.
//!
//! One program, because every test program instantiates the kernels that it uses anew; damaged files have their own, which
//! counts what is allocated.

mod atomic;
mod npy;
mod pytorch;
mod weights;
