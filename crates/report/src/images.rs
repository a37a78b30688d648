pub(crate) mod png;

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tensor::Tensor;

use crate::svg::{Anchor, Svg, px};
use crate::{Color, Error, Picture, text};

/// Small images in rows and columns, each with a label below it where it has one.
///
/// ```
/// use report::ImageGrid;
/// use tensor::Tensor;
/// let digits = Tensor::<f32>::zeros([20, 28, 28]);
/// let labels = (0..20).map(|i| format!("{} as {}", i % 10, (i + 1) % 10));
/// let picture = ImageGrid::new(&digits, 10)?.dark_on_light().labels(labels).picture()?;
/// # Ok::<(), report::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    cells: Vec<Vec<u8>>,
    height: usize,
    width: usize,
    channels: usize,
    columns: usize,
    zoom: usize,
    inverted: bool,
    labels: Vec<(String, Color)>,
    rows: Vec<String>,
}

const LABEL: f64 = 13.0;
const GAP: f64 = 4.0;

impl ImageGrid {
    /// Images `[n, height, width]` in gray or `[n, 3, height, width]` in colour, with values from 0 to 1, what is outside
    /// taken as the nearer of the two and NaN as 0, in rows of so many.
    ///
    /// # Errors
    /// If the tensor has another shape or pixels of no size.
    pub fn new(images: &Tensor, columns: usize) -> Result<ImageGrid, Error> {
        let (channels, height, width) = png::layout(images, 1, "expected [n, height, width] or [n, 3, height, width]")?;
        let size = channels * height * width;
        let cells = images.to_vec().chunks_exact(size).map(|image| png::bytes(image, channels)).collect();
        let zoom = (56 / width.max(height)).clamp(1, 8);
        let (columns, inverted, labels, rows) = (columns.max(1), false, Vec::new(), Vec::new());
        Ok(ImageGrid { cells, height, width, channels, columns, zoom, inverted, labels, rows })
    }

    /// Draws 1 as black and 0 as white, like ink.
    pub fn dark_on_light(self) -> ImageGrid {
        ImageGrid { inverted: true, ..self }
    }

    /// Draws each pixel as a square of so many.
    pub fn zoom(self, zoom: usize) -> ImageGrid {
        ImageGrid { zoom: zoom.clamp(1, 64), ..self }
    }

    /// With a label below each image.
    pub fn labels<S: Into<String>>(self, labels: impl IntoIterator<Item = S>) -> ImageGrid {
        self.colored_labels(labels.into_iter().map(|label| (label, Color::BLACK)))
    }

    /// With a label below each image, in a colour that says something: red where a model is wrong, for example.
    pub fn colored_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = (S, Color)>) -> ImageGrid {
        self.labels = labels.into_iter().map(|(label, color)| (label.into(), color)).collect();
        self
    }

    /// With a name to the left of each row.
    pub fn row_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> ImageGrid {
        self.rows = names.into_iter().map(Into::into).collect();
        self
    }

    /// Draws the images.
    ///
    /// # Errors
    /// If there are more pixels than an image can have.
    pub fn picture(&self) -> Result<Picture, Error> {
        let below = if self.labels.is_empty() { 0.0 } else { LABEL + 5.0 };
        let left = self.rows.iter().map(|name| text::width(name, LABEL) + 10.0).fold(0.0, f64::max) + 8.0;
        let widest = self.labels.iter().map(|label| text::width(&label.0, LABEL)).fold(0.0, f64::max);
        let (wide, high) = ((self.width * self.zoom) as f64, (self.height * self.zoom) as f64);
        let pitch = ((wide.max(widest) + GAP) / self.zoom as f64).ceil() as usize;
        let (step_x, step_y) = ((pitch * self.zoom) as f64, high + GAP + below);
        // Images are in the middle of their labels.
        let indent = 0.5 * (step_x - GAP - wide);
        let mut svg = Svg::default();
        for (row, cells) in self.cells.chunks(self.columns).enumerate() {
            let y = 8.0 + row as f64 * step_y;
            if let Some(name) = self.rows.get(row) {
                svg.text((left - 8.0, y + 0.5 * high + 4.0), LABEL, Anchor::End, "", name);
            }
            self.strip(&mut svg, cells, (left + indent, y), pitch)?;
            for (column, (label, color)) in self.labels.iter().skip(row * self.columns).take(cells.len()).enumerate() {
                let middle = left + indent + 0.5 * wide + column as f64 * step_x;
                let style = if *color == Color::BLACK { String::new() } else { format!(r#" style="fill:{color}""#) };
                svg.text((middle, y + high + LABEL), LABEL, Anchor::Middle, &style, label);
            }
        }
        let columns = self.cells.len().min(self.columns) as f64;
        let rows = self.cells.len().div_ceil(self.columns) as f64;
        Ok(Picture::new(left + columns * step_x + 8.0, 16.0 + rows * step_y, svg))
    }

    /// Draws the images to a file, see [`Picture::save`].
    ///
    /// # Errors
    /// As [`ImageGrid::picture`] and [`Picture::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture()?.save(path)
    }

    /// A row of images as one, in which they are so many pixels apart: one is smaller than many.
    fn strip(&self, svg: &mut Svg, cells: &[Vec<u8>], at: (f64, f64), pitch: usize) -> Result<(), Error> {
        let (width, row) = (pitch * (cells.len() - 1) + self.width, self.width * self.channels);
        let mut pixels = vec![255; width * self.channels * self.height];
        for (i, cell) in cells.iter().enumerate() {
            for (y, line) in cell.chunks_exact(row).enumerate() {
                let from = (y * width + i * pitch) * self.channels;
                let inked = pixels[from..from + row].iter_mut().zip(line);
                inked.for_each(|(pixel, &byte)| *pixel = if self.inverted { 255 - byte } else { byte });
            }
        }
        svg.raw(&format!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,{}\"/>\n",
            px(at.0),
            px(at.1),
            width * self.zoom,
            self.height * self.zoom,
            BASE64_STANDARD.encode(png::encode(&pixels, [self.channels, self.height, width])?)
        ));
        Ok(())
    }
}
