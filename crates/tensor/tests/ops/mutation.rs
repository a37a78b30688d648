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

/// The cases of each op: those of functions that are made of it, or, for an op of gradients only, some whose gradient is.
fn cases_of_ops(cases: &[Case]) -> BTreeMap<String, Vec<&Case>> {
    const SOME: usize = 40;
    let mut own = BTreeMap::<String, Vec<&Case>>::new();
    let mut any = BTreeMap::<String, Vec<&Case>>::new();
    for case in cases {
        case.own_ops().into_iter().for_each(|op| own.entry(op.into()).or_default().push(case));
        case.checked_ops().into_iter().for_each(|op| any.entry(op.into()).or_default().push(case));
    }
    any.values_mut().for_each(|cases| cases.truncate(SOME));
    any.extend(own);
    any
}

/// Breaks one op's rule in every place and way.
fn tally(op: &str, cases: &[&Case]) -> Tally {
    let mut tally = Tally::default();
    let operations = (0..operations(op, cases)).map(Place::Operation);
    let inputs = (0..3).map(Place::Input);
    for place in operations.chain(inputs) {
        for fault in Fault::ALL {
            tally.run(op, cases, place, fault);
        }
    }
    tally
}

#[test]
fn every_broken_rule_is_caught() {
    // Broken rules panic by the hundred.
    std::panic::set_hook(Box::new(|_| ()));
    let cases = coverage::cases();
    let by_op = cases_of_ops(&cases);
    let of = |op: String| {
        let tally = tally(&op, &by_op[&op]);
        println!("{op:20} {:5} caught, {:5} without effect", tally.caught, tally.without_effect);
        (op, tally)
    };
    let tallies: BTreeMap<String, Tally> = coverage::defined().into_iter().map(of).collect();
    let _ = std::panic::take_hook();
    report(&tallies);
}

fn report(tallies: &BTreeMap<String, Tally>) {
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
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
