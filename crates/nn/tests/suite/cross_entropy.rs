//! Cross-entropy with weights, labels that do not count and smoothing: its formula, its gradients and its refusals.

use nn::Reduction;
use nn::cost::{self, CrossEntropy};
use tensor::{Tape, Tensor, gradcheck, rng};

const WEIGHTS: [f64; 4] = [0.5, 2.0, 0.0, 1.25];

/// Logits of `[batch, classes, length]` and labels of `[batch, length]`, of which two do not count.
fn example() -> (Tensor<f64>, Tensor<i64>) {
    (Tensor::randn([2, 4, 3], &mut rng(1, 0)), Tensor::from([[0i64, 3, -7], [-7, 2, 1]]))
}

/// The costs of the labels and what they weigh, one by one.
fn by_formula(logits: &Tensor<f64>, labels: &Tensor<i64>, weights: [f64; 4], smoothing: f64) -> Vec<(f64, f64)> {
    let one = |n: usize, at: usize, label: i64| {
        let z: Vec<f64> = (0..4).map(|class| logits[[n, class, at]]).collect();
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let costs: Vec<f64> = z.iter().zip(weights).map(|(z, weight)| -weight * (z.exp() / total).ln()).collect();
        let all: f64 = costs.iter().sum();
        let class = label as usize;
        ((1.0 - smoothing) * costs[class] + smoothing / 4.0 * all, weights[class])
    };
    let places = (0..2).flat_map(|n| (0..3).map(move |at| (n, at)));
    let label = |(n, at): (usize, usize)| labels[[n, at]];
    places.map(|place| if label(place) == -7 { (0.0, 0.0) } else { one(place.0, place.1, label(place)) }).collect()
}

#[test]
fn it_is_its_formula_under_each_reduction() {
    let (logits, labels) = example();
    for (weights, smoothing) in [(None, 0.0), (None, 0.3), (Some(WEIGHTS), 0.0), (Some(WEIGHTS), 0.3)] {
        let each = by_formula(&logits, &labels, weights.unwrap_or([1.0; 4]), smoothing);
        let costs: Vec<f64> = each.iter().map(|each| each.0).collect();
        let (sum, weight): (f64, f64) = (costs.iter().sum(), each.iter().map(|each| each.1).sum());
        let mut cost = CrossEntropy::new().axis(1).ignore_index(-7).smoothing(smoothing);
        if let Some(weights) = weights {
            cost = cost.weights(weights);
        }
        let expected = [
            (Reduction::None, costs),
            (Reduction::Sum, vec![sum]),
            (Reduction::Mean, vec![sum / weight]),
            (Reduction::BatchMean, vec![sum / 2.0]),
        ];
        for (reduction, expected) in expected {
            let (tape, cost) = (Tape::new(), cost.clone().reduction(reduction));
            let z = tape.leaf(logits.clone());
            let of_log_p = cost.of_log_probabilities(z.log_softmax(1), &labels).unwrap().value().to_vec();
            for got in [cost.of(z, &labels).unwrap().value().to_vec(), of_log_p] {
                assert_eq!(got.len(), expected.len());
                let close = got.iter().zip(&expected).all(|(got, expected)| (got - expected).abs() < 1e-14);
                assert!(close, "{weights:?}, {smoothing}, {reduction:?}: {got:?}, expected {expected:?}");
            }
        }
    }
}

#[test]
fn gradients_of_both_orders_are_the_slopes() {
    let (logits, labels) = example();
    for smoothing in [0.0, 0.3] {
        let weighted = CrossEntropy::new().axis(1).ignore_index(-7).smoothing(smoothing).weights(WEIGHTS);
        for cost in [weighted.clone(), weighted.reduction(Reduction::None)] {
            gradcheck(|v| cost.of(v[0], &labels).unwrap(), std::slice::from_ref(&logits)).unwrap();
            gradcheck(|v| cost.of_log_probabilities(v[0], &labels).unwrap(), std::slice::from_ref(&logits)).unwrap();
        }
    }
}

#[test]
fn without_options_it_is_the_plain_cost() {
    let (logits, labels) = (Tensor::<f64>::randn([3, 4], &mut rng(2, 0)), Tensor::from([3i64, 0, 0]));
    let tape = Tape::new();
    let z = tape.leaf(logits);
    let plain = cost::cross_entropy(z, &labels, 0.0, Reduction::Mean).unwrap();
    assert_eq!(CrossEntropy::new().of(z, &labels).unwrap().value(), plain.value());
    let even = CrossEntropy::new().weights([2.0; 4]).of(z, &labels).unwrap();
    assert!((even.item() - plain.item()).abs() < 1e-15);
}

#[test]
fn what_does_not_count_has_no_influence() {
    let logits = Tensor::from([[0.0, 1.0], [f64::NAN, f64::INFINITY]]);
    let tape = Tape::new();
    let z = tape.leaf(logits);
    for smoothing in [0.0, 0.1] {
        let plain = CrossEntropy::new().ignore_index(9).smoothing(smoothing);
        for cost in [plain.clone(), plain.weights([1.0, 3.0])] {
            let cost = cost.of(z, &Tensor::from([1i64, 9])).unwrap();
            assert!(cost.item().is_finite());
            let grad = cost.backward_retain().wrt(z).clone();
            assert!(grad[[0, 0]] > 0.0);
            assert_eq!((grad[[1, 0]], grad[[1, 1]]), (0.0, 0.0));
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::<f64>::zeros([2, 3]));
    let error = |cost: CrossEntropy<f64>, labels: [i64; 2]| cost.of(z, &Tensor::from(labels)).unwrap_err().to_string();
    let new = CrossEntropy::new;
    assert_eq!(error(new(), [0, 3]), "cross_entropy: label 3 in row 1 is out of range for 3 classes");
    assert_eq!(error(new().ignore_index(0), [0, -1]), "cross_entropy: label -1 in row 1 is out of range for 3 classes");
    let expected = "cross_entropy: expected a weight for each of 3 classes, got shape [2]";
    assert_eq!(error(new().weights([1.0, 2.0]), [0, 1]), expected);
    let expected = "cross_entropy: label smoothing 1.5, expected 0 ≤ s ≤ 1";
    assert_eq!(error(new().smoothing(1.5), [0, 1]), expected);
    let expected = "cross_entropy: a mean over no labels that count: their weights sum to 0";
    assert_eq!(error(new().ignore_index(2), [2, 2]), expected);
    assert_eq!(error(new().axis(2), [0, 1]), "cross_entropy: axis 2 is out of range for shape [2, 3] of rank 2");
    let expected = "cross_entropy: expected labels of shape [3] for logits of shape [3, 2], got shape [2]";
    assert_eq!(error(new().axis(0), [0, 1]), expected);
}
