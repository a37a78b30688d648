//! ONNX's own node tests, run on Wengert's ops.
//!
//! `ONNX_DIR` names the folder that `tests/onnx/make.py` has written, one file a case; without it the test says that it
//! skips. Which ops a node stands for is listed in the modules below, a family each.

mod attention;
mod case;
mod elementwise;
mod network;
mod recurrent;
mod reduce;
mod structure;
mod window;

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use wengert::files::AnyTensor;
use wengert::tensor::Tensor;

use case::{Answer, Case};

/// How many of the cases of onnx 1.23 pass; fewer are a failure, and more are to be written down here.
const PASSING: usize = 729;

/// The difference allowed, relative to the larger of 1 and the expected value.
const TOLERANCE: f64 = 1e-5;

/// The case whose expected values are written with four digits, and the difference that ONNX's own runner allows.
const FOUR_DIGITS: (&str, f64) = ("averagepool_2d_ceil_last_window_starts_on_pad", 1e-3);

#[test]
fn agrees_with_onnx() {
    let Some(folder) = std::env::var_os("ONNX_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        return say("onnx: ONNX_DIR names no folder with cases; skipped");
    };
    let entries = folder.read_dir().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of a folder").path()).collect();
    paths.sort();
    let mut tally = Tally::default();
    for path in &paths {
        tally.run(&Case::open(path));
    }
    tally.report();
}

/// Writes a line where a passing test's output is not captured.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}

/// What the node gives, or `None` for one that no op stands for.
fn evaluate(case: &Case) -> Option<Answer> {
    elementwise::evaluate(case)
        .or_else(|| reduce::evaluate(case))
        .or_else(|| structure::evaluate(case))
        .or_else(|| window::evaluate(case))
        .or_else(|| network::evaluate(case))
        .or_else(|| recurrent::evaluate(case))
        .or_else(|| attention::evaluate(case))
}

/// How the cases of one type of node went.
#[derive(Default)]
struct Score {
    passed: usize,
    cases: usize,
}

#[derive(Default)]
struct Tally {
    ops: BTreeMap<String, Score>,
    without: BTreeMap<String, usize>,
    unsupported: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn run(&mut self, case: &Case) {
        let outcome = catch_unwind(AssertUnwindSafe(|| evaluate(case)));
        if let Ok(None) = outcome {
            *self.without.entry(case.op.clone()).or_default() += 1;
            return;
        }
        let score = self.ops.entry(case.op.clone()).or_default();
        score.cases += 1;
        match outcome.map(|answer| answer.expect("checked above")) {
            Ok(Ok(outputs)) => match difference(case, &outputs) {
                None => score.passed += 1,
                Some(what) => self.wrong.push(format!("{} ({}): {what}", case.name, case.op)),
            },
            Ok(Err(why)) => self.unsupported.push(format!("{} ({}): {why}", case.name, case.op)),
            Err(_) => self.wrong.push(format!("{} ({}): panicked, as printed above", case.name, case.op)),
        }
    }

    fn report(&self) {
        let (passed, cases) =
            self.ops.values().fold((0, 0), |(passed, cases), score| (passed + score.passed, cases + score.cases));
        let ops: Vec<_> = self.ops.iter().map(|(op, score)| format!("{op} {}/{}", score.passed, score.cases)).collect();
        say(&format!("onnx: {passed} of {cases} cases of {} types of node pass: {}", ops.len(), ops.join(", ")));
        let others: usize = self.without.values().sum();
        let without: Vec<_> = self.without.iter().map(|(op, cases)| format!("{op} ({cases})")).collect();
        say(&format!("onnx: {others} cases are of nodes that no op stands for: {}", without.join(", ")));
        self.unsupported.iter().for_each(|line| say(&format!("onnx: not supported: {line}")));
        self.wrong.iter().for_each(|line| say(&format!("onnx: fails: {line}")));
        assert!(passed >= PASSING, "{passed} of {cases} cases pass, expected at least {PASSING}");
    }
}

/// The first thing that is not as the case expects it.
fn difference(case: &Case, outputs: &[AnyTensor]) -> Option<String> {
    case.outputs.iter().find_map(|(&i, expected)| match outputs.get(i) {
        None => Some(format!("output {i} is missing")),
        Some(got) => unequal(got, expected, if case.name == FOUR_DIGITS.0 { FOUR_DIGITS.1 } else { TOLERANCE })
            .map(|what| format!("output {i} {what}")),
    })
}

fn unequal(got: &AnyTensor, expected: &AnyTensor, tolerance: f64) -> Option<String> {
    if got.shape() != expected.shape() {
        return Some(format!("has shape {}, expected {}", got.shape(), expected.shape()));
    }
    match (case::floats(got), case::floats(expected)) {
        (Some(got), Some(expected)) => far(&got, &expected, tolerance),
        (None, None) if got == expected => None,
        _ => Some(format!("is {got:?}, expected {expected:?}")),
    }
}

/// The first position where floats differ.
fn far(got: &Tensor<f64>, expected: &Tensor<f64>, tolerance: f64) -> Option<String> {
    let pairs = got.to_vec().into_iter().zip(expected.to_vec());
    let near = |got: f64, expected: f64| {
        got == expected
            || (got.is_nan() && expected.is_nan())
            || (got - expected).abs() <= tolerance * expected.abs().max(1.0)
    };
    let mut wrong = pairs.enumerate().filter(|(_, (got, expected))| !near(*got, *expected));
    let (position, (got, expected)) = wrong.next()?;
    Some(format!("at position {position} is {got:e}, expected {expected:e}; {} more differ", wrong.count()))
}
