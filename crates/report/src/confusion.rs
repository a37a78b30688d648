use std::path::Path;

use tensor::Tensor;

use crate::svg::{Anchor, Svg};
use crate::{Color, Error, Picture, text};

/// How often each class was taken for each: a table with the truth down and the prediction across.
///
/// ```
/// use report::Confusion;
/// use tensor::Tensor;
/// let (truth, predicted) = (Tensor::from([0i64, 0, 1, 1, 1]), Tensor::from([0i64, 1, 1, 1, 0]));
/// let confusion = Confusion::new(&truth, &predicted, ["cat", "dog"])?;
/// assert_eq!((confusion.count(1, 0), confusion.right()), (1, 3));
/// let picture = confusion.picture("Cats and dogs");
/// # Ok::<(), report::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Confusion {
    names: Vec<String>,
    /// Row by row: the truth is the row.
    counts: Vec<u64>,
}

const TEXT: f64 = 12.0;

impl Confusion {
    /// Counts pairs of what is and what was predicted; class `i` has the ith name.
    ///
    /// # Errors
    /// If there are more of the one than of the other, or a class without a name.
    pub fn new<S: Into<String>>(
        truth: &Tensor<i64>,
        predicted: &Tensor<i64>,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Confusion, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let (truth, predicted) = (truth.to_vec(), predicted.to_vec());
        if truth.len() != predicted.len() {
            return Err(Error::Classes(format!("found {} labels and {} predictions", truth.len(), predicted.len())));
        }
        let mut counts = vec![0; names.len() * names.len()];
        for (truth, predicted) in truth.into_iter().zip(predicted) {
            let class = |class: i64| usize::try_from(class).ok().filter(|&class| class < names.len());
            let (Some(row), Some(column)) = (class(truth), class(predicted)) else {
                let found = if class(truth).is_none() { truth } else { predicted };
                return Err(Error::Classes(format!("found class {found}, expected one of {} names", names.len())));
            };
            counts[row * names.len() + column] += 1;
        }
        Ok(Confusion { names, counts })
    }

    /// How often one class was taken for another.
    ///
    /// # Panics
    /// If there is no such class.
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        assert!(truth.max(predicted) < self.names.len(), "no class {truth} or {predicted} of {}", self.names.len());
        self.counts[truth * self.names.len() + predicted]
    }

    /// How often the prediction was right.
    pub fn right(&self) -> u64 {
        (0..self.names.len()).map(|class| self.count(class, class)).sum()
    }

    /// Draws the counts under a title: the share of a row as shade, blue where right, red where wrong.
    pub fn picture(&self, title: &str) -> Picture {
        let n = self.names.len();
        let longest =
            |texts: &mut dyn Iterator<Item = String>| texts.map(|t| text::width(&t, TEXT)).fold(0.0, f64::max);
        let name = longest(&mut self.names.iter().cloned());
        let side = longest(&mut self.counts.iter().map(u64::to_string)).max(28.0).max(name.min(80.0)) + 8.0;
        let (left, top, cells) = (name + 40.0, 72.0, side * n as f64);
        let mut svg = Svg::default();
        svg.text((14.0, 28.0), 17.0, Anchor::Start, "", title);
        svg.text((left + 0.5 * cells, top - 24.0), 14.0, Anchor::Middle, "", "predicted");
        svg.upright((20.0, top + 0.5 * cells), 14.0, "truth");
        for (i, name) in self.names.iter().enumerate() {
            let middle = (i as f64 + 0.5) * side;
            svg.text((left + middle, top - 6.0), TEXT, Anchor::Middle, "", name);
            svg.text((left - 8.0, top + middle + 4.0), TEXT, Anchor::End, "", name);
        }
        for (cell, &count) in self.counts.iter().enumerate() {
            let (row, column) = (cell / n, cell % n);
            let total: u64 = self.counts[row * n..(row + 1) * n].iter().sum();
            let share = if total == 0 { 0.0 } else { count as f64 / total as f64 };
            let at = (left + column as f64 * side, top + row as f64 * side);
            // Rare mistakes are to be seen too, and right answers are many.
            let color = if row == column { Color::BLUE.shade(share) } else { Color::RED.shade(share.sqrt()) };
            svg.rect(at, (side - 1.0, side - 1.0), &format!("fill=\"{color}\""));
            let ink = if color.is_dark() { "#fff" } else { "#222" };
            if count > 0 {
                let style = format!(" style=\"fill:{ink}\"");
                svg.text(
                    (at.0 + 0.5 * side, at.1 + 0.5 * side + 4.0),
                    TEXT,
                    Anchor::Middle,
                    &style,
                    &count.to_string(),
                );
            }
        }
        let width = (left + cells + 20.0).max(text::width(title, 17.0) + 28.0);
        Picture::new(width, top + cells + 16.0, svg)
    }

    /// Draws the counts to a file, see [`Picture::save`].
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn save(&self, title: &str, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture(title).save(path)
    }
}
