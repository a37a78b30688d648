//! What takes part in a run.

use std::fs;
use std::path::Path;

use data::{Dataset, Loader, Tensors};
use nn::{Costs, Linear};
use optim::{Plateau, Schedule, Sgd};
use tensor::{Tape, Tensor, rng};
use train::{
    BoxError, Callback, Checkpoints, Cost, Counted, EarlyStopping, End, EpochEvent, EpochLog, Error, EventFiles, Flow,
    Goal, OnPlateau, Page, Progress, Rates, RunState, StepEvent, StepLog, Trainer, Value, Watch,
};

fn loader() -> Loader<Tensors<f32, f32>> {
    let x = Tensor::<f32>::randn([12, 2], &mut rng(1, 0));
    Tensors::new(x.clone(), x).expect("pairs").loader(5)
}

fn cost<'t>(model: &Linear, tape: &'t Tape, (x, y): &(Tensor<f32>, Tensor<f32>)) -> Cost<'t> {
    let out = model.forward(tape.constant(x.clone()));
    Cost::new(out.mse(y.clone()), x.shape()[0])
}

/// A run with a validation that gives one score after the other, and what it came to; resumed where there is a
/// checkpoint.
fn run(
    scores: &[f64],
    checkpoints: Option<Checkpoints>,
    callbacks: &mut [&mut dyn Callback],
) -> (Result<End, Error>, RunState) {
    let (mut model, mut sgd) = (Linear::new(2, 2, &mut rng(0, 0)), Sgd::new(0.05));
    let mut next = scores.iter();
    let mut trainer = Trainer::new(&mut model, &mut sgd)
        .epochs(scores.len() as u64)
        .progress(Progress::Quiet)
        .validate(|_| [("score", *next.next().expect("a score"))].into());
    for callback in callbacks {
        trainer = trainer.with(&mut **callback);
    }
    if let Some(checkpoints) = checkpoints {
        trainer = trainer.checkpoints(checkpoints);
        trainer.resume().expect("no checkpoint, or one that fits");
    }
    let loader = loader();
    let end = trainer.fit(|epoch| loader.shuffle(0, epoch), cost);
    (end, trainer.run().clone())
}

#[test]
fn early_stopping_is_patient_and_wants_a_difference() {
    let stopping = |delta| EarlyStopping::new("validation.score", Goal::Max).patience(2).min_delta(delta);
    let scores = [0.5, 0.6, 0.61, 0.6, 0.62, 0.5, 0.5, 0.9];
    let (end, state) = run(&scores, None, &mut [&mut stopping(0.0)]);
    let reason = "validation.score was not better than 0.62 for 2 epochs".to_string();
    assert_eq!((end.expect("a run"), state.epoch), (End::Stopped(reason), 7));
    let (end, state) = run(&scores, None, &mut [&mut stopping(0.05)]);
    let reason = "validation.score was not better than 0.6 for 2 epochs".to_string();
    assert_eq!((end.expect("a run"), state.epoch), (End::Stopped(reason), 4));
    let mut small = EarlyStopping::new("validation.score", Goal::Min).patience(2);
    let (end, state) = run(&[3.0, f64::NAN, 2.0, f64::NAN, 2.0, 1.0], None, &mut [&mut small]);
    assert_eq!((matches!(end, Ok(End::Stopped(_))), state.epoch), (true, 5));
    let (end, _) = run(&[0.0], None, &mut [&mut EarlyStopping::new("score", Goal::Min)]);
    let expected = "callback `early stopping`: found no metric `score`, expected one of `cost`, `validation.score`";
    assert_eq!(end.expect_err("an error").to_string(), expected);
}

/// Keeps the rates that steps are made with.
struct Seen<'a>(&'a mut Vec<f64>);

impl Callback for Seen<'_> {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        self.0.push(*event.lr);
        Ok(Flow::Continue)
    }
}

#[test]
fn rates_follow_schedules_by_step_by_epoch_and_on_plateaus() {
    let mut rates = Vec::new();
    let mut schedule = Rates::by_step(Schedule::linear(0.0, 0.06, 6));
    run(&[0.0; 2], None, &mut [&mut schedule, &mut Seen(&mut rates)]).0.expect("a run");
    let expected = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05];
    assert!(rates.len() == 6 && rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{rates:?}");

    let mut rates = Vec::new();
    let mut schedule = Rates::by_epoch(Schedule::step(0.04, 1, 0.5));
    run(&[0.0; 2], None, &mut [&mut schedule, &mut Seen(&mut rates)]).0.expect("a run");
    assert_eq!(rates, [0.04, 0.04, 0.04, 0.02, 0.02, 0.02]);

    let mut rates = Vec::new();
    let mut plateau = OnPlateau::new("validation.score", Plateau::new(0.04).factor(0.5).patience(0));
    let (_, state) = run(&[3.0, 3.0, 2.0], None, &mut [&mut plateau, &mut Seen(&mut rates)]);
    assert_eq!(rates, [0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.02, 0.02, 0.02]);
    assert_eq!(state.lr, 0.02);
}

#[test]
fn the_best_checkpoint_is_of_the_best_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Checkpoints::new(folder.path().join("new")).best("validation.score", Goal::Max);
    let best = checkpoints.best_path();
    let (_, state) = run(&[0.1, 0.7, f64::NAN, 0.7, 0.3], Some(checkpoints), &mut []);
    assert_eq!(state.best.map(|best| (best.score, best.epoch)), Some((0.7, 1)));
    let saved: RunState = train::Checkpoint::load(best).expect("a file").get("run").expect("where it stood");
    assert_eq!((saved.epoch, saved.history.len()), (2, 2));
    let unknown = Checkpoints::new(folder.path()).best("score", Goal::Max);
    let (end, _) = run(&[0.1], Some(unknown), &mut []);
    let expected = "found no metric `score` after epoch 0, expected one of `cost`, `validation.score`";
    assert_eq!(end.expect_err("an error").to_string(), expected);
}

/// Ends a run before its n-th epoch is over.
struct Break(u64);

impl Callback for Break {
    fn name(&self) -> &'static str {
        "break"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        if event.run.step == self.0 { Err("as asked for".into()) } else { Ok(Flow::Continue) }
    }
}

#[test]
fn logs_of_a_run_that_broke_off_and_was_resumed_have_each_line_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let [csv, json] = ["log.csv", "log.jsonl"].map(|name| folder.path().join(name));
    let log = |scores: &[f64], at| {
        let checkpoints = Checkpoints::new(folder.path()).every(2);
        run(scores, Some(checkpoints), &mut [&mut EpochLog::new(&csv), &mut StepLog::new(&json), &mut Break(at)])
    };
    let (end, state) = log(&[0.5, 0.25, 0.125], 5);
    assert_eq!(end.expect_err("an error").to_string(), "callback `break`: as asked for");
    assert_eq!(state.step, 5);
    // The last checkpoint is of step 4, so that step 4 is made and logged again.
    let (end, _) = log(&[0.25, 0.125, 0.0], 1000);
    assert_eq!(end.expect("a run"), End::Finished);

    let lines = |path: &Path| fs::read_to_string(path).expect("a file").lines().map(str::to_string).collect::<Vec<_>>();
    let table = lines(&csv);
    assert_eq!(table[0], "epoch,step,lr,cost,validation.score");
    let ends = |line: &str, start: &str, end: &str| line.starts_with(start) && line.ends_with(end);
    assert!(ends(&table[1], "0,3,0.05,", ",0.5") && ends(&table[2], "1,6,0.05,", ",0.25"), "{table:?}");
    assert!(ends(&table[3], "2,9,0.05,", ",0.125") && table.len() == 4, "{table:?}");

    let events: Vec<Value> = lines(&json).iter().map(|line| line.parse().expect("JSON")).collect();
    let steps: Vec<u64> = events.iter().filter(|e| e["event"] == "step").filter_map(|e| e["step"].as_u64()).collect();
    let epochs: Vec<u64> =
        events.iter().filter(|e| e["event"] == "epoch").filter_map(|e| e["epoch"].as_u64()).collect();
    assert_eq!((steps, epochs), ((0..9).collect(), vec![0, 1, 2]));
    assert!(events[0]["norm"].as_f64().is_some_and(|norm| norm > 0.0) && events[0]["lr"] == 0.05);
}

#[test]
fn a_page_and_event_files_have_the_whole_run_after_it_was_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (html, runs) = (folder.path().join("run.html"), folder.path().join("runs"));
    let go = |scores: &[f64], at| {
        let checkpoints = Checkpoints::new(folder.path()).every(2);
        let mut page = Page::new(&html, "Pairs").unit("cost", "squared").unit("score", "%");
        let mut events = EventFiles::new(&runs).every(1);
        let (_, state) = run(scores, Some(checkpoints), &mut [&mut page, &mut events, &mut Break(at)]);
        (page.report(&state).html(), fs::read_to_string(&html).expect("a page"))
    };
    go(&[0.5, 0.25, f64::NAN], 7);
    let (last, written) = go(&[f64::NAN, 0.0, 0.0], 1000);
    assert!(last == written);
    for part in ["<h1>Pairs</h1>", "cost, squared", "score, %", ">training<", ">validation<", ">weight<", ">bias<"] {
        assert!(written.contains(part), "{part}");
    }
    let undisturbed = tempfile::tempdir().expect("a folder");
    let mut page = Page::new(undisturbed.path().join("run.html"), "Pairs").unit("cost", "squared").unit("score", "%");
    let (_, state) = run(&[0.5, 0.25, f64::NAN], None, &mut [&mut page]);
    assert!(page.report(&state).html() == written);
    let files = fs::read_dir(&runs).expect("a folder").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.map(|path| fs::read(path).expect("a file")).collect();
    files.sort_by_key(Vec::len);
    let has = |events: &[u8], tag: &str| events.windows(tag.len()).any(|bytes| bytes == tag.as_bytes());
    assert_eq!(files.len(), 2);
    for tag in
        ["step/cost", "step/lr", "step/gradient norm", "weights/weight", "gradients/bias", "epoch/validation.score"]
    {
        assert!(files.iter().all(|events| has(events, tag)), "{tag}");
    }
}

/// Halves the gradients, and keeps their norm before and after.
struct Halve<'a>(&'a mut Vec<[f64; 3]>);

impl Callback for Halve<'_> {
    fn name(&self) -> &'static str {
        "halve"
    }

    fn step(&mut self, event: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        let before = event.norm();
        event.grads_mut().params_mut().for_each(|grad| *grad = &*grad * 0.5);
        self.0.push([before, event.norm(), optim::global_norm(event.grads())]);
        Ok(Flow::Continue)
    }
}

#[test]
fn the_norm_is_of_the_gradients_as_they_are() {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    run(&[0.0; 2], None, &mut [&mut Halve(&mut first), &mut Halve(&mut second)]).0.expect("a run");
    assert_eq!((first.len(), second.len()), (6, 6));
    for ([before, halved, own], [seen, quarter, _]) in first.into_iter().zip(second) {
        assert_eq!((halved, own, seen, quarter), (before / 2.0, before / 2.0, before / 2.0, before / 4.0));
    }
}

#[test]
fn a_watch_gives_norms_and_histograms() {
    let mut seen = Vec::new();
    run(&[0.0; 2], None, &mut [&mut Watch::every(4, |watched| seen.push(watched)).bins(3)]).0.expect("a run");
    let names: Vec<(u64, &str)> = seen.iter().map(|watched| (watched.step, &*watched.name)).collect();
    assert_eq!(names, [(0, "weight"), (0, "bias"), (4, "weight"), (4, "bias")]);
    assert!(seen.iter().all(|watched| watched.norm.is_some_and(|norm| norm > 0.0)));
    assert_eq!((seen[0].weights.counts.iter().sum::<u64>(), seen[0].weights.counts.len()), (4, 3));
    assert_eq!(seen[1].gradient.as_ref().map(|gradient| gradient.counts.iter().sum::<u64>()), Some(2));
}

/// Ends a run after an epoch.
struct Until(u64);

impl Callback for Until {
    fn name(&self) -> &'static str {
        "until"
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, f32>) -> Result<Flow, BoxError> {
        Ok(if event.row.epoch == self.0 { Flow::Stop("enough".into()) } else { Flow::Continue })
    }
}

#[test]
fn a_run_that_was_stopped_stays_so_when_it_is_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let (end, state) = run(&[0.0; 5], Some(Checkpoints::new(folder.path())), &mut [&mut Until(1)]);
        assert_eq!((end.expect("a run"), state.step), (End::Stopped("enough".into()), 6));
    }
}

#[test]
fn several_batches_make_the_step_of_one() {
    let train = |size: usize, accumulate| {
        let (mut model, mut sgd) = (Linear::<f64>::new(2, 2, &mut rng(0, 0)), Sgd::new(0.05).momentum(0.9));
        let x = Tensor::<f64>::randn([12, 2], &mut rng(1, 0));
        let loader = Tensors::new(x.clone(), x).expect("pairs").loader(size);
        let mut trainer = Trainer::new(&mut model, &mut sgd).epochs(2).accumulate(accumulate).progress(Progress::Quiet);
        let fit = trainer.fit(
            |_| loader.in_order(),
            |model, tape, (x, y)| {
                let out = model.forward(tape.constant(x.clone()));
                Cost::new(out.mse(y.clone()), x.shape()[0])
            },
        );
        assert_eq!(fit.expect("a run"), End::Finished);
        let (steps, row) = (trainer.run().step, trainer.run().history[1].get("cost").expect("a cost"));
        drop(trainer);
        (steps, row, model.weight.value().to_vec())
    };
    // 5, 5 and 2 examples are one step, as 12 are.
    let ((steps, row, weights), (whole_steps, whole_row, whole)) = (train(5, 3), train(12, 1));
    assert_eq!((steps, whole_steps), (2, 2));
    assert!((row - whole_row).abs() < 1e-12 && weights.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-12));
    // 5 and 5, then 2 alone.
    assert_eq!(train(5, 2).0, 4);
}

#[test]
fn what_cannot_be_trained_on_is_an_error() {
    let fit = |position: u8, batches: usize| {
        let (mut model, mut sgd) = (Linear::new(2, 2, &mut rng(0, 0)), Sgd::new(0.05));
        let folder = tempfile::tempdir().expect("a folder");
        let mut trainer = Trainer::new(&mut model, &mut sgd).progress(Progress::Quiet);
        let path = folder.path().join("run");
        trainer.save(&path).expect("a file");
        let (mut bytes, before) = (fs::read(&path).expect("a file"), br#"position\":"#);
        let at = bytes.windows(before.len()).position(|bytes| bytes == before).expect("the position") + before.len();
        bytes[at] = b'0' + position;
        fs::write(&path, bytes).expect("a file");
        trainer.load(&path).expect("a checkpoint");
        let x = Tensor::<f32>::ones([1, 2]);
        trainer.fit(|_| Counted::new(vec![(x.clone(), x.clone()); batches]), cost).expect_err("an error").to_string()
    };
    assert_eq!(fit(0, 0), "epoch 0: found no batch, expected at least one");
    let expected = "epoch 0: the checkpoint goes on after 7 samples, expected at most the 3 there are; was it made with other \
                    data?";
    assert_eq!(fit(7, 3), expected);
}
