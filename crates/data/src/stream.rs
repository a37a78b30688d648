//! Samples that come one after the other.

use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tensor::Rng;

use crate::dataset::{BoxError, attempt, collate, message};
use crate::prefetch::Prefetch;
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
        let chunks = Chunks { source: self.source, size: batch_size, drop_last: false };
        let function = self.function;
        let assemble = Arc::new(move |chunk| assemble(chunk, &*function));
        StreamBatches { state: State::Here(chunks), assemble, workers: 0, ahead: None, position: 0, begun: false }
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

/// The samples of one batch after the other, as they come from the source.
struct Chunks<R> {
    source: Source<R>,
    size: usize,
    drop_last: bool,
}

impl<R> Iterator for Chunks<R> {
    type Item = Vec<Numbered<R>>;

    fn next(&mut self) -> Option<Vec<Numbered<R>>> {
        let chunk: Vec<_> = self.source.by_ref().take(self.size).collect();
        let enough = if self.drop_last { self.size } else { 1 };
        (chunk.len() >= enough).then_some(chunk)
    }
}

/// A batch, and how many samples went into it.
type Counted<S> = (usize, Result<<S as Sample>::Batch, Error>);

fn assemble<R, S: Sample>(chunk: Vec<Numbered<R>>, function: &Function<R, S>) -> Counted<S> {
    let count = chunk.len();
    let index = |sample: &Numbered<R>| match sample {
        Ok((index, _)) => *index,
        Err(_) => 0,
    };
    let indices: Vec<usize> = chunk.iter().map(index).collect();
    let samples = chunk.into_iter().map(|sample| {
        let (index, raw) = sample?;
        attempt(index, || function(index, raw))
    });
    let batch = catch_unwind(AssertUnwindSafe(|| collate(&indices, samples)));
    (count, batch.unwrap_or_else(|panic| Err(Error::Panic { index: indices[0], message: message(&*panic) })))
}

/// The batches of a [`Stream`], in their order; made by [`Stream::batches`].
///
/// Where a sample is an error or its making panics, its batch is an error that names it, and the next batch follows. A
/// panic of the iterator that the stream was made from is such an error too, and the end.
pub struct StreamBatches<R, S: Sample> {
    state: State<R, S>,
    assemble: Arc<dyn Fn(Vec<Numbered<R>>) -> Counted<S> + Send + Sync>,
    workers: usize,
    ahead: Option<usize>,
    position: usize,
    begun: bool,
}

enum State<R, S: Sample> {
    Here(Chunks<R>),
    Ahead(Prefetch<Counted<S>>),
    Ended,
}

impl<R: Send + 'static, S: Sample> StreamBatches<R, S> {
    /// Has so many threads assemble batches ahead, and one more read the stream; 0, as without this, has the asking thread
    /// do both. The batches are the same, to the bit.
    ///
    /// # Panics
    /// If the first batch has been asked for already.
    #[track_caller]
    pub fn workers(self, threads: usize) -> StreamBatches<R, S> {
        self.check_new("workers");
        StreamBatches { workers: threads, ..self }
    }

    /// How many batches may be ready or in the making ahead of the asking thread, at least 1; unless chosen, two for each
    /// worker. Without workers it means nothing.
    pub fn ahead(self, batches: usize) -> StreamBatches<R, S> {
        StreamBatches { ahead: Some(batches), ..self }
    }

    /// Leaves out a last batch that is not full.
    ///
    /// # Panics
    /// If the first batch has been asked for already.
    #[track_caller]
    pub fn drop_last(mut self) -> StreamBatches<R, S> {
        self.check_new("drop_last");
        if let State::Here(chunks) = &mut self.state {
            chunks.drop_last = true;
        }
        self
    }

    /// How many samples the batches so far had, those that were errors included: what to save in order to
    /// [go on](StreamBatches::start_at) later.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The batches from where those of another stream like this one had the given [position](StreamBatches::position). The
    /// samples before it are read from the iterator and dropped; no function is applied to them.
    ///
    /// # Panics
    /// If the first batch has been asked for already.
    #[track_caller]
    pub fn start_at(mut self, position: usize) -> StreamBatches<R, S> {
        self.check_new("start_at");
        if let State::Here(chunks) = &mut self.state {
            chunks.source.by_ref().take(position).for_each(drop);
        }
        StreamBatches { position: self.position + position, ..self }
    }

    #[track_caller]
    fn check_new(&self, what: &str) {
        assert!(!self.begun, "{what}: found a stream that is under way, expected one at its beginning");
    }

    /// The next batch, and how many samples it had.
    fn advance(&mut self) -> Result<Option<Counted<S>>, Error> {
        if self.workers > 0
            && let State::Here(_) = self.state
        {
            self.start()?;
        }
        Ok(match &mut self.state {
            State::Here(chunks) => chunks.next().map(|chunk| (self.assemble)(chunk)),
            State::Ahead(prefetch) => prefetch.next(),
            State::Ended => None,
        })
    }

    fn start(&mut self) -> Result<(), Error> {
        if let State::Here(chunks) = std::mem::replace(&mut self.state, State::Ended) {
            let ahead = self.ahead.unwrap_or(2 * self.workers);
            let prefetch = Prefetch::start(chunks, self.assemble.clone(), self.workers, ahead);
            let failed = |source| Error::Threads { expected: self.workers + 1, source };
            self.state = State::Ahead(prefetch.map_err(failed)?);
        }
        Ok(())
    }
}

impl<R: Send + 'static, S: Sample> Iterator for StreamBatches<R, S> {
    type Item = Result<S::Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.begun = true;
        match self.advance() {
            Ok(Some((count, batch))) => {
                self.position += count;
                Some(batch)
            }
            Ok(None) => {
                self.state = State::Ended;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl<R: Send + 'static, S: Sample> FusedIterator for StreamBatches<R, S> {}
