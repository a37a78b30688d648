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
mod third;

use cases::check_all;

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
