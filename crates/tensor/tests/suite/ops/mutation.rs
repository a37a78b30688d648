//! The test of the tests: each operation of each gradient rule is broken in turn, and the checks must see it.

use std::collections::BTreeMap;

use tensor::mutation::{Check, Tally, operations};
use tensor::{Tape, Tensor};

use crate::ops::cases::Case;
use crate::ops::coverage;

fn holds(case: &Case) -> bool {
    case.failures_in_turn().next().is_none()
}

/// What an op's gradient is by convention, where there is no derivative to compare with.
fn convention(op: &str) -> bool {
    op != "norm_root" || root_at_zero() == [0.0, 0.0]
}

fn root_at_zero() -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::zeros([2]));
    x.norm_root().sum(..).backward().wrt(x).to_vec()
}

/// The cases of each op: those of functions that are made of it, or, for an op of gradients only, some whose gradient is.
fn cases_of_ops(cases: &[Case]) -> BTreeMap<String, Vec<&Case>> {
    const SOME: usize = 40;
    let read = |op: &str, case: &Case| operations(op, &|| holds(case)) > 0;
    let mut own = BTreeMap::<String, Vec<&Case>>::new();
    let mut any = BTreeMap::<String, Vec<&Case>>::new();
    for case in cases {
        case.own_ops().into_iter().for_each(|op| own.entry(op.into()).or_default().push(case));
        case.checked_ops().into_iter().for_each(|op| any.entry(op.into()).or_default().push(case));
    }
    // A rule that an op's own cases never read, and that of an op of gradients only.
    own.retain(|op, cases| cases.iter().any(|case| read(op, case)));
    for (op, cases) in any.iter_mut().filter(|(op, _)| !own.contains_key(*op)) {
        // The second order of a linear function sends nothing back through the ops of its gradient.
        cases.retain(|case| read(op, case));
        cases.truncate(SOME);
    }
    any.extend(own);
    any
}

fn tally(op: &str, cases: &[&Case]) -> Tally {
    let checks: Vec<Box<Check<'_>>> = cases.iter().map(|&case| Box::new(move || holds(case)) as _).collect();
    let convention = || convention(op);
    let checks: Vec<&Check<'_>> = checks.iter().map(|check| &**check).chain([&convention as _]).collect();
    Tally::of(op, &checks)
}

#[test]
fn every_broken_rule_is_caught() {
    // Broken rules panic by the hundred.
    std::panic::set_hook(Box::new(|_| ()));
    let cases = coverage::cases();
    let by_op = cases_of_ops(&cases);
    let of = |op: String| (op.clone(), tally(&op, &by_op[&op]));
    let tallies: BTreeMap<String, Tally> = coverage::defined().into_iter().map(of).collect();
    let _ = std::panic::take_hook();
    Tally::report(&tallies);
}
