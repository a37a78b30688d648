//! The costs against their formulas written out for single numbers, their gradients, and their refusals.

use nn::Costs;
use nn::cost::{self, Reduction, Targets};
use tensor::{Gradcheck, Result, Tape, Tensor, Var, gradcheck, rng};

const REDUCTIONS: [Reduction; 4] = [Reduction::None, Reduction::Sum, Reduction::Mean, Reduction::BatchMean];

type Pair = for<'t> fn(Var<'t, f64>, Var<'t, f64>, Reduction) -> Result<Var<'t, f64>>;

/// A cost of one number.
type One = fn(f64, f64) -> f64;

/// The elementwise costs, and each for one number.
const PAIRS: [(&str, Pair, One); 8] = [
    ("quadratic", cost::quadratic, |a, y| 0.5 * (a - y) * (a - y)),
    ("mse", cost::mse, |a, y| (a - y) * (a - y)),
    ("bce_with_logits", cost::bce_with_logits, |z, y| {
        let p = 1.0 / (1.0 + (-z).exp());
        -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
    }),
    ("l1", cost::l1, |a, y| (a - y).abs()),
    ("huber", |a, y, reduction| cost::huber(a, y, 0.7, reduction), |a, y| bounded(a - y, 0.7)),
    ("smooth_l1", |a, y, reduction| cost::smooth_l1(a, y, 0.6, reduction), |a, y| bounded(a - y, 0.6) / 0.6),
    ("hinge", cost::hinge, |z, y| (1.0 - y * z).max(0.0)),
    ("kl_div", cost::kl_div, |log_p, q| q * (q.ln() - log_p)),
];

/// Half the square of small errors; beyond the bound linear, with its slope there.
fn bounded(error: f64, bound: f64) -> f64 {
    if error.abs() <= bound { 0.5 * error * error } else { bound * (error.abs() - 0.5 * bound) }
}

fn randn(shape: [usize; 2], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0))
}

fn shares(shape: [usize; 2], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, 0.0, 1.0, &mut rng(seed, 1))
}

/// What a reduction makes of the costs of single elements, or examples, of a batch.
fn reduce(costs: &[f64], batch: usize, reduction: Reduction) -> Vec<f64> {
    let sum: f64 = costs.iter().sum();
    match reduction {
        Reduction::None => costs.to_vec(),
        Reduction::Sum => vec![sum],
        Reduction::Mean => vec![sum / costs.len() as f64],
        Reduction::BatchMean => vec![sum / batch as f64],
    }
}

#[track_caller]
fn assert_close(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-13 * expected.abs().max(1.0), "{what}: {got:e} is not {expected:e}");
    }
}

#[test]
fn elementwise_costs_are_their_formulas_under_each_reduction() {
    let (a, y) = (randn([4, 3], 1), shares([4, 3], 1));
    for (name, cost, one) in PAIRS {
        let costs: Vec<f64> = a.to_vec().into_iter().zip(y.to_vec()).map(|(a, y)| one(a, y)).collect();
        for reduction in REDUCTIONS {
            let tape = Tape::new();
            let value = cost(tape.leaf(a.clone()), tape.leaf(y.clone()), reduction).unwrap().value();
            assert_close(&format!("{name}, {reduction:?}"), &value.to_vec(), &reduce(&costs, 4, reduction));
            let shape = if reduction == Reduction::None { "[4, 3]" } else { "[]" };
            assert_eq!(value.shape().to_string(), shape);
        }
    }
}

/// −Σ q·ln p over the classes, with p the softmax and q the smoothed targets.
fn cross_entropies(logits: &Tensor<f64>, q: &[Vec<f64>], smoothing: f64) -> Vec<f64> {
    let classes = logits.shape()[1];
    let logits = logits.to_vec();
    let row = |(z, q): (&[f64], &Vec<f64>)| -> f64 {
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let smooth = |q: &f64| (1.0 - smoothing) * q + smoothing / classes as f64;
        z.iter().zip(q).map(|(z, q)| -smooth(q) * (z.exp() / total).ln()).sum()
    };
    logits.chunks(classes).zip(q).map(row).collect()
}

fn one_hot(labels: &[i64], classes: usize) -> Vec<Vec<f64>> {
    let row = |&label: &i64| (0..classes).map(|class| f64::from(u8::from(class as i64 == label))).collect();
    labels.iter().map(row).collect()
}

#[test]
fn cross_entropy_is_its_formula_for_labels_and_probabilities() {
    let (logits, labels) = (randn([5, 4], 2), [3, 0, 1, 1, 2]);
    let probabilities = shares([5, 4], 2).softmax(1);
    let rows: Vec<Vec<f64>> = probabilities.to_vec().chunks(4).map(<[f64]>::to_vec).collect();
    fn check<Q: Targets<f64> + Copy>(logits: &Tensor<f64>, targets: Q, q: &[Vec<f64>]) {
        for smoothing in [0.0, 0.1, 1.0] {
            let costs = cross_entropies(logits, q, smoothing);
            for reduction in REDUCTIONS {
                let tape = Tape::new();
                let got = cost::cross_entropy(tape.leaf(logits.clone()), targets, smoothing, reduction);
                let what = format!("{reduction:?}, smoothing {smoothing}");
                assert_close(&what, &got.unwrap().value().to_vec(), &reduce(&costs, 5, reduction));
            }
        }
    }
    check(&logits, &Tensor::from(labels), &one_hot(&labels, 4));
    check(&logits, &probabilities, &rows);
}

/// The classes are the last axis, whatever stands before it.
#[test]
fn cross_entropy_of_sequences_and_of_a_single_example() {
    let (logits, labels) = (randn([6, 3], 3), Tensor::from([0i64, 2, 1, 1, 0, 2]));
    let tape = Tape::new();
    let z = tape.leaf(logits);
    let flat = cost::cross_entropy(z, &labels, 0.0, Reduction::None).unwrap().value();
    let deep = cost::cross_entropy(z.reshape([2, 3, 3]), &labels.reshape([2, 3]), 0.0, Reduction::None).unwrap();
    assert_eq!(deep.value(), flat.reshape([2, 3]));
    let first = cost::cross_entropy(z.slice(tensor::s![0]), &Tensor::from(0i64), 0.0, Reduction::Mean).unwrap();
    assert_eq!(first.item(), flat[[0]]);
}

#[test]
fn the_methods_reduce_as_the_costs_are_usually_written() {
    let (a, y) = (randn([4, 3], 4), shares([4, 3], 4));
    let (labels, tape) = (Tensor::from([2i64, 0, 1, 1]), Tape::new());
    let v = tape.leaf(a);
    let constant = || tape.constant(y.clone());
    let pairs = [
        (v.quadratic_cost(y.clone()), cost::quadratic(v, constant(), Reduction::BatchMean)),
        (v.mse(y.clone()), cost::mse(v, constant(), Reduction::Mean)),
        (v.l1(y.clone()), cost::l1(v, constant(), Reduction::Mean)),
        (v.huber(y.clone(), 0.7), cost::huber(v, constant(), 0.7, Reduction::Mean)),
        (v.nll(&labels), cost::nll(v, &labels, Reduction::Mean)),
        (v.bce_with_logits(y.clone()), cost::bce_with_logits(v, constant(), Reduction::BatchMean)),
        (v.cross_entropy(&labels), cost::cross_entropy(v, &labels, 0.0, Reduction::Mean)),
        (v.cross_entropy(&y), cost::cross_entropy(v, &y, 0.0, Reduction::Mean)),
    ];
    for (method, function) in pairs {
        assert_eq!(method.item(), function.unwrap().item());
    }
}

/// The closed forms of the gradients: a − y, 2(a − y)/n, σ(z) − y, softmax(z) − q.
#[test]
fn gradients_are_their_closed_forms() {
    let (a, y) = (randn([4, 3], 5), shares([4, 3], 5));
    let labels = Tensor::from([2i64, 0, 1, 1]);
    let difference = (&a - &y).to_vec();
    let sigmoid = (a.sigmoid() - &y).to_vec();
    let softmax = (a.softmax(1) - labels.one_hot(3)).to_vec();
    let check = |cost: &dyn for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, expected: &[f64], factor: f64| {
        let tape = Tape::new();
        let v = tape.leaf(a.clone());
        let expected: Vec<f64> = expected.iter().map(|x| x * factor).collect();
        assert_close("gradient", &cost(v).backward().wrt(v).to_vec(), &expected);
    };
    check(&|v| v.quadratic_cost(y.clone()), &difference, 1.0 / 4.0);
    check(&|v| v.mse(y.clone()), &difference, 2.0 / 12.0);
    check(&|v| v.bce_with_logits(y.clone()), &sigmoid, 1.0 / 4.0);
    check(&|v| v.cross_entropy(&labels), &softmax, 1.0 / 4.0);
}

#[test]
fn gradients_of_both_orders_are_the_slopes() {
    let (a, y) = (randn([3, 4], 6), shares([3, 4], 6));
    for (name, cost, _) in PAIRS {
        for reduction in REDUCTIONS {
            let checked = gradcheck(|v| cost(v[0], v[1], reduction).unwrap(), &[a.clone(), y.clone()]);
            assert!(checked.is_ok(), "{name}, {reduction:?}: {checked:?}");
        }
    }
    let labels = Tensor::from([1i64, 3, 0]);
    let q = y.softmax(1);
    for smoothing in [0.0, 0.2] {
        for reduction in REDUCTIONS {
            let hard = gradcheck(
                |v| cost::cross_entropy(v[0], &labels, smoothing, reduction).unwrap(),
                std::slice::from_ref(&a),
            );
            let soft =
                gradcheck(|v| cost::cross_entropy(v[0], &q, smoothing, reduction).unwrap(), std::slice::from_ref(&a));
            assert!(hard.is_ok() && soft.is_ok(), "{reduction:?}, smoothing {smoothing}: {hard:?} {soft:?}");
        }
    }
}

/// A network whose cost is differentiated through a layer, so that no cost is checked at a leaf only.
#[test]
fn gradients_flow_through_to_what_the_cost_is_made_of() {
    let (x, w) = (randn([3, 2], 7), randn([4, 2], 8));
    let labels = Tensor::from([1i64, 3, 0]);
    let check = Gradcheck::default();
    check.check(|v| v[0].linear(v[1], None).tanh().cross_entropy(&labels), &[x, w]).unwrap();
}

#[test]
fn extreme_logits_are_exact() {
    fn check<T: tensor::Float>(big: f64) {
        let number = T::from_f64;
        let tape = Tape::new();
        let z = tape.leaf(Tensor::from([[number(big), number(-big)], [number(-big), number(big)]]));
        let wrong = cost::cross_entropy(z, &Tensor::from([1i64, 0]), 0.0, Reduction::Mean).unwrap();
        assert_eq!(wrong.item().to_f64(), 2.0 * big);
        let half = number(0.5);
        assert_eq!(wrong.backward_retain().wrt(z), &Tensor::from([[half, -half], [-half, half]]));
        let right = cost::cross_entropy(z, &Tensor::from([0i64, 1]), 0.0, Reduction::Mean).unwrap();
        assert_eq!(right.item().to_f64(), 0.0);
        assert_eq!(right.backward_retain().wrt(z), &Tensor::zeros([2, 2]));

        let y = tape.constant(Tensor::from([[T::ZERO, T::ONE], [T::ZERO, T::ONE]]));
        let binary = cost::bce_with_logits(z, y, Reduction::None).unwrap();
        let values: Vec<f64> = binary.value().to_vec().into_iter().map(T::to_f64).collect();
        assert_eq!(values, [big, big, 0.0, 0.0]);
        let grads = binary.sum(..).backward_retain();
        assert_eq!(grads.wrt(z), &Tensor::from([[T::ONE, -T::ONE], [T::ZERO, T::ZERO]]));
    }
    for big in [1e4, 1e30] {
        check::<f32>(f64::from(big as f32));
        check::<f64>(big);
    }
}

/// A class that is ruled out by a logit of −∞ costs and moves nothing.
#[test]
fn a_masked_class_is_harmless() {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::from([[f64::NEG_INFINITY, 0.0, 0.0]]));
    let cost = z.cross_entropy(&Tensor::from([1i64]));
    assert_close("cost", &[cost.item()], &[2f64.ln()]);
    assert_close("gradient", &cost.backward().wrt(z).to_vec(), &[0.0, -0.5, 0.5]);
}

fn error(cost: Result<Var<'_, f64>>) -> String {
    cost.expect_err("an error").to_string()
}

#[test]
fn labels_out_of_range_are_named() {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::<f64>::zeros([3, 4]));
    let cost = |labels: [i64; 3]| error(cost::cross_entropy(z, &Tensor::from(labels), 0.0, Reduction::Mean));
    assert_eq!(cost([0, 4, 1]), "cross_entropy: label 4 in row 1 is out of range for 4 classes");
    assert_eq!(cost([0, 1, -1]), "cross_entropy: label -1 in row 2 is out of range for 4 classes");
}

#[test]
fn a_mean_of_an_empty_batch_is_refused_and_its_sum_is_zero() {
    let tape = Tape::new();
    let empty = || tape.leaf(Tensor::<f64>::zeros([0, 3]));
    let labels = Tensor::<i64>::zeros([0]);
    for reduction in [Reduction::Mean, Reduction::BatchMean] {
        let refused = error(cost::cross_entropy(empty(), &labels, 0.0, reduction));
        assert_eq!(refused, "cross_entropy: the batch is empty: the costs have shape [0]");
        for (name, cost, _) in PAIRS {
            let refused = error(cost(empty(), empty(), reduction));
            assert_eq!(refused, format!("{name}: the batch is empty: the costs have shape [0, 3]"));
        }
    }
    for (_, cost, _) in PAIRS {
        assert_eq!(cost(empty(), empty(), Reduction::Sum).unwrap().item(), 0.0);
        assert_eq!(cost(empty(), empty(), Reduction::None).unwrap().numel(), 0);
    }
    assert_eq!(cost::cross_entropy(empty(), &labels, 0.0, Reduction::Sum).unwrap().item(), 0.0);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let tape = Tape::new();
    let zeros = |shape: &[usize]| tape.leaf(Tensor::<f64>::zeros(shape.to_vec()));
    for (name, cost, _) in PAIRS {
        let text = format!("{name}: expected a target of the output's shape [4, 3], got shape [4, 1]");
        assert_eq!(error(cost(zeros(&[4, 3]), zeros(&[4, 1]), Reduction::Mean)), text);
    }
    let labels = |shape: &[usize]| Tensor::<i64>::zeros(shape.to_vec());
    let cross = |z: &[usize], labels: &Tensor<i64>| error(cost::cross_entropy(zeros(z), labels, 0.0, Reduction::Mean));
    assert_eq!(
        cross(&[4, 3], &labels(&[3])),
        "cross_entropy: expected labels of shape [4] for logits of shape [4, 3], got shape [3]"
    );
    assert_eq!(cross(&[], &labels(&[])), "cross_entropy: expected logits of shape [.., classes], got shape []");
    let probabilities = Tensor::<f64>::zeros([4, 2]);
    assert_eq!(
        error(cost::cross_entropy(zeros(&[4, 3]), &probabilities, 0.0, Reduction::Mean)),
        "cross_entropy: expected probabilities of the logits' shape [4, 3], got shape [4, 2]"
    );
}

#[test]
fn smoothing_out_of_range_is_refused() {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::<f64>::zeros([1, 2]));
    for (smoothing, shown) in [(-0.1, "-0.1"), (1.5, "1.5"), (f64::NAN, "NaN")] {
        let text = error(cost::cross_entropy(z, &Tensor::from([0i64]), smoothing, Reduction::Mean));
        assert_eq!(text, format!("cross_entropy: label smoothing {shown}, expected 0 ≤ s ≤ 1"));
    }
}
