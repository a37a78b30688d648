use proptest::prelude::*;

use super::noise;
use crate::kernel::scan::cumsum;

/// The sum up to (or from) each element, over again for each.
fn naive(x: &[f64], at: usize, [len, inner]: [usize; 2], reverse: bool) -> f64 {
    let (o, i, j) = (at / (len * inner), at / inner % len, at % inner);
    let element = |i: usize| x[(o * len + i) * inner + j];
    if reverse { (i..len).rev().map(element).sum() } else { (0..=i).map(element).sum() }
}

proptest! {
    #[test]
    fn each_sum_is_that_of_what_lies_before(
        outer in 0..4usize, len in 0..9usize, inner in prop_oneof![Just(1usize), 0..40usize], reverse: bool, seed: u64
    ) {
        let mut random = noise(seed);
        let x: Vec<f64> = (0..outer * len * inner).map(|_| random()).collect();
        let mut out = vec![f64::NAN; x.len()];
        cumsum(&x, &mut out, len, inner, reverse);
        for (at, &sum) in out.iter().enumerate() {
            prop_assert_eq!(sum, naive(&x, at, [len, inner], reverse));
        }
    }
}
