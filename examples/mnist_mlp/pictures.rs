//! The learning curve and the misclassified digits, as SVG.

use std::error::Error;
use std::path::{Path, PathBuf};

use wengert::prelude::Images;
use wengert::report::{Axis, Chart, Color, ImageGrid, Picture};

/// Draws cost and test accuracy (in percent) by epoch.
pub(crate) fn learning_curve(folder: &Path, history: &[(f64, f64)]) -> Result<PathBuf, Box<dyn Error>> {
    let path = folder.join("learning_curve.svg");
    let by_epoch =
        |pick: fn(&(f64, f64)) -> f64| history.iter().enumerate().map(move |(i, h)| ((i + 1) as f64, pick(h)));
    let cost = Chart::new("Training cost", Axis::whole("epoch"), Axis::linear("nats an image").from(0.0));
    let accuracy = Chart::new("Test accuracy", Axis::whole("epoch"), Axis::linear("right, %"));
    let charts = [cost.line("", by_epoch(|h| h.0)), accuracy.line("", by_epoch(|h| h.1)).color(Color::RED)];
    Picture::row(charts.map(|chart| chart.size(480.0, 360.0).picture())).save(&path)?;
    Ok(path)
}

/// How many digits are shown, and how many of them in a row.
const SHOWN: usize = 96;
const COLUMNS: usize = 12;

/// Draws the first misclassified images, each with what it was taken for and what it is.
pub(crate) fn mistakes(data: &Images, classes: &[i64]) -> Result<ImageGrid, Box<dyn Error>> {
    let wrong: Vec<usize> = (0..data.len()).filter(|&i| classes[i] != i64::from(data.label(i))).take(SHOWN).collect();
    let digits = data.gather(&wrong).images.reshape([wrong.len(), 28, 28]);
    let labels = wrong.iter().map(|&i| format!("{}, is {}", classes[i], data.label(i)));
    Ok(ImageGrid::new(&digits, COLUMNS)?.dark_on_light().labels(labels))
}
