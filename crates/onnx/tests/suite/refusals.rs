//! What cannot be written is named, with the line that is to blame, and leaves the file as it was.

use nn::{Embedding, Linear};
use onnx::{Export, export};
use tensor::{Elementwise, Param, Scalar, Tensor, Var, rng};

fn layer() -> Linear {
    Linear::new(3, 2, &mut rng(0, 0))
}

type Forward = for<'t> fn(Var<'t>) -> Var<'t>;

fn refused(forward: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> String {
    let model = layer();
    let export = Export::new(&model).input("x", &Tensor::ones([4, 3])).output("y");
    export.to_bytes(|x| vec![forward(x[0])]).unwrap_err().to_string()
}

#[test]
fn an_op_without_a_counterpart() {
    let line = line!() + 1;
    let error = refused(|x| x.atan2(x));
    assert!(error.starts_with("`atan2` at ") && error.contains("refusals.rs"), "{error}");
    assert!(error.contains(&format!("refusals.rs:{line}:")), "{error}, expected line {line}");
    assert!(error.ends_with("cannot be written in ONNX"), "{error}");
}

/// Another function than the one of this name.
#[derive(Clone, Copy)]
struct Mish;

impl Elementwise<1> for Mish {
    const NAME: &'static str = "mish";
    fn eval<A: Scalar>(self, [x]: [A; 1]) -> A {
        x * x.softplus().sin()
    }
}

#[test]
fn a_rule_of_somebody_else_under_a_name_that_is_known() {
    let error = refused(|x| Var::map(Mish, [x]));
    assert!(error.starts_with("`mish` at ") && error.ends_with("cannot be written in ONNX"), "{error}");
}

#[test]
fn what_depends_on_the_size_of_the_batch() {
    let fixed = "depends on the size of the batch; `Export::fixed_batch` writes it for one size";
    let n = |x: Var<'_>| x.shape()[0];
    let of_rows = |x: Var<'_>| Tensor::from_fn([n(x), 3], |at| at[0] as f32);
    let cases = [
        ("`ends` of `slice` at", refused(|x| x.narrow(0, 0, n(x)))),
        ("`factor` of `mul_scalar` at", refused(|x| x * n(x) as f32)),
        ("a constant at", refused(|x| x + x.tape().constant(of_rows(x)))),
        ("a constant at", refused(|x| x.t().matmul(x.tape().constant(Tensor::eye(n(x)))))),
        ("a constant at", refused(|x| x.matmul(x.t()).tril(0))),
        ("a leaf at", refused(|x| x + x.tape().leaf(of_rows(x)))),
        ("`index` of `index_select` at", refused(|x| x.index_select(0, &Tensor::from(0..n(x) as i64)))),
        ("`broadcast_to` at", refused(|x| x.sum(0).broadcast_to([n(x) * n(x), 3]))),
        ("the choice of ops at", refused(|x| (0..n(x)).map(|i| x.narrow(0, i, 1)).reduce(|a, b| a + b).unwrap())),
        ("the choice of ops at", refused(|x| if n(x) > 4 { x.relu() } else { x.tanh() })),
        ("the choice of outputs at", refused(|x| [x.relu(), x.tanh()][n(x) % 2])),
    ];
    for (what, error) in cases {
        assert!(error.starts_with(what) && error.ends_with(fixed), "{error}, expected `{what}`");
        assert!(error.contains(file!()), "{error}, expected a line of this file");
    }
}

#[test]
fn what_depends_on_the_numbers_of_the_input() {
    let model = layer();
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let refused = |export: Export<'_>, forward: Forward| {
        export.input("x", &x).output("y").to_bytes(|x| vec![forward(x[0])]).unwrap_err().to_string()
    };
    let cases: [(&str, Forward); 3] = [
        ("a constant at", |x| x - x.tape().constant(x.value().mean(..))),
        ("`max` of `clamp` at", |x| x.clamp(0.0, f64::from(x.value()[[0, 0]]))),
        ("the choice of ops at", |x| if x.value()[[0, 0]] < 1.1 { x.relu() } else { x.tanh() }),
    ];
    for (what, forward) in cases {
        for export in [Export::new(&model), Export::new(&model).fixed_batch()] {
            let error = refused(export, forward);
            let end = "depends on the numbers of the input, and the file would hold what the example gave";
            assert!(error.starts_with(what) && error.ends_with(end), "{error}, expected `{what}`");
        }
    }
}

#[test]
fn indices_that_are_not_used_as_they_are() {
    let words = Embedding::<f32>::new(9, 2, &mut rng(0, 0));
    let refused = |example: Tensor<i64>, of: fn(&Tensor<i64>) -> Tensor<i64>| {
        let export = Export::new(&words).indices("words", &example).output("y").fixed_batch();
        export.to_bytes(|x| vec![words.forward(x.tape(), &of(x.indices(0)))]).unwrap_err().to_string()
    };
    let (next, part) =
        (|index: &Tensor<i64>| index.map_elements(|i| i + 1), |index: &Tensor<i64>| index.narrow(1, 1, 2));
    for of in [next as fn(&Tensor<i64>) -> Tensor<i64>, part] {
        let error = refused(Tensor::from([[1, 2, 3]]), of);
        assert!(
            error.starts_with("`index` of `index_select` at") && error.contains("the numbers of the input"),
            "{error}"
        );
    }
    let error = refused(Tensor::from([[4, 4]]), |index| index.clone());
    assert_eq!(error, "expected examples of indices that differ, got 4 throughout");
}

#[test]
fn names_and_examples_that_do_not_fit() {
    let model = layer();
    let x = Tensor::ones([2, 3]);
    let error = |export: Export<'_>| export.to_bytes(|x| vec![x[0].relu()]).unwrap_err().to_string();
    let new = || Export::new(&model).input("x", &x);
    assert_eq!(error(new()), "expected 0 outputs, one for each name, got 1");
    assert_eq!(error(new().output("x")), "expected inputs and outputs of different names, got `x` twice");
    assert_eq!(error(new().output("")), "expected inputs and outputs that have names, got an empty one");
    let expected = "expected examples with a batch of one size along the first axis, got ";
    let error_of = |shape: &[usize]| error(new().input("z", &Tensor::ones(shape)).output("y"));
    assert_eq!(error_of(&[1, 3]), format!("{expected}[2, 3] and [1, 3]"));
    assert_eq!(error_of(&[]), format!("{expected}[2, 3] and []"));
    let none = Export::new(&model).output("y").to_bytes(|x| vec![x.tape().constant(1.0)]);
    assert_eq!(none.unwrap_err().to_string(), format!("{expected}none"));
}

#[test]
fn more_than_a_file_can_hold() {
    let vast = Param::new("vast", Tensor::<f32>::zeros([1]).broadcast_to([1 << 29]));
    let export = Export::new(&vast).input("x", &Tensor::ones([2, 3])).output("y");
    let error = export.to_bytes(|x| vec![x[0] + x.tape().param(&vast).narrow(0, 0, 3)]).unwrap_err();
    let expected =
        "the model takes 2147483648 bytes, expected less than 2 GiB, which is as much as an ONNX file can hold";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_file_stays_as_it_was() {
    let (model, folder) = (layer(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.onnx");
    export(&model, &Tensor::ones([2, 3]), |x| model.forward(x), &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    export(&model, &Tensor::ones([2, 3]), |x| x.atan2(x), &path).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
