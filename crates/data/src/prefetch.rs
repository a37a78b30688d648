//! Work done ahead by threads, its results in the order of what went in.

use std::iter::FusedIterator;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{io, mem};

/// One input, and the way back for what becomes of it.
type Job<I, O> = (I, Sender<O>);

/// The results of `work` on each input, in the order of the inputs.
///
/// One thread, the feeder, draws the inputs and hands them to the workers. For each it also queues, for the consumer, the
/// channel that the result will come through; that queue is bounded, so it is what keeps the feeder from running ahead,
/// and its order is that of the inputs whichever worker is done first. Nobody waits for a later input to be worked on, so
/// nothing can block for good but the inputs or the work themselves.
pub(crate) struct Prefetch<O> {
    results: Receiver<Receiver<O>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<O: Send + 'static> Prefetch<O> {
    /// Starts `workers` threads and the feeder; at most `ahead` results wait, or are in the making,
    /// while the consumer does something else.
    ///
    /// # Errors
    /// If the operating system refuses to start one of them; those that run are ended.
    pub(crate) fn start<I: Send + 'static>(
        inputs: impl Iterator<Item = I> + Send + 'static,
        work: Arc<dyn Fn(I) -> O + Send + Sync>,
        workers: usize,
        ahead: usize,
    ) -> io::Result<Prefetch<O>> {
        let (queue, results) = sync_channel(ahead.max(1));
        let (jobs, taken) = channel();
        let (taken, stop) = (Arc::new(Mutex::new(taken)), Arc::new(AtomicBool::new(false)));
        // From here on, dropping it ends what has been started.
        let mut prefetch = Prefetch { results, stop: stop.clone(), threads: Vec::new() };
        for _ in 0..workers {
            let (taken, work, stop) = (taken.clone(), work.clone(), stop.clone());
            prefetch.spawn("wengert-data worker", move || serve(&taken, &*work, &stop))?;
        }
        prefetch.spawn("wengert-data feeder", move || feed(inputs, &queue, &jobs, &stop))?;
        Ok(prefetch)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }
}

/// Draws inputs until there are none, or nobody wants them any more.
fn feed<I, O>(
    inputs: impl Iterator<Item = I>,
    queue: &SyncSender<Receiver<O>>,
    jobs: &Sender<Job<I, O>>,
    stop: &AtomicBool,
) {
    for input in inputs.take_while(|_| !stop.load(Ordering::Relaxed)) {
        let (reply, result) = channel();
        if queue.send(result).is_err() || jobs.send((input, reply)).is_err() {
            return;
        }
    }
}

/// Works until there are no jobs, or nobody wants the results any more.
fn serve<I, O>(jobs: &Mutex<Receiver<Job<I, O>>>, work: &dyn Fn(I) -> O, stop: &AtomicBool) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok((input, reply)) if !stop.load(Ordering::Relaxed) => {
                // A consumer that has gone needs no result.
                let _ = reply.send(work(input));
            }
            _ => return,
        }
    }
}

impl<O> Iterator for Prefetch<O> {
    type Item = O;

    /// Waits for the next result; none come after the last input.
    fn next(&mut self) -> Option<O> {
        self.results.recv().ok()?.recv().ok()
    }
}

impl<O> FusedIterator for Prefetch<O> {}

impl<O> Drop for Prefetch<O> {
    /// Ends the threads and waits for them: each finishes at most what it is working on.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A feeder that waits for room in the queue sees that there is nobody to read it.
        drop(mem::replace(&mut self.results, channel().1));
        for thread in self.threads.drain(..) {
            // What panicked has been reported where it happened.
            let _ = thread.join();
        }
    }
}
