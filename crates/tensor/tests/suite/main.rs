//! Tensors, tape and ops from outside.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod deferred;
mod errors;
mod gradients;
mod graphs;
mod inspect;
mod kinks;
mod ops;
mod per_sample;
mod transform;
mod values;
