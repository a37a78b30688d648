//! What is written, and what is refused.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod models;
mod read;
mod refusals;
mod runtime;
mod written;
