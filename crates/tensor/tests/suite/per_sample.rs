//! Per-sample gradients against one backward pass for each example.

use tensor::{Param, Tape, Tensor, Var, rng};

const BATCH: usize = 6;

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0)) * 0.5
}

fn params<const N: usize>(shapes: [&[usize]; N]) -> [Param<f64>; N] {
    std::array::from_fn(|i| Param::new("param", randn(shapes[i], 10 + i as u64)))
}

/// A model: from the batch to a cost for each example.
type Model = dyn for<'t> Fn(Var<'t, f64>, &[Param<f64>]) -> Var<'t, f64>;

fn close(got: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(got.shape(), expected.shape());
    for (got, expected) in got.to_vec().into_iter().zip(expected.to_vec()) {
        assert!((got - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{got} instead of {expected}");
    }
}

/// Compares gradients, norms, weighted and clipped sums with those of the examples one by one.
fn check(x: &Tensor<f64>, params: &[Param<f64>], model: &Model) {
    let examples: Vec<Vec<Tensor<f64>>> = (0..BATCH)
        .map(|i| {
            let tape = Tape::new();
            let grads = model(tape.batch(x.narrow(0, i, 1)), params).sum(..).backward_retain();
            params.iter().map(|p| grads.wrt(p).clone()).collect()
        })
        .collect();
    let tape = Tape::new();
    let grads = model(tape.batch(x.clone()), params).per_sample();
    assert_eq!(grads.batch(), BATCH);
    let mut squares = Tensor::zeros([BATCH]);
    for (k, param) in params.iter().enumerate() {
        let expected = Tensor::stack(&examples.iter().map(|grads| &grads[k]).collect::<Vec<_>>(), 0);
        close(&grads.get(param).expect("the costs depend on it"), &expected);
        let square = expected.reshape([BATCH, param.value().numel()]).square().sum(1);
        close(&grads.norms_of(param).unwrap(), &square.sqrt());
        squares = squares + square;
    }
    let norms = squares.sqrt();
    close(&grads.norms(), &norms);
    let weighted = |weights: &Tensor<f64>, k: usize| {
        let terms = examples.iter().zip(weights.to_vec()).map(|(grads, weight)| &grads[k] * weight);
        terms.reduce(|a, b| a + b).unwrap()
    };
    let weights = randn(&[BATCH], 99);
    let max = norms.mean(..).item();
    let clip = norms.map_elements(|norm| (max / norm).min(1.0));
    let (sum, clipped) = (grads.weighted_sum(&weights), grads.clipped_sum(max));
    for (k, param) in params.iter().enumerate() {
        close(sum.wrt(param), &weighted(&weights, k));
        close(clipped.wrt(param), &weighted(&clip, k));
    }
}

#[test]
fn dense_layers() {
    check(&randn(&[BATCH, 5], 1), &params([&[7, 5], &[7], &[3, 7], &[3]]), &|x, p| {
        let p: Vec<_> = p.iter().map(|p| x.tape().param(p)).collect();
        let h = x.linear(p[0], Some(p[1])).relu();
        h.linear(p[2], Some(p[3])).tanh().square().sum(1)
    });
}

#[test]
fn products_transposes_and_bias_by_broadcasting() {
    check(&randn(&[BATCH, 5], 1), &params([&[5, 4], &[4], &[3, 4], &[]]), &|x, p| {
        let p: Vec<_> = p.iter().map(|p| x.tape().param(p)).collect();
        let h = (x.matmul(p[0]) + p[1]).sigmoid();
        (p[3] * h.matmul(p[2].t())).log_softmax(1).square().sum(1)
    });
}

#[test]
fn sequences_in_three_axes() {
    // Long and short ones: norms by products of positions, and by the gradient itself.
    for steps in [2, 40] {
        check(&randn(&[BATCH, steps, 5], 1), &params([&[4, 5], &[4], &[4, 3], &[3, 3]]), &|x, p| {
            let p: Vec<_> = p.iter().map(|p| x.tape().param(p)).collect();
            let h = x.linear(p[0], Some(p[1])).tanh().matmul(p[2]);
            let scores = h.matmul(p[3]).matmul(h.t()).softmax(-1);
            scores.matmul(h).square().sum([1, 2])
        });
    }
}

#[test]
fn one_weight_in_two_places_and_functions_of_weights() {
    check(&randn(&[BATCH, 4], 1), &params([&[4, 4], &[4]]), &|x, p| {
        let (w, b) = (x.tape().param(&p[0]), x.tape().param(&p[1]));
        let mask = x.tape().constant(randn(&[4, 4], 5));
        let h = x.linear(w * mask, Some(b)).tanh();
        let again = x.tape().param(&p[0]);
        h.matmul(again.t().softmax(0)).linear(w, None).square().sum(1)
    });
}

#[test]
fn norms_scales_and_views() {
    check(&randn(&[BATCH, 8], 1), &params([&[8], &[8], &[4, 4], &[2, 1]]), &|x, p| {
        let p: Vec<_> = p.iter().map(|p| x.tape().param(p)).collect();
        let h = x.layer_norm(Some(p[0]), Some(p[1]), 1e-5);
        // Positions of each example become rows of their own, and examples again.
        let rows = h.reshape([2 * h.shape()[0], 4]).matmul(p[2]).exp();
        let wide = rows.reshape([h.shape()[0], 2, 4]) * p[3];
        wide.permute(&[0, 2, 1]).logsumexp(1).sum(1)
    });
}

#[test]
fn costs_of_several_numbers_checkpoints_and_large_arrays() {
    check(&randn(&[BATCH, 5], 1), &params([&[5, 5]]), &|x, p| {
        let h = x.tape().checkpoint(|| x.matmul(x.tape().param(&p[0])).tanh());
        h.square()
    });
    check(&randn(&[BATCH, 40_000], 1), &params([&[40_000], &[]]), &|x, p| {
        let (w, c) = (x.tape().param(&p[0]), x.tape().param(&p[1]));
        (((x * w).tanh() + c) * 0.01).square().sum(1)
    });
}

#[test]
fn labels_and_cross_entropy() {
    let p = params([&[3, 5]]);
    let x = randn(&[BATCH, 5], 1);
    let labels = Tensor::from([0i64, 2, 1, 1, 0, 2]);
    let tape = Tape::new();
    let costs = tape.batch(x.clone()).linear(tape.param(&p[0]), None).softmax_cross_entropy(&labels, 0.1);
    let grads = costs.per_sample();
    for i in 0..BATCH {
        let tape = Tape::new();
        let logits = tape.constant(x.narrow(0, i, 1)).linear(tape.param(&p[0]), None);
        let alone = logits.softmax_cross_entropy(&labels.narrow(0, i, 1), 0.1).sum(..).backward();
        close(&grads.get(&p[0]).unwrap().narrow(0, i, 1).squeeze(0), alone.wrt(&p[0]));
    }
}

fn message(model: impl for<'t> Fn(&'t Tape<f64>, Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) -> String {
    let w = Param::new("w", randn(&[5], 2));
    let tape = Tape::new();
    let x = tape.batch(randn(&[BATCH, 5], 1));
    model(&tape, x, tape.param(&w)).try_per_sample().err().expect("an error").to_string()
}

#[test]
fn what_cannot_be_told_apart_is_an_error() {
    assert_eq!(
        message(|_, x, w| (x * w).sum(0)),
        "per_sample: expected a cost for each of 6 examples, `[6]`, got shape [5]"
    );
    assert_eq!(
        message(|tape, _, w| (tape.constant(randn(&[BATCH, 5], 1)) * w).sum(1)),
        "per_sample: the costs do not depend on a batch; put the examples on the tape with `Tape::batch`"
    );
    let moved = message(|_, x, w| (x.t() * w.unsqueeze(1)).t().sum(1));
    assert!(moved.starts_with("per_sample: permute, recorded at "), "{moved}");
    assert!(moved.contains("does not keep the 6 examples as the first axis"), "{moved}");
    let normalised = message(|_, x, w| (x * w).batch_norm(None, None, 1e-5).0.sum(1));
    assert!(normalised.contains("batch_norm") && normalised.contains("depend on each other"), "{normalised}");
    let mixed = message(|_, x, w| (w.unsqueeze(0) * w.sum(..)).broadcast_to([BATCH, 5]).matmul(x.t()).matmul(x).sum(1));
    assert!(mixed.contains("the examples"), "{mixed}");
}

#[test]
#[should_panic(expected = "batch: 4 examples on a tape with a batch of 6")]
fn two_batches_must_agree() {
    let tape = Tape::new();
    tape.batch(randn(&[BATCH, 5], 1));
    tape.batch(randn(&[4, 5], 1));
}

#[test]
#[should_panic(expected = "weighted_sum: expected a weight for each of 6 examples, got shape [5]")]
fn weights_must_fit() {
    let [w] = params([&[5]]);
    let tape = Tape::new();
    let grads = (tape.batch(randn(&[BATCH, 5], 1)) * tape.param(&w)).sum(1).per_sample();
    grads.weighted_sum(&Tensor::ones([5]));
}
