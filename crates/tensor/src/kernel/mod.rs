//! Loops over slices. They know sizes and strides and nothing of tensors; everything here that is parallel, unsafe or
//! compiled per instruction set is so for the whole project.

#![allow(unsafe_code)]

pub(crate) mod chain;
pub(crate) mod channels;
pub(crate) mod conv;
pub(crate) mod convert;
pub(crate) mod copy;
pub(crate) mod cpu;
pub(crate) mod linalg;
pub(crate) mod map;
pub(crate) mod math;
pub(crate) mod matmul;
pub(crate) mod pool;
pub(crate) mod reduce;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod sort;
pub(crate) mod split;
mod team;
#[cfg(test)]
mod tests;
pub(crate) mod update;
