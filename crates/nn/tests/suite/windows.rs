//! Convolution, pooling, normalisation and embedding layers.

use nn::{
    BatchNorm, Conv1d, Conv2d, ConvTranspose2d, Embedding, Flatten, GlobalAvgPool, GroupNorm, Init, Layer, LayerNorm,
    Linear, MaxPool2d, Module, Path, Relu, Residual, RmsNorm, Sequential,
};
use tensor::{ConvOptions, Tape, Tensor, rng};

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0))
}

fn near(got: &Tensor<f64>, expected: &Tensor<f64>) {
    let error = (got - expected).abs().max(..).item();
    assert!(error < 1e-12, "off by {error}");
}

#[test]
fn a_convolutional_network_has_the_shapes_and_names_it_should() {
    let mut rng = rng(0, 0);
    let model = Sequential::<f32>::new()
        .add(Conv2d::new(1, 6, 5, &mut rng).padding(2))
        .add(Relu)
        .add(MaxPool2d::new(2))
        .add(Residual(Sequential::new().add(Conv2d::new(6, 6, 3, &mut rng).padding(1)).add(BatchNorm::new(6))))
        .add(Conv2d::new(6, 4, 3, &mut rng).stride(2))
        .add(Flatten)
        .add(Linear::new(4 * 6 * 6, 10, &mut rng));
    let tape = Tape::new();
    let y = model.forward(tape.constant(Tensor::zeros([3, 1, 28, 28])));
    assert_eq!(y.shape()[..], [3, 10]);
    let mut names = Vec::new();
    model.visit(Path::Root, &mut |path, param| names.push(format!("{path} {}", param.value().shape())));
    assert_eq!(names[0], "0.weight [6, 1, 5, 5]");
    assert_eq!(names[4], "3.1.weight [6]");
    let mut buffers = Vec::new();
    model.visit_buffers(Path::Root, &mut |path, buffer| buffers.push(format!("{path} {}", buffer.value().shape())));
    assert_eq!(buffers, ["3.1.running_mean [6]", "3.1.running_var [6]"]);
}

#[test]
fn convolution_layers_are_the_ops_on_their_parameters() {
    let mut rng = rng(1, 0);
    let options = ConvOptions::new().stride(2).padding(1).groups(2);
    let init = Init::Normal(1.0);
    let layer = Conv2d::<f64>::with_init(4, 6, [3, 2], options, init, Some(init), &mut rng);
    assert_eq!(layer.weight.value().shape()[..], [6, 2, 3, 2]);
    let x = randn(&[2, 4, 7, 5], 2);
    let tape = Tape::new();
    let bias = layer.bias.as_ref().map(|bias| bias.value());
    assert_eq!(layer.forward(tape.constant(x.clone())).value(), x.conv2d(layer.weight.value(), bias, options));

    let line = Conv1d::<f64>::new(4, 3, 3, &mut rng).dilation(2);
    assert_eq!(line.forward(tape.constant(randn(&[2, 4, 9], 3))).shape()[..], [2, 3, 5]);
    let back = ConvTranspose2d::<f64>::new(4, 3, 2, &mut rng).stride(2);
    assert_eq!(back.weight.value().shape()[..], [4, 3, 2, 2]);
    assert_eq!(back.forward(tape.constant(x)).shape()[..], [2, 3, 14, 10]);
}

#[test]
#[should_panic(expected = "conv2d: 4 inputs and 5 outputs do not divide into 2 groups")]
fn channels_that_do_not_divide() {
    let options = ConvOptions::new().groups(2);
    Conv2d::<f32>::with_init(4, 5, 3, options, Init::FanIn, None, &mut rng(0, 0));
}

#[test]
fn batch_norm_trains_on_the_batch_and_infers_by_running_moments() {
    let layer = BatchNorm::<f64>::new(3);
    let x = randn(&[8, 3, 2, 2], 4) * 2.0 + 1.0;
    let tape = Tape::new();
    let y = layer.forward(tape.leaf(x.clone())).value();
    let channels = y.permute(&[1, 0, 2, 3]).reshape([3, 32]);
    near(&channels.mean(1), &Tensor::zeros([3]));
    near(&(channels.var(1, 0.0) - 1.0), &(-1e-5 / (x.permute(&[1, 0, 2, 3]).reshape([3, 32]).var(1, 0.0) + 1e-5)));
    let flat = x.permute(&[1, 0, 2, 3]).reshape([3, 32]);
    near(&layer.running_mean.value(), &(flat.mean(1) * 0.1));
    near(&layer.running_var.value(), &(flat.var(1, 1.0) * 0.1 + 0.9));
    let before = layer.running_mean.value();
    let inference = Tape::inference();
    let y = layer.forward(inference.constant(x.clone())).value();
    assert_eq!(layer.running_mean.value(), before, "inference changes nothing");
    let column = |t: &Tensor<f64>| t.reshape([1, 3, 1, 1]);
    let scale = (layer.running_var.value() + 1e-5).sqrt();
    near(&y, &((x - column(&before)) / column(&scale)));
}

#[test]
fn group_layer_and_rms_norm_are_what_their_formulas_say() {
    let x = randn(&[2, 6, 4], 5);
    let tape = Tape::new();
    let mut layer = GroupNorm::<f64>::new(3, 6);
    *layer.weight.value_mut() = randn(&[6], 6);
    *layer.bias.value_mut() = randn(&[6], 7);
    let groups = x.reshape([2, 3, 8]);
    let unit = (&groups - groups.mean_keepdim(2)) / (groups.var_keepdim(2, 0.0) + 1e-5).sqrt();
    let column = |t: &Tensor<f64>| t.reshape([6, 1]);
    let expected = unit.reshape([2, 6, 4]) * column(layer.weight.value()) + column(layer.bias.value());
    near(&layer.forward(tape.constant(x.clone())).value(), &expected);

    let rows = LayerNorm::<f64>::new([6, 4]);
    let flat = rows.forward(tape.constant(x.clone())).value().reshape([2, 24]);
    near(&flat.mean(1), &Tensor::zeros([2]));
    let rms = RmsNorm::<f64>::new([4]).forward(tape.constant(x.clone())).value();
    near(&rms, &(&x / (x.square().mean_keepdim(2) + 1e-5).sqrt()));
    assert_eq!(GlobalAvgPool.forward(tape.constant(x.clone())).value(), x.mean(2));
}

#[test]
fn embeddings_are_rows_and_their_gradients_add_up() {
    let layer = Embedding::<f64>::new(5, 3, &mut rng(0, 0));
    let tape = Tape::new();
    let y = layer.forward(&tape, &Tensor::from([[4i64, 0], [4, 4]]));
    assert_eq!(y.shape()[..], [2, 2, 3]);
    assert_eq!(y.value().narrow(0, 0, 1).narrow(1, 1, 1).flatten(), layer.weight.value().narrow(0, 0, 1).flatten());
    let grads = y.sum(..).backward();
    let rows = grads.wrt(&layer.weight).sum(1);
    assert_eq!(rows, Tensor::from([3.0, 0.0, 0.0, 0.0, 9.0]));
}
