//! The threads that share one kernel's work.
//!
//! A kernel lasts from a few microseconds to a few milliseconds, and waking a sleeping thread costs about 70 µs. So
//! helpers, which are tasks on rayon's threads, stay awake for a while after each job and look for the next one, and
//! nobody ever waits for a helper to arrive: the caller begins at once, and takes all tasks that no helper has taken.
//! There is one job at a time; a caller that finds another one under way works alone.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a helper looks for the next job before it gives its thread back to rayon.
const LINGER: Duration = Duration::from_micros(300);

/// Work, in nanoseconds, that callers do alone before they wake a sleeping helper for it.
const PATIENCE: usize = 100_000;

/// How often a waiting thread looks before it lets others run first.
const SPINS: usize = 2_000;

type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// What the helpers of a job need to know. It is written while no helper is inside.
struct Job {
    /// Valid from `open` until every helper has left.
    run: *const Task<'static>,
    tasks: usize,
    /// The most helpers that may take part.
    limit: usize,
}

struct Team {
    /// Whether a caller holds the job.
    held: Line<AtomicBool>,
    /// Whether helpers may enter.
    open: Line<AtomicBool>,
    /// Helpers that have entered and not left.
    inside: Line<AtomicUsize>,
    /// Tasks taken, and those of them that helpers took.
    taken: Line<AtomicUsize>,
    by_helpers: Line<AtomicUsize>,
    /// Helpers that have been called and have not gone.
    called: AtomicUsize,
    /// Work done alone since a helper was last called, in nanoseconds.
    alone: AtomicUsize,
    job: UnsafeCell<Job>,
    /// What a helper's task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// A value on cache lines of its own.
#[repr(align(128))]
struct Line<T>(T);

// SAFETY: `job` is written only by the thread that holds `held`, while `open` is false and no helper is inside, and is
// read by others only after they entered and saw `open`; `open` is set after the writing. A task is `Sync`.
unsafe impl Sync for Team {}

static TEAM: Team = Team {
    held: Line(AtomicBool::new(false)),
    open: Line(AtomicBool::new(false)),
    inside: Line(AtomicUsize::new(0)),
    taken: Line(AtomicUsize::new(0)),
    by_helpers: Line(AtomicUsize::new(0)),
    called: AtomicUsize::new(0),
    alone: AtomicUsize::new(0),
    job: UnsafeCell::new(Job { run: &|_| (), tasks: 0, limit: 0 }),
    panic: Mutex::new(None),
};

/// Calls `run` with each of 0..tasks once, on the calling thread and on those helpers that are awake. `work` is about
/// what all tasks take on one thread, in nanoseconds.
///
/// # Panics
/// If a task does, once no other is running.
pub(super) fn each(tasks: usize, work: usize, run: &Task<'_>) {
    let threads = rayon::current_num_threads();
    if threads > 1 && tasks > 1 && TEAM.called(threads - 1, work) && !TEAM.held.0.swap(true, Ordering::Acquire) {
        TEAM.share(tasks, threads - 1, run);
    } else {
        (0..tasks).for_each(run);
    }
}

impl Team {
    /// Whether there are helpers. Calls for them where the work that they could have shared repays waking them.
    fn called(&self, wanted: usize, work: usize) -> bool {
        let called = self.called.load(Ordering::Relaxed);
        if called < wanted {
            let alone = self.alone.load(Ordering::Relaxed).saturating_add(work);
            let patient = alone < PATIENCE;
            self.alone.store(if patient { alone } else { 0 }, Ordering::Relaxed);
            if !patient {
                self.called.fetch_add(wanted - called, Ordering::Relaxed);
                (called..wanted).for_each(|_| rayon::spawn(|| TEAM.help()));
                return true;
            }
        }
        called > 0
    }

    /// The caller's part of a job, which begins at the first task while helpers begin at the last, so that the same
    /// part of an array stays in the same core's cache from one job to the next.
    fn share(&self, tasks: usize, limit: usize, run: &Task<'_>) {
        // SAFETY: only the lifetime changes. The job is closed, and helpers are waited for, before this returns.
        let run: &'static Task<'static> = unsafe { std::mem::transmute(run) };
        // SAFETY: `held` is ours, no job is open, and nobody is inside to read this.
        unsafe { *self.job.get() = Job { run, tasks, limit } };
        self.taken.0.store(0, Ordering::Relaxed);
        self.by_helpers.0.store(0, Ordering::Relaxed);
        self.open.0.store(true, Ordering::SeqCst);
        let closing = Closing(self);
        let mut mine = 0;
        while self.taken.0.fetch_add(1, Ordering::Relaxed) < tasks {
            run(mine);
            mine += 1;
        }
        drop(closing);
    }

    /// The life of a helper, on one of rayon's threads.
    fn help(&self) {
        let mut idle = Instant::now();
        let mut looks = 0;
        loop {
            if self.open.0.load(Ordering::Relaxed) && self.enter() {
                idle = Instant::now();
            }
            looks += 1;
            if looks % 64 == 0 && idle.elapsed() > LINGER {
                break;
            }
            std::hint::spin_loop();
        }
        self.called.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes part in the open job; false where there is none any more, or no room.
    fn enter(&self) -> bool {
        let before = self.inside.0.fetch_add(1, Ordering::SeqCst);
        let open = self.open.0.load(Ordering::SeqCst);
        // SAFETY: the caller opened the job after writing it, and waits for us, who entered, before it changes it.
        let joined = open && before < unsafe { (*self.job.get()).limit };
        if joined {
            // SAFETY: as above.
            let Job { run, tasks, .. } = unsafe { &*self.job.get() };
            // SAFETY: the task outlives the job, which stays until we have left.
            let run = unsafe { &**run };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_last(*tasks, run))) {
                self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(panic);
            }
        }
        self.inside.0.fetch_sub(1, Ordering::Release);
        joined
    }

    fn take_last(&self, tasks: usize, run: &Task<'_>) {
        while self.taken.0.fetch_add(1, Ordering::Relaxed) < tasks {
            run(tasks - 1 - self.by_helpers.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn wait_for_helpers(&self) {
        let mut looks = 0;
        while self.inside.0.load(Ordering::SeqCst) > 0 {
            looks += 1;
            if looks < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

/// Ends a job, also where the caller's own task panics.
struct Closing<'a>(&'a Team);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let team = self.0;
        team.open.0.store(false, Ordering::SeqCst);
        team.wait_for_helpers();
        let panic = team.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        team.held.0.store(false, Ordering::Release);
        if let Some(panic) = panic
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
