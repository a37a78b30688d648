//! Event files, which TensorBoard shows.

mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use record::{Message, framed};
use tensor::Tensor;

use crate::error::refused;
use crate::images::png;
use crate::{Error, Histogram};

/// A run's events for TensorBoard: scalars, histograms, images and text by tag and step.
///
/// `tensorboard --logdir runs` shows all the runs that have a folder below `runs`. Each event is with the operating system
/// when its method returns. A run that goes on adds a file to its folder, and TensorBoard joins them by step.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runs = folder.path();
/// let mut events = report::EventLog::create(runs.join("first"))?;
/// events.scalar("cost/training", 1, 0.5)?;
/// events.text("notes", 0, "learning rate **0.1**")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
}

impl EventLog {
    /// Makes a new file in a folder, and the folder where it is missing.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> Result<EventLog, Error> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(refused(folder, "make the folder"))?;
        let seconds = now() as u64;
        for number in 0.. {
            // The names are read in order, so a later file must have a larger one.
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.{number:04}.wengert"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut log = EventLog { path, file };
                    log.append(Message::default().double(1, now()).bytes(3, b"brain.Event:2"))?;
                    return Ok(log);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(folder, "make a file in the folder")(error)),
            }
        }
        unreachable!("there are more numbers than files")
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number, rounded to `f32`, as event files have them.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: i64, value: f64) -> Result<(), Error> {
        self.summary(step, Message::default().bytes(1, tag.as_bytes()).float(2, value as f32))
    }

    /// How values are spread at a step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn histogram(&mut self, tag: &str, step: i64, histogram: &Histogram) -> Result<(), Error> {
        let ends: Vec<f64> = (1..=histogram.counts.len()).map(|i| histogram.edge(i)).collect();
        let counts: Vec<f64> = histogram.counts.iter().map(|&count| count as f64).collect();
        let message = Message::default()
            .double(1, histogram.min)
            .double(2, histogram.max)
            .double(3, histogram.count() as f64)
            .double(4, histogram.sum)
            .double(5, histogram.sum_squares)
            .doubles(6, &ends)
            .doubles(7, &counts);
        self.summary(step, Message::default().bytes(1, tag.as_bytes()).message(5, message))
    }

    /// An image: `[height, width]` in gray or `[3, height, width]` in colour, with values from 0 to 1.
    ///
    /// # Errors
    /// If the tensor has another shape or the file cannot be written.
    pub fn image(&mut self, tag: &str, step: i64, image: &Tensor) -> Result<(), Error> {
        let (channels, height, width) = png::layout(image, 0, "expected [height, width] or [3, height, width]")?;
        let png = png::encode(&png::bytes(&image.to_vec(), channels), [channels, height, width])?;
        let message =
            Message::default().int(1, height as i64).int(2, width as i64).int(3, channels as i64).bytes(4, &png);
        self.summary(step, Message::default().bytes(1, tag.as_bytes()).message(4, message))
    }

    /// A text, which is shown as Markdown.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn text(&mut self, tag: &str, step: i64, text: &str) -> Result<(), Error> {
        // A tensor of one string, and which part of TensorBoard is to show it.
        let (string, one) = (7, Message::default().message(2, Message::default().int(1, 1)));
        let tensor = Message::default().int(1, string).message(2, one).bytes(8, text.as_bytes());
        let shown_by = Message::default().message(1, Message::default().bytes(1, b"text"));
        self.summary(step, Message::default().bytes(1, tag.as_bytes()).message(8, tensor).message(9, shown_by))
    }

    fn summary(&mut self, step: i64, value: Message) -> Result<(), Error> {
        let summary = Message::default().message(1, value);
        self.append(Message::default().double(1, now()).int(2, step).message(5, summary))
    }

    fn append(&mut self, event: Message) -> Result<(), Error> {
        let written = self.file.write_all(&framed(&event.0));
        written.map_err(refused(&self.path, "append an event"))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
