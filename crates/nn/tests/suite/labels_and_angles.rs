//! The costs of labels and of angles, and what all costs do at their kinks.

use nn::cost::{self, Reduction};
use tensor::{Result, Tape, Tensor, Var, gradcheck, rng};

const REDUCTIONS: [Reduction; 4] = [Reduction::None, Reduction::Sum, Reduction::Mean, Reduction::BatchMean];

fn randn(shape: [usize; 2], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0))
}

fn error(cost: Result<Var<'_, f64>>) -> String {
    cost.expect_err("an error").to_string()
}

/// The value of a cost, and its gradient towards the first input.
fn at<const N: usize>(
    x: [&[f64]; N],
    cost: impl for<'t> Fn([Var<'t, f64>; N]) -> Result<Var<'t, f64>>,
) -> (Vec<f64>, Vec<f64>) {
    let tape = Tape::new();
    let x = x.map(|x| tape.leaf(Tensor::from(x)));
    let y = cost(x).unwrap();
    let grads = y.vjp_retain(Tensor::ones(y.shape()));
    (y.value().to_vec(), grads.get(x[0]).map_or(vec![0.0; x[0].numel()], Tensor::to_vec))
}

#[test]
fn nll_of_a_log_softmax_is_the_cross_entropy() {
    let (logits, labels) = (randn([5, 4], 2), Tensor::from([3i64, 0, 1, 1, 2]));
    for reduction in REDUCTIONS {
        let tape = Tape::new();
        let z = tape.leaf(logits.clone());
        let (split, whole) = (
            cost::nll(z.log_softmax(-1), &labels, reduction).unwrap(),
            cost::cross_entropy(z, &labels, 0.0, reduction).unwrap(),
        );
        let close = |a: Tensor<f64>, b: &Tensor<f64>| assert!((a - b).abs().max(..).item() < 1e-14);
        close(split.value(), &whole.value());
        let ones = Tensor::ones(split.shape());
        close(split.vjp_retain(ones.clone()).wrt(z).clone(), whole.vjp_retain(ones).wrt(z));
        gradcheck(|x| cost::nll(x[0], &labels, reduction).unwrap(), std::slice::from_ref(&logits)).unwrap();
    }
}

#[test]
fn nll_refuses_labels_that_do_not_fit() {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::<f64>::zeros([3, 4]));
    let of = |labels: &[i64]| error(cost::nll(z, &Tensor::from(labels), Reduction::Mean));
    assert_eq!(of(&[0, 4, 1]), "nll: label 4 in row 1 is out of range for 4 classes");
    assert_eq!(of(&[0, 1, -1]), "nll: label -1 in row 2 is out of range for 4 classes");
    assert_eq!(of(&[0]), "nll: expected labels of shape [3] for log-probabilities of shape [3, 4], got shape [1]");
    let scalar = tape.leaf(Tensor::from(0.0));
    let text = error(cost::nll(scalar, &Tensor::from(0i64), Reduction::Mean));
    assert_eq!(text, "nll: expected log-probabilities of shape [.., classes], got shape []");
    let empty = tape.leaf(Tensor::<f64>::zeros([0, 4]));
    let text = error(cost::nll(empty, &Tensor::zeros([0]), Reduction::Mean));
    assert_eq!(text, "nll: the batch is empty: the costs have shape [0]");
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn cosine_costs_are_their_formulas() {
    let (a, b, labels) = (randn([4, 3], 1), randn([4, 3], 5), Tensor::from([1i64, -1, 1, -1]));
    let cosines: Vec<f64> = a.to_vec().chunks(3).zip(b.to_vec().chunks(3)).map(|(a, b)| cosine(a, b)).collect();
    let tape = Tape::new();
    let (x, y) = (tape.leaf(a.clone()), tape.leaf(b.clone()));
    let similar = cost::cosine_similarity(x, y, 1).unwrap().value().to_vec();
    let costs = cost::cosine_embedding(x, y, &labels, 0.1, Reduction::None).unwrap().value().to_vec();
    for (i, (&cosine, &label)) in cosines.iter().zip(&labels.to_vec()).enumerate() {
        let expected = if label == 1 { 1.0 - cosine } else { (cosine - 0.1).max(0.0) };
        assert!((similar[i] - cosine).abs() < 1e-14 && (costs[i] - expected).abs() < 1e-14);
    }
    gradcheck(|v| cost::cosine_similarity(v[0], v[1], 0).unwrap(), &[a.clone(), b.clone()]).unwrap();
    gradcheck(|v| cost::cosine_similarity(v[0], v[1], -1).unwrap(), &[a.clone(), b.narrow(0, 0, 1)]).unwrap();
    for reduction in REDUCTIONS {
        let cost = gradcheck(
            |v| cost::cosine_embedding(v[0], v[1], &labels, 0.1, reduction).unwrap(),
            &[a.clone(), b.clone()],
        );
        assert!(cost.is_ok(), "{reduction:?}: {cost:?}");
    }
    let zero = tape.leaf(Tensor::<f64>::zeros([3]));
    assert_eq!(cost::cosine_similarity(zero, zero, 0).unwrap().item(), 0.0);
}

#[test]
fn cosine_costs_refuse_what_does_not_fit() {
    let tape = Tape::new();
    let zeros = |shape: &[usize]| tape.leaf(Tensor::<f64>::zeros(shape.to_vec()));
    let of = |a: &[usize], b: &[usize], labels: Tensor<i64>| {
        error(cost::cosine_embedding(zeros(a), zeros(b), &labels, 0.0, Reduction::Mean))
    };
    let two = || Tensor::from([1i64, -1]);
    assert_eq!(
        of(&[2, 3], &[2, 4], two()),
        "cosine_embedding: expected vectors of the others' shape [2, 3], got shape [2, 4]"
    );
    assert_eq!(of(&[], &[], two()), "cosine_embedding: expected vectors, got shape []");
    let labels = Tensor::from([1i64, 0]);
    assert_eq!(of(&[2, 3], &[2, 3], labels), "cosine_embedding: label 0 in row 1, expected 1 or -1");
    let text = "cosine_embedding: expected labels of shape [3] for vectors of shape [3, 2], got shape [2]";
    assert_eq!(of(&[3, 2], &[3, 2], two()), text);
    let text = error(cost::cosine_similarity(zeros(&[2, 3]), zeros(&[2, 3]), 2));
    assert_eq!(text, "cosine_similarity: axis 2 is out of range for shape [2, 3] of rank 2");
    let text = error(cost::cosine_similarity(zeros(&[2, 3]), zeros(&[4]), 0));
    assert_eq!(text, "cosine_similarity: shapes [2, 3] and [4] do not broadcast");
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    let tape = Tape::new();
    let a = tape.leaf(Tensor::from([0.0f64]));
    for (delta, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(error(cost::huber(a, a, delta, Reduction::Mean)), format!("huber: delta {shown}, expected δ > 0"));
    }
    for (beta, shown) in [(-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(
            error(cost::smooth_l1(a, a, beta, Reduction::Mean)),
            format!("smooth_l1: beta {shown}, expected β ≥ 0")
        );
    }
}

#[test]
fn costs_at_their_kinks() {
    const NONE: Reduction = Reduction::None;
    let signs = [-1.0, 0.0, 1.0];
    let l1 = at([&[1.0, 2.0, 3.0], &[2.0; 3]], |[a, y]| cost::l1(a, y, NONE));
    assert_eq!(l1, (vec![1.0, 0.0, 1.0], signs.to_vec()));
    let smooth = at([&[1.0, 2.0, 3.0], &[2.0; 3]], |[a, y]| cost::smooth_l1(a, y, 0.0, NONE));
    assert_eq!(smooth, l1);
    // At the bound both forms agree.
    let huber = at([&[-0.5, 0.5, 1e200], &[0.0; 3]], |[a, y]| cost::huber(a, y, 0.5, NONE));
    assert_eq!(huber, (vec![0.125, 0.125, 5e199], vec![-0.5, 0.5, 0.5]));
    let smooth = at([&[-0.5, 0.5, 3.0], &[0.0; 3]], |[a, y]| cost::smooth_l1(a, y, 0.5, NONE));
    assert_eq!(smooth, (vec![0.25, 0.25, 2.75], vec![-1.0, 1.0, 1.0]));
    // On the margin nothing is asked for any more.
    let hinge = at([&[1.0, 0.5, -2.0], &[1.0, 1.0, -1.0]], |[z, y]| cost::hinge(z, y, NONE));
    assert_eq!(hinge, (vec![0.0, 0.5, 0.0], vec![0.0, -1.0, 0.0]));
}

/// A class that q rules out costs nothing, even if p rules it out too.
#[test]
fn divergence_where_a_probability_is_zero() {
    let half = 0.5f64.ln();
    let (costs, slopes) =
        at([&[half, f64::NEG_INFINITY, half], &[0.5, 0.0, 0.0]], |[log_p, q]| cost::kl_div(log_p, q, Reduction::None));
    assert_eq!((costs, slopes), (vec![0.0; 3], vec![-0.5, 0.0, 0.0]));
    let (costs, _) = at([&[f64::NEG_INFINITY], &[0.5]], |[log_p, q]| cost::kl_div(log_p, q, Reduction::None));
    assert_eq!(costs, [f64::INFINITY]);
    let towards_q = at([&[0.0], &[f64::NEG_INFINITY]], |[q, log_p]| cost::kl_div(log_p, q, Reduction::None));
    assert_eq!(towards_q, (vec![0.0], vec![0.0]));
}
