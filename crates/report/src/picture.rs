use std::io::Write;
use std::path::Path;

use crate::Error;
use crate::svg::{Anchor, Svg, px};

/// The colours of everything but the series: presentation for pages that say nothing else.
const STYLE: &str = "text{fill:#222;font-family:Helvetica,Arial,'DejaVu Sans',sans-serif}\
text.as{fill:inherit}.frame{stroke:#444}.grid{stroke:#e6e6e6}.fine{stroke:#f4f4f4}";

/// The endings of files that can be written.
#[cfg(not(feature = "png"))]
const KNOWN: &str = "`.svg`; `.png` takes the feature `png`";
#[cfg(feature = "png")]
const KNOWN: &str = "`.svg` and `.png`";

/// A finished drawing: [`Chart`](crate::Chart), [`ImageGrid`](crate::ImageGrid) and the others become one.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use report::{Axis, Chart, Picture};
/// let by_step = |f: fn(f64) -> f64| (1..=100).map(move |step| (step as f64, f(step as f64)));
/// let cost = Chart::new("Cost", Axis::whole("step"), Axis::log("nats")).line("training", by_step(|s| 1.0 / s));
/// let rate = Chart::new("Rate", Axis::whole("step"), Axis::linear("rate")).line("", by_step(|s| 0.1 / s.sqrt()));
/// Picture::row([cost.picture(), rate.picture()]).save(folder.path().join("run.svg"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Picture {
    width: f64,
    height: f64,
    body: Svg,
}

impl Picture {
    pub(crate) fn new(width: f64, height: f64, body: Svg) -> Picture {
        Picture { width: width.ceil(), height: height.ceil(), body }
    }

    /// Its width and height in pixels.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// Pictures from left to right.
    pub fn row(pictures: impl IntoIterator<Item = Picture>) -> Picture {
        Picture::joined(pictures, |(x, _), picture| (x + picture.width, 0.0))
    }

    /// Pictures from top to bottom.
    pub fn column(pictures: impl IntoIterator<Item = Picture>) -> Picture {
        Picture::joined(pictures, |(_, y), picture| (0.0, y + picture.height))
    }

    fn joined(pictures: impl IntoIterator<Item = Picture>, next: fn((f64, f64), &Picture) -> (f64, f64)) -> Picture {
        let mut all = Picture::new(0.0, 0.0, Svg::default());
        let mut at = (0.0, 0.0);
        for picture in pictures {
            all.body.raw(&format!("<g transform=\"translate({} {})\">\n{}</g>\n", px(at.0), px(at.1), picture.body.0));
            all.width = all.width.max(at.0 + picture.width);
            all.height = all.height.max(at.1 + picture.height);
            at = next(at, &picture);
        }
        all
    }

    /// The picture with a title above it.
    pub fn titled(self, title: &str) -> Picture {
        let mut body = Svg::default();
        body.text((16.0, 26.0), 18.0, Anchor::Start, r#" font-weight="bold""#, title);
        let title = Picture::new(crate::text::width(title, 20.0) + 32.0, 36.0, body);
        Picture::column([title, self])
    }

    /// The picture as the text of an SVG file: the same for the same calls.
    pub fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body.0
        )
    }

    /// The picture as a PNG file, with twice as many pixels in width and height, in a sans-serif font of the system.
    ///
    /// # Errors
    /// If there is no font, or the picture is too large.
    #[cfg(feature = "png")]
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        crate::raster::png(&self.svg()).map_err(Error::Draw)
    }

    /// Writes the picture to a file whose ending names the format: `.svg`, or with the feature `png` also `.png`. The
    /// file is whole or untouched.
    ///
    /// # Errors
    /// If the ending is another one or the file cannot be written; for a PNG also if there is no font, or it is too large.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => self.svg().into_bytes(),
            #[cfg(feature = "png")]
            Some("png") => self.png()?,
            _ => return Err(Error::Format { file: path.display().to_string(), known: KNOWN }),
        };
        Ok(files::atomic::write(path, |file| file.write_all(&bytes))?)
    }
}
