use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;
use rayon::prelude::*;

use super::pool;
use crate::kernel::split::{GRAIN, Parts, SHARED, chunks, each, row_groups};

/// Writes its own position into every element of two slices, and returns them with the number of calls.
fn chunked(len: usize) -> ([Vec<usize>; 2], usize) {
    let (mut a, mut b, calls) = (vec![usize::MAX; len], vec![usize::MAX; len], AtomicUsize::new(0));
    chunks(len, [Some(&mut a[..]), None, Some(&mut b[..])], &|start, [a, none, b]| {
        calls.fetch_add(1, Relaxed);
        assert!(none.is_none() && start.is_multiple_of(GRAIN));
        for out in [a, b] {
            out.expect("present").iter_mut().enumerate().for_each(|(i, out)| *out = start + i);
        }
    });
    ([a, b], calls.into_inner())
}

/// The same over groups of rows.
fn grouped(rows: usize, width: usize, work: usize) -> (Vec<usize>, usize) {
    let (mut out, calls) = (vec![usize::MAX; rows * width], AtomicUsize::new(0));
    row_groups(&mut out, width, work, &|first, rows| {
        calls.fetch_add(1, Relaxed);
        assert!(width == 0 || rows.len().is_multiple_of(width));
        rows.iter_mut().enumerate().for_each(|(i, out)| *out = first * width + i);
    });
    (out, calls.into_inner())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_element_is_written_once(len in prop_oneof![0..70usize, 4 * SHARED - 2..4 * SHARED + 3, 0..400_000usize],
                                     threads in 1..5usize) {
        let ([a, b], calls) = pool(threads).install(|| chunked(len));
        prop_assert!(a.iter().copied().eq(0..len));
        prop_assert_eq!(a, b);
        prop_assert_eq!(calls > 1, len >= 4 * SHARED, "{} calls", calls);
    }

    #[test]
    fn every_row_is_written_once(rows in 0..600usize, width in 0..70usize, work in 0..2000usize, threads in 1..5usize) {
        let (out, calls) = pool(threads).install(|| grouped(rows, width, work));
        prop_assert!(out.iter().copied().eq(0..rows * width));
        let shared = width > 0 && rows * work >= 4 * SHARED && rows > (GRAIN / work).max(1);
        prop_assert_eq!(calls > 1, shared, "{} calls", calls);
    }

    #[test]
    fn every_task_runs_once(tasks in 0..200usize, work in prop_oneof![0..20_000usize, Just(1 << 20)], threads in 1..9usize) {
        let calls: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
        let count = |task: usize| { calls[task].fetch_add(1, Relaxed); };
        pool(threads).install(|| (0..50).for_each(|_| each(tasks, work, count)));
        prop_assert!(calls.iter().all(|calls| calls.load(Relaxed) == 50));
    }
}

#[test]
fn jobs_of_several_threads_do_not_mix() {
    let sum = |seed: usize| {
        let total = AtomicUsize::new(0);
        (0..2000).for_each(|_| {
            each(17, 1 << 17, |task| {
                total.fetch_add(task + seed, Relaxed);
            })
        });
        total.into_inner()
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|seed| scope.spawn(move || (seed, sum(seed)))).collect();
        for caller in callers {
            let (seed, total) = caller.join().expect("no panic");
            assert_eq!(total, 2000 * (17 * 8 + 17 * seed));
        }
    });
}

#[test]
fn jobs_inside_tasks_run() {
    let calls = AtomicUsize::new(0);
    pool(3).install(|| {
        each(9, 1 << 20, |_| {
            each(7, 1 << 20, |_| {
                calls.fetch_add(1, Relaxed);
            })
        })
    });
    assert_eq!(calls.into_inner(), 63);
}

#[test]
fn a_panic_reaches_the_caller_and_nobody_else() {
    for round in 0..20 {
        let failing = |task: usize| assert!(task != round, "task {round}");
        let caught = pool(3).install(|| std::panic::catch_unwind(|| each(20, 1 << 20, failing)));
        assert!(caught.is_err(), "round {round}");
        let calls = AtomicUsize::new(0);
        pool(3).install(|| {
            each(20, 1 << 20, |_| {
                calls.fetch_add(1, Relaxed);
            })
        });
        assert_eq!(calls.into_inner(), 20);
    }
}

/// Counts the calls of each task.
struct Counts(Vec<AtomicUsize>);

impl Counts {
    fn new(tasks: usize) -> Counts {
        Counts((0..tasks).map(|_| AtomicUsize::new(0)).collect())
    }

    fn add(&self, task: usize) {
        self.0[task].fetch_add(1, Relaxed);
    }

    #[track_caller]
    fn assert_all(&self, times: usize) {
        let counts: Vec<_> = self.0.iter().map(|count| count.load(Relaxed)).collect();
        assert!(counts.iter().all(|&count| count == times), "{times} calls of each, not {counts:?}");
    }
}

/// What tasks write without synchronisation is there when the job is done, and what the caller wrote before is there
/// when they begin: each job reads what the tasks of the last one have written.
#[test]
fn thousands_of_tiny_jobs_hand_over_what_they_wrote() {
    for threads in [1, 2, 3, 8] {
        pool(threads).install(|| {
            let (mut old, mut new) = (vec![0u64; 64], vec![0u64; 64]);
            for round in 0..5000u64 {
                old[round as usize % 64] += 1;
                let parts = Parts::new(&mut new[..]);
                each(8, 1 << 20, |task| {
                    let from = (task + 1) % 8 * 8;
                    // SAFETY: every task has a part of its own.
                    unsafe { parts.part(task * 8..task * 8 + 8) }.copy_from_slice(&old[from..from + 8]);
                });
                std::mem::swap(&mut old, &mut new);
            }
            assert_eq!(old.iter().sum::<u64>(), 5000, "{threads} threads");
        });
    }
}

/// Between the jobs helpers look for work, fall asleep, or are about to: all are met.
#[test]
fn jobs_after_pauses_of_any_length() {
    let counts = Counts::new(6);
    pool(4).install(|| {
        for round in 0..120 {
            each(6, 1 << 20, |task| counts.add(task));
            std::thread::sleep(Duration::from_micros([0, 20, 280, 300, 320, 2_000][round % 6]));
        }
    });
    counts.assert_all(120);
}

/// Helpers that were started for a large pool stay out of the jobs of a smaller one.
#[test]
fn no_more_threads_take_part_than_the_pool_has() {
    for threads in [8, 3, 2, 1] {
        pool(threads).install(|| {
            for _ in 0..300 {
                let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
                each(16, 1 << 20, |_| {
                    most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                    (0..200).for_each(|_| std::hint::spin_loop());
                    now.fetch_sub(1, Relaxed);
                });
                assert!(most.into_inner() <= threads);
            }
        });
    }
}

/// From workers of a pool at once, inside its own parallel loops, and from tasks of such jobs.
#[test]
fn jobs_from_inside_parallel_loops() {
    let (outer, inner) = (Counts::new(9), Counts::new(7));
    for threads in [1, 2, 5] {
        pool(threads).install(|| {
            (0..40).into_par_iter().for_each(|_| {
                each(9, 1 << 20, |task| {
                    outer.add(task);
                    each(7, 1 << 20, |task| inner.add(task));
                });
            });
        });
    }
    outer.assert_all(3 * 40);
    inner.assert_all(3 * 40 * 9);
}

/// Threads that never rest take the cores from helpers in the middle of their tasks.
#[test]
fn jobs_on_a_machine_that_is_busy() {
    let (counts, done) = (Counts::new(12), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        pool(8).install(|| (0..100).for_each(|_| each(12, 1 << 20, |task| counts.add(task))));
        done.store(true, Relaxed);
    });
    counts.assert_all(100);
}

/// The other tasks run, the panic arrives with its own message, and later jobs find nothing of it.
#[test]
fn panics_of_callers_and_helpers() {
    let message = |payload: Box<dyn Any + Send>| *payload.downcast::<String>().expect("a message");
    pool(4).install(|| {
        let caller = std::thread::current().id();
        for round in 0..60 {
            let helpers = round % 2 == 0;
            let calls = Counts::new(30);
            let failing = |task: usize| {
                calls.add(task);
                std::thread::sleep(Duration::from_micros(20));
                if (std::thread::current().id() != caller) == helpers {
                    panic!("by {}", if helpers { "a helper" } else { "the caller" });
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| each(30, 1 << 20, failing)));
            assert!(calls.0.iter().all(|calls| calls.load(Relaxed) <= 1), "no task ran twice");
            match outcome {
                Err(payload) => {
                    let expected = if helpers { "by a helper" } else { "by the caller" };
                    assert_eq!(message(payload), expected);
                }
                Ok(()) => calls.assert_all(1),
            }
        }
    });
}

/// A panic of one caller's job stays out of the jobs of others.
#[test]
fn panics_beside_other_callers() {
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || {
                    pool(3).install(|| {
                        for round in 0..300 {
                            let calls = Counts::new(10);
                            let run = |task: usize| {
                                calls.add(task);
                                assert!(seed % 2 == 0 || task != round % 10);
                            };
                            let outcome = catch_unwind(AssertUnwindSafe(|| each(10, 1 << 20, run)));
                            assert_eq!(outcome.is_err(), seed % 2 == 1, "caller {seed}, round {round}");
                            if outcome.is_ok() {
                                calls.assert_all(1);
                            }
                        }
                    })
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
    });
}

/// A program may end while helpers look for work.
#[test]
fn a_process_ends_beside_helpers_that_are_awake() {
    const CHILD: &str = "WENGERT_TEST_ENDS";
    if std::env::var_os(CHILD).is_some() {
        pool(4).install(|| (0..50).for_each(|_| each(8, 1 << 20, |_| ())));
        std::process::exit(7);
    }
    let name = "kernel::tests::split::a_process_ends_beside_helpers_that_are_awake";
    let mut child = Command::new(std::env::current_exe().expect("this test's own path"));
    let status = child.args([name, "--exact", "-q"]).env(CHILD, "1").status().expect("the child starts");
    assert_eq!(status.code(), Some(7));
}
