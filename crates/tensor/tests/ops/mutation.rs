//! The test of the tests: each operation of each gradient rule is broken in turn, and the checks must see it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tensor::mutation::{Fault, Place, Seen, broken};
use tensor::{Tape, Tensor};

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
        let mut all = Seen::default();
        for check in cases.iter().map(|case| Check::Case(case)).chain([Check::Kinks(op)]) {
            let (caught, seen) = broken(op, place, fault, || check.fails());
            if caught {
                self.caught += 1;
                return;
            }
            (all.applied, all.changed) = (all.applied | seen.applied, all.changed | seen.changed);
        }
        match all {
            Seen { changed: true, .. } => self.survivors.push(format!("{op}: {place:?} {fault:?}")),
            Seen { applied: true, .. } => self.without_effect += 1,
            _ => {}
        }
    }
}

/// What may see a broken rule.
enum Check<'a> {
    /// The gradient check of a function.
    Case(&'a Case),
    /// What an op's gradient is by convention, where there is no derivative to compare with.
    Kinks(&'a str),
}

impl Check<'_> {
    /// Whether it fails, by its verdict or by a panic: that of a shape that no longer fits, say.
    fn fails(&self) -> bool {
        let holds = || match self {
            Check::Case(case) => case.failures_in_turn().next().is_none(),
            Check::Kinks("norm_root") => root_at_zero() == [0.0, 0.0],
            Check::Kinks(_) => true,
        };
        !catch_unwind(AssertUnwindSafe(holds)).unwrap_or(false)
    }
}

fn root_at_zero() -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::zeros([2]));
    x.norm_root().sum(..).backward().wrt(x).to_vec()
}

/// The number of operations of an op's rule.
fn operations(op: &str, cases: &[&Case]) -> usize {
    let count = |case: &&Case| {
        let (_, seen) = broken(op, Place::Operation(usize::MAX), Fault::Sign, || Check::Case(case).fails());
        seen.operations
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
    // A rule that an op's own cases never read, and that of an op of gradients only.
    own.retain(|op, cases| operations(op, cases) > 0);
    for (op, cases) in any.iter_mut().filter(|(op, _)| !own.contains_key(*op)) {
        // The second order of a linear function sends nothing back through the ops of its gradient.
        cases.retain(|case| operations(op, &[case]) > 0);
        cases.truncate(SOME);
    }
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
