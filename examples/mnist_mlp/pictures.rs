//! The learning curve as an SVG, and the misclassified digits as a PNG.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use wengert::prelude::Images;

/// Makes the folder and checks that files can be written there, before any time is spent on training.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Box<dyn Error>> {
    let explain = |error| format!("cannot write to the folder {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(explain)?;
    let probe = folder.join(".writable");
    File::create(&probe).map_err(explain)?;
    fs::remove_file(&probe).map_err(explain)?;
    Ok(())
}

/// Draws cost and test accuracy (in percent) by epoch.
pub(crate) fn learning_curve(folder: &Path, history: &[(f64, f64)]) -> Result<PathBuf, Box<dyn Error>> {
    let path = folder.join("learning_curve.svg");
    draw_curve(&path, history)?;
    Ok(path)
}

fn draw_curve(path: &Path, history: &[(f64, f64)]) -> Result<(), Box<dyn Error>> {
    let epochs = 1.0..(history.len() as f64).max(1.5);
    let highest = history.iter().map(|h| h.0).fold(0.0, f64::max).max(1e-9) * 1.05;
    let lowest = (history.iter().map(|h| h.1).fold(100.0, f64::min) - 0.5).floor().max(0.0);
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Learning curve", ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .right_y_label_area_size(62)
        .build_cartesian_2d(epochs.clone(), 0.0..highest)?
        .set_secondary_coord(epochs, lowest..100.0);
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("training cost")
        .x_labels(history.len().clamp(2, 11))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    chart.configure_secondary_axes().y_desc("test accuracy, %").draw()?;
    let series = |pick: fn(&(f64, f64)) -> f64| history.iter().enumerate().map(move |(i, h)| ((i + 1) as f64, pick(h)));
    let legend = |color: RGBColor| move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
    chart
        .draw_series(LineSeries::new(series(|h| h.0), BLUE.stroke_width(2)).point_size(3))?
        .label("training cost")
        .legend(legend(BLUE));
    chart
        .draw_secondary_series(LineSeries::new(series(|h| h.1), RED.stroke_width(2)).point_size(3))?
        .label("test accuracy")
        .legend(legend(RED));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(root.present()?)
}

/// The side of a digit, how often it is enlarged, and the space around it.
const SIDE: usize = 28;
const ZOOM: usize = 2;
const CELL: usize = SIDE * ZOOM + 8;
const LABEL: usize = 16;
const COLUMNS: usize = 12;
const ROWS: usize = 8;

/// Draws the first misclassified images, each with its label and, in red, what it was taken for.
pub(crate) fn mistakes(folder: &Path, data: &Images, classes: &[i64]) -> Result<PathBuf, Box<dyn Error>> {
    let path = folder.join("misclassified.png");
    let wrong: Vec<usize> = (0..data.len()).filter(|&i| classes[i] != i64::from(data.label(i))).collect();
    let shown = &wrong[..wrong.len().min(COLUMNS * ROWS)];
    let rows = shown.len().div_ceil(COLUMNS).max(1);
    let mut canvas = Canvas::new(COLUMNS * CELL, rows * (CELL + LABEL));
    for (k, &i) in shown.iter().enumerate() {
        let (x, y) = (k % COLUMNS * CELL + 4, k / COLUMNS * (CELL + LABEL) + 4);
        canvas.image(x, y, data.image(i));
        let below = y + SIDE * ZOOM + 4;
        canvas.digit(x + 12, below, data.label(i), [0, 0, 0]);
        canvas.digit(x + 36, below, classes[i] as u8, [200, 0, 0]);
    }
    canvas.save(&path)?;
    Ok(path)
}

struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, height, rgb: vec![255; width * height * 3] }
    }

    fn set(&mut self, x: usize, y: usize, color: [u8; 3]) {
        let at = (y * self.width + x) * 3;
        self.rgb[at..at + 3].copy_from_slice(&color);
    }

    /// A square of [`ZOOM`] pixels.
    fn dot(&mut self, x: usize, y: usize, color: [u8; 3]) {
        for (dx, dy) in (0..ZOOM * ZOOM).map(|i| (i % ZOOM, i / ZOOM)) {
            self.set(x + dx, y + dy, color);
        }
    }

    fn image(&mut self, x: usize, y: usize, pixels: &[u8]) {
        for (i, &p) in pixels.iter().take(SIDE * SIDE).enumerate() {
            self.dot(x + i % SIDE * ZOOM, y + i / SIDE * ZOOM, [255 - p; 3]);
        }
    }

    /// A digit of 3×5 dots.
    fn digit(&mut self, x: usize, y: usize, digit: u8, color: [u8; 3]) {
        for (row, bits) in GLYPHS[usize::from(digit) % 10].iter().enumerate() {
            for column in (0..3).filter(|column| bits >> (2 - column) & 1 == 1) {
                self.dot(x + column * ZOOM, y + row * ZOOM, color);
            }
        }
    }

    fn save(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        Ok(writer.finish()?)
    }
}

/// The digits 0 to 9, five rows of three bits each.
const GLYPHS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 3, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];
