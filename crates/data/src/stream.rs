//! Samples that come one after the other.

mod batches;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tensor::Rng;

pub use batches::StreamBatches;

use crate::dataset::{BoxError, message};
use crate::random::{self, Purpose};
use crate::{Error, Sample};

/// A sample and its index, or what came instead of it.
type Numbered<R> = Result<(usize, R), Error>;
type Source<R> = Box<dyn Iterator<Item = Numbered<R>> + Send>;
type Function<R, S> = dyn Fn(usize, R) -> Result<S, BoxError> + Send + Sync;

/// Samples from an iterator: read once, in order, without knowing how many there are.
///
/// `R` is what the iterator yields, `S` what functions make of it. The iterator is read by one thread; the functions run
/// where the batches are assembled, so the costly part belongs into them. A sample's index is its place in the iterator.
///
/// ```
/// use data::Stream;
/// use tensor::Tensor;
/// let lines = ["1 2", "3 4", "5 6", "7 oops"].map(|line| Ok::<_, std::io::Error>(line.to_owned()));
/// let numbers = Stream::new(lines).try_map(|line: String| {
///     let numbers: Result<Vec<f32>, _> = line.split(' ').map(str::parse).collect();
///     numbers.map(|numbers| [numbers[0], numbers[1]])
/// });
/// let mut batches = numbers.batches(2).workers(2);
/// assert_eq!(batches.next().unwrap()?, Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
/// assert_eq!(batches.next().unwrap().unwrap_err().to_string(), "sample 3: invalid float literal");
/// assert!(batches.next().is_none());
/// # Ok::<(), data::Error>(())
/// ```
pub struct Stream<R, S = R> {
    source: Source<R>,
    function: Arc<Function<R, S>>,
}

impl<R: Send + 'static> Stream<R> {
    /// The samples of an iterator, each of which may have failed; after an error it may go on.
    pub fn new<E: Into<BoxError>>(
        samples: impl IntoIterator<Item = Result<R, E>, IntoIter: Send + 'static>,
    ) -> Stream<R> {
        let source = Guarded { samples: Some(samples.into_iter()), index: 0 };
        Stream { source: Box::new(source), function: Arc::new(|_, sample| Ok(sample)) }
    }
}

impl<R: Send + 'static, S: 'static> Stream<R, S> {
    /// Draws each sample at random from a buffer of so many.
    ///
    /// The larger the buffer, the better the mixture and the longer the wait for the first sample; one as large as the
    /// stream mixes it completely. The rule: ChaCha8 under the key (seed, 6, 0, 0) at stream `epoch` picks place
    /// j = ⌊u·n / 2⁶⁴⌋ of the n that are filled; the last of them takes the place of the picked one, and the sample that
    /// follows in the stream comes after all.
    ///
    /// # Panics
    /// If `buffer` is 0.
    #[track_caller]
    pub fn shuffle(self, buffer: usize, seed: u64, epoch: u64) -> Stream<R, S> {
        assert!(buffer > 0, "shuffle: found a buffer of 0 samples, expected at least 1");
        let rng = random::stream(Purpose::Stream, seed, epoch);
        Stream { source: Box::new(Shuffled { source: self.source, held: Vec::new(), room: buffer, rng }), ..self }
    }

    /// Each sample changed by a function.
    pub fn map<U: 'static>(self, f: impl Fn(S) -> U + Send + Sync + 'static) -> Stream<R, U> {
        self.then(move |_, sample| Ok(f(sample)))
    }

    /// Each sample changed by a function that can fail.
    pub fn try_map<U: 'static, E: Into<BoxError>>(
        self,
        f: impl Fn(S) -> Result<U, E> + Send + Sync + 'static,
    ) -> Stream<R, U> {
        self.then(move |_, sample| f(sample).map_err(Into::into))
    }

    /// Each sample changed by a function with random numbers, those of
    /// [`Dataset::map_random`](crate::Dataset::map_random).
    pub fn map_random<U: 'static>(
        self,
        seed: u64,
        epoch: u64,
        f: impl Fn(S, &mut Rng) -> U + Send + Sync + 'static,
    ) -> Stream<R, U> {
        self.then(move |index, sample| Ok(f(sample, &mut random::of_sample(seed, epoch, index))))
    }

    fn then<U: 'static>(self, f: impl Fn(usize, S) -> Result<U, BoxError> + Send + Sync + 'static) -> Stream<R, U> {
        let first = self.function;
        Stream { source: self.source, function: Arc::new(move |index, raw| f(index, first(index, raw)?)) }
    }

    /// Batches of so many samples; the last holds what is left.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    pub fn batches(self, batch_size: usize) -> StreamBatches<R, S>
    where
        S: Sample,
    {
        assert!(batch_size > 0, "batches: found a batch size of 0, expected at least 1");
        StreamBatches::new(self.source, self.function, batch_size)
    }
}

/// An iterator whose panic is an error, and its end.
struct Guarded<I> {
    samples: Option<I>,
    index: usize,
}

impl<R, E: Into<BoxError>, I: Iterator<Item = Result<R, E>>> Iterator for Guarded<I> {
    type Item = Numbered<R>;

    fn next(&mut self) -> Option<Numbered<R>> {
        let samples = self.samples.as_mut()?;
        let index = self.index;
        self.index += 1;
        match catch_unwind(AssertUnwindSafe(|| samples.next())) {
            Ok(Some(Ok(sample))) => Some(Ok((index, sample))),
            Ok(Some(Err(error))) => Some(Err(Error::Sample { index, source: error.into() })),
            Ok(None) => {
                self.samples = None;
                None
            }
            Err(panic) => {
                self.samples = None;
                Some(Err(Error::Panic { index, message: message(&*panic) }))
            }
        }
    }
}

struct Shuffled<R> {
    source: Source<R>,
    held: Vec<Numbered<R>>,
    room: usize,
    rng: Rng,
}

impl<R> Iterator for Shuffled<R> {
    type Item = Numbered<R>;

    fn next(&mut self) -> Option<Numbered<R>> {
        while self.held.len() < self.room
            && let Some(sample) = self.source.next()
        {
            self.held.push(sample);
        }
        let count = self.held.len();
        (count > 0).then(|| self.held.swap_remove(random::below(&mut self.rng, count)))
    }
}
