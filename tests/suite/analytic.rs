//! The tape against backpropagation written by hand: the equations BP1 to BP4 of Michael Nielsen's "Neural Networks and
//! Deep Learning", chapter 2, as his `network.py` (quadratic cost) and `network2.py` (cross-entropy) apply them, one
//! example at a time.

use proptest::prelude::*;
use wengert::prelude::*;

type Vector = Vec<f64>;
type Matrix = Vec<Vector>;

#[derive(Clone, Copy, Debug)]
enum Cost {
    Quadratic,
    CrossEntropy,
}

/// The book's network: `biases[l]` is bˡ and `weights[l][j][k]` is wˡⱼₖ, from neuron k of one layer to j of the next.
struct Network {
    biases: Vec<Vector>,
    weights: Vec<Matrix>,
}

/// ∇b and ∇w, layer by layer.
struct Nabla {
    b: Vec<Vector>,
    w: Vec<Matrix>,
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn sigmoid_prime(z: f64) -> f64 {
    sigmoid(z) * (1.0 - sigmoid(z))
}

impl Network {
    /// The gradient of one example's cost.
    fn backprop(&self, x: &[f64], y: &[f64], cost: Cost) -> Nabla {
        let (zs, activations) = self.feedforward(x);
        let delta = output_error(&zs, &activations, y, cost);
        self.backward(&zs, &activations, delta)
    }

    /// What [`backprop`](Network::backprop) gives with the absolute value of each term in each sum: the size that
    /// rounding is relative to, since terms may cancel.
    fn sizes(&self, x: &[f64], y: &[f64], cost: Cost) -> Nabla {
        let (zs, mut activations) = self.feedforward(x);
        activations[0] = x.iter().map(|x| x.abs()).collect();
        let minus: Vector = y.iter().map(|y| -y.abs()).collect();
        let delta = output_error(&zs, &activations, &minus, cost);
        let absolute = |w: &Matrix| w.iter().map(|row| row.iter().map(|w| w.abs()).collect()).collect();
        let network = Network { biases: self.biases.clone(), weights: self.weights.iter().map(absolute).collect() };
        network.backward(&zs, &activations, delta)
    }

    /// From δᴸ down to the first layer.
    fn backward(&self, zs: &[Vector], activations: &[Vector], mut delta: Vector) -> Nabla {
        let last = zs.len() - 1;
        let mut nabla = Nabla { b: vec![Vector::new(); last + 1], w: vec![Matrix::new(); last + 1] };
        for l in (0..=last).rev() {
            // BP4: ∂C/∂wˡⱼₖ = aˡ⁻¹ₖ δˡⱼ.
            nabla.w[l] = delta.iter().map(|d| activations[l].iter().map(|a| a * d).collect()).collect();
            // BP3: ∂C/∂bˡⱼ = δˡⱼ.
            nabla.b[l] = delta.clone();
            if l > 0 {
                delta = self.error_below(l, &delta, &zs[l - 1]);
            }
        }
        nabla
    }

    /// The weighted inputs zˡ = wˡaˡ⁻¹ + bˡ, and the activations aˡ = σ(zˡ) from the input on.
    fn feedforward(&self, x: &[f64]) -> (Vec<Vector>, Vec<Vector>) {
        let (mut zs, mut activations) = (Vec::new(), vec![x.to_vec()]);
        for (b, w) in self.biases.iter().zip(&self.weights) {
            let a = activations.last().expect("the input");
            let dot = |row: &Vector| row.iter().zip(a).map(|(w, a)| w * a).sum::<f64>();
            let z: Vector = w.iter().zip(b).map(|(row, b)| dot(row) + b).collect();
            activations.push(z.iter().map(|&z| sigmoid(z)).collect());
            zs.push(z);
        }
        (zs, activations)
    }

    /// BP2: δˡ⁻¹ = ((wˡ)ᵀδˡ) ⊙ σ′(zˡ⁻¹).
    fn error_below(&self, l: usize, delta: &[f64], z: &[f64]) -> Vector {
        let back = |k: usize| self.weights[l].iter().zip(delta).map(|(row, d)| row[k] * d).sum::<f64>();
        z.iter().enumerate().map(|(k, &z)| back(k) * sigmoid_prime(z)).collect()
    }

    /// Σ∇ over a mini-batch, and its size.
    fn accumulate(&self, batch: &[(Vector, Vector)], cost: Cost) -> [Nabla; 2] {
        let gradients = batch.iter().map(|(x, y)| self.backprop(x, y, cost));
        let sizes = batch.iter().map(|(x, y)| self.sizes(x, y, cost));
        [sum(gradients), sum(sizes)]
    }
}

fn sum(examples: impl Iterator<Item = Nabla>) -> Nabla {
    let add = |sum: &mut [f64], part: &[f64]| sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    let total = examples.reduce(|mut sum, example| {
        sum.b.iter_mut().zip(&example.b).for_each(|(sum, part)| add(sum, part));
        sum.w.iter_mut().flatten().zip(example.w.iter().flatten()).for_each(|(sum, part)| add(sum, part));
        sum
    });
    total.expect("at least one example")
}

/// BP1: δᴸ = ∇ₐC ⊙ σ′(zᴸ), where the quadratic cost has ∇ₐC = a − y; for the cross-entropy σ′ cancels.
fn output_error(zs: &[Vector], activations: &[Vector], y: &[f64], cost: Cost) -> Vector {
    let (z, a) = (&zs[zs.len() - 1], &activations[zs.len()]);
    let error = z.iter().zip(a.iter().zip(y));
    match cost {
        Cost::Quadratic => error.map(|(&z, (a, y))| (a - y) * sigmoid_prime(z)).collect(),
        Cost::CrossEntropy => error.map(|(_, (a, y))| a - y).collect(),
    }
}

/// The same network on the tape.
#[derive(Module)]
struct Mlp {
    layers: Vec<Linear<f64>>,
}

impl Mlp {
    fn new(sizes: &[usize], seed: u64) -> Mlp {
        let (mut rng, init) = (rng(seed, 0), Init::Normal(1.0));
        let layer = |pair: &[usize]| Linear::with_init(pair[0], pair[1], init, Some(init), &mut rng);
        Mlp { layers: sizes.windows(2).map(layer).collect() }
    }

    /// The weighted inputs of the last layer.
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let (last, hidden) = self.layers.split_last().expect("a layer");
        last.forward(hidden.iter().fold(x, |a, layer| layer.forward(a).sigmoid()))
    }

    fn gradients(&self, tape: &Tape<f64>, batch: &[(Vector, Vector)], cost: Cost) -> Gradients<f64> {
        let x: Matrix = batch.iter().map(|(x, _)| x.clone()).collect();
        let y: Matrix = batch.iter().map(|(_, y)| y.clone()).collect();
        let z = self.forward(tape.constant(tensor(&x)));
        match cost {
            Cost::Quadratic => z.sigmoid().quadratic_cost(tensor(&y)).backward(),
            Cost::CrossEntropy => z.bce_with_logits(tensor(&y)).backward(),
        }
    }

    /// The book's network of the same weights.
    fn by_hand(&self) -> Network {
        let biases = self.layers.iter().map(|layer| bias(layer).value().to_vec()).collect();
        Network { biases, weights: self.layers.iter().map(|layer| rows(layer.weight.value())).collect() }
    }
}

fn bias(layer: &Linear<f64>) -> &Param<f64> {
    layer.bias.as_ref().expect("layers here have biases")
}

fn tensor(rows: &Matrix) -> Tensor<f64> {
    Tensor::new(rows.concat(), [rows.len(), rows[0].len()]).expect("rows of one length")
}

fn rows(x: &Tensor<f64>) -> Matrix {
    x.to_vec().chunks(x.shape()[1]).map(<[f64]>::to_vec).collect()
}

/// Random inputs, and targets between 0 and 1.
fn mini_batch(sizes: &[usize], m: usize, seed: u64) -> Vec<(Vector, Vector)> {
    let mut rng = rng(seed, 1);
    let (inputs, outputs) = (sizes[0], sizes[sizes.len() - 1]);
    let mut example = |_| {
        let x = Tensor::randn([inputs], &mut rng).to_vec();
        (x, Tensor::uniform([outputs], 0.0, 1.0, &mut rng).to_vec())
    };
    (0..m).map(&mut example).collect()
}

/// |got − expected| ≤ tolerance · size, element by element.
#[track_caller]
fn assert_close(what: &str, got: &[f64], expected: &[f64], sizes: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, ((got, expected), size)) in got.iter().zip(expected).zip(sizes).enumerate() {
        assert!((got - expected).abs() <= tolerance * size, "{what}, element {i}: {got:e} is not {expected:e}");
    }
}

/// The tape's gradient of the mean cost is 1/m of the gradients that the equations accumulate.
fn check_gradients(sizes: &[usize], m: usize, seed: u64, cost: Cost) {
    let (model, batch) = (Mlp::new(sizes, seed), mini_batch(sizes, m, seed));
    let tape = Tape::new();
    let grads = model.gradients(&tape, &batch, cost);
    let [nabla, sizes_of] = model.by_hand().accumulate(&batch, cost);
    let mean = |sum: &[f64]| sum.iter().map(|x| x / m as f64).collect::<Vector>();
    for (l, layer) in model.layers.iter().enumerate() {
        let what = format!("{cost:?}, layer {l} of {sizes:?}, batch {m}, seed {seed}");
        let (b, w) = (grads.wrt(bias(layer)), grads.wrt(&layer.weight));
        assert_close(&format!("∇b, {what}"), &b.to_vec(), &mean(&nabla.b[l]), &mean(&sizes_of.b[l]), 1e-12);
        let (expected, size) = (mean(&nabla.w[l].concat()), mean(&sizes_of.w[l].concat()));
        assert_close(&format!("∇w, {what}"), &w.to_vec(), &expected, &size, 1e-12);
    }
}

/// One mini-batch moves the weights once: w ← (1 − ηλ/n)·w − (η/m)·Σ∇w and b ← b − (η/m)·Σ∇b.
fn check_update(sizes: &[usize], m: usize, seed: u64, cost: Cost, lambda: f64) {
    let (eta, n) = (3.0, 50.0);
    let (mut model, batch) = (Mlp::new(sizes, seed), mini_batch(sizes, m, seed));
    let before = model.by_hand();
    let [nabla, sizes_of] = before.accumulate(&batch, cost);
    let mut tape = Tape::new();
    let grads = model.gradients(&tape, &batch, cost);
    assert!(model.by_hand().weights == before.weights, "the backward pass alone changes nothing");
    let mut sgd = Sgd::new(eta).weight_decay(lambda / n).decay_biases(false);
    sgd.step(&mut model, &grads).expect("every layer is reached");
    tape.reset();
    drop(grads);
    for (l, layer) in model.layers.iter().enumerate() {
        let what = format!("{cost:?}, λ = {lambda}, layer {l} of {sizes:?}, batch {m}, seed {seed}");
        let moved = |decay: f64, old: &[f64], nabla: &[f64]| -> Vector {
            old.iter().zip(nabla).map(|(old, nabla)| decay * old - eta / m as f64 * nabla).collect()
        };
        let size = |old: &[f64], sizes: &[f64]| -> Vector {
            old.iter().zip(sizes).map(|(old, size)| old.abs() + eta / m as f64 * size).collect()
        };
        let (b, w) = (&before.biases[l], before.weights[l].concat());
        let (got_b, got_w) = (bias(layer).value().to_vec(), layer.weight.value().to_vec());
        let moved_w = moved(1.0 - eta * lambda / n, &w, &nabla.w[l].concat());
        assert_close(&format!("b, {what}"), &got_b, &moved(1.0, b, &nabla.b[l]), &size(b, &sizes_of.b[l]), 1e-14);
        assert_close(&format!("w, {what}"), &got_w, &moved_w, &size(&w, &sizes_of.w[l].concat()), 1e-14);
    }
}

#[test]
fn the_smallest_network_of_the_book() {
    for cost in [Cost::Quadratic, Cost::CrossEntropy] {
        for m in [1, 4] {
            check_gradients(&[2, 3, 1], m, 1, cost);
            check_update(&[2, 3, 1], m, 1, cost, 0.0);
            check_update(&[2, 3, 1], m, 1, cost, 5.0);
        }
    }
}

/// The equations themselves, against the slope of the costs: a reference must not share the tape's mistakes.
#[test]
fn the_equations_are_the_slopes_of_the_costs() {
    let (model, batch) = (Mlp::new(&[3, 4, 2], 5), mini_batch(&[3, 4, 2], 1, 5));
    let (x, y) = &batch[0];
    let value = |network: &Network, cost: Cost| -> f64 {
        let (_, activations) = network.feedforward(x);
        let a = activations.last().expect("an output");
        let term = |(a, y): (&f64, &f64)| match cost {
            Cost::Quadratic => 0.5 * (a - y) * (a - y),
            Cost::CrossEntropy => -(y * a.ln() + (1.0 - y) * (1.0 - a).ln()),
        };
        a.iter().zip(y).map(term).sum()
    };
    for cost in [Cost::Quadratic, Cost::CrossEntropy] {
        let nabla = model.by_hand().backprop(x, y, cost);
        for (l, j, k) in [(0, 0, 0), (0, 3, 2), (1, 0, 3), (1, 1, 1)] {
            let at = |step: f64| {
                let mut network = model.by_hand();
                network.weights[l][j][k] += step;
                value(&network, cost)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - nabla.w[l][j][k]).abs() < 1e-8, "{cost:?} w[{l}][{j}][{k}]: {slope}");
        }
    }
}

fn any_sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..=12, 2..=5)
}

fn any_cost() -> impl Strategy<Value = Cost> {
    prop_oneof![Just(Cost::Quadratic), Just(Cost::CrossEntropy)]
}

proptest! {
    #[test]
    fn gradients_equal_the_equations(sizes in any_sizes(), m in 1usize..=9, seed: u64, cost in any_cost()) {
        check_gradients(&sizes, m, seed, cost);
    }

    #[test]
    fn a_mini_batch_moves_the_weights_once(
        sizes in any_sizes(), m in 1usize..=9, seed: u64, cost in any_cost(), lambda in prop_oneof![Just(0.0), 0.0..5.0],
    ) {
        check_update(&sizes, m, seed, cost, lambda);
    }
}
