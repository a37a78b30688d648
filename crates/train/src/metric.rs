//! Measures of how well a model does; each is a value that batches are added to.

mod throughput;

use serde::{Deserialize, Serialize};
use tensor::{Float, Tensor};

pub use throughput::Throughput;

use crate::number;

/// How many rows of `[n, classes]` scores have their largest element at the label. The first of equal ones counts.
///
/// # Panics
/// If there are not as many labels as rows.
#[track_caller]
pub fn correct<T: Float>(scores: &Tensor<T>, labels: &Tensor<i64>) -> usize {
    let (classes, labels) = (scores.argmax(1).to_vec(), labels.to_vec());
    assert_eq!(classes.len(), labels.len(), "correct: as many labels as rows of scores");
    classes.iter().zip(&labels).filter(|(class, label)| class == label).count()
}

/// How many rows of `[n, classes]` scores have fewer than `k` elements that are larger than the one at the label.
///
/// # Panics
/// If there are not as many labels as rows, or a label is no class.
#[track_caller]
pub fn correct_in_top<T: Float>(scores: &Tensor<T>, labels: &Tensor<i64>, k: usize) -> usize {
    let classes = scores.shape()[1];
    let (scores, labels) = (scores.to_vec(), labels.to_vec());
    assert_eq!(scores.len(), labels.len() * classes, "correct_in_top: as many labels as rows of scores");
    let is_in_top = |(row, &label): (&[T], &i64)| {
        let class = usize::try_from(label).ok().filter(|&class| class < classes);
        let class = class.unwrap_or_else(|| panic!("correct_in_top: label {label}, expected one below {classes}"));
        let is_above = |x: &T| x.to_f64() > row[class].to_f64();
        !row[class].to_f64().is_nan() && row.iter().filter(|x| is_above(x)).count() < k
    };
    scores.chunks(classes.max(1)).zip(&labels).filter(|&pair| is_in_top(pair)).count()
}

/// A mean of numbers that count for more than one, such as the costs of batches.
///
/// ```
/// let mut cost = train::Mean::default();
/// cost.add(2.0, 30);
/// cost.add(5.0, 10);
/// assert_eq!(cost.value(), 2.75);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    #[serde(with = "number")]
    sum: f64,
    count: u64,
}

impl Mean {
    /// Adds the mean of `count` numbers.
    pub fn add(&mut self, mean: f64, count: usize) {
        self.sum += mean * count as f64;
        self.count += count as u64;
    }

    /// The mean; NaN of nothing.
    pub fn value(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Of how many.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// The part of examples whose class is right.
///
/// ```
/// use tensor::Tensor;
/// use train::Accuracy;
///
/// let (mut first, mut second) = (Accuracy::new(), Accuracy::top(2));
/// let scores = Tensor::from([[0.1f32, 0.7, 0.2], [0.5, 0.2, 0.3]]);
/// first.add(&scores, &Tensor::from([1, 2]));
/// second.add(&scores, &Tensor::from([1, 2]));
/// assert_eq!((first.value(), second.value()), (0.5, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
    k: usize,
    right: usize,
    examples: usize,
}

impl Default for Accuracy {
    fn default() -> Accuracy {
        Accuracy::new()
    }
}

impl Accuracy {
    /// Of the class with the largest score.
    pub const fn new() -> Accuracy {
        Accuracy { k: 1, right: 0, examples: 0 }
    }

    /// Of the right class being among the `k` with the largest scores; equal scores are to its favour.
    pub const fn top(k: usize) -> Accuracy {
        Accuracy { k, right: 0, examples: 0 }
    }

    /// Adds a batch: scores `[n, classes]`, labels `[n]`.
    ///
    /// # Panics
    /// If there are not as many labels as rows, or a label is no class.
    #[track_caller]
    pub fn add<T: Float>(&mut self, scores: &Tensor<T>, labels: &Tensor<i64>) {
        self.right += match self.k {
            1 => correct(scores, labels),
            k => correct_in_top(scores, labels, k),
        };
        self.examples += labels.numel();
    }

    /// How many were right.
    pub const fn right(&self) -> usize {
        self.right
    }

    /// Of how many.
    pub const fn examples(&self) -> usize {
        self.examples
    }

    /// Their part, from 0 to 1; NaN of nothing.
    pub fn value(&self) -> f64 {
        self.right as f64 / self.examples as f64
    }
}
