//! What is written is run by ONNX Runtime, to the same outputs. `PYTHON` names a Python that has it, NumPy, ONNX and
//! safetensors:
//!
//! ```sh
//! PYTHON=python3 cargo test -p wengert-onnx --test suite -- --ignored --nocapture
//! ```

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use files::safetensors::{self, Contents};
use onnx::Export;
use tensor::{Tape, Tensor, rng};

use crate::models::{self, Model, SYMBOLS};
use crate::read::lines;

/// A batch of indices, all of them symbols, that does not depend on the model.
fn symbols(batch: usize, sizes: &[usize]) -> Tensor<i64> {
    let sizes = [&[batch], &sizes[1..]].concat();
    Tensor::from_fn(sizes, |at| at.iter().fold(3, |sum, &i| 5 * sum + i as i64) % SYMBOLS)
}

/// A model's file, and what it gives for batches of other sizes than that of the example.
fn written(model: &dyn Model) -> (Vec<u8>, Contents) {
    let mut export = Export::new(model).input("numbers", &Tensor::ones(model.numbers())).output("output");
    if let Some(sizes) = model.indices() {
        export = export.indices("indices", &symbols(1, &sizes));
    }
    let none = Tensor::from(0i64);
    let index = |x: &onnx::Inputs<'_>| if model.indices().is_some() { x.indices(0).clone() } else { none.clone() };
    let file =
        export.to_bytes(|x| vec![model.evaluate(x[0], &index(x))]).unwrap_or_else(|e| panic!("{}: {e}", model.name()));
    let mut contents = Contents::new();
    for batch in [1, 5] {
        let x = Tensor::<f32>::randn([&[batch], &model.numbers()[1..]].concat(), &mut rng(batch as u64, 1));
        let index = model.indices().map(|sizes| symbols(batch, &sizes));
        let tape = Tape::inference();
        let y = model.evaluate(tape.constant(x.clone()), index.as_ref().unwrap_or(&none)).value();
        contents.insert(format!("{batch}.numbers"), x);
        contents.insert(format!("{batch}.output"), y);
        if let Some(index) = index {
            contents.insert(format!("{batch}.indices"), index);
        }
    }
    (file, contents)
}

#[test]
#[ignore = "needs a Python with ONNX Runtime"]
fn onnx_runtime_gives_the_same_outputs() {
    let folder = tempfile::tempdir().unwrap();
    for model in models::all() {
        let (file, contents) = written(&*model);
        std::fs::write(folder.path().join(format!("{}.onnx", model.name())), file).unwrap();
        safetensors::write(folder.path().join(format!("{}.safetensors", model.name())), &contents).unwrap();
    }
    let python =
        std::env::var_os("PYTHON").expect("PYTHON names a Python with onnx, onnxruntime, numpy and safetensors");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/check.py");
    let status = Command::new(python).arg("-B").arg(script).arg(folder.path()).status().expect("a Python that starts");
    assert!(status.success(), "{status}");
}

/// The kinds of nodes that the sources name: all texts in them that begin with a capital letter.
fn kinds_in_sources() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nodes");
    let sources = folder.read_dir().expect("the sources").map(|entry| entry.expect("a source").path());
    let code = sources.flat_map(|path| {
        let source = std::fs::read_to_string(path).expect("a source");
        source.lines().filter(|line| !line.trim_start().starts_with("//")).map(String::from).collect::<Vec<_>>()
    });
    let texts = code.flat_map(|line| line.split('"').skip(1).step_by(2).map(String::from).collect::<Vec<_>>());
    texts.filter(|text| text.starts_with(char::is_uppercase)).collect()
}

/// So that the runtime sees all of them.
#[test]
fn the_models_have_every_kind_of_node() {
    let kind = |line: &String| Some(line.split_once(" = ")?.1.split_once('(')?.0.to_string());
    let kinds: BTreeSet<_> =
        models::all().iter().flat_map(|model| lines(&written(&**model).0)).filter_map(|line| kind(&line)).collect();
    let named = kinds_in_sources();
    assert!(named.contains("ReduceLogSumExp") && named.contains("CumSum"), "{named:?}");
    assert_eq!(named.difference(&kinds).collect::<Vec<_>>(), Vec::<&String>::new());
}
