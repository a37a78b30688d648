//! The test of the tests: each operation of each gradient rule is broken in turn, and the checks must see it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tensor::mutation::{Fault, Place, Seen, broken};

use crate::cases::Case;
use crate::coverage;

/// Mutants of one op.
#[derive(Default)]
struct Tally {
    caught: usize,
    /// Those that change no gradient at any input of any case: a product with 1, say, that is forgotten.
    without_effect: usize,
    survivors: Vec<String>,
}

impl Tally {
    /// Breaks the op at one place in one way and runs its cases until one fails.
    fn run(&mut self, op: &str, cases: &[&Case], place: Place, fault: Fault) {
        let mut changed = false;
        for case in cases {
            let (caught, seen) = broken(op, place, fault, || fails(case));
            changed |= seen.changed;
            if caught {
                self.caught += 1;
                return;
            }
        }
        match changed {
            true => self.survivors.push(format!("{op}: {place:?} {fault:?}")),
            false => self.without_effect += 1,
        }
    }
}

/// A check that fails, by its verdict or by a panic: that of a shape that no longer fits, say.
fn fails(case: &Case) -> bool {
    catch_unwind(AssertUnwindSafe(|| case.failures_in_turn().next().is_some())).unwrap_or(true)
}

/// The number of operations of an op's rule.
fn operations(op: &str, cases: &[&Case]) -> usize {
    let count = |case: &&Case| {
        let (_, Seen { operations, .. }) = broken(op, Place::Operation(usize::MAX), Fault::Sign, || fails(case));
        operations
    };
    cases.iter().map(count).max().unwrap_or(0)
}

#[test]
fn every_broken_rule_is_caught() {
    // Broken rules panic by the hundred.
    std::panic::set_hook(Box::new(|_| ()));
    let cases = coverage::cases();
    let mut by_op = BTreeMap::<String, Vec<&Case>>::new();
    for case in &cases {
        for op in case.checked_ops() {
            by_op.entry(op.into()).or_default().push(case);
        }
    }
    let mut tallies = BTreeMap::<&str, Tally>::new();
    for op in coverage::defined() {
        let (op, cases) = by_op.get_key_value(&op).expect("every op has a case");
        let tally = tallies.entry(op).or_default();
        let operations = (0..operations(op, cases)).map(Place::Operation);
        let inputs = (0..3).map(Place::Input);
        for place in operations.chain(inputs) {
            for fault in Fault::ALL {
                tally.run(op, cases, place, fault);
            }
        }
    }
    let _ = std::panic::take_hook();
    report(&tallies);
}

fn report(tallies: &BTreeMap<&str, Tally>) {
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
    for (op, tally) in tallies {
        println!("{op:20} {:5} caught, {:5} without effect", tally.caught, tally.without_effect);
    }
    println!(
        "{} ops: {} broken rules caught, {} without effect, {} not caught",
        tallies.len(),
        sum(|tally| tally.caught),
        sum(|tally| tally.without_effect),
        sum(|tally| tally.survivors.len())
    );
    let survivors: Vec<_> = tallies.values().flat_map(|tally| &tally.survivors).collect();
    assert!(survivors.is_empty(), "broken rules that no check sees:\n{survivors:#?}");
}
