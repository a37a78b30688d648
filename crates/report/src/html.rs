use std::fmt::Write;
use std::io::Write as _;
use std::path::Path;

use crate::svg::escape;
use crate::{Chart, Error, ImageGrid, Picture};

const STYLE: &str = include_str!("html/style.css");

/// A run on one page: sections of text, tables and pictures in one HTML file, which needs no network and no script.
///
/// The page follows the reader's light or dark setting, and on a narrow screen tables and pictures scroll sideways where they
/// would be too small to read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use report::{Axis, Chart, Report};
/// let cost = [(1.0, 0.9), (2.0, 0.3), (3.0, 0.1)];
/// Report::new("Digits, 30 hidden neurons")
///     .section("Settings")
///     .table("", ["setting", "value"], [["rate", "0.1"], ["batch", "10"]])
///     .section("Learning")
///     .text("The cost falls threefold an epoch.")
///     .chart("", &Chart::new("Training", Axis::whole("epoch"), Axis::log("cost, nats")).line("", cost))
///     .save(folder.path().join("run.html"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    body: String,
}

impl Report {
    /// A page with nothing but a title.
    pub fn new(title: impl Into<String>) -> Report {
        Report { title: title.into(), body: String::new() }
    }

    fn with(mut self, arguments: std::fmt::Arguments) -> Report {
        self.body.write_fmt(arguments).expect("a string takes everything");
        self.body.push('\n');
        self
    }

    /// Begins a section.
    pub fn section(self, name: &str) -> Report {
        self.with(format_args!("<h2>{}</h2>", escape(name)))
    }

    /// With text; an empty line begins a paragraph.
    pub fn text(self, text: &str) -> Report {
        let text = text.replace("\r\n", "\n");
        let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        paragraphs.fold(self, |page, paragraph| page.with(format_args!("<p>{}</p>", escape(paragraph))))
    }

    /// With a picture and a caption below it.
    pub fn picture(self, caption: &str, picture: &Picture) -> Report {
        let (width, svg) = (picture.size().0, picture.svg());
        let style =
            format!("width:100%;max-width:{width}px;min-width:{}px;height:auto", (0.7 * width).min(560.0).ceil());
        let svg = svg.replacen("<svg ", &format!("<svg role=\"img\" style=\"{style}\" "), 1);
        let caption = caption_of("figcaption", caption);
        self.with(format_args!("<figure><div class=\"wide\">{svg}</div>{caption}</figure>"))
    }

    /// With a chart and a caption below it.
    pub fn chart(self, caption: &str, chart: &Chart) -> Report {
        self.picture(caption, &chart.picture())
    }

    /// With images and a caption below them.
    ///
    /// # Errors
    /// As [`ImageGrid::picture`].
    pub fn images(self, caption: &str, images: &ImageGrid) -> Result<Report, Error> {
        Ok(self.picture(caption, &images.picture()?))
    }

    /// With a table: a caption, the names of the columns, and rows of cells. Numbers stand at the right.
    pub fn table<S: AsRef<str>, R: IntoIterator<Item = C>, C: AsRef<str>>(
        self,
        caption: &str,
        columns: impl IntoIterator<Item = S>,
        rows: impl IntoIterator<Item = R>,
    ) -> Report {
        let head: String = columns.into_iter().map(|name| format!("<th>{}</th>", escape(name.as_ref()))).collect();
        let row =
            |row: R| format!("<tr>{}</tr>\n", row.into_iter().map(|text| cell(text.as_ref())).collect::<String>());
        let rows: String = rows.into_iter().map(row).collect();
        let caption = caption_of("caption", caption);
        self.with(format_args!(
            "<div class=\"wide\"><table>{caption}<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>"
        ))
    }

    /// The page as text: the same for the same calls.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }

    /// Writes the page to a file, which is whole or untouched.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(files::atomic::write(path, |file| file.write_all(self.html().as_bytes()))?)
    }
}

fn cell(text: &str) -> String {
    let plain = text.trim().trim_end_matches(['%', ' ']).replace('−', "-");
    let class = if plain.parse::<f64>().is_ok() { " class=\"number\"" } else { "" };
    format!("<td{class}>{}</td>", escape(text))
}

fn caption_of(tag: &str, caption: &str) -> String {
    if caption.is_empty() { String::new() } else { format!("<{tag}>{}</{tag}>", escape(caption)) }
}
