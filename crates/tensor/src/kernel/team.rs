//! The threads that share one kernel's work.
//!
//! A kernel lasts from a few microseconds to a few milliseconds, and waking a sleeping thread takes about 70 µs. So
//! helpers stay awake for a while after each job and look for the next one, and nobody ever waits for a helper to
//! arrive: the caller begins at once, and takes all tasks that no helper has taken. There is one job at a time; a
//! caller that finds another one under way works alone, for then the cores have enough to do.
//!
//! Rayon says how many threads may take part (`RAYON_NUM_THREADS`, or the pool that the caller runs in), but the
//! helpers are not its own: they would keep a pool's workers from other work, and calling them would allocate.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a helper looks for the next job before it sleeps.
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
    /// The helpers, with the number of those that are awake.
    helpers: Mutex<Vec<Helper>>,
    awake: AtomicUsize,
    /// Work done alone since a helper was last woken, in nanoseconds.
    alone: AtomicUsize,
    job: UnsafeCell<Job>,
    /// What a helper's task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

struct Helper {
    awake: Arc<AtomicBool>,
    thread: Thread,
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
    helpers: Mutex::new(Vec::new()),
    awake: AtomicUsize::new(0),
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
    let helpers = rayon_core::current_num_threads() - 1;
    if helpers > 0 && tasks > 1 && TEAM.ready(helpers, work) && TEAM.hold() {
        TEAM.share(tasks, helpers, run);
    } else {
        (0..tasks).for_each(run);
    }
}

impl Team {
    /// Whether any helper is awake. Wakes them where the work that they could have shared repays it.
    fn ready(&self, wanted: usize, work: usize) -> bool {
        let awake = self.awake.load(Ordering::Relaxed);
        if awake >= wanted {
            return true;
        }
        let alone = self.alone.load(Ordering::Relaxed).saturating_add(work);
        if alone < PATIENCE {
            self.alone.store(alone, Ordering::Relaxed);
            return awake > 0;
        }
        self.alone.store(0, Ordering::Relaxed);
        self.wake(wanted);
        true
    }

    /// Wakes the first `wanted` helpers, of which there may be none yet.
    fn wake(&self, wanted: usize) {
        let mut helpers = lock(&self.helpers);
        for number in 0..wanted {
            if number == helpers.len() {
                let Ok(helper) = Helper::start(number) else { return };
                helpers.push(helper);
            }
            if !helpers[number].awake.swap(true, Ordering::AcqRel) {
                self.awake.fetch_add(1, Ordering::Relaxed);
                helpers[number].thread.unpark();
            }
        }
    }

    /// Takes the job, unless another caller has it: then others keep the cores busy, and no helper is missed.
    fn hold(&self) -> bool {
        let free = !self.held.0.swap(true, Ordering::Acquire);
        if !free {
            self.alone.store(0, Ordering::Relaxed);
        }
        free
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

    /// Takes part in jobs until there has been none for a while.
    fn help(&self) {
        let mut idle = Instant::now();
        let mut looks = 0;
        loop {
            if self.open.0.load(Ordering::Relaxed) && self.enter() {
                idle = Instant::now();
            }
            looks += 1;
            if looks % 64 == 0 && idle.elapsed() > LINGER {
                return;
            }
            std::hint::spin_loop();
        }
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
                lock(&self.panic).get_or_insert(panic);
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
            if looks < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

impl Helper {
    fn start(number: usize) -> std::io::Result<Helper> {
        let awake = Arc::new(AtomicBool::new(false));
        let mine = awake.clone();
        let life = move || loop {
            while !mine.load(Ordering::Acquire) {
                thread::park();
            }
            TEAM.help();
            TEAM.awake.fetch_sub(1, Ordering::Relaxed);
            mine.store(false, Ordering::Release);
        };
        let thread = thread::Builder::new().name(format!("wengert-{number}")).spawn(life)?.thread().clone();
        Ok(Helper { awake, thread })
    }
}

/// Nothing that a panic could leave half-done is behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Ends a job, also where the caller's own task panics.
struct Closing<'a>(&'a Team);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let team = self.0;
        team.open.0.store(false, Ordering::SeqCst);
        team.wait_for_helpers();
        let panic = lock(&team.panic).take();
        team.held.0.store(false, Ordering::Release);
        if let Some(panic) = panic
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
