use std::iter::FusedIterator;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::dataset::{Dataset, message};
use crate::prefetch::Prefetch;
use crate::sample::BatchOf;
use crate::{Error, split};

/// Deals a data set out in batches; made by [`Dataset::loader`].
///
/// Batches are assembled by the thread that asks for them, or ahead of it by [`workers`](Loader::workers): the same
/// batches, to the bit, in the same order. Cloning counts a reference.
///
/// ```
/// use data::Dataset;
/// use data::transform::{Elastic, Transforms};
/// let distorted = Transforms::new().add(Elastic::new(4.0, 34.0));
/// let digits = data::digits::generate(100, 0);
/// for epoch in 0..2 {
///     let loader = digits.clone().augment(&distorted, 7, epoch).loader(16).workers(2);
///     for batch in loader.shuffle(42, epoch) {
///         let (images, labels) = batch?;
///         assert_eq!(images.shape()[1..], [1, 28, 28]);
///     }
/// }
/// # Ok::<(), data::Error>(())
/// ```
pub struct Loader<D: ?Sized> {
    batch_size: usize,
    workers: usize,
    ahead: Option<usize>,
    drop_last: bool,
    dataset: Arc<D>,
}

impl<D: Dataset> Loader<D> {
    #[track_caller]
    pub(crate) fn new(dataset: D, batch_size: usize) -> Loader<D> {
        assert!(batch_size > 0, "loader: found a batch size of 0, expected at least 1");
        Loader { batch_size, workers: 0, ahead: None, drop_last: false, dataset: Arc::new(dataset) }
    }

    /// Has so many threads assemble batches ahead; 0, as without this, has the asking thread assemble each.
    ///
    /// The threads run from a pass's first batch until it is dropped or through.
    pub fn workers(self, threads: usize) -> Loader<D> {
        Loader { workers: threads, ..self }
    }

    /// How many batches may be ready or in the making ahead of the asking thread, at least 1; unless chosen, two for each
    /// worker. Without workers it means nothing.
    pub fn ahead(self, batches: usize) -> Loader<D> {
        Loader { ahead: Some(batches), ..self }
    }

    /// Leaves out a last batch that is not full.
    pub fn drop_last(self) -> Loader<D> {
        Loader { drop_last: true, ..self }
    }

    /// The data set.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }

    /// A pass over the samples as they lie.
    pub fn in_order(&self) -> Pass<D> {
        self.pass(None, self.dataset.len())
    }

    /// A pass over all samples in an order drawn from `(seed, epoch)`, the one of
    /// [`Batches::shuffle`](crate::Batches::shuffle).
    pub fn shuffle(&self, seed: u64, epoch: u64) -> Pass<D> {
        self.order(split::permutation(self.dataset.len(), seed, epoch))
    }

    /// A pass over samples of your choice; some may come several times, some never.
    ///
    /// # Panics
    /// If one does not exist.
    #[track_caller]
    pub fn order(&self, indices: Vec<usize>) -> Pass<D> {
        let len = self.dataset.len();
        let outside = indices.iter().find(|&&index| index >= len);
        assert!(outside.is_none(), "order: found index {}, expected one below {len}", outside.unwrap_or(&0));
        let count = indices.len();
        self.pass(Some(indices.into()), count)
    }

    fn pass(&self, order: Option<Arc<[usize]>>, count: usize) -> Pass<D> {
        let end = if self.drop_last { count - count % self.batch_size } else { count };
        Pass { loader: self.clone(), order, end, position: 0, prefetch: None }
    }
}

impl<D: ?Sized> Clone for Loader<D> {
    fn clone(&self) -> Loader<D> {
        Loader { dataset: self.dataset.clone(), ..*self }
    }
}

/// One pass over a data set, batch by batch; made by a [`Loader`].
///
/// Where a sample cannot be had or its making panics, its batch is an error that names it; the pass then goes on with the
/// next batch.
pub struct Pass<D: Dataset> {
    loader: Loader<D>,
    /// The samples in the order in which they come; none where they come as they lie.
    order: Option<Arc<[usize]>>,
    end: usize,
    position: usize,
    prefetch: Option<Prefetch<Result<BatchOf<D>, Error>>>,
}

impl<D: Dataset> Pass<D> {
    /// How many samples the batches so far had: what to save in order to [go on](Pass::start_at) later.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many samples the whole pass has, with those of a last batch that is left out.
    pub fn samples(&self) -> usize {
        self.order.as_ref().map_or_else(|| self.loader.dataset.len(), |order| order.len())
    }

    /// The pass from where another one, of the same order, had the given [position](Pass::position). The samples before it
    /// are not touched.
    ///
    /// ```
    /// use data::Dataset;
    /// let loader = data::digits::generate(50, 0).loader(8);
    /// let mut interrupted = loader.shuffle(1, 0);
    /// interrupted.by_ref().take(3).for_each(drop);
    /// let position = interrupted.position();
    /// assert_eq!(position, 24);
    /// let rest = loader.shuffle(1, 0).start_at(position);
    /// for (a, b) in interrupted.zip(rest) {
    ///     assert_eq!(a?.0, b?.0);
    /// }
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer samples.
    #[track_caller]
    pub fn start_at(self, position: usize) -> Pass<D> {
        let most = self.samples();
        assert!(position <= most, "start_at: found position {position}, expected at most the {most} samples there are");
        Pass { position: position.min(self.end), prefetch: None, ..self }
    }

    /// Where the batch after the current one begins.
    fn next_position(&self) -> usize {
        self.position.saturating_add(self.loader.batch_size).min(self.end)
    }
}

impl<D: Dataset + 'static> Pass<D> {
    /// Which samples come in the batches that are left.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> + Send + use<D> {
        let (start, end, size) = (self.position, self.end, self.loader.batch_size);
        (start..end).step_by(size).map(move |from| from..from.saturating_add(size).min(end))
    }

    fn assemble(&self) -> impl Fn(Range<usize>) -> Result<BatchOf<D>, Error> + Send + Sync + use<D> {
        let (dataset, order) = (self.loader.dataset.clone(), self.order.clone());
        move |range| match &order {
            Some(order) => assemble(&*dataset, &order[range]),
            None => assemble(&*dataset, &range.collect::<Vec<_>>()),
        }
    }

    fn start(&self) -> Result<Prefetch<Result<BatchOf<D>, Error>>, Error> {
        let workers = self.loader.workers;
        let ahead = self.loader.ahead.unwrap_or(2 * workers);
        Prefetch::start(self.ranges(), Arc::new(self.assemble()), workers, ahead)
            .map_err(|source| Error::Threads { expected: workers + 1, source })
    }

    fn ahead(&mut self) -> Result<BatchOf<D>, Error> {
        if self.prefetch.is_none() {
            self.prefetch = Some(self.start()?);
        }
        let batch = self.prefetch.as_mut().and_then(Iterator::next);
        batch.expect("the workers answer for every batch")
    }
}

/// The batch, a panic that `batch` lets through as an error.
fn assemble<D: Dataset>(dataset: &D, indices: &[usize]) -> Result<BatchOf<D>, Error> {
    catch_unwind(AssertUnwindSafe(|| dataset.batch(indices)))
        .unwrap_or_else(|panic| Err(Error::Panic { index: indices[0], message: message(&*panic) }))
}

impl<D: Dataset + 'static> Iterator for Pass<D> {
    type Item = Result<BatchOf<D>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let range = self.position..self.next_position();
        if range.is_empty() {
            self.prefetch = None;
            return None;
        }
        let batch = match self.loader.workers {
            0 => self.assemble()(range.clone()),
            _ => self.ahead(),
        };
        self.position = if let Err(Error::Threads { .. }) = batch { self.end } else { range.end };
        Some(batch)
    }

    /// Leaves out `n` batches without touching their samples, as long as no worker has begun on them.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        if self.prefetch.is_some() {
            return (0..n).try_for_each(|_| self.next().map(drop)).and_then(|()| self.next());
        }
        let skipped = self.loader.batch_size.saturating_mul(n);
        self.position = self.position.saturating_add(skipped).min(self.end);
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.position).div_ceil(self.loader.batch_size);
        (left, Some(left))
    }
}

impl<D: Dataset + 'static> ExactSizeIterator for Pass<D> {}

impl<D: Dataset + 'static> FusedIterator for Pass<D> {}
