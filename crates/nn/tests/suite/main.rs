//! Layers, costs and the derive macro from outside.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod cost;
mod cross_entropy;
mod derive;
mod init;
mod labels_and_angles;
mod layers;
#[cfg(feature = "mutation")]
mod mutation;
mod sequences;
mod windows;
