//! Settings of their own for some parameters.

use optim::{Adam, AdamW, Error, Group, Lbfgs, Settings, Sgd};
use tensor::{Gradients, Module, Param, Path, Tape, Var};

/// A model whose parameters stand at `body.0.weight`, `body.0.bias`, `bodyguard.0` and `head.weight`, `head.bias`.
struct Model {
    body: Vec<Layer>,
    bodyguard: Vec<Param<f64>>,
    head: Layer,
}

struct Layer {
    weight: Param<f64>,
    bias: Param<f64>,
}

impl Layer {
    fn new() -> Layer {
        Layer { weight: Param::new("weight", [1.0]), bias: Param::new("bias", [1.0]) }
    }
}

impl Module<f64> for Layer {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<f64>)) {
        self.weight.visit(path.field("weight"), f);
        self.bias.visit(path.field("bias"), f);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<f64>)) {
        self.weight.visit_mut(path.field("weight"), f);
        self.bias.visit_mut(path.field("bias"), f);
    }
}

impl Module<f64> for Model {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<f64>)) {
        self.body.visit(path.field("body"), f);
        self.bodyguard.visit(path.field("bodyguard"), f);
        self.head.visit(path.field("head"), f);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<f64>)) {
        self.body.visit_mut(path.field("body"), f);
        self.bodyguard.visit_mut(path.field("bodyguard"), f);
        self.head.visit_mut(path.field("head"), f);
    }
}

impl Model {
    fn new() -> Model {
        Model { body: vec![Layer::new()], bodyguard: vec![Param::new("p", [1.0])], head: Layer::new() }
    }

    fn params(&self) -> Vec<&Param<f64>> {
        let mut params = Vec::new();
        self.visit(Path::Root, &mut |_, param| params.push(param));
        params
    }

    fn values(&self) -> Vec<f64> {
        self.params().iter().map(|param| param.value().item()).collect()
    }
}

/// Gradients of 1 for these parameters.
fn ones(params: &[&Param<f64>]) -> Gradients<f64> {
    let tape = Tape::new();
    params.iter().map(|param| tape.param(param).sum(..)).reduce(|a, b| a + b).expect("a parameter").backward()
}

#[test]
fn a_group_has_its_own_rate_and_decay() {
    let mut model = Model::new();
    let mut sgd = Sgd::new(0.5)
        .group(Group::prefix("body").lr_factor(0.5))
        .group(Group::of(|path| path.last() == Some("bias")).weight_decay(1.0));
    let grads = ones(&model.params());
    sgd.step(&mut model, &grads).unwrap();
    assert_eq!(model.values(), [0.75, 0.5, 0.5, 0.5, 0.0]);
    sgd.set_lr(0.0);
    sgd.step(&mut model, &grads).unwrap();
    assert_eq!(model.values(), [0.75, 0.5, 0.5, 0.5, 0.0]);
}

#[test]
fn later_groups_count_and_say_only_what_they_say() {
    let adam: AdamW<f64> = AdamW::new(1.0)
        .decay_biases(false)
        .group(Group::prefix("body").lr_factor(0.5).weight_decay(0.25).frozen(true))
        .group(Group::prefix("body.0.weight").frozen(false))
        .group(Group::prefix("").lr_factor(2.0));
    let expected = [
        ("body.0.weight", 2.0, 0.25, false),
        ("body.0.bias", 2.0, 0.25, true),
        ("bodyguard.0", 2.0, 0.01, false),
        ("head.weight", 2.0, 0.01, false),
        ("head.bias", 2.0, 0.0, false),
    ];
    let settings =
        |(name, lr, weight_decay, frozen): (&str, _, _, _)| (name.to_string(), Settings { lr, weight_decay, frozen });
    assert_eq!(adam.settings(&Model::new()), expected.map(settings));
}

#[test]
fn frozen_parameters_need_no_gradient_and_use_none() {
    let mut model = Model::new();
    let mut adam = Adam::new(0.25).group(Group::prefix("body").frozen(true)).group(Group::prefix("head").frozen(true));
    let grads = ones(&[&model.bodyguard[0]]);
    adam.step(&mut model, &grads).unwrap();
    let grads = ones(&model.params());
    adam.step(&mut model, &grads).unwrap();
    let values = model.values();
    assert_eq!([values[0], values[1], values[3], values[4]], [1.0; 4]);
    assert!((values[2] - 0.5).abs() < 1e-6);

    // Thawed, a parameter takes its first step.
    let mut adam = adam.group(Group::prefix("head.weight").frozen(false));
    adam.step(&mut model, &grads).unwrap();
    assert!((model.head.weight.value().item() - 0.75).abs() < 1e-6);

    let grads = ones(&[&model.body[0].weight]);
    let error = adam.step(&mut model, &grads).unwrap_err();
    assert_eq!(error, Error::Unreached(vec!["bodyguard.0".into(), "head.weight".into()]));
}

/// Σ (p − 3)².
fn distance<'t>(tape: &'t Tape<f64>, model: &Model) -> Var<'t, f64> {
    let params = model.params();
    params.iter().map(|param| (tape.param(param) - 3.0).square()).reduce(|a, b| a + b).unwrap().sum(..)
}

#[test]
fn a_frozen_parameter_is_passed_over_by_every_optimizer() {
    let mut model = Model::new();
    model.body[0].weight.set_frozen(true);
    model.head.bias.set_frozen(true);
    let mut tape = Tape::new();
    let grads = distance(&tape, &model).backward();
    assert!(grads.get(&model.body[0].weight).is_none() && grads.get(&model.bodyguard[0]).is_some());
    tape.reset();
    Sgd::new(0.25).step(&mut model, &grads).unwrap();
    assert_eq!(model.values(), [1.0, 2.0, 2.0, 2.0, 1.0]);
    let mut lbfgs = Lbfgs::new().tolerance(1e-9);
    lbfgs
        .minimize(&mut model, |model| {
            let cost = distance(&tape, model);
            let result = (cost.item(), cost.backward());
            tape.reset();
            result
        })
        .unwrap();
    let near = |(value, expected): (&f64, f64)| (value - expected).abs() < 1e-8;
    assert!(model.values().iter().zip([1.0, 3.0, 3.0, 3.0, 1.0]).all(near), "{:?}", model.values());
}

#[test]
fn options_out_of_range_are_errors() {
    let mut model = Model::new();
    let grads = ones(&model.params());
    let mut refuses = |group, text: &str| {
        let error = Sgd::new(0.1).group(group).step(&mut model, &grads).unwrap_err();
        assert_eq!(error.to_string(), format!("step: a group's {text}, expected a finite number, at least 0"));
    };
    refuses(Group::prefix("nothing").lr_factor(-1.0), "factor of the learning rate is -1");
    refuses(Group::prefix("body").weight_decay(f64::NAN), "weight decay is NaN");
    assert_eq!(model.values(), [1.0; 5]);
}
