//! Optimizers, schedules, clipping and averages from outside.
//!
//! One program, because every test program instantiates the kernels that it uses anew.

mod adaptive;
mod clip;
mod ema;
mod groups;
mod lbfgs;
mod schedules;
mod sgd;
mod state;
