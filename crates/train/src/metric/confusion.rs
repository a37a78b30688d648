//! What is taken for what.

use std::fmt;

use tensor::Tensor;

/// How often each class was taken for each other.
///
/// ```
/// use tensor::Tensor;
/// let mut confusion = train::Confusion::new(2);
/// confusion.add(&Tensor::from([0, 1, 1, 1]), &Tensor::from([0, 0, 1, 1]));
/// assert_eq!((confusion.count(0, 1), confusion.recall(0), confusion.precision(1)), (1, 0.5, 2.0 / 3.0));
/// assert_eq!(confusion.to_string(), "label \\ class     0     1\n            0     1     1\n            1     0     2\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// Of so many classes.
    pub fn new(classes: usize) -> Confusion {
        Confusion { classes, counts: vec![0; classes * classes] }
    }

    /// Adds examples: the classes that the model gives them, and their labels.
    ///
    /// # Panics
    /// If there are not as many labels as classes, or one is no class.
    #[track_caller]
    pub fn add(&mut self, classes: &Tensor<i64>, labels: &Tensor<i64>) {
        let (classes, labels) = (classes.to_vec(), labels.to_vec());
        assert_eq!(classes.len(), labels.len(), "confusion: as many labels as classes");
        for (class, label) in classes.into_iter().zip(labels) {
            let at = self.at(label) * self.classes + self.at(class);
            self.counts[at] += 1;
        }
    }

    #[track_caller]
    fn at(&self, class: i64) -> usize {
        let found = usize::try_from(class).ok().filter(|&class| class < self.classes);
        found.unwrap_or_else(|| panic!("confusion: class {class}, expected one below {}", self.classes))
    }

    /// How many examples of a label were given a class.
    pub fn count(&self, label: usize, class: usize) -> u64 {
        self.counts[label * self.classes + class]
    }

    /// The part of the examples of a label that were given it; NaN without any.
    pub fn recall(&self, label: usize) -> f64 {
        let all: u64 = (0..self.classes).map(|class| self.count(label, class)).sum();
        self.count(label, label) as f64 / all as f64
    }

    /// The part of the examples given a class that are of it; NaN without any.
    pub fn precision(&self, class: usize) -> f64 {
        let all: u64 = (0..self.classes).map(|label| self.count(label, class)).sum();
        self.count(class, class) as f64 / all as f64
    }

    /// The part of all examples that are given their label.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }
}

impl fmt::Display for Confusion {
    /// A row for each label, a column for each class given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label \\ class")?;
        (0..self.classes).try_for_each(|class| write!(f, "{class:>6}"))?;
        writeln!(f)?;
        for label in 0..self.classes {
            write!(f, "{label:>13}")?;
            (0..self.classes).try_for_each(|class| write!(f, "{:>6}", self.count(label, class)))?;
            writeln!(f)?;
        }
        Ok(())
    }
}
