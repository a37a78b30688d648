//! What the file has in it.

use nn::{Embedding, Linear, Module, Rnn};
use onnx::{Export, export};
use tensor::{Param, Tensor, Var, rng};

use crate::read::lines;

#[derive(Module)]
#[module(crate = tensor)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

fn mlp() -> Mlp {
    let rng = &mut rng(0, 0);
    Mlp { hidden: Linear::new(3, 4, rng), output: Linear::new(4, 2, rng) }
}

#[test]
fn a_model_under_the_paths_of_its_parameters() {
    let (model, folder) = (mlp(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.onnx");
    export(&model, &Tensor::ones([1, 3]), |x| model.output.forward(model.hidden.forward(x).elu(0.5)), &path).unwrap();
    let expected = [
        "input: float [batch, 3]",
        "hidden.weight: float [4, 3] 48 bytes",
        "hidden.bias: float [4] 16 bytes",
        "output.weight: float [2, 4] 32 bytes",
        "output.bias: float [2] 8 bytes",
        "gemm = Gemm(input, hidden.weight, hidden.bias) transB 1",
        "elu = Elu(gemm) alpha 0.5",
        "gemm_1 = Gemm(elu, output.weight, output.bias) transB 1",
        "output = Identity(gemm_1)",
        "output: float [batch, 2]",
    ];
    assert_eq!(lines(&std::fs::read(path).unwrap()), expected);
}

/// The lines of a model without parameters, of inputs `x` of a shape.
fn written(shape: &[usize], forward: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<String> {
    let model = mlp();
    let export = Export::new(&model).input("x", &Tensor::ones(shape)).output("y");
    lines(&export.to_bytes(|x| vec![forward(x[0])]).unwrap())
}

#[test]
fn the_size_of_the_example_does_not_matter() {
    let relu = |batch: usize| written(&[batch, 3], |x| x.relu());
    assert_eq!(relu(1), ["x: float [batch, 3]", "relu = Relu(x)", "y = Identity(relu)", "y: float [batch, 3]"]);
    assert_eq!(relu(1), relu(4));
}

#[test]
fn a_batch_that_is_fixed() {
    let model = mlp();
    let export = Export::new(&model).input("x", &Tensor::ones([4, 3])).output("y").fixed_batch();
    let bytes = export.to_bytes(|x| vec![x[0] * x[0].shape()[0] as f32 + x.tape().constant(Tensor::ones([4, 1]))]);
    let expected = [
        "x: float [4, 3]",
        "number: float [] 4 bytes",
        "constant: float [4, 1] 16 bytes",
        "mul = Mul(x, number)",
        "add = Add(mul, constant)",
        "y = Identity(add)",
        "y: float [4, 3]",
    ];
    assert_eq!(lines(&bytes.unwrap()), expected);
}

/// The same without the lines of the input and of the output.
fn body(shape: &[usize], forward: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<String> {
    let lines = written(shape, forward);
    lines[1..lines.len() - 2].to_vec()
}

#[test]
fn what_repeats_for_every_example_is_made_of_the_batch() {
    let expected = [
        "constant: float [1, 2] 8 bytes",
        "integers: int64 [1] [2]",
        "shape = Shape(x) start 0 end 1",
        "concat = Concat(shape, integers) axis 0",
        "expand = Expand(constant, concat)",
        "concat_1 = Concat(x, expand) axis 1",
    ];
    let zeros = |x: Var<'_>| Tensor::zeros([x.shape()[0], 2]);
    assert_eq!(body(&[1, 3], |x| Var::concat(&[x, x.tape().constant(zeros(x))], 1)), expected);
    let expected = [
        "integers: int64 [1] [0]",
        "integers_1: int64 [1] [1]",
        "reducesum = ReduceSum(x, integers) keepdims 1",
        "shape = Shape(x) start 0 end 1",
        "concat = Concat(shape, integers_1) axis 0",
        "expand = Expand(reducesum, concat)",
    ];
    assert_eq!(body(&[1, 3], |x| x.sum_keepdim(0).broadcast_to(x.shape())), expected);
}

#[test]
fn the_batch_may_be_a_part_of_an_axis() {
    let flat = |x: Var<'_>| x.shape()[0] * 3;
    let lines = written(&[1, 3, 2], |x| x.reshape([flat(x), 2]));
    assert_eq!(lines[1..3], ["integers: int64 [2] [-1, 2]", "reshape = Reshape(x, integers) allowzero 1"]);
    assert_eq!(lines.last().unwrap(), "y: float [?, 2]");
    let expected = [
        "integers: int64 [1] [1]",
        "transpose = Transpose(x) perm [1, 0]",
        "matmul = MatMul(x, transpose)",
        "shape = Shape(x) start 0 end 1",
        "concat = Concat(shape, integers, shape) axis 0",
        "reshape = Reshape(matmul, concat) allowzero 1",
    ];
    let pairs = |x: Var<'_>| [x.shape()[0], 1, x.shape()[0]];
    assert_eq!(body(&[1, 3], |x| x.matmul(x.t()).reshape(pairs(x))), expected);
}

#[test]
fn indices_are_an_input() {
    let rng = &mut rng(0, 0);
    let (words, positions) = (Embedding::<f32>::new(9, 2, rng), Param::new("positions", Tensor::<f32>::ones([4, 2])));
    let model: &dyn Module = &words;
    let export = Export::new(model).indices("words", &Tensor::from([[1i64, 2, 3]])).output("y");
    let bytes = export.to_bytes(|x| {
        let positions = x.tape().param(&positions).index_select(0, &Tensor::from([0i64, 1, 2]));
        vec![words.forward(x.tape(), x.indices(0)) + positions]
    });
    let expected = [
        "words: int64 [batch, 3]",
        "parameter: float [4, 2] 32 bytes",
        "weight: float [9, 2] 72 bytes",
        "integers: int64 [3] [0, 1, 2]",
        "integers_1: int64 [1] [-1]",
        "integers_2: int64 [3] [-1, 3, 2]",
        "gather = Gather(parameter, integers) axis 0",
        "reshape = Reshape(words, integers_1)",
        "gather_1 = Gather(weight, reshape) axis 0",
        "reshape_1 = Reshape(gather_1, integers_2) allowzero 1",
        "add = Add(reshape_1, gather)",
        "y = Identity(add)",
        "y: float [batch, 3, 2]",
    ];
    assert_eq!(lines(&bytes.unwrap()), expected);
}

#[test]
fn a_parameter_that_is_used_twice_is_written_once() {
    let rnn = Rnn::<f32>::new(2, 3, &mut rng(0, 0));
    let export = Export::new(&rnn).input("x", &Tensor::ones([1, 4, 2])).output("y");
    let lines = lines(&export.to_bytes(|x| vec![rnn.forward(x[0], None).0]).unwrap());
    let weights = lines.iter().filter(|line| line.contains("weight_hh") && line.contains("bytes"));
    assert_eq!(weights.collect::<Vec<_>>(), ["weight_hh_l0: float [3, 3] 36 bytes"]);
    assert_eq!(lines.iter().filter(|line| line.contains("= Gemm(") && line.contains("weight_hh_l0")).count(), 4);
}
