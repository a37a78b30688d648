use tensor::Tensor;

use crate::images::augment::Augment;
use crate::transform::Transforms;
use crate::{Images, split};

/// Some rows of [`Images`] as tensors.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pixels, bytes times the data set's scale: shape `[rows, row_len]`, an [augmented](Batches::augment) row as long as
    /// what the transforms make of it.
    pub images: Tensor<f32>,
    /// Labels: shape `[rows]`.
    pub labels: Tensor<i64>,
}

/// One pass over [`Images`], batch by batch; made by [`Images::batches`].
///
/// Every row comes exactly once; the last batch holds what is left, and an empty data set yields none. Rows go straight
/// from the shared bytes into the tensor's buffer.
#[derive(Clone, Debug)]
pub struct Batches {
    images: Images,
    batch_size: usize,
    /// The permutation of a shuffled pass; none where rows come as they lie.
    order: Option<Vec<usize>>,
    next_row: usize,
    augment: Option<Augment>,
}

impl Batches {
    #[track_caller]
    pub(crate) fn new(images: Images, batch_size: usize) -> Batches {
        assert!(batch_size > 0, "batches: found a batch size of 0, expected at least 1");
        Batches { images, batch_size, order: None, next_row: 0, augment: None }
    }

    /// Starts the pass over in an order drawn from `(seed, epoch)`.
    ///
    /// The same numbers give the same order on every platform and at any thread count, and no epoch's order depends on
    /// another's, so that a resumed run finds its place. The rule: ChaCha8, keyed with the seed, at stream `epoch`,
    /// drives a Fisher–Yates shuffle that for i = n−1, …, 1 swaps rows i and j = ⌊u·(i + 1) / 2⁶⁴⌋, u the next 64 bits.
    ///
    /// ```
    /// let digits = data::digits::generate(40, 1);
    /// let labels = |seed, epoch| -> Vec<i64> {
    ///     digits.batches(16).shuffle(seed, epoch).flat_map(|batch| batch.labels.to_vec()).collect()
    /// };
    /// assert_eq!(labels(3, 0), labels(3, 0));
    /// assert_ne!(labels(3, 0), labels(3, 1));
    /// ```
    pub fn shuffle(self, seed: u64, epoch: u64) -> Batches {
        let order = split::permutation(self.images.len(), seed, epoch);
        Batches { order: Some(order), next_row: 0, ..self }
    }

    /// How many rows the batches so far had: what to save in order to [go on](Batches::start_at) later.
    pub fn position(&self) -> usize {
        self.next_row
    }

    /// How many rows the whole pass has.
    pub fn samples(&self) -> usize {
        self.images.len()
    }

    /// The pass from where another one, of the same order, had the given [position](Batches::position), without a look at
    /// the rows before it.
    ///
    /// ```
    /// let digits = data::digits::generate(40, 1);
    /// let mut interrupted = digits.batches(16).shuffle(3, 0);
    /// interrupted.next();
    /// let mut resumed = digits.batches(16).shuffle(3, 0).start_at(interrupted.position());
    /// assert_eq!(resumed.next().unwrap().images, interrupted.next().unwrap().images);
    /// ```
    ///
    /// # Panics
    /// If there are fewer rows.
    #[track_caller]
    pub fn start_at(self, position: usize) -> Batches {
        let rows = self.images.len();
        assert!(position <= rows, "start_at: found position {position}, expected at most the {rows} rows there are");
        Batches { next_row: position, ..self }
    }

    /// Transforms each image on its way into the batch, anew in each epoch; the pixels are bytes times the data set's
    /// scale.
    ///
    /// Row `i` is changed by what [`Draw::new(seed, epoch, i)`](crate::transform::Draw) draws, wherever the shuffle puts
    /// it.
    ///
    /// # Panics
    /// If the data set has no [shape](Images::with_shape), or the transforms do not apply to it.
    #[track_caller]
    pub fn augment(self, transforms: &Transforms, seed: u64, epoch: u64) -> Batches {
        let augment = Augment::new(transforms.clone(), self.images.known_shape(), seed, epoch);
        Batches { augment: Some(augment), ..self }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let end = self.next_row.saturating_add(self.batch_size).min(self.images.len());
        let rows = self.next_row..end;
        self.next_row = end;
        match (&self.order, &mut self.augment) {
            _ if rows.is_empty() => None,
            (Some(order), Some(augment)) => Some(augment.batch(&self.images, order[rows].iter().copied())),
            (None, Some(augment)) => Some(augment.batch(&self.images, rows)),
            (Some(order), None) => Some(self.images.gather_before(&order[rows], &order[end..])),
            (None, None) => Some(self.images.run(rows)),
        }
    }

    /// Leaves out `n` batches without a look at their rows.
    fn nth(&mut self, n: usize) -> Option<Batch> {
        let skipped = self.batch_size.saturating_mul(n);
        self.next_row = self.next_row.saturating_add(skipped).min(self.images.len());
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.images.len() - self.next_row).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}
