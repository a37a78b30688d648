//! Recurrent layers and attention, against their formulas written for one example with plain numbers.

use nn::{Gru, Lstm, Module, MultiHeadAttention, Path, Rnn, TransformerBlock};
use tensor::{Tape, Tensor, gradcheck, rng};

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0))
}

/// A model's parameters by path, as tensors.
fn params(model: &impl Module<f64>) -> Vec<(String, Tensor<f64>)> {
    let mut out = Vec::new();
    model.visit(Path::Root, &mut |path, param| out.push((path.to_string(), param.value().clone())));
    out
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The gates W·x + b and U·h + c of one example, from the parameters in their order.
fn gates(p: &[(String, Tensor<f64>)], x: &[f64], h: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let affine = |w: &Tensor<f64>, b: &Tensor<f64>, x: &[f64]| w.matmul(Tensor::from(x)).add(b).to_vec();
    (affine(&p[0].1, &p[1].1, x), affine(&p[2].1, &p[3].1, h))
}

const BATCH: usize = 2;
const TIME: usize = 3;
const INPUTS: usize = 4;
const HIDDEN: usize = 5;

/// Runs a plain step over each example's sequence and compares all states.
fn compare(states: &Tensor<f64>, x: &Tensor<f64>, mut step: impl FnMut(&[f64], &mut [Vec<f64>; 2])) {
    assert_eq!(states.shape()[..], [BATCH, TIME, HIDDEN]);
    for example in 0..BATCH {
        let mut state = [vec![0.0; HIDDEN], vec![0.0; HIDDEN]];
        for t in 0..TIME {
            let row = |a: &Tensor<f64>| a.narrow(0, example, 1).narrow(1, t, 1).to_vec();
            step(&row(x), &mut state);
            for (got, expected) in row(states).iter().zip(&state[0]) {
                assert!((got - expected).abs() < 1e-14, "example {example}, step {t}: {got} instead of {expected}");
            }
        }
    }
}

#[test]
fn the_plain_recurrent_layer() {
    let layer = Rnn::<f64>::new(INPUTS, HIDDEN, &mut rng(0, 0));
    let (p, x, tape) = (params(&layer), randn(&[BATCH, TIME, INPUTS], 1), Tape::new());
    let names: Vec<&str> = p.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0"]);
    let (states, last) = layer.forward(tape.constant(x.clone()), None);
    assert_eq!(last.value(), states.value().narrow(1, TIME - 1, 1).squeeze(1));
    compare(&states.value(), &x, |x, [h, _]| {
        let (a, b) = gates(&p, x, h);
        *h = a.iter().zip(&b).map(|(a, b)| (a + b).tanh()).collect();
    });
}

#[test]
fn the_gated_recurrent_unit() {
    let layer = Gru::<f64>::new(INPUTS, HIDDEN, &mut rng(0, 0));
    let (p, x, tape) = (params(&layer), randn(&[BATCH, TIME, INPUTS], 1), Tape::new());
    let (states, last) = layer.forward(tape.constant(x.clone()), None);
    compare(&states.value(), &x, |x, [h, _]| {
        let (a, b) = gates(&p, x, h);
        *h = (0..HIDDEN)
            .map(|j| {
                let gate = |k: usize| sigmoid(a[k * HIDDEN + j] + b[k * HIDDEN + j]);
                let n = (a[2 * HIDDEN + j] + gate(0) * b[2 * HIDDEN + j]).tanh();
                (1.0 - gate(1)) * n + gate(1) * h[j]
            })
            .collect();
    });
    // A sequence in two pieces is one sequence; a step is a sequence of one.
    let v = tape.constant(x);
    let (_, half) = layer.forward(v.narrow(1, 0, 2), None);
    let (_, whole) = layer.forward(v.narrow(1, 2, 1), Some(half));
    assert_eq!(whole.value(), last.value());
    assert_eq!(layer.step(v.narrow(1, 2, 1).squeeze(1), half).value(), last.value());
}

#[test]
fn long_short_term_memory() {
    let layer = Lstm::<f64>::new(INPUTS, HIDDEN, &mut rng(0, 0));
    let (p, x, tape) = (params(&layer), randn(&[BATCH, TIME, INPUTS], 1), Tape::new());
    let (states, (h, c)) = layer.forward(tape.constant(x.clone()), None);
    compare(&states.value(), &x, |x, [h, c]| {
        let (a, b) = gates(&p, x, h);
        let z = |k: usize, j: usize| a[k * HIDDEN + j] + b[k * HIDDEN + j];
        for j in 0..HIDDEN {
            c[j] = sigmoid(z(1, j)) * c[j] + sigmoid(z(0, j)) * z(2, j).tanh();
            h[j] = sigmoid(z(3, j)) * c[j].tanh();
        }
    });
    let v = tape.constant(x);
    let (_, half) = layer.forward(v.narrow(1, 0, 2), None);
    let (again, cell) = layer.step(v.narrow(1, 2, 1).squeeze(1), half);
    assert_eq!((again.value(), cell.value()), (h.value(), c.value()));
}

/// softmax(q·kᵀ/√d)·v for each head, written out.
fn heads(q: &Tensor<f64>, k: &Tensor<f64>, v: &Tensor<f64>, heads: usize, causal: bool) -> Tensor<f64> {
    let (time, width) = (q.shape()[0], q.shape()[1]);
    let share = width / heads;
    let mut out = Tensor::zeros([time, width]);
    for head in 0..heads {
        let part = |x: &Tensor<f64>| x.narrow(1, head * share, share);
        let (q, k, v) = (part(q), part(k), part(v));
        for i in 0..time {
            let seen = if causal { i + 1 } else { time };
            let score = |j: usize| (q.narrow(0, i, 1) * k.narrow(0, j, 1)).sum(..).item() / (share as f64).sqrt();
            let weights: Vec<f64> = (0..seen).map(|j| score(j).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..share {
                let value: f64 = (0..seen).map(|j| weights[j] / total * v[[j, c]]).sum();
                out.as_mut_slice()[i * width + head * share + c] = value;
            }
        }
    }
    out
}

#[test]
fn attention_with_several_heads() {
    let layer = MultiHeadAttention::<f64>::new(6, 3, &mut rng(0, 0));
    let (p, x, tape) = (params(&layer), randn(&[2, 4, 6], 1), Tape::new());
    let names: Vec<&str> = p.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]);
    for causal in [false, true] {
        let y = layer.forward(tape.constant(x.clone()), None, causal).value();
        for example in 0..2 {
            let one = x.narrow(0, example, 1).squeeze(0);
            let input = one.linear(layer.input.weight.value(), layer.input.bias.as_ref().map(|b| b.value()));
            let [q, k, v] = [0, 1, 2].map(|i| input.narrow(1, 6 * i, 6));
            let mixed = heads(&q, &k, &v, 3, causal);
            let expected = mixed.linear(layer.output.weight.value(), layer.output.bias.as_ref().map(|b| b.value()));
            let error = (y.narrow(0, example, 1).squeeze(0) - expected).abs().max(..).item();
            assert!(error < 1e-13, "example {example}: {error}");
        }
    }
}

#[test]
fn a_causal_block_does_not_see_what_comes_later() {
    let block = TransformerBlock::<f64>::new(8, 2, &mut rng(0, 0));
    let tape = Tape::new();
    let x = tape.leaf(randn(&[1, 5, 8], 1));
    let y = block.forward(x, None, true);
    let grads = y.narrow(1, 2, 1).sum(..).backward();
    let slope = grads.wrt(x).abs().sum(2).flatten().to_vec();
    assert!(slope[..3].iter().all(|&g| g > 0.0) && slope[3..] == [0.0, 0.0], "{slope:?}");
}

#[test]
fn gradients_through_time_and_attention() {
    let mut rng = rng(0, 0);
    let (gru, lstm) = (Gru::<f64>::new(3, 2, &mut rng), Lstm::<f64>::new(2, 2, &mut rng));
    let block = TransformerBlock::<f64>::new(2, 1, &mut rng);
    gradcheck(
        |x| {
            let (h, _) = gru.forward(x[0], None);
            let (h, (last, cell)) = lstm.forward(h, None);
            block.forward(h, None, true).sum(1) + last * cell
        },
        &[randn(&[2, 3, 3], 1)],
    )
    .unwrap();
}
