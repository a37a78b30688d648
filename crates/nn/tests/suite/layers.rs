//! Layers: dense, dropout, activations, sequences, and the summary of their parameters.

use nn::{BatchNorm, Dropout, Layer, Linear, Module, Param, Path, Sequential, freeze, summary, unfreeze};
use tensor::{Tape, Tensor, Var, gradcheck, rng};

#[test]
fn a_dense_layer_is_affine_in_its_last_axis() {
    let mut layer = Linear::<f64>::new(3, 2, &mut rng(0, 0));
    *layer.weight.value_mut() = Tensor::from([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]);
    layer.bias = Some(Param::new("bias", [0.5, -0.5]));
    let tape = Tape::new();
    let x = Tensor::from([[1.0, 1.0, 1.0], [0.0, 2.0, -1.0]]);
    let expected = Tensor::from([[6.5, -0.5], [1.5, -1.5]]);
    assert_eq!(layer.forward(tape.constant(x.clone())).value(), expected);
    assert_eq!(layer.forward(tape.constant(x.reshape([2, 1, 3]))).value(), expected.reshape([2, 1, 2]));
    assert_eq!(layer.forward(tape.constant(Tensor::zeros([0, 3]))).shape()[..], [0, 2]);
    layer.bias = None;
    assert_eq!(layer.forward(tape.constant(x)).value(), expected - Tensor::from([0.5, -0.5]));
}

fn dropped(seed: u64, x: &Tensor<f64>, probability: f64) -> (Tensor<f64>, Tensor<f64>) {
    let tape = Tape::seeded(seed);
    let v = tape.leaf(x.clone());
    let y = Dropout::new(probability).forward(v);
    (y.value(), y.sum(..).backward().wrt(v).clone())
}

#[test]
fn dropout_zeroes_a_share_and_keeps_the_expectation() {
    let n = 100_000;
    let x = Tensor::full([n], 3.0);
    for probability in [0.1, 0.5, 0.9] {
        let (y, mask) = dropped(1, &x, probability);
        let kept = 3.0 / (1.0 - probability);
        assert!(y.to_vec().iter().all(|&y| y == 0.0 || (y - kept).abs() < 1e-12), "p = {probability}");
        let zeros = y.to_vec().iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
        let deviation = (probability * (1.0 - probability) / n as f64).sqrt();
        assert!((zeros - probability).abs() < 5.0 * deviation, "a share of {zeros} is 0, expected {probability}");
        let mean = y.mean(..).item();
        assert!((mean - 3.0).abs() < 5.0 * kept * deviation, "the mean is {mean}");
        assert_eq!(mask * 3.0, y, "the gradient is dropped and scaled alike");
    }
}

#[test]
fn dropout_follows_the_seed_of_the_tape() {
    let x = Tensor::ones([200]);
    assert_eq!(dropped(1, &x, 0.5), dropped(1, &x, 0.5));
    assert_ne!(dropped(1, &x, 0.5).0, dropped(2, &x, 0.5).0);
    let tape = Tape::new();
    let v = tape.leaf(x);
    let [first, second] = [0, 1].map(|_| Dropout::new(0.5).forward(v).value());
    assert_ne!(first, second, "each use draws anew");
}

#[test]
fn the_gradient_of_dropout_is_dropped_alike() {
    let x = Tensor::randn([5, 4], &mut rng(3, 0));
    let report = gradcheck(|v| Dropout::new(0.4).forward(v[0]).tanh(), &[x]);
    assert!(report.is_ok(), "{report:?}");
}

#[test]
fn dropout_of_nothing_and_in_evaluation_is_the_identity() {
    let x = Tensor::<f64>::randn([50], &mut rng(3, 0));
    let inference = Tape::inference();
    assert_eq!(Dropout::new(0.9).forward(inference.constant(x.clone())).value(), x);
    let (y, gradient) = dropped(1, &x, 0.0);
    assert_eq!((y, gradient), (x, Tensor::ones([50])));
}

#[test]
#[should_panic(expected = "dropout: probability 1, expected 0 ≤ p < 1")]
fn dropout_of_everything_is_refused() {
    Dropout::new(1.0);
}

#[test]
#[should_panic(expected = "dropout: probability NaN, expected 0 ≤ p < 1")]
fn dropout_of_no_number_is_refused() {
    Dropout::new(f64::NAN);
}

type Activation = (Box<dyn Layer<f64>>, for<'t> fn(Var<'t, f64>) -> Var<'t, f64>);

#[test]
fn activations_are_the_methods_of_their_names() {
    let activations: [Activation; 9] = [
        (Box::new(nn::Relu), |x| x.relu()),
        (Box::new(nn::LeakyRelu(0.2)), |x| x.leaky_relu(0.2)),
        (Box::new(nn::Elu(1.5)), |x| x.elu(1.5)),
        (Box::new(nn::Selu), |x| x.selu()),
        (Box::new(nn::Silu), |x| x.silu()),
        (Box::new(nn::Gelu), |x| x.gelu()),
        (Box::new(nn::Sigmoid), |x| x.sigmoid()),
        (Box::new(nn::Softplus), |x| x.softplus()),
        (Box::new(nn::Tanh), |x| x.tanh()),
    ];
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([-2.0, -0.1, 0.0, 0.3, 4.0]));
    for (i, (layer, method)) in activations.iter().enumerate() {
        assert_eq!(layer.forward(x).value(), method(x).value(), "activation {i}");
        layer.visit(Path::Root, &mut |path, _| panic!("activation {i} has a parameter {path}"));
    }
}

fn mlp() -> Sequential {
    let mut rng = rng(0, 0);
    let head = Sequential::new().add(nn::Tanh).add(Linear::new(1000, 2, &mut rng));
    Sequential::new().add(Linear::new(4, 1000, &mut rng)).add(head)
}

#[test]
fn a_sequence_applies_its_layers_in_order() {
    let model = mlp();
    assert_eq!((model.len(), model.is_empty()), (2, false));
    let tape = Tape::new();
    let x = tape.constant(Tensor::<f32>::randn([3, 4], &mut rng(1, 0)));
    let mut params = Vec::new();
    model.visit(Path::Root, &mut |_, param| params.push(tape.param(param)));
    let by_hand = x.linear(params[0], Some(params[1])).tanh().linear(params[2], Some(params[3]));
    let y = model.forward(x);
    assert_eq!(y.value(), by_hand.value());
    let grads = y.sum(..).backward();
    model.visit(Path::Root, &mut |path, param| assert!(grads.get(param).is_some(), "{path} has no gradient"));
}

#[test]
fn an_empty_sequence_is_the_identity() {
    let model = Sequential::<f32>::new();
    assert!(model.is_empty());
    let tape = Tape::new();
    let x = tape.constant(Tensor::from([1.0, 2.0]));
    assert_eq!(model.forward(x).value(), x.value());
}

#[test]
fn the_summary_is_a_table() {
    let table = "\
parameter   shape      count
0.weight    [1000, 4]  4,000
0.bias      [1000]     1,000
1.1.weight  [2, 1000]  2,000
1.1.bias    [2]            2
total                  7,002";
    let summary = summary(&mlp());
    assert_eq!(summary.to_string(), table);
    assert_eq!(summary.count(), 7002);
}

#[test]
fn a_summary_marks_what_is_not_trained() {
    let mut rng = rng(0, 0);
    let mut model = Sequential::<f32>::new().add(Linear::new(2, 3, &mut rng)).add(BatchNorm::new(3));
    freeze(&mut model, "0.weight");
    let table = "\
parameter       shape   count
0.weight        [3, 2]      6  frozen
0.bias          [3]         3
1.weight        [3]         3
1.bias          [3]         3
1.running_mean  [3]         3  buffer
1.running_var   [3]         3  buffer
total                      15  9 trained";
    let summary = summary(&model);
    assert_eq!(summary.to_string(), table);
    assert_eq!((summary.count(), summary.trainable()), (15, 9));
}

#[test]
fn frozen_parameters_are_constants_and_pass_gradients_on() {
    let mut rng = rng(0, 0);
    let mut model = Sequential::<f32>::new().add(Linear::new(2, 3, &mut rng)).add(Linear::new(3, 1, &mut rng));
    let frozen = |model: &Sequential| {
        let mut frozen = Vec::new();
        model.visit(Path::Root, &mut |path, param| frozen.extend(param.is_frozen().then(|| path.to_string())));
        frozen
    };
    freeze(&mut model, "1");
    assert_eq!(frozen(&model), ["1.weight", "1.bias"]);
    let tape = Tape::new();
    let x = tape.leaf(Tensor::ones([4, 2]));
    let grads = model.forward(x).sum(..).backward();
    let mut reached = Vec::new();
    model.visit(Path::Root, &mut |path, param| reached.extend(grads.get(param).map(|_| path.to_string())));
    assert_eq!(reached, ["0.weight", "0.bias"]);
    assert!(grads.get(x).is_some(), "the gradient flows through what is frozen");
    unfreeze(&mut model, "");
    assert!(frozen(&model).is_empty());
}

#[test]
#[should_panic(expected = "the model has no parameter at or below `2`")]
fn freezing_what_is_not_there_is_refused() {
    freeze(&mut Sequential::<f32>::new().add(Linear::new(2, 3, &mut rng(0, 0))), "2");
}

#[test]
fn a_summary_of_one_parameter_or_none() {
    let table = "\
parameter  shape  count
theta      [3]        3
total                 3";
    assert_eq!(summary(&Param::<f32>::new("theta", [0.0; 3])).to_string(), table);
    let table = "\
parameter  shape  count
total                 0";
    assert_eq!(summary(&Sequential::<f32>::new()).to_string(), table);
}
