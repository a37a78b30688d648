//! Stochastic gradient descent against PyTorch's rule written out for one number, and its refusals.

use optim::{Error, Sgd};
use proptest::prelude::*;
use tensor::{Gradients, Module, Param, Path, Tape, Tensor, rng};

#[derive(Clone, Copy, Debug)]
struct Options {
    lr: f64,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    decay_biases: bool,
    maximize: bool,
}

impl Options {
    fn sgd(self) -> Sgd<f64> {
        Sgd::new(self.lr)
            .momentum(self.momentum)
            .dampening(self.dampening)
            .nesterov(self.nesterov)
            .weight_decay(self.weight_decay)
            .decay_biases(self.decay_biases)
            .maximize(self.maximize)
    }
}

/// One number under PyTorch's documented algorithm.
struct Scalar {
    p: f64,
    buffer: Option<f64>,
}

impl Scalar {
    fn step(&mut self, mut g: f64, options: Options, bias: bool) {
        if options.maximize {
            g = -g;
        }
        if options.weight_decay != 0.0 && (options.decay_biases || !bias) {
            g += options.weight_decay * self.p;
        }
        if options.momentum != 0.0 {
            let b = match self.buffer {
                Some(b) => options.momentum * b + (1.0 - options.dampening) * g,
                None => g,
            };
            self.buffer = Some(b);
            g = if options.nesterov { g + options.momentum * b } else { b };
        }
        self.p -= options.lr * g;
    }
}

/// A weight and a bias, as a dense layer has them.
struct Layer {
    weight: Param<f64>,
    bias: Param<f64>,
}

impl Layer {
    fn new(weight: &[f64], bias: &[f64]) -> Layer {
        Layer { weight: Param::new("weight", weight), bias: Param::new("bias", bias) }
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

/// Gradients that are the given ones: those of Σ g·p.
fn gradients(params: &[(&Param<f64>, &[f64])]) -> Gradients<f64> {
    let tape = Tape::new();
    let dot = |(p, g): &(&Param<f64>, &[f64])| (tape.param(p) * tape.constant(*g)).sum(..);
    params.iter().map(dot).reduce(|a, b| a + b).expect("a parameter").backward()
}

fn any_options() -> impl Strategy<Value = Options> {
    let zero_or = |range| prop_oneof![Just(0.0), range];
    let momentum = (zero_or(0.0..0.99), zero_or(0.0..1.0), any::<bool>());
    (0.0..1.0, momentum, zero_or(0.0..0.5), any::<[bool; 2]>()).prop_map(
        |(lr, (momentum, dampening, nesterov), weight_decay, [decay_biases, maximize])| {
            let nesterov = nesterov && momentum > 0.0;
            let dampening = if nesterov { 0.0 } else { dampening };
            Options { lr, momentum, dampening, nesterov, weight_decay, decay_biases, maximize }
        },
    )
}

#[track_caller]
fn assert_close(got: &Tensor<f64>, expected: &[Scalar], what: &str) {
    for (got, expected) in got.to_vec().iter().zip(expected) {
        let error = (got - expected.p).abs() / expected.p.abs().max(1.0);
        assert!(error <= 1e-14, "{what}: {got:e} is not {:e}", expected.p);
    }
}

proptest! {
    #[test]
    fn steps_are_pytorchs(options in any_options(), size in 1usize..40, seed: u64) {
        let mut rng = rng(seed, 0);
        let mut draw = |n| Tensor::<f64>::randn([n], &mut rng).to_vec();
        let (weight, bias) = (draw(size), draw(3));
        let mut layer = Layer::new(&weight, &bias);
        let scalars = |values: Vec<f64>| values.into_iter().map(|p| Scalar { p, buffer: None }).collect::<Vec<_>>();
        let (mut weight, mut bias) = (scalars(weight), scalars(bias));
        let mut sgd = options.sgd();
        for step in 0..8 {
            let (gw, gb) = (draw(size), draw(3));
            let grads = gradients(&[(&layer.weight, &gw), (&layer.bias, &gb)]);
            sgd.step(&mut layer, &grads).unwrap();
            weight.iter_mut().zip(&gw).for_each(|(p, &g)| p.step(g, options, false));
            bias.iter_mut().zip(&gb).for_each(|(p, &g)| p.step(g, options, true));
            assert_close(layer.weight.value(), &weight, &format!("weight after step {step}"));
            assert_close(layer.bias.value(), &bias, &format!("bias after step {step}"));
        }
    }
}

#[test]
fn the_first_step_is_not_dampened() {
    let mut w = Param::new("w", [1.0f64]);
    let mut sgd = Sgd::new(1.0).momentum(0.5).dampening(0.75);
    for expected in [0.0, -0.75] {
        let grads = gradients(&[(&w, &[1.0])]);
        sgd.step(&mut w, &grads).unwrap();
        assert_eq!(w.value().to_vec(), [expected]);
    }
}

#[test]
fn biases_are_known_by_their_field_or_their_own_name() {
    let start = || [1.0f64];
    let sgd = || Sgd::new(0.5).weight_decay(1.0).decay_biases(false);
    let mut layer = Layer::new(&start(), &start());
    let grads = gradients(&[(&layer.weight, &[0.0]), (&layer.bias, &[0.0])]);
    sgd().step(&mut layer, &grads).unwrap();
    assert_eq!((layer.weight.value()[[0]], layer.bias.value()[[0]]), (0.5, 1.0));

    let mut list = vec![Param::new("bias", start()), Param::new("w", start())];
    let grads = gradients(&[(&list[0], &[0.0]), (&list[1], &[0.0])]);
    sgd().step(&mut list, &grads).unwrap();
    assert_eq!((list[0].value()[[0]], list[1].value()[[0]]), (1.0, 0.5));
}

/// Without decay an infinite parameter is not multiplied with 0.
#[test]
fn an_infinite_parameter_stays_infinite() {
    let mut w = Param::new("w", [f64::INFINITY]);
    let grads = gradients(&[(&w, &[1.0])]);
    Sgd::new(0.1).step(&mut w, &grads).unwrap();
    assert_eq!(w.value().to_vec(), [f64::INFINITY]);
}

#[test]
fn an_unreached_parameter_is_an_error_that_names_it_and_nothing_changes() {
    let mut layers = vec![Layer::new(&[1.0], &[2.0]), Layer::new(&[3.0], &[4.0])];
    let grads = gradients(&[(&layers[0].weight, &[1.0]), (&layers[1].bias, &[1.0])]);
    let mut sgd = Sgd::new(0.1).momentum(0.9);
    let error = sgd.step(&mut layers, &grads).unwrap_err();
    assert_eq!(error, Error::Unreached(vec!["0.bias".into(), "1.weight".into()]));
    let text = "step: the cost never reached `0.bias`, `1.weight`; leave them out of the model, or allow it with \
                `allow_unreached`";
    assert_eq!(error.to_string(), text);
    let values = |layers: &[Layer]| layers.iter().flat_map(|l| [l.weight.value()[[0]], l.bias.value()[[0]]]).collect();
    let after: Vec<f64> = values(&layers);
    assert_eq!(after, [1.0, 2.0, 3.0, 4.0]);

    sgd.allow_unreached(true).step(&mut layers, &grads).unwrap();
    let after: Vec<f64> = values(&layers);
    assert_eq!(after, [0.9, 2.0, 3.0, 3.9]);
}

#[test]
fn a_parameter_that_is_the_whole_model_is_named_by_itself() {
    let (mut w, other) = (Param::new("theta", [1.0f64]), Param::new("other", [1.0f64]));
    let error = Sgd::new(0.1).step(&mut w, &gradients(&[(&other, &[1.0])])).unwrap_err();
    assert_eq!(error, Error::Unreached(vec!["theta".into()]));
}

/// A parameter replaced between backward and step by one of another shape.
#[test]
fn a_gradient_of_another_shape_is_an_error() {
    let mut layer = Layer::new(&[1.0, 2.0], &[1.0]);
    let grads = gradients(&[(&layer.weight, &[1.0, 1.0]), (&layer.bias, &[1.0])]);
    *layer.bias.value_mut() = Tensor::from([1.0, 2.0, 3.0]);
    let error = Sgd::new(0.1).step(&mut layer, &grads).unwrap_err();
    assert_eq!(error.to_string(), "step: the gradient of `bias` has shape [1], expected [3]");
    assert_eq!(layer.weight.value().to_vec(), [1.0, 2.0]);
}

#[test]
fn options_out_of_range_are_errors_and_nothing_changes() {
    let plain = || Sgd::<f64>::new(0.1);
    let refused = [
        (Sgd::new(f64::NAN), "step: the learning rate is NaN, expected a finite number, at least 0"),
        (Sgd::new(f64::INFINITY), "step: the learning rate is inf, expected a finite number, at least 0"),
        (Sgd::new(-0.1), "step: the learning rate is -0.1, expected a finite number, at least 0"),
        (plain().momentum(-0.1), "step: momentum is -0.1, expected a finite number, at least 0"),
        (plain().momentum(f64::NAN), "step: momentum is NaN, expected a finite number, at least 0"),
        (plain().dampening(f64::NAN), "step: dampening is NaN, expected a finite number"),
        (plain().weight_decay(-1.0), "step: weight decay is -1, expected a finite number, at least 0"),
        (plain().weight_decay(f64::INFINITY), "step: weight decay is inf, expected a finite number, at least 0"),
        (plain().nesterov(true), "step: momentum is 0, expected more than 0 for Nesterov's momentum"),
        (
            plain().momentum(0.9).dampening(0.1).nesterov(true),
            "step: dampening is 0.1, expected 0 for Nesterov's momentum",
        ),
    ];
    for (mut sgd, text) in refused {
        let mut w = Param::new("w", [1.0f64]);
        let grads = gradients(&[(&w, &[1.0])]);
        assert_eq!(sgd.step(&mut w, &grads).unwrap_err().to_string(), text);
        assert_eq!(w.value().to_vec(), [1.0], "{text}");
    }
}

#[test]
fn the_update_is_in_place_once_backward_has_let_go() {
    let mut w = Param::new("w", Tensor::<f64>::ones([1000]));
    let mut sgd = Sgd::new(0.1).momentum(0.9);
    let mut tape = Tape::new();
    for _ in 0..3 {
        let at = w.value().as_slice().unwrap().as_ptr();
        // Views of the parameter, which the tape holds too.
        let v = tape.param(&w);
        let cost = (v.reshape([10, 100]).t().square().sum(..) + v.narrow(0, 0, 5).sum(..)).square();
        let grads = cost.backward();
        sgd.step(&mut w, &grads).unwrap();
        assert_eq!(w.value().as_slice().unwrap().as_ptr(), at);
        tape.reset();
    }
}

#[test]
fn after_backward_retain_the_tape_keeps_the_old_value() {
    let mut w = Param::new("w", [3.0f64]);
    let tape = Tape::new();
    let v = tape.param(&w);
    let grads = v.square().sum(..).backward_retain();
    Sgd::new(0.5).step(&mut w, &grads).unwrap();
    assert_eq!((v.value().item(), w.value().item()), (3.0, 0.0));
}

#[test]
fn a_parameter_used_twice_gets_the_sum_of_its_gradients() {
    let mut w = Param::new("w", [2.0f64, 3.0]);
    let tape = Tape::new();
    // Two leaves and a fan-out of one of them: d(w² + 5w + w)/dw = 2w + 6.
    let (first, second) = (tape.param(&w), tape.param(&w));
    let cost = (first.square() + 5.0 * second + first).sum(..);
    let grads = cost.backward();
    assert_eq!(grads.wrt(&w).to_vec(), [10.0, 12.0]);
    Sgd::new(1.0).step(&mut w, &grads).unwrap();
    assert_eq!(w.value().to_vec(), [-8.0, -9.0]);
}

/// A model whose parameters come in another order, and more of them, from one step to the next.
#[test]
fn velocities_follow_their_parameters_through_a_change_of_order() {
    let options = Options {
        lr: 0.1,
        momentum: 0.9,
        dampening: 0.2,
        nesterov: false,
        weight_decay: 0.01,
        decay_biases: true,
        maximize: false,
    };
    let mut model: Vec<Param<f64>> = (0..4).map(|i| Param::new("w", [f64::from(i)])).collect();
    let mut scalars: Vec<Scalar> = (0..4).map(|i| Scalar { p: f64::from(i), buffer: None }).collect();
    let mut sgd = options.sgd();
    for step in 0..6 {
        let g: Vec<[f64; 1]> = (0..model.len()).map(|i| [(1 + step * 3 + i) as f64]).collect();
        let pairs: Vec<_> = model.iter().zip(&g).map(|(p, g)| (p, &g[..])).collect();
        let grads = gradients(&pairs);
        sgd.step(&mut model, &grads).unwrap();
        scalars.iter_mut().zip(&g).for_each(|(p, g)| p.step(g[0], options, false));
        for (p, scalar) in model.iter().zip(&scalars) {
            assert_close(p.value(), std::slice::from_ref(scalar), &format!("step {step}"));
        }
        model.rotate_left(1);
        scalars.rotate_left(1);
        if step == 2 {
            model.insert(1, Param::new("late", [7.0]));
            scalars.insert(1, Scalar { p: 7.0, buffer: None });
        }
    }
}

/// A parameter that the cost reaches only later starts its velocity then.
#[test]
fn an_unreached_parameter_keeps_its_velocity() {
    let mut model = vec![Param::new("a", [1.0f64]), Param::new("b", [1.0f64])];
    let mut sgd = Sgd::new(1.0).momentum(0.5).allow_unreached(true);
    let only_a = gradients(&[(&model[0], &[1.0])]);
    sgd.step(&mut model, &only_a).unwrap();
    let only_b = gradients(&[(&model[1], &[1.0])]);
    sgd.step(&mut model, &only_b).unwrap();
    assert_eq!((model[0].value().item(), model[1].value().item()), (0.0, 0.0));
    let both = gradients(&[(&model[0], &[0.0]), (&model[1], &[0.0])]);
    sgd.step(&mut model, &both).unwrap();
    assert_eq!((model[0].value().item(), model[1].value().item()), (-0.5, -0.5));
}

#[test]
fn the_learning_rate_can_change_between_steps() {
    let mut w = Param::new("w", [0.0f64]);
    let mut sgd = Sgd::new(1.0);
    for (lr, expected) in [(1.0, -1.0), (0.25, -1.25)] {
        sgd.set_lr(lr);
        assert_eq!(sgd.lr(), lr);
        let grads = gradients(&[(&w, &[1.0])]);
        sgd.step(&mut w, &grads).unwrap();
        assert_eq!(w.value().item(), expected);
    }
}
