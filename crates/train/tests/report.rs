//! What a run says of itself, in a process of its own.

use std::process::Command;
use std::time::Duration;

use nn::Linear;
use optim::Sgd;
use tensor::{Tensor, rng};
use train::{Cost, Counted, Report, Trainer};

const REPORT: &str = "TRAIN_TEST_REPORT";

/// The program that the test starts.
#[test]
#[ignore = "started by the other test"]
fn child() {
    let report = match std::env::var(REPORT).as_deref() {
        Ok("lines") => Report::Lines(Duration::ZERO),
        Ok("epochs") => Report::Lines(Duration::from_secs(3600)),
        Ok("auto") => Report::Auto,
        Ok("bars") => Report::Bars,
        Ok("bar") => Report::Bar,
        _ => Report::Quiet,
    };
    let (mut model, mut sgd) = (Linear::<f32>::new(1, 1, &mut rng(0, 0)), Sgd::new(0.0));
    let mut trainer = Trainer::new(&mut model, &mut sgd).epochs(2).report(report).validate(|_| [("score", 0.5)].into());
    let batches = || Counted::new((0..2).map(|_| Tensor::<f32>::ones([4, 1])));
    let fit = trainer.fit(
        |_| batches(),
        |model, tape, x| Cost::new((model.forward(tape.constant(x.clone())) * 0.0 + 2.0).mean(..), 4),
    );
    fit.expect("a run");
}

#[test]
fn lines_go_to_standard_error_and_silence_is_silent() {
    let said = |report: &str| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"]).env(REPORT, report);
        let output = command.output().expect("a child");
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).expect("text");
        // The rate differs each time.
        said.lines().map(|line| line.split("; ").next().unwrap_or("").to_string()).collect::<Vec<_>>()
    };
    let epoch = |epoch| format!("epoch {epoch}: cost 2.00000, validation.score 0.50000");
    let step = |epoch, step| format!("epoch {epoch}, {step} of 2: cost 2.00000");
    assert_eq!(said("lines"), [step(0, 1), step(0, 2), epoch(0), step(1, 1), step(1, 2), epoch(1)]);
    for report in ["epochs", "auto", "bars"] {
        assert_eq!(said(report), [epoch(0), epoch(1)], "{report}");
    }
    for report in ["bar", "quiet"] {
        assert!(said(report).is_empty(), "{report}");
    }
}
