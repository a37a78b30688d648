//! What a run cannot write is said before its first step.

use std::fs;
use std::path::Path;

use crate::setup::{Nothing, Setup};
use train::{BoxError, Callback, EpochLog, EventFiles, Flow, Page, RunState, StepEvent, StepLog};

/// Another callback, with which no step may be made.
struct Early<C>(C);

impl<C: Callback> Callback for Early<C> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn start(&mut self, run: &RunState) -> Result<(), BoxError> {
        self.0.start(run)
    }

    fn step(&mut self, _: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        panic!("a step was made")
    }
}

fn error(folder: Option<&Path>, callback: impl Callback) -> String {
    Setup::new(0, folder).train(Early(callback)).err().expect("an error").to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.into_string().expect("text")).collect()
}

#[test]
fn a_callback_without_a_place_for_its_file_is_an_error_before_the_first_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let (missing, file) = (folder.path().join("missing/file"), folder.path().join("file"));
    fs::write(&file, "old").expect("a file");
    let reason = "cannot create a temporary file beside it: No such file or directory";
    let starts = |said: String, name: &str, path: &Path, reason: &str| {
        let expected = format!("callback `{name}`: {}: {reason}", path.display());
        assert!(said.starts_with(&expected), "{said}\nexpected {expected}");
    };
    starts(error(None, EpochLog::new(&missing)), "epoch log", &missing, reason);
    starts(error(None, StepLog::new(&missing)), "step log", &missing, reason);
    starts(error(None, Page::new(&missing, "Run")), "page", &missing, reason);
    let below = file.join("below");
    starts(error(None, EventFiles::new(&below)), "event files", &below, "cannot make the folder: Not a directory");
    let other = "found something other than a regular file, expected a regular file";
    starts(error(None, Page::new(folder.path(), "Run")), "page", folder.path(), other);
    assert_eq!(names(folder.path()), ["file"]);
    assert_eq!(fs::read(&file).expect("a file"), b"old");
}

#[test]
fn checkpoints_without_a_place_are_an_error_before_the_first_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "old").expect("a file");
    let said = error(Some(&file.join("run")), Nothing);
    let expected = format!("{}: cannot make the folder for checkpoints: Not a directory", file.join("run").display());
    assert!(said.starts_with(&expected), "{said}");
    assert_eq!((names(folder.path()), fs::read(&file).expect("a file")), (vec!["file".to_string()], b"old".to_vec()));

    let best = folder.path().join("run/best.safetensors");
    fs::create_dir_all(&best).expect("a folder");
    let expected = format!("{}: found something other than a regular file, expected a regular file", best.display());
    assert_eq!(error(best.parent(), Nothing), expected);
    assert_eq!(names(&folder.path().join("run")), ["best.safetensors"]);
}

#[test]
fn a_page_and_a_table_that_are_there_stay_until_there_are_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    fs::write(&path, "old").expect("a file");
    let train = |callback: &mut dyn Callback| callback.start(&RunState::default());
    train(&mut EpochLog::new(&path)).and(train(&mut Page::new(&path, "Run"))).expect("a place");
    assert_eq!((names(folder.path()), fs::read(&path).expect("a file")), (vec!["file".to_string()], b"old".to_vec()));
}
