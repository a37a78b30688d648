//! Examples in a second.

use std::time::{Duration, Instant};

/// How many examples are worked through in a second.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    start: Instant,
    examples: u64,
}

impl Default for Throughput {
    fn default() -> Throughput {
        Throughput::new()
    }
}

impl Throughput {
    /// From now on.
    pub fn new() -> Throughput {
        Throughput { start: Instant::now(), examples: 0 }
    }

    /// Adds examples that are done.
    pub fn add(&mut self, examples: usize) {
        self.examples += examples as u64;
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Examples per second since the beginning.
    pub fn rate(&self) -> f64 {
        self.examples as f64 / self.elapsed().as_secs_f64()
    }
}
