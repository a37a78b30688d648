//! Every op's gradient, of first and second order, against numerical differentiation, on every layout of its inputs;
//! and a test that fails for an op that nothing here checks.

mod batch_norm;
mod cases;
mod conv;
mod coverage;
mod elementwise;
mod linalg;
#[cfg(feature = "mutation")]
mod mutation;
mod pool;
mod product;
mod properties;
mod reduce;
mod structure;
mod sum_of;
mod third;

use cases::check_all;

/// Bit for bit where both are made by one rule, and within a few roundings where the eager one is fused.
#[test]
fn eager_gradients_are_the_recorded_ones() {
    let cases = coverage::cases();
    let differences: Vec<_> = cases.iter().map(|case| (&case.name, case.eager_against_recorded())).collect();
    let apart: Vec<_> = differences.iter().filter(|(_, difference)| *difference > 1e-14).collect();
    assert!(apart.is_empty(), "{apart:?}");
    let same = differences.iter().filter(|(_, difference)| *difference == 0.0).count();
    assert!(same * 10 > differences.len() * 9, "only {same} of {} have the same bits", differences.len());
}

#[test]
fn elementwise_rules() {
    check_all(&elementwise::cases());
}

#[test]
fn reductions() {
    check_all(&reduce::cases());
}

#[test]
fn products() {
    check_all(&product::cases());
}

#[test]
fn convolutions() {
    check_all(&conv::cases());
}

#[test]
fn pooling() {
    check_all(&pool::cases());
}

#[test]
fn batch_normalisation() {
    check_all(&batch_norm::cases());
}

#[test]
fn linear_algebra() {
    check_all(&linalg::cases());
}

#[test]
fn views_joins_and_indices() {
    check_all(&structure::cases());
}
