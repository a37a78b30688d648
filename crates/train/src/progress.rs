//! How far a run is, for people.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Row, RunState, Throughput};

/// What a run says of itself while it goes on. All of it goes to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Bars on a terminal, lines elsewhere, every ten seconds.
    #[default]
    Auto,
    /// A bar for the epoch under way, and a line for each that is over.
    Bars,
    /// The bar alone, which shows on a terminal only: for programs that print lines of their own.
    Bar,
    /// A line for each epoch, and in between whenever so much time is over.
    Lines(Duration),
    /// Nothing.
    Quiet,
}

/// How long a bar stands still at least: a step may take less than writing its number does.
const FRAME: Duration = Duration::from_millis(50);

/// What tells of a run under way.
pub(crate) struct Reporter {
    progress: Progress,
    bar: ProgressBar,
    throughput: Throughput,
    said: Instant,
}

impl Reporter {
    pub(crate) fn new(progress: Progress) -> Reporter {
        let progress = match progress {
            Progress::Auto if stderr().is_terminal() => Progress::Bars,
            Progress::Auto => Progress::Lines(Duration::from_secs(10)),
            progress => progress,
        };
        Reporter { progress, bar: ProgressBar::hidden(), throughput: Throughput::new(), said: Instant::now() }
    }

    pub(crate) fn begin(&mut self, run: &RunState, samples: Option<usize>) {
        (self.throughput, self.said) = (Throughput::new(), Instant::now());
        if matches!(self.progress, Progress::Bars | Progress::Bar) {
            let style = "epoch {prefix} {wide_bar} {pos}/{len} {msg} [{eta}]";
            let style = ProgressStyle::with_template(style).expect("a sound template");
            let bar = samples.map_or_else(ProgressBar::no_length, |samples| ProgressBar::new(samples as u64));
            self.bar = bar.with_style(style).with_prefix(run.epoch.to_string()).with_position(run.position as u64);
        }
    }

    pub(crate) fn step(&mut self, run: &RunState, examples: usize, samples: Option<usize>) {
        self.throughput.add(examples);
        match self.progress {
            Progress::Bars | Progress::Bar if self.said.elapsed() >= FRAME => {
                self.said = Instant::now();
                self.bar.set_position(run.position as u64);
                self.bar.set_message(format!("cost {:.4}", run.mean("cost").unwrap_or(f64::NAN)));
            }
            Progress::Lines(pause) if self.said.elapsed() >= pause => {
                self.said = Instant::now();
                let of = samples.map_or(String::new(), |samples| format!(" of {samples}"));
                let cost = run.mean("cost").unwrap_or(f64::NAN);
                let rate = self.throughput.rate();
                eprintln!("epoch {}, {}{of}: cost {cost:.5}; {rate:.0} examples/s", run.epoch, run.position);
            }
            _ => {}
        }
    }

    /// The training of an epoch is over; its validation is not counted in its time.
    pub(crate) fn trained(&mut self) -> Throughput {
        self.bar.finish_and_clear();
        self.throughput
    }

    pub(crate) fn epoch(&self, row: &Row, rate: f64) {
        self.say(format_args!("{row}; {rate:.0} examples/s"));
    }

    pub(crate) fn end(&self, why: &str) {
        self.bar.finish_and_clear();
        self.say(format_args!("{why}"));
    }

    fn say(&self, line: std::fmt::Arguments<'_>) {
        if matches!(self.progress, Progress::Bars | Progress::Lines(_)) {
            eprintln!("{line}");
        }
    }
}

impl Drop for Reporter {
    /// A bar of a run that has ended in an error or a panic does not stay on the screen.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
