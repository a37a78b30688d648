use proptest::prelude::*;

use super::special;
use crate::kernel::sort::argsort;

/// Position by position, the first that no remaining element comes before.
fn naive(x: &[f64], descending: bool) -> Vec<i64> {
    let mut rest: Vec<usize> = (0..x.len()).collect();
    let below = |a: f64, b: f64| a < b || (b.is_nan() && !a.is_nan());
    let before = |a: f64, b: f64| if descending { below(b, a) } else { below(a, b) };
    let mut next = || {
        let first = (0..rest.len()).find(|&i| rest.iter().all(|&j| !before(x[j], x[rest[i]])));
        rest.remove(first.expect("one is the first")) as i64
    };
    x.iter().map(|_| next()).collect()
}

proptest! {
    /// Of numbers among which many are equal, infinite or NaN.
    #[test]
    fn is_the_stable_order(rows in 0..4usize, n in 0..40usize, k in 0..40usize, descending: bool, seed: u64) {
        let k = k.min(n);
        let mut random = special::<f64>(seed);
        let x: Vec<f64> = (0..rows * n).map(|_| (4.0 * random()).round()).collect();
        let mut out = vec![-1; x.len()];
        argsort(&x, &mut out, n, k, descending);
        for row in 0..if n == 0 { 0 } else { rows } {
            prop_assert_eq!(&out[row * n..][..k], &naive(&x[row * n..][..n], descending)[..k]);
        }
    }
}
