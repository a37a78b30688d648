//! Runs in a process of their own, that is killed, interrupted, or has no room on the disk.
#![cfg(unix)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::setup::{Nothing, Setup};
use tensor::rng;
use train::{BoxError, Callback, Checkpoint, End, Flow, Interrupt, RunState, StepEvent};

/// Where the child has its checkpoints, and how long it sleeps in each step, in microseconds.
const FOLDER: &str = "TRAIN_TEST_FOLDER";
const PAUSE: &str = "TRAIN_TEST_PAUSE";

/// Makes a file when a step has begun, and takes its time.
struct Slow {
    begun: PathBuf,
    pause: Duration,
}

impl Callback for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn step(&mut self, _: &mut StepEvent<'_, f32>) -> Result<Flow, BoxError> {
        fs::write(&self.begun, "")?;
        sleep(self.pause);
        Ok(Flow::Continue)
    }
}

fn setup(folder: &Path) -> Setup<'_> {
    Setup { epochs: 6, every: 1, ..Setup::new(4, Some(folder)) }
}

/// The program that the other tests start.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let pause = std::env::var(PAUSE).expect("a pause").parse().expect("microseconds");
    let slow = Slow { begun: folder.join("begun"), pause: Duration::from_micros(pause) };
    let interrupt = Interrupt::on_ctrl_c().expect("signals");
    let result = Setup { interrupt, ..setup(folder) }.train(slow);
    std::process::exit(match result {
        Ok((_, End::Interrupted)) => Interrupt::EXIT_CODE.into(),
        Ok(_) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    })
}

fn command(folder: &Path, pause: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(PAUSE, pause.to_string()).env("RAYON_NUM_THREADS", "1");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn start(folder: &Path, pause: u64) -> Child {
    command(folder, pause).spawn().expect("a child")
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

/// Waits for a file of the child's, so that it is in the middle of its work.
fn wait_for(path: PathBuf) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {}", path.display());
        sleep(Duration::from_millis(1));
    }
}

fn end(mut child: Child) -> (ExitStatus, String) {
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    (child.wait().expect("a status"), said)
}

fn steps(folder: &Path) -> Option<u64> {
    let path = folder.join("last.safetensors");
    let run: RunState = match path.exists() {
        true => Checkpoint::load(path).expect("a whole checkpoint").get("run").expect("where the run stands"),
        false => return None,
    };
    Some(run.step)
}

/// The files of a run that nobody disturbs.
fn undisturbed() -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    setup(folder.path()).train(Nothing).expect("a run");
    files(folder.path())
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    ["last.safetensors", "best.safetensors"].map(|name| fs::read(folder.join(name)).expect("a file"))
}

fn unfinished(folder: &Path) -> usize {
    let names = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
}

/// How long the child takes that nobody kills.
fn seconds() -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = Instant::now();
    let (status, said) = end(start(folder.path(), 300));
    assert!(status.success(), "{said}");
    begin.elapsed().as_secs_f64()
}

/// Kills the child again and again until `times` are over, beginning anew whenever it comes to its end, and compares
/// each end with that of an undisturbed run.
fn kill(times: usize) {
    let (whole, expected) = (seconds(), undisturbed());
    let mut random = rng(11, 0);
    let (mut kills, mut ends, mut new_steps, mut torn) = (0, 0, 0, 0);
    while kills < times || ends == 0 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = None;
        loop {
            let mut child = start(folder.path(), 300);
            let pause = tensor::Tensor::<f64>::uniform([1], 0.02, 0.8, &mut random).item();
            sleep(Duration::from_secs_f64(pause * whole));
            let ended = child.try_wait().expect("a status");
            if let Some(status) = ended {
                assert!(status.success(), "{}", end(child).1);
                break;
            }
            child.kill().expect("a child");
            child.wait().expect("a status");
            kills += 1;
            let now = steps(folder.path());
            assert!(now >= before, "from step {before:?} back to {now:?}");
            new_steps += usize::from(now > before);
            before = now;
            torn += unfinished(folder.path());
        }
        ends += 1;
        assert_eq!(unfinished(folder.path()), 0);
        assert!(files(folder.path()) == expected, "other bits after {kills} kills");
    }
    println!("{kills} kills, {new_steps} of them later than the last, {ends} ends; {torn} in the middle of a file");
}

#[test]
fn a_run_that_is_killed_goes_on_to_the_same_bytes() {
    kill(12);
}

#[test]
#[ignore = "a minute; cargo test -p wengert-train --test suite killed_at_200 -- --ignored --nocapture"]
fn a_run_that_is_killed_at_200_moments_goes_on_to_the_same_bytes() {
    kill(200);
}

#[test]
fn ctrl_c_saves_and_ends_with_130_and_the_run_goes_on_to_the_same_bytes() {
    for name in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().expect("a folder");
        let child = start(folder.path(), 20_000);
        wait_for(folder.path().join("last.safetensors"));
        signal(&child, name);
        let (status, said) = end(child);
        assert_eq!(status.code(), Some(130), "{said}");
        let steps = steps(folder.path()).expect("a checkpoint");
        assert!((1..36).contains(&steps), "{steps} steps");
        let (status, said) = end(start(folder.path(), 0));
        assert!(status.success(), "{said}");
        assert!(files(folder.path()) == undisturbed());
    }
}

#[test]
fn a_second_ctrl_c_ends_the_program_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    // Steps of a minute: the first signal alone would take as long.
    let child = start(folder.path(), 60_000_000);
    wait_for(folder.path().join("begun"));
    let begin = Instant::now();
    signal(&child, "-INT");
    sleep(Duration::from_millis(100));
    signal(&child, "-INT");
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// No file of the child may grow beyond a limit, as on a full disk.
#[test]
fn without_room_an_error_names_the_file_and_the_old_checkpoint_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    Setup { epochs: 1, ..setup(folder.path()) }.train(Nothing).expect("a run");
    let path = folder.path().join("last.safetensors");
    let old = fs::read(&path).expect("a file");
    let program = command(folder.path(), 0);
    // XFSZ is ignored, so that writing fails instead of ending the process. The unit is 512 bytes, or 1024.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]).arg(program.get_program());
    limited.args(program.get_args()).envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = limited.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a child");
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{}: cannot write: File too large", path.display())), "{said}");
    assert!(fs::read(&path).expect("a file") == old);
    let (status, said) = end(start(folder.path(), 0));
    assert!(status.success(), "{said}");
    assert!(files(folder.path()) == undisturbed());
}

/// A file system of 64 KiB that is really full; where none may be mounted, the test says so.
#[test]
fn on_a_full_disk_an_error_names_the_file_and_the_old_checkpoint_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder.path()).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        return println!("skipped: no file system can be mounted here");
    }
    Setup { epochs: 1, ..setup(folder.path()) }.train(Nothing).expect("a run");
    let path = folder.path().join("last.safetensors");
    let old = fs::read(&path).expect("a file");
    let filled = fs::write(folder.path().join("filler"), vec![0; 1 << 20]);
    let (status, said) = end(start(folder.path(), 0));
    let now = fs::read(&path).expect("a file");
    fs::remove_file(folder.path().join("filler")).expect("a file");
    let (second, _) = end(start(folder.path(), 0));
    let files = files(folder.path());
    Command::new("umount").arg(folder.path()).status().expect("umount");
    assert!(filled.is_err());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{}: cannot write", path.display())) && said.contains("No space left"), "{said}");
    assert!(now == old && second.success() && files == undisturbed());
}
