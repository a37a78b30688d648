//! A profile: what each kind of op took.

use std::fmt;
use std::time::Duration;

use super::watch::in_words;

/// What the ops of one name took together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpProfile {
    /// The op's name.
    pub name: &'static str,
    /// How often it was evaluated.
    pub count: u64,
    /// Time in its values.
    pub forward: Duration,
    /// Time in its gradients, by eager passes. The ops of a recorded gradient are evaluated like any others.
    pub backward: Duration,
    /// Floating-point operations of the values.
    pub flops: u64,
    /// Bytes of the inputs and results of the values, each counted once for each evaluation.
    pub bytes: u64,
}

/// What each kind of op took, from [`Tape::profile`](crate::Tape::profile); printing it gives a table, the most expensive
/// op first.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    ops: Vec<OpProfile>,
}

impl Profile {
    /// The ops, in the order in which they were first met.
    pub fn ops(&self) -> &[OpProfile] {
        &self.ops
    }

    fn op(&mut self, name: &'static str) -> &mut OpProfile {
        let at = self.ops.iter().position(|op| op.name == name).unwrap_or_else(|| {
            let (forward, backward) = (Duration::ZERO, Duration::ZERO);
            self.ops.push(OpProfile { name, count: 0, forward, backward, flops: 0, bytes: 0 });
            self.ops.len() - 1
        });
        &mut self.ops[at]
    }

    pub(super) fn forward(&mut self, name: &'static str, time: Duration, flops: u64, bytes: u64) {
        let op = self.op(name);
        op.count += 1;
        op.forward += time;
        op.flops += flops;
        op.bytes += bytes;
    }

    pub(super) fn backward(&mut self, name: &'static str, time: Duration) {
        self.op(name).backward += time;
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By insertion: there are few, and to sort a list takes a hundred times the code.
        let mut ops: Vec<&OpProfile> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let at = ops.partition_point(|other| other.forward + other.backward >= op.forward + op.backward);
            ops.insert(at, op);
        }
        let total: Duration = ops.iter().map(|op| op.forward + op.backward).sum();
        let width = ops.iter().map(|op| op.name.len()).max().unwrap_or(0).max("op".len());
        let [op, count, forward, backward, share] = ["op", "count", "forward", "backward", "share"];
        let [flop, rate, mib, bandwidth] = ["MFLOP", "GFLOP/s", "MiB", "GiB/s"];
        writeln!(
            f,
            "{op:width$}  {count:>8}  {forward:>10}  {backward:>10}  {share:>6}  {flop:>10}  {rate:>8}  {mib:>9}  {bandwidth:>6}"
        )?;
        for op in ops {
            let (seconds, both) = (op.forward.as_secs_f64(), op.forward + op.backward);
            let share = 100.0 * both.as_secs_f64() / total.as_secs_f64();
            let (flops, bytes) = (op.flops as f64, op.bytes as f64);
            writeln!(
                f,
                "{:width$}  {:>8}  {:>10}  {:>10}  {share:>5.1}%  {:>10.3}  {:>8.2}  {:>9.2}  {:>6.2}",
                op.name,
                op.count,
                in_words(op.forward),
                in_words(op.backward),
                flops / 1e6,
                flops / seconds / 1e9,
                bytes / f64::from(1 << 20),
                bytes / seconds / f64::from(1 << 30),
            )?;
        }
        write!(f, "{:width$}  {:>8}  {:>10}", "total", "", in_words(total))
    }
}
