//! The derived visit of parameters: every kind of struct and field, and what the paths are called.

use nn::{Dropout, Linear, Module, Param, Path, Sequential};
use tensor::{Float, Tape, Tensor, Var, rng};

fn linear<T: Float>(inputs: usize, outputs: usize) -> Linear<T> {
    Linear::new(inputs, outputs, &mut rng(0, 0))
}

fn param(value: f32) -> Param {
    Param::new("p", [value])
}

/// The paths, in the order of the visit; the mutable visit must agree.
fn paths<T: Float>(model: &mut impl Module<T>) -> Vec<String> {
    let (mut shared, mut unique) = (Vec::new(), Vec::new());
    model.visit(Path::Root, &mut |path, param| shared.push((path.to_string(), param.id())));
    model.visit_mut(Path::Root, &mut |path, param| unique.push((path.to_string(), param.id())));
    assert_eq!(shared, unique);
    shared.into_iter().map(|(path, _)| path).collect()
}

#[derive(Module)]
#[module(crate = tensor)]
struct Block {
    linear: Linear,
    gain: Param,
}

#[derive(Module)]
#[module(crate = tensor)]
struct Nested {
    layers: Vec<Linear>,
    block: Block,
    dropout: Dropout,
    scale: Param,
}

#[test]
fn nested_structs_and_lists_are_visited_in_the_order_of_their_fields() {
    let block = Block { linear: linear(2, 2), gain: param(1.0) };
    let layers = vec![linear(4, 3), linear(3, 2)];
    let mut model = Nested { layers, block, dropout: Dropout::new(0.5), scale: param(2.0) };
    let expected = [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
        "block.linear.weight",
        "block.linear.bias",
        "block.gain",
        "scale",
    ];
    assert_eq!(paths(&mut model), expected);
}

#[derive(Module)]
#[module(crate = tensor)]
struct Containers {
    array: [Linear; 2],
    some: Option<Param>,
    none: Option<Linear>,
    boxed: Box<Linear>,
    tower: Vec<Vec<Param>>,
    r#type: Param,
    sequential: Sequential,
}

#[test]
fn arrays_options_boxes_and_raw_names() {
    let mut unbiased = linear(1, 1);
    unbiased.bias = None;
    let mut model = Containers {
        array: [unbiased.clone(), unbiased.clone()],
        some: Some(param(0.0)),
        none: None,
        boxed: Box::new(unbiased.clone()),
        tower: vec![vec![param(0.0)], vec![], vec![param(0.0), param(0.0)]],
        r#type: param(0.0),
        sequential: Sequential::new().add(nn::Relu).add(unbiased),
    };
    let expected = [
        "array.0.weight",
        "array.1.weight",
        "some",
        "boxed.weight",
        "tower.0.0",
        "tower.2.0",
        "tower.2.1",
        "type",
        "sequential.1.weight",
    ];
    assert_eq!(paths(&mut model), expected);
}

#[derive(Module)]
#[module(crate = tensor)]
struct Tuple(Linear, #[module(skip)] &'static str, Param);

#[derive(Module)]
#[module(crate = tensor)]
struct Empty;

#[test]
fn tuple_structs_count_their_fields_and_unit_structs_have_none() {
    let mut model = Tuple(linear(1, 1), "not a module", param(0.0));
    assert_eq!(paths(&mut model), ["0.weight", "0.bias", "2"]);
    assert_eq!(model.1, "not a module");
    assert_eq!(paths::<f32>(&mut Empty), [""; 0]);
}

/// A block under the names that another framework gave it.
#[derive(Module)]
#[module(crate = tensor)]
struct Renamed {
    #[module(name = "self_attn")]
    attention: Linear,
    #[module(flatten)]
    block: Block,
    #[module(name = "type")]
    kind: Param,
}

#[test]
fn fields_can_have_other_names_or_none() {
    let block = Block { linear: linear(1, 1), gain: param(0.0) };
    let mut model = vec![Renamed { attention: linear(1, 1), block, kind: param(0.0) }];
    let expected = ["self_attn.weight", "self_attn.bias", "linear.weight", "linear.bias", "gain", "type"];
    assert_eq!(paths(&mut model), expected.map(|name| format!("0.{name}")));
}

/// A type parameter for the element type, one for a part, a lifetime, a constant, and a `where` clause.
#[derive(Module)]
#[module(crate = tensor)]
struct Generic<'a, T: Float, M, const N: usize>
where
    M: Clone,
{
    heads: [Linear<T>; N],
    body: M,
    #[module(skip)]
    name: &'a str,
}

#[test]
fn generic_structs() {
    let body = Pair { first: Param::new("a", [1.0f64]), second: Param::new("b", [1.0f64]) };
    let mut model = Generic { heads: [linear::<f64>(2, 1), linear(2, 1)], body, name: "generic" };
    let expected = ["heads.0.weight", "heads.0.bias", "heads.1.weight", "heads.1.bias", "body.first", "body.second"];
    assert_eq!(paths(&mut model), expected);
    assert_eq!(model.name, "generic");
}

#[derive(Clone, Module)]
#[module(crate = tensor)]
struct Pair {
    first: Param<f64>,
    second: Param<f64>,
}

impl Pair {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        x * x.tape().param(&self.first) + x.tape().param(&self.second)
    }
}

#[test]
fn a_model_in_double_precision_has_its_gradients() {
    let model = Pair { first: Param::new("first", [2.0f64, 3.0]), second: Param::new("second", 1.0) };
    let tape = Tape::new();
    let grads = model.forward(tape.constant(Tensor::from([5.0, 7.0]))).sum(..).backward();
    let mut seen = Vec::new();
    model.visit(Path::Root, &mut |path, param| seen.push((path.to_string(), grads.wrt(param).to_vec())));
    assert_eq!(seen, [("first".to_string(), vec![5.0, 7.0]), ("second".to_string(), vec![2.0])]);
}

/// A clone's parameters are parameters of their own, with the same values.
#[test]
fn a_clone_is_another_model() {
    let model = Pair { first: Param::new("first", [2.0f64]), second: Param::new("second", [1.0]) };
    let mut copy = model.clone();
    assert_ne!(model.first.id(), copy.first.id());
    copy.first.value_mut().as_mut_slice()[0] = 9.0;
    assert_eq!((model.first.value().item(), copy.first.value().item()), (2.0, 9.0));
}
