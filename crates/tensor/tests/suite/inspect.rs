//! Looking inside: hooks, anomalies, the profile, the memory report and the drawing.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tensor::{Attribute, ConvOptions, Error, Mode, Param, PoolOptions, StepKind, Tape, Tensor, Var, rng, s};

fn message(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_hook_looks_at_the_whole_gradient() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from([1.0, 2.0]));
    let list = seen.clone();
    let h = (2.0 * x).inspect_gradient(move |g| list.borrow_mut().push(g.clone()));
    let y = h.square() + 3.0 * h;
    y.sum(..).backward();
    assert_eq!(*seen.borrow(), [Tensor::from([7.0, 11.0])]);
    tape.grad(y.sum(..), &[x]);
    assert_eq!(seen.borrow().len(), 2);
}

#[test]
fn hooks_scale_reverse_and_change_a_gradient() {
    let slope = |f: fn(Var<'_, f64>) -> Var<'_, f64>| {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(Tensor::from([3.0, -1.0]));
        let y = f(x).square().sum(..);
        let recorded = tape.grad(y, &[x])[0];
        let eager = y.backward_retain().wrt(x).clone();
        assert_eq!(recorded.value(), eager);
        (eager, recorded.sum(..).backward().wrt(x).clone())
    };
    assert_eq!(slope(|x| x.scale_gradient(0.5)), (Tensor::from([3.0, -1.0]), Tensor::from([0.5, 0.5])));
    assert_eq!(slope(|x| x.reverse_gradient()), (Tensor::from([-6.0, 2.0]), Tensor::from([2.0, 2.0])));
    // g³ for g = 2x.
    let (first, _) = slope(|x| x.map_gradient(|g| g * g * g));
    assert_eq!(first, Tensor::from([216.0, -8.0]));
}

#[test]
fn an_anomaly_names_op_shape_place_and_line() {
    let tape = Tape::<f64>::new();
    tape.detect_anomalies(true);
    let x = tape.leaf(Tensor::from([[1.0, 2.0], [-1.0, 4.0]]));
    let line = line!() + 1;
    let said = message(|| _ = x.ln());
    assert_eq!(
        said,
        format!("ln: the result, of shape [2, 2], has NaN at [1, 0]; recorded at {}:{line}:{}", file!(), 33)
    );
    let error = (x * 1e200).try_mul(x * 1e200).unwrap_err();
    assert!(matches!(&error, Error::Anomaly { op: "mul", .. }), "{error}");
    assert!(error.to_string().contains("has an infinity at [0, 0]"), "{error}");
}

#[test]
fn an_anomaly_of_a_gradient_names_the_op_that_made_it() {
    let tape = Tape::<f64>::new();
    tape.detect_anomalies(true);
    let x = tape.leaf(Tensor::from([4.0, 0.0]));
    let (y, line) = (x.sqrt(), line!());
    let cost = (y * 2.0).sum(..);
    let eager = message(|| drop(cost.backward_retain()));
    let place = format!("recorded at {}:{line}:", file!());
    assert!(eager.starts_with("sqrt: the gradient of input 0, of shape [2], has an infinity at [1]; "), "{eager}");
    assert!(eager.contains(&place), "{eager}");
    // In a recorded gradient the op that the rule is made of has it, on behalf of the same line.
    let recorded = message(|| drop(tape.grad(cost, &[x])));
    assert!(recorded.starts_with("div: the result, of shape [2], has an infinity at [1]; "), "{recorded}");
    assert!(recorded.contains(&place), "{recorded}");
}

#[test]
fn only_the_first_anomaly_is_one_and_constants_may_be_infinite() {
    let tape = Tape::<f64>::new();
    let broken = tape.leaf(Tensor::from([-1.0])).ln();
    tape.detect_anomalies(true);
    assert!(broken.exp().item().is_nan());
    let mask = tape.constant(Tensor::from([f64::NEG_INFINITY, 0.0]));
    assert_eq!((mask + tape.leaf(Tensor::from([1.0, 1.0]))).softmax(0).value(), Tensor::from([0.0, 1.0]));
    let said = message(|| _ = tape.leaf(Tensor::from([0.0, f64::NAN])));
    assert_eq!(said, "leaf: a value of shape [2] has NaN at [1]");
    tape.detect_anomalies(false);
    assert!(tape.leaf(Tensor::from([-1.0])).ln().item().is_nan());
}

/// Methods that are made of other ops, and operators, report the line of the user too.
#[test]
fn the_recorded_line_is_the_users() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::<f64>::ones([2, 3]));
    let at = |v: Var<'_, f64>, line: u32| assert_eq!((v.location().file(), v.location().line()), (file!(), line));
    at(x, line!() - 2);
    at(x + x, line!());
    at(2.0 * x, line!());
    at(-x, line!());
    at(x.norm(1), line!());
    at(x.prod(..), line!());
    at(x.var(0, 1.0), line!());
    at(x.layer_norm(None, None, 1e-5), line!());
    at(x.matmul(x.t()), line!());
    at(x.linear(x, None), line!());
    at(x.flatten(), line!());
    at(x.unsqueeze(0).squeeze(0), line!());
    at(Var::concat(&[x, x], 0), line!());
    at(x.softmax(1), line!());
    at(x.try_add(x).unwrap(), line!());
}

#[test]
fn the_profile_counts_and_survives_a_reset() {
    let mut tape = Tape::new();
    tape.set_profiling(true);
    for _ in 0..3 {
        let x = tape.leaf(Tensor::<f32>::ones([8, 16]));
        let w = tape.leaf(Tensor::<f32>::ones([16, 4]));
        x.matmul(w).tanh().sum(..).backward();
        tape.reset();
    }
    let profile = tape.profile();
    let op = |name: &str| profile.ops().iter().find(|op| op.name == name).expect("it was used").clone();
    let product = op("matmul");
    assert_eq!((product.count, product.flops), (3, 3 * 2 * 8 * 16 * 4));
    assert_eq!(product.bytes, 3 * 4 * (8 * 16 + 16 * 4 + 8 * 4));
    assert_eq!((op("tanh").count, op("tanh").flops), (3, 3 * 32));
    assert!(!product.forward.is_zero() && !product.backward.is_zero());
    let table = profile.to_string();
    assert!(table.lines().count() == 5 && table.contains("matmul") && table.contains("total"), "{table}");
    tape.set_profiling(false);
    assert!(tape.profile().ops().is_empty());
}

/// Large elementwise results stand for themselves while they are watched, and are what they are otherwise.
#[test]
fn watching_changes_no_value() {
    let run = |watch: bool| {
        let tape = Tape::<f64>::new();
        tape.set_profiling(watch);
        let x = tape.leaf(Tensor::<f64>::randn([1 << 18], &mut rng(0, 0)));
        let y = (x.tanh() * x).exp().mean(..);
        (y.backward_retain().wrt(x).clone(), y.item(), tape.profile())
    };
    let ((grad, value, _), (watched_grad, watched_value, profile)) = (run(false), run(true));
    assert_eq!((grad, value.to_bits()), (watched_grad, watched_value.to_bits()));
    assert_eq!(profile.ops().len(), 4);
}

#[test]
fn memory_counts_each_buffer_once() {
    let w = Param::new("w", Tensor::<f64>::ones([10, 10]));
    let tape = Tape::<f64>::new();
    let x = tape.constant(Tensor::<f64>::ones([4, 10]));
    tape.checkpoint(|| x.matmul(tape.param(&w)).exp().t().sin());
    let memory = tape.memory();
    let kind = |name: &str| memory.kinds().iter().find(|kind| kind.kind == name).expect("it is there").clone();
    // Buffers come in sizes that are a little larger than what is asked for.
    assert!((800..1100).contains(&kind("parameter").bytes));
    assert_eq!((kind("matmul").bytes, kind("matmul").without_value), (0, 1));
    assert_eq!(kind("exp").without_value, 1);
    assert!((320..500).contains(&kind("sin").bytes));
    assert_eq!(memory.bytes(), memory.kinds().iter().map(|kind| kind.bytes).sum::<usize>());
    assert!(memory.to_string().lines().last().unwrap().starts_with("total"));
}

#[test]
fn the_drawing_has_every_node_and_edge() {
    let w = Param::new("w \"quoted\"", Tensor::<f64>::ones([3, 2]));
    let tape = Tape::<f64>::new();
    tape.constant(Tensor::from([9.0]));
    let x = tape.constant(Tensor::<f64>::ones([4, 3]));
    x.matmul(tape.param(&w)).tanh();
    let dot = tape.to_dot();
    assert!(dot.starts_with("digraph tape {") && dot.ends_with("}\n"));
    assert_eq!(dot.matches(" -> ").count(), 3);
    assert!(dot.contains("w \\\"quoted\\\"\\n[3, 2]") && !dot.contains("n0 ["), "{dot}");
}

/// Where Graphviz is installed, it accepts the drawing; where not, the error says what is missing.
#[test]
fn graphviz_draws_it() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from([1.0]));
    x.exp().sin();
    match tape.to_svg() {
        Ok(svg) => assert!(svg.contains("<svg") && svg.contains("exp") && svg.contains("sin")),
        Err(error) => assert_eq!(error.to_string(), "Graphviz's program `dot` is not installed"),
    }
}

#[test]
fn a_tracing_tape_lists_what_an_evaluation_does() {
    let tape = Tape::<f64>::tracing();
    assert_eq!(tape.mode(), Mode::Inference);
    let mut w = Param::new("weight", Tensor::<f64>::ones([3, 2]));
    w.set_frozen(true);
    let (x, two) = (tape.leaf(Tensor::ones([4, 3])), tape.constant(2.0));
    let line = line!() + 1;
    let y = (x.matmul(tape.param(&w)) * two.exp()).sum(0);
    let steps = tape.steps();
    assert_eq!((steps.len(), tape.len()), (7, 7));
    let StepKind::Op { name, attributes, inputs } = &steps[y.position()].kind else { panic!("an op") };
    assert_eq!(*name, "sum");
    let expected = [("axes", Attribute::Integers(vec![0])), ("keepdim", Attribute::Flag(false))];
    assert_eq!(attributes.as_deref(), Some(&expected[..]));
    assert!(matches!(&steps[inputs[0]].kind, StepKind::Op { name: "mul", .. }));
    assert_eq!((steps[y.position()].location.file(), steps[y.position()].location.line()), (file!(), line));
    assert_eq!(*steps[y.position()].shape, [2]);
    assert!(
        steps
            .iter()
            .any(|step| matches!(&step.kind, StepKind::Param(id, value) if *id == w.id() && value == w.value()))
    );
    assert!(matches!(&steps[x.position()].kind, StepKind::Leaf(value) if *value == x.value()));
    // StepKind was computed from constants alone is one.
    assert!(steps.iter().any(|step| matches!(&step.kind, StepKind::Constant(value) if *value == two.exp().value())));
    assert_eq!(y.sum(..).backward().wrt(x).shape(), &x.shape());
}

/// Elementwise ops of large arrays wait until their values are asked for, and sums are met on the way.
#[test]
fn large_arrays_are_listed_like_small_ones() {
    let steps = |n: usize| {
        let tape = Tape::<f32>::tracing();
        let x = tape.leaf(Tensor::ones([n]));
        (x.tanh() * tape.constant(Tensor::from(2.0)).exp() + x).mean(..);
        tape.steps().into_iter().map(|step| (format!("{:?}", step.kind), step.shape.rank())).collect::<Vec<_>>()
    };
    let (small, large) = (steps(8), steps(1 << 18));
    let ops =
        |steps: &[(String, usize)]| steps.iter().filter(|step| step.0.starts_with("Op")).cloned().collect::<Vec<_>>();
    assert_eq!(ops(&small), ops(&large));
    assert_eq!((ops(&small).len(), small.len(), large.len()), (4, 7, 7));
}

/// The attributes of the op that made a variable, as a text.
fn attributes(f: impl for<'t> Fn(Var<'t>) -> Var<'t>, shape: &[usize]) -> String {
    let tape = Tape::tracing();
    let y = f(tape.leaf(Tensor::ones(shape)));
    let StepKind::Op { name, attributes, .. } = &tape.steps()[y.position()].kind else { panic!("an op") };
    let one = |(name, value): &(&str, Attribute)| match value {
        Attribute::Flag(flag) => format!("{name} {flag}"),
        Attribute::Integer(n) => format!("{name} {n}"),
        Attribute::Integers(list) => format!("{name} {list:?}"),
        Attribute::Number(x) => format!("{name} {x}"),
        Attribute::Index(index) => format!("{name} {:?}", index.to_vec()),
        _ => panic!("{value:?}"),
    };
    let Some(attributes) = attributes else { return format!("{name} does not say") };
    format!("{name}: {}", attributes.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn conv(x: Var<'_>) -> Var<'_> {
    let w = x.tape().constant(Tensor::ones([1, 1, 2, 2]));
    x.conv2d(w, None, ConvOptions::new().stride([1, 2]))
}

#[test]
fn ops_say_what_they_were_built_with() {
    assert_eq!(attributes(|x| x.clamp(-1.0, 2.5), &[2]), "clamp: min -1, max 2.5");
    assert_eq!(attributes(|x| x.powi(3), &[2]), "powi: n 3");
    assert_eq!(attributes(|x| x.tanh(), &[2]), "tanh: ");
    assert_eq!(attributes(|x| x.index_select(0, &Tensor::from([1, 0])), &[2]), "index_select: axis 0, index [1, 0]");
    assert_eq!(attributes(|x| Var::custom([x], |[x]| x.clone(), |g, _, _| [g]), &[2]), "custom does not say");
    assert_eq!(attributes(|x| x.permute(&[1, -2]), &[2, 3]), "permute: axes [1, -2]");
    assert_eq!(
        attributes(|x| x.layer_norm(None, None, 0.5), &[2, 3]),
        "layer_norm: axes 1, eps 0.5, weight false, bias false"
    );
    let end = isize::MAX;
    let slice = format!("slice: starts [1, -1, 0], ends [3, {end}, {end}], steps [2, 1, 1], dropped [1]");
    assert_eq!(attributes(|x| x.slice(s![1..3; 2, -1, ..]), &[4, 4, 4]), slice);
    let pool = PoolOptions::new([2, 3]).stride(2).padding([0, 1]).ceil_mode(true);
    let expected = "max_pool: kernel [2, 3], stride [2, 2], padding [0, 1], counts_padding true, ceil_mode true";
    assert_eq!(attributes(|x| x.max_pool2d(pool), &[1, 1, 5, 4]), expected);
    let expected =
        "conv: input [5, 6], kernel [2, 2], output [4, 3], stride [1, 2], padding [0, 0], dilation [1, 1], groups 1";
    assert_eq!(attributes(conv, &[1, 1, 5, 6]), expected);
}
