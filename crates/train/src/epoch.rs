//! Where batches come from: passes that can begin in the middle.

use data::{BatchOf, Dataset};

/// The batches of one epoch, in an order that can be taken up in the middle.
///
/// [`data::Batches`] and [`data::Pass`] are such; [`Counted`] makes one of any iterator.
pub trait Epoch {
    /// What a step is made with.
    type Batch;

    /// The next batch, or `None` at the end.
    fn next_batch(&mut self) -> Option<Result<Self::Batch, data::Error>>;

    /// How far it is: what to save in order to go on from here.
    fn position(&self) -> usize;

    /// How far it goes; `None` where nobody knows.
    fn samples(&self) -> Option<usize>;

    /// The same epoch, from a position on that is not larger than [`samples`](Epoch::samples).
    fn start_at(self, position: usize) -> Self;
}

impl Epoch for data::Batches {
    type Batch = data::Batch;

    fn next_batch(&mut self) -> Option<Result<data::Batch, data::Error>> {
        self.next().map(Ok)
    }

    fn position(&self) -> usize {
        self.position()
    }

    fn samples(&self) -> Option<usize> {
        Some(self.samples())
    }

    fn start_at(self, position: usize) -> Self {
        self.start_at(position)
    }
}

impl<D: Dataset + 'static> Epoch for data::Pass<D> {
    type Batch = BatchOf<D>;

    fn next_batch(&mut self) -> Option<Result<BatchOf<D>, data::Error>> {
        self.next()
    }

    fn position(&self) -> usize {
        self.position()
    }

    fn samples(&self) -> Option<usize> {
        Some(self.samples())
    }

    fn start_at(self, position: usize) -> Self {
        self.start_at(position)
    }
}

/// An epoch of whatever batches an iterator gives, which must be the same ones each time; positions count batches, and
/// those before the position to start at are made and dropped.
pub struct Counted<I> {
    batches: I,
    position: usize,
    samples: Option<usize>,
}

impl<I: Iterator> Counted<I> {
    /// The batches of an iterator.
    pub fn new(batches: impl IntoIterator<IntoIter = I>) -> Counted<I> {
        let batches = batches.into_iter();
        let samples = match batches.size_hint() {
            (least, Some(most)) if least == most => Some(most),
            _ => None,
        };
        Counted { batches, position: 0, samples }
    }
}

impl<I: Iterator> Epoch for Counted<I> {
    type Batch = I::Item;

    fn next_batch(&mut self) -> Option<Result<I::Item, data::Error>> {
        let batch = self.batches.next()?;
        self.position += 1;
        Some(Ok(batch))
    }

    fn position(&self) -> usize {
        self.position
    }

    fn samples(&self) -> Option<usize> {
        self.samples
    }

    fn start_at(mut self, position: usize) -> Self {
        while self.position < position && self.next_batch().is_some() {}
        self
    }
}
