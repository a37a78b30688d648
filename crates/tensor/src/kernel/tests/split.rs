use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::prelude::*;

use super::{SHARED, pool};
use crate::kernel::split::{GRAIN, chunks, row_groups};

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
    fn every_element_is_written_once(len in prop_oneof![0..70usize, SHARED - 2..SHARED + 3, 0..400_000usize],
                                     threads in 1..5usize) {
        let ([a, b], calls) = pool(threads).install(|| chunked(len));
        prop_assert!(a.iter().copied().eq(0..len));
        prop_assert_eq!(a, b);
        prop_assert_eq!(calls > 1, len >= SHARED && threads > 1, "{} calls", calls);
    }

    #[test]
    fn every_row_is_written_once(rows in 0..600usize, width in 0..70usize, work in 0..2000usize, threads in 1..5usize) {
        let (out, calls) = pool(threads).install(|| grouped(rows, width, work));
        prop_assert!(out.iter().copied().eq(0..rows * width));
        let shared = width > 0 && rows * work >= SHARED && threads > 1;
        prop_assert_eq!(calls > 1, shared, "{} calls", calls);
    }
}
