use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::prelude::*;

use super::pool;
use crate::kernel::split::{GRAIN, SHARED, chunks, each, row_groups};

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
        (0..2000).for_each(|_| each(17, 1 << 17, |task| {
            total.fetch_add(task + seed, Relaxed);
        }));
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
    pool(3).install(|| each(9, 1 << 20, |_| each(7, 1 << 20, |_| {
        calls.fetch_add(1, Relaxed);
    })));
    assert_eq!(calls.into_inner(), 63);
}

#[test]
fn a_panic_reaches_the_caller_and_nobody_else() {
    for round in 0..20 {
        let failing = |task: usize| assert!(task != round, "task {round}");
        let caught = pool(3).install(|| std::panic::catch_unwind(|| each(20, 1 << 20, failing)));
        assert!(caught.is_err(), "round {round}");
        let calls = AtomicUsize::new(0);
        pool(3).install(|| each(20, 1 << 20, |_| {
            calls.fetch_add(1, Relaxed);
        }));
        assert_eq!(calls.into_inner(), 20);
    }
}
