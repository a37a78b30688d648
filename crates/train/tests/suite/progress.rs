//! What a run says of itself, in a process of its own.

use std::process::Command;
use std::time::Duration;

use nn::Linear;
use optim::Sgd;
use tensor::{Tensor, rng};
use train::{Cost, Counted, Progress, Trainer};

const PROGRESS: &str = "TRAIN_TEST_PROGRESS";

/// The program that the test starts.
#[test]
#[ignore = "started by the other test"]
fn child() {
    let progress = match std::env::var(PROGRESS).as_deref() {
        Ok("lines") => Progress::Lines(Duration::ZERO),
        Ok("epochs") => Progress::Lines(Duration::from_secs(3600)),
        Ok("auto") => Progress::Auto,
        Ok("bars") => Progress::Bars,
        Ok("bar") => Progress::Bar,
        _ => Progress::Quiet,
    };
    let (mut model, mut sgd) = (Linear::<f32>::new(1, 1, &mut rng(0, 0)), Sgd::new(0.0));
    let mut trainer =
        Trainer::new(&mut model, &mut sgd).epochs(2).progress(progress).validate(|_| [("score", 0.5)].into());
    let batches = || Counted::new((0..2).map(|_| Tensor::<f32>::ones([4, 1])));
    let fit = trainer.fit(
        |_| batches(),
        |model, tape, x| Cost::new((model.forward(tape.constant(x.clone())) * 0.0 + 2.0).mean(..), 4),
    );
    fit.expect("a run");
}

#[test]
fn lines_go_to_standard_error_and_silence_is_silent() {
    let said = |progress: &str| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "progress::child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(PROGRESS, progress);
        let output = command.output().expect("a child");
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).expect("text");
        // The rate differs each time.
        said.lines().map(|line| line.split("; ").next().unwrap_or("").to_string()).collect::<Vec<_>>()
    };
    let epoch = |epoch| format!("epoch {epoch}: cost 2.00000, validation.score 0.50000");
    let step = |epoch, step| format!("epoch {epoch}, {step} of 2: cost 2.00000");
    assert_eq!(said("lines"), [step(0, 1), step(0, 2), epoch(0), step(1, 1), step(1, 2), epoch(1)]);
    for progress in ["epochs", "auto", "bars"] {
        assert_eq!(said(progress), [epoch(0), epoch(1)], "{progress}");
    }
    for progress in ["bar", "quiet"] {
        assert!(said(progress).is_empty(), "{progress}");
    }
}
