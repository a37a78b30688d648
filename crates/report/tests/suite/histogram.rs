//! Counts in bins.

use proptest::prelude::*;
use report::Histogram;
use tensor::Tensor;

#[test]
fn values_are_counted_between_the_smallest_and_the_largest() {
    let histogram = Histogram::of(&Tensor::from([[0.0f32, 1.0, 1.0], [2.0, 3.0, 4.0]]), 4);
    assert_eq!(histogram.counts, [1, 2, 1, 2], "a bin has its lower edge, the last one both");
    assert_eq!((histogram.min, histogram.max, histogram.sum, histogram.sum_squares), (0.0, 4.0, 11.0, 31.0));
    assert_eq!(histogram.bars().next(), Some((0.0, 1.0, 1.0)));
}

#[test]
fn nothing_one_value_and_what_is_not_finite() {
    assert_eq!((Histogram::new([], 3).counts, Histogram::new([], 3).edge(0)), (vec![0; 3], -0.5));
    let one = Histogram::new([7.0, 7.0], 2);
    assert_eq!((one.counts.clone(), one.edge(0), one.edge(2)), (vec![0, 2], 6.5, 7.5));
    assert_eq!((one.quantile(0.0), one.quantile(0.9)), (7.0, 7.0));
    let odd = Histogram::new([f64::NAN, 1.0, f64::INFINITY, 2.0], 2);
    assert_eq!((odd.counts.clone(), odd.not_finite, odd.sum), (vec![1, 1], 2, 3.0));
    let wide = Histogram::new([f64::MIN, f64::MAX, 0.0], 4);
    assert_eq!(wide.counts, [1, 0, 1, 1]);
}

#[test]
fn quantiles_lie_between_the_edges_of_their_bins() {
    let histogram = Histogram::new((0..=1000).map(f64::from), 100);
    for share in [0.0, 0.05, 0.5, 0.95, 1.0] {
        assert!((histogram.quantile(share) - 1000.0 * share).abs() < 10.0, "{share}");
    }
    assert!(Histogram::new([], 4).quantile(0.5).is_nan());
}

proptest! {
    #[test]
    fn every_value_is_in_the_bin_between_its_edges(values in prop::collection::vec(-1e6f64..1e6, 1..100), bins in 1usize..20) {
        let histogram = Histogram::new(values.iter().copied(), bins);
        prop_assert_eq!(histogram.count(), values.len() as u64);
        let slack = 1e-9 * (1.0 + histogram.max - histogram.min);
        for i in 0..bins {
            let inside = |slack: f64| {
                let (low, high) = (histogram.edge(i) - slack, histogram.edge(i + 1) + slack);
                values.iter().filter(|&&value| low <= value && value <= high).count() as u64
            };
            prop_assert!(histogram.counts[i] <= inside(slack));
        }
    }
}
