//! Checkpoints in a loop written by hand.

use std::fs;

use nn::{BatchNorm, Dropout, Linear, Module};
use optim::{Adam, Ema};
use tensor::{Tape, Tensor, Var, rng};
use train::{Checkpoint, Error};

#[derive(Module)]
#[module(crate = tensor)]
struct Model {
    inner: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    outer: Linear,
}

impl Model {
    fn new(seed: u64) -> Model {
        let mut rng = rng(seed, 0);
        Model {
            inner: Linear::new(6, 8, &mut rng),
            norm: BatchNorm::new(8),
            dropout: Dropout::new(0.3),
            outer: Linear::new(8, 3, &mut rng),
        }
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.outer.forward(self.dropout.forward(self.norm.forward(self.inner.forward(x)).relu()))
    }
}

/// A run by hand.
struct Run {
    model: Model,
    adam: Adam,
    ema: Ema,
    tape: Tape,
    step: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let (model, adam, ema) = (Model::new(seed), Adam::new(0.01), Ema::new(0.9));
        Run { model, adam, ema, tape: Tape::seeded(seed), step: 0 }
    }

    fn steps(&mut self, n: u64) {
        for _ in 0..n {
            let x = Tensor::<f32>::randn([5, 6], &mut rng(self.step, 1));
            let cost = self.model.forward(self.tape.constant(x)).square().mean(..);
            self.adam.step(&mut self.model, &cost.backward()).expect("a step");
            self.ema.update(&self.model).expect("an update");
            self.tape.reset();
            self.step += 1;
        }
    }

    fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.put_model("model", &self.model)?;
        checkpoint.put_state("adam", &self.adam.state(&self.model))?;
        checkpoint.put_state("ema", &self.ema.state())?;
        checkpoint.put_tape("tape", &self.tape)?;
        checkpoint.put("step", &self.step)?;
        Ok(checkpoint)
    }

    fn resume(&mut self, path: &std::path::Path) -> Result<(), Error> {
        let mut saved = Checkpoint::load(path)?;
        saved.model("model", &mut self.model)?;
        self.adam.load_state(&self.model, &saved.state("adam")?)?;
        self.ema.load_state(&self.model, &saved.state("ema")?)?;
        saved.tape("tape", &self.tape)?;
        self.step = saved.get("step")?;
        Ok(())
    }
}

#[test]
fn a_resumed_run_ends_in_the_bytes_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let [half, whole, resumed] = ["half", "whole", "resumed"].map(|name| folder.path().join(name));
    let mut run = Run::new(1);
    run.steps(7);
    run.checkpoint().expect("a checkpoint").save(&half).expect("a file");
    run.steps(6);
    run.checkpoint().expect("a checkpoint").save(&whole).expect("a file");

    let mut other = Run::new(99);
    other.resume(&half).expect("a checkpoint that fits");
    assert_eq!(other.step, 7);
    other.steps(6);
    other.checkpoint().expect("a checkpoint").save(&resumed).expect("a file");
    assert!(fs::read(&whole).expect("a file") == fs::read(&resumed).expect("a file"));
}

#[test]
fn numbers_come_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("numbers");
    let numbers: Vec<f64> = (0..2000).map(|i| f64::from_bits(bits(i))).filter(|x| x.is_finite()).collect();
    let mut checkpoint = Checkpoint::new();
    checkpoint.put("numbers", &numbers).expect("a value");
    checkpoint.save(&path).expect("a file");
    let back: Vec<f64> = Checkpoint::load(&path).expect("a file").get("numbers").expect("a value");
    assert!(numbers.len() > 1900 && numbers.iter().map(|x| x.to_bits()).eq(back.iter().map(|x| x.to_bits())));
}

/// Any bits.
fn bits(i: u64) -> u64 {
    0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * i + 1).rotate_left(i as u32)
}

#[test]
fn misuse_and_foreign_files_are_errors_that_say_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let shown = path.display();
    let model = Linear::<f32>::new(2, 1, &mut rng(0, 0));
    let mut checkpoint = Checkpoint::new();
    checkpoint.put_model("model", &model).expect("a model");
    checkpoint.put("step", "many").expect("a value");
    let text = |result: Result<(), Error>| result.expect_err("an error").to_string();
    assert_eq!(text(checkpoint.put_model("model", &model)), "checkpoint: cannot keep `model`: the name is taken");
    assert_eq!(text(checkpoint.put("step", &3)), "checkpoint: cannot keep `step`: the name is taken");
    let dotted = "checkpoint: cannot keep `a.b`: expected a name without dots, of at least one letter";
    assert_eq!(text(checkpoint.put("a.b", &3)), dotted);
    checkpoint.save(&path).expect("a file");

    let mut saved = Checkpoint::load(&path).expect("a checkpoint");
    let missing = format!("{shown}: found no value `epoch` in the checkpoint, expected one");
    assert_eq!(text(saved.get::<u64>("epoch").map(drop)), missing);
    let wrong = format!("{shown}: the value `step` of the checkpoint: invalid type: string \"many\", expected u64");
    assert!(text(saved.get::<u64>("step").map(drop)).starts_with(&wrong));
    let missing = format!("{shown}: found no state `adam` in the checkpoint, expected one");
    assert_eq!(text(saved.state::<f32>("adam").map(drop)), missing);
    let missing = format!("{shown}: found no random stream `tape` in the checkpoint, expected one");
    assert_eq!(text(saved.tape("tape", &Tape::<f32>::new())), missing);

    let mut other = Linear::<f32>::new(3, 1, &mut rng(1, 0));
    let before = other.weight.value().to_vec();
    assert!(text(saved.model("model", &mut other)).contains("shape: `model.weight`, found [1, 2], expected [1, 3]"));
    assert_eq!(other.weight.value().to_vec(), before);

    files::save(&model, &path).expect("a file");
    let foreign =
        format!("{shown}: the text `format` of the checkpoint: found \"pt\", expected \"wengert checkpoint 1\"");
    assert_eq!(text(Checkpoint::load(&path).map(drop)), foreign);
}

#[test]
fn a_model_that_has_gone_astray_does_not_replace_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let mut model = Linear::<f32>::new(2, 1, &mut rng(0, 0));
    let save = |model: &Linear| {
        let mut checkpoint = Checkpoint::new();
        checkpoint.put_model("model", model).expect("a model");
        checkpoint.save_finite(&path)
    };
    save(&model).expect("finite numbers");
    let good = fs::read(&path).expect("a file");
    model.bias.as_mut().expect("a bias").value_mut().as_mut_slice()[0] = f32::NAN;
    let error = save(&model).expect_err("a NaN").to_string();
    let expected = "checkpoint: `model.bias` has NaN in it, expected finite numbers; nothing was written";
    assert_eq!(error, expected);
    assert!(fs::read(&path).expect("a file") == good);
}
