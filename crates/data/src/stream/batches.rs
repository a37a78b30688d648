//! A stream's samples in batches.

use std::iter::FusedIterator;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Function, Numbered, Source};
use crate::dataset::{attempt, collate, message};
use crate::prefetch::Prefetch;
use crate::{Error, Sample};

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

/// The batches of a [`Stream`](crate::Stream), in their order; made by
/// [`Stream::batches`](crate::Stream::batches).
///
/// Where a sample is an error or its making panics, its batch is an error that names it, and the next batch follows. A
/// panic of the iterator that the stream was made from is such an error too, and the end. Dropping it waits for its
/// threads, so also for an iterator that is about to yield.
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
    pub(super) fn new(source: Source<R>, function: Arc<Function<R, S>>, batch_size: usize) -> StreamBatches<R, S> {
        let chunks = Chunks { source, size: batch_size, drop_last: false };
        let assemble = Arc::new(move |chunk| assemble(chunk, &*function));
        StreamBatches { state: State::Here(chunks), assemble, workers: 0, ahead: None, position: 0, begun: false }
    }

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
        if let State::Here(chunks) = mem::replace(&mut self.state, State::Ended) {
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
