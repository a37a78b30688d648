//! The framework against PyTorch: values, gradients and second derivatives of every op, and optimizers step by step.
//!
//! `GOLDEN_DIR` names a folder with `cases.json`, which lists the cases, and `cases.safetensors`, which holds their
//! tensors as `<id>/<name>`; without it the test says that it skips. `grad0`, … are the gradients of Σ out·gout, and
//! `hvp0`, … those of Σⱼ Σ gradⱼ·vⱼ.

mod attrs;
mod ops;
mod optimizers;
mod reference;
mod schedules;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use wengert::tensor::{Gradients, Tape, Tensor, Var};

use reference::{Case, Reference};

/// The difference allowed, relative to the larger of 1 and the reference's value.
const TOLERANCE: f64 = 1e-11;

/// That of optimizers and schedules, which are a few operations an element.
const TOLERANCE_OF_STEPS: f64 = 1e-12;

#[test]
fn agrees_with_pytorch() {
    let Some(folder) = std::env::var_os("GOLDEN_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        return say("golden: GOLDEN_DIR names no folder with reference cases; skipped");
    };
    let read = |name| fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{}: {e}", folder.join(name).display()));
    let [cases, tensors] = ["cases.json", "cases.safetensors"].map(read);
    let reference = Reference::parse(&cases, &tensors);
    let mut tally = Tally::default();
    for case in &reference.cases {
        tally.run(case, &reference);
    }
    tally.report(reference.cases.len());
}

/// Writes a line where a passing test's output is not captured.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}

#[derive(Default)]
struct Tally {
    ran: usize,
    unmapped: BTreeMap<String, usize>,
    wrong: Vec<String>,
    largest: f64,
}

impl Tally {
    fn run(&mut self, case: &Case, reference: &Reference<'_>) {
        match catch_unwind(AssertUnwindSafe(|| compute(case, reference))) {
            Ok(None) => *self.unmapped.entry(case.op.clone()).or_default() += 1,
            Ok(Some(results)) => {
                self.ran += 1;
                results.iter().for_each(|(name, got)| self.compare(case, name, got, reference));
            }
            Err(_) => {
                self.ran += 1;
                self.wrong.push(format!("{}: panicked, as printed above", case.id));
            }
        }
    }

    /// Compares one tensor of a case, and notes the first position that differs.
    fn compare(&mut self, case: &Case, name: &str, got: &Tensor<f64>, reference: &Reference<'_>) {
        let expected = reference.floats(case, name);
        if got.shape() != expected.shape() {
            let (got, expected) = (got.shape(), expected.shape());
            return self.wrong.push(format!("{}: `{name}` has shape {got}, expected {expected}", case.id));
        }
        let tolerance = if of_training(case) { TOLERANCE_OF_STEPS } else { TOLERANCE };
        let errors = got.to_vec().into_iter().zip(expected.to_vec()).map(|(got, expected)| difference(got, expected));
        for (position, error) in errors.enumerate() {
            self.largest = self.largest.max(error);
            if error > tolerance || error.is_nan() {
                let (got, expected) = (got.to_vec()[position], expected.to_vec()[position]);
                let place = format!("`{name}` at position {position}");
                return self.wrong.push(format!("{}: {place} is {got:e}, expected {expected:e}", case.id));
            }
        }
    }

    fn report(&self, cases: usize) {
        let (ran, largest) = (self.ran, self.largest);
        say(&format!("golden: {ran} of {cases} cases ran; the largest relative difference is {largest:.1e}"));
        if !self.unmapped.is_empty() {
            let ops: Vec<_> = self.unmapped.iter().map(|(op, cases)| format!("{op} ({cases})")).collect();
            say(&format!("golden: no mapping yet for {}", ops.join(", ")));
        }
        assert!(ran > 0, "none of {cases} cases ran");
        assert!(self.wrong.is_empty(), "{} differences:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

/// |got − expected| / max(1, |expected|), and 0 for two NaNs or equal infinities.
fn difference(got: f64, expected: f64) -> f64 {
    if got == expected || (got.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    (got - expected).abs() / expected.abs().max(1.0)
}

/// Whether a case is one of optimizers or schedules.
fn of_training(case: &Case) -> bool {
    case.op.starts_with("opt_") || case.op.starts_with("lr_")
}

/// What a case asks for, under the reference's names; `None` where its op has no mapping.
fn compute(case: &Case, reference: &Reference<'_>) -> Option<Vec<(String, Tensor<f64>)>> {
    if case.op.starts_with("opt_") {
        let tensor = |name| reference.floats(case, name);
        let problem = optimizers::Problem { w0: tensor("w0"), scale: tensor("scale"), target: tensor("target") };
        let steps = optimizers::steps(&case.op, &case.attrs, problem)?;
        return Some(vec![("steps".into(), steps)]);
    }
    if case.op.starts_with("lr_") {
        return Some(vec![("lrs".into(), schedules::rates(&case.op, &case.attrs)?)]);
    }
    if !reference.has(case, "out") {
        return None;
    }
    let tape = Tape::new();
    let variable = |i| {
        let value = reference.floats(case, &format!("in{i}"));
        if case.differentiable.contains(&i) { tape.leaf(value) } else { tape.constant(value) }
    };
    let x: Vec<_> = (0..case.inputs).map(variable).collect();
    let ints: Vec<_> = (0..case.ints).map(|i| reference.ints(case, &format!("int{i}"))).collect();
    let y = ops::evaluate(&case.op, &x, &ints, &case.attrs)?;
    let mut results = vec![("out".to_string(), y.value())];
    results.extend(gradients(case, reference, y, &x));
    Some(results)
}

/// The gradients, eager and recorded, and those of the recorded gradients.
fn gradients(
    case: &Case,
    reference: &Reference<'_>,
    y: Var<'_, f64>,
    x: &[Var<'_, f64>],
) -> Vec<(String, Tensor<f64>)> {
    let leaves: Vec<_> = case.differentiable.iter().map(|&i| x[i]).collect();
    let (tape, gout) = (y.tape(), reference.floats(case, "gout"));
    if leaves.is_empty() {
        return Vec::new();
    }
    let eager = y.vjp_retain(gout.clone());
    let recorded = tape.vjp(y, tape.constant(gout), &leaves);
    let mut results = Vec::new();
    for ((&i, &leaf), grad) in case.differentiable.iter().zip(&leaves).zip(&recorded) {
        results.push((format!("grad{i}"), or_zeros(&eager, leaf)));
        results.push((format!("grad{i}"), grad.value()));
    }
    if case.second {
        let direction = |i| tape.constant(reference.floats(case, &format!("v{i}")));
        let along = case.differentiable.iter().zip(&recorded).map(|(&i, &grad)| (grad * direction(i)).sum(..));
        let along = along.reduce(|a, b| a + b).expect("at least one leaf");
        let second = tape.grad(along, &leaves);
        results.extend(case.differentiable.iter().zip(second).map(|(i, hvp)| (format!("hvp{i}"), hvp.value())));
    }
    results
}

fn or_zeros(grads: &Gradients<f64>, leaf: Var<'_, f64>) -> Tensor<f64> {
    grads.get(leaf).cloned().unwrap_or_else(|| Tensor::zeros(leaf.shape()))
}
