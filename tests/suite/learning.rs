//! Models learn.

use wengert::data::digits;
use wengert::prelude::*;

#[derive(Module)]
struct Mlp<T: wengert::tensor::Float = f32> {
    hidden: Linear<T>,
    output: Linear<T>,
}

impl<T: wengert::tensor::Float> Mlp<T> {
    fn new([inputs, hidden, outputs]: [usize; 3], seed: u64) -> Mlp<T> {
        let mut rng = rng(seed, 0);
        Mlp { hidden: Linear::new(inputs, hidden, &mut rng), output: Linear::new(hidden, outputs, &mut rng) }
    }
}

/// The share of the rows that the model classifies right.
fn accuracy(model: &Mlp, data: &Images) -> f64 {
    let tape = Tape::inference();
    let batch = data.batches(data.len()).next().expect("a batch");
    let classes = model.output.forward(model.hidden.forward(tape.constant(batch.images)).relu()).argmax(1);
    classes.equal(&batch.labels).count() as f64 / data.len() as f64
}

#[test]
fn a_small_network_learns_digits() {
    let (train, test) = digits::generate(9000, 0).split(8000);
    let mut model = Mlp::new([784, 64, 10], 0);
    assert!(accuracy(&model, &test) < 0.3, "it knows nothing yet");
    let (mut sgd, mut tape) = (Sgd::new(0.05).momentum(0.9), Tape::new());
    for epoch in 0..2 {
        for batch in train.batches(20).shuffle(0, epoch) {
            let hidden = model.hidden.forward(tape.constant(batch.images)).relu();
            let cost = model.output.forward(hidden).cross_entropy(&batch.labels);
            sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
            tape.reset();
        }
    }
    let accuracy = accuracy(&model, &test);
    assert!(accuracy > 0.9, "after two epochs {accuracy} of the test digits are right");
}

#[test]
fn xor_is_learned_with_the_quadratic_cost() {
    let x = Tensor::from([[0.0f64, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let y = Tensor::from([[0.0f64], [1.0], [1.0], [0.0]]);
    let mut model = Mlp::new([2, 4, 1], 1);
    let (mut sgd, mut tape) = (Sgd::new(2.0).momentum(0.9), Tape::new());
    for _ in 0..2000 {
        let a = model.output.forward(model.hidden.forward(tape.constant(x.clone())).sigmoid()).sigmoid();
        let cost = a.quadratic_cost(y.clone());
        sgd.step(&mut model, &cost.backward()).expect("every parameter is reached");
        tape.reset();
    }
    let tape = Tape::inference();
    let a = model.output.forward(model.hidden.forward(tape.constant(x)).sigmoid()).sigmoid().value();
    assert!((&a - &y).abs().max(..).item() < 0.05, "outputs {a}");
}

#[test]
fn linear_regression_recovers_the_weights() {
    let mut rng = rng(2, 0);
    let (w, b) = (Tensor::from([[1.5f64, -2.0, 0.25], [0.0, 3.0, -1.0]]), Tensor::from([0.5f64, -4.0]));
    let x = Tensor::randn([200, 3], &mut rng);
    let y = x.linear(&w, Some(&b));
    let mut model = Linear::new(3, 2, &mut rng);
    let (mut sgd, mut tape) = (Sgd::new(0.2), Tape::new());
    for _ in 0..500 {
        let cost = model.forward(tape.constant(x.clone())).mse(y.clone());
        sgd.step(&mut model, &cost.backward()).expect("both parameters are reached");
        tape.reset();
    }
    let bias = model.bias.as_ref().expect("a bias");
    let error = (model.weight.value() - w).abs().max(..).item().max((bias.value() - b).abs().max(..).item());
    assert!(error < 1e-6, "the largest error is {error:e}");
}
