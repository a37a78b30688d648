//! Every op's gradient, of first and second order, against numerical differentiation, on every layout of its inputs;
//! and a test that fails for an op that nothing here checks.

mod cases;
mod elementwise;

use cases::check_all;

#[test]
fn elementwise_rules() {
    check_all(&elementwise::cases());
}
