use std::fmt;
use std::path::Path;

use tensor::Tensor;

use crate::svg::{Anchor, Svg};
use crate::{Color, Error, Picture, text};

/// How often each class was taken for each: a table with the truth down and the prediction across.
///
/// ```
/// use report::Confusion;
/// use tensor::Tensor;
/// let mut confusion = Confusion::new(["cat", "dog"]);
/// confusion.add(&Tensor::from([0, 1, 1, 1, 0]), &Tensor::from([0, 0, 1, 1, 1]));
/// assert_eq!((confusion.count(1, 0), confusion.right(), confusion.accuracy()), (1, 3, 0.6));
/// assert_eq!((confusion.recall(0), confusion.precision(1)), (0.5, 2.0 / 3.0));
/// assert_eq!(confusion.to_string(), "      cat  dog\n cat    1    1\n dog    1    2\n");
/// let picture = confusion.picture("Cats and dogs");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    names: Vec<String>,
    /// Row by row: the truth is the row.
    counts: Vec<u64>,
}

const TEXT: f64 = 12.0;

impl Confusion {
    /// Of classes with these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Confusion {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        Confusion { counts: vec![0; names.len() * names.len()], names }
    }

    /// Of so many classes, which are called by their numbers.
    pub fn of(classes: usize) -> Confusion {
        Confusion::new((0..classes).map(|class| class.to_string()))
    }

    /// Adds examples: the classes that a model gives them, and their labels.
    ///
    /// # Panics
    /// If there are more of the one than of the other, or one is no class.
    #[track_caller]
    pub fn add(&mut self, predicted: &Tensor<i64>, labels: &Tensor<i64>) {
        self.try_add(predicted, labels).unwrap_or_else(|error| panic!("{error}"));
    }

    /// As [`add`](Confusion::add).
    ///
    /// # Errors
    /// If there are more of the one than of the other, or one is no class; nothing is added then.
    pub fn try_add(&mut self, predicted: &Tensor<i64>, labels: &Tensor<i64>) -> Result<(), Error> {
        let (predicted, labels) = (predicted.to_vec(), labels.to_vec());
        if predicted.len() != labels.len() {
            let found = format!("found {} labels and {} predictions", labels.len(), predicted.len());
            return Err(Error::Classes(found));
        }
        let cell = |(&predicted, &label)| Ok(self.class(label)? * self.names.len() + self.class(predicted)?);
        let cells = predicted.iter().zip(&labels).map(cell).collect::<Result<Vec<usize>, Error>>()?;
        cells.into_iter().for_each(|cell| self.counts[cell] += 1);
        Ok(())
    }

    fn class(&self, class: i64) -> Result<usize, Error> {
        let known = usize::try_from(class).ok().filter(|&class| class < self.names.len());
        known.ok_or_else(|| Error::Classes(format!("found class {class}, expected one of {}", self.names.len())))
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

    /// The part of the examples of a class that were found to be of it; NaN without any.
    ///
    /// # Panics
    /// If there is no such class.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        let all: u64 = (0..self.names.len()).map(|predicted| self.count(class, predicted)).sum();
        self.count(class, class) as f64 / all as f64
    }

    /// The part of the examples found to be of a class that are of it; NaN without any.
    ///
    /// # Panics
    /// If there is no such class.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        let all: u64 = (0..self.names.len()).map(|truth| self.count(truth, class)).sum();
        self.count(class, class) as f64 / all as f64
    }

    /// The part of all examples whose prediction was right; NaN without any.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.counts.iter().sum::<u64>() as f64
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

impl fmt::Display for Confusion {
    /// A row for each class, a column for each prediction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.iter().map(u64::to_string);
        let width = counts.chain(self.names.iter().cloned()).map(|text| text.chars().count()).max().unwrap_or(0) + 1;
        let mut line = |name: &str, cells: Vec<String>| {
            let cells: String = cells.into_iter().map(|cell| format!(" {cell:>width$}")).collect();
            writeln!(f, "{name:>width$}{cells}")
        };
        line("", self.names.clone())?;
        let rows = self.names.iter().zip(self.counts.chunks(self.names.len().max(1)));
        rows.into_iter().try_for_each(|(name, row)| line(name, row.iter().map(u64::to_string).collect()))
    }
}
