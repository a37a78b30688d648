//! Which broken rules the checks of an op see.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Place, Seen, broken};

/// A check that an op's gradient may fail: whether it holds. A panic, that of a shape that no longer fits say, fails too.
pub type Check<'a> = dyn Fn() -> bool + 'a;

fn fails(check: &Check<'_>) -> bool {
    !catch_unwind(AssertUnwindSafe(check)).unwrap_or(false)
}

/// The number of operations of an op's rule, as a check reads it.
pub fn operations(op: &str, check: &Check<'_>) -> usize {
    let (_, seen) = broken(op, Place::Operation(usize::MAX), Fault::Sign, || fails(check));
    seen.operations
}

/// The broken rules of one op.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many a check has seen.
    pub caught: usize,
    /// How many change no gradient in any check: a product with 1, say, that is forgotten.
    pub without_effect: usize,
    /// Those that change a gradient and that no check has seen.
    pub survivors: Vec<String>,
}

impl Tally {
    /// Breaks the op's rule in every place and way, and each time runs its checks until one fails.
    pub fn of(op: &str, checks: &[&Check<'_>]) -> Tally {
        let most = checks.iter().map(|check| operations(op, check)).max().unwrap_or(0);
        let places = (0..most).map(Place::Operation).chain((0..3).map(Place::Input));
        let mut tally = Tally::default();
        for place in places {
            Fault::ALL.into_iter().for_each(|fault| tally.run(op, checks, place, fault));
        }
        tally
    }

    fn run(&mut self, op: &str, checks: &[&Check<'_>], place: Place, fault: Fault) {
        let mut all = Seen::default();
        for check in checks {
            let (caught, seen) = broken(op, place, fault, || fails(check));
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

    /// Prints the sums of all ops.
    ///
    /// # Panics
    /// If a broken rule has survived.
    pub fn report(tallies: &BTreeMap<String, Tally>) {
        for (op, tally) in tallies {
            println!("{op:20} {:5} caught, {:5} without effect", tally.caught, tally.without_effect);
        }
        let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
        println!(
            "{} ops: {} broken rules caught, {} without effect",
            tallies.len(),
            sum(|tally| tally.caught),
            sum(|tally| tally.without_effect)
        );
        let survivors: Vec<_> = tallies.values().flat_map(|tally| &tally.survivors).collect();
        assert!(survivors.is_empty(), "broken rules that no check sees:\n{survivors:#?}");
    }
}
