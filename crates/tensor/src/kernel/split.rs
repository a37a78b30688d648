//! Splitting work over threads, at points that depend on its size only, so that results do not depend on the number
//! of threads.

use std::marker::PhantomData;
use std::ops::Range;

use super::team;

/// Elements that a thread works on at a time.
pub(crate) const GRAIN: usize = 1 << 14;

/// Work below this many nanoseconds stays on the calling thread: handing a part over costs about one microsecond, with
/// what has to move from cache to cache.
pub(crate) const SHARED: usize = 8_000;

/// Elements of an elementwise loop to a nanosecond: what arithmetic and the second cache allow for a common rule.
pub(crate) const RATE: usize = 4;

/// Calls `run` with each of 0..tasks once, on several threads where that pays. `work` is about what all of them take on
/// one thread, in nanoseconds.
pub(crate) fn each(tasks: usize, work: usize, run: impl Fn(usize) + Sync) {
    if work < SHARED {
        (0..tasks).for_each(run);
    } else {
        team::each(tasks, work, &run);
    }
}

/// As [`each`], for tasks that are long enough to be called: they are compiled once, and not for both ways.
pub(crate) fn each_long(tasks: usize, work: usize, run: &(dyn Fn(usize) + Sync)) {
    each(tasks, work, run);
}

/// Whether tasks of so much work, in nanoseconds, may be shared. If not, they run on the calling thread.
pub(crate) fn shares(work: usize) -> bool {
    work >= SHARED && rayon_core::current_num_threads() > 1
}

/// A slice whose parts are written by the tasks of one job, each by one of them.
pub(crate) struct Parts<'a, T> {
    at: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for a mutable slice, of which every thread gets parts of its own.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Parts { at: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// # Safety
    /// No part that overlaps this one is in use.
    #[allow(clippy::mut_from_ref, reason = "the caller promises disjoint parts")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "part {range:?} of {} elements", self.len);
        // SAFETY: inside the slice, which is borrowed for as long as we are; the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at.add(range.start), range.len()) }
    }

    /// Where a range begins of which a task uses only some elements, while others use others.
    pub(crate) fn pointer(&self, range: Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len, "part {range:?} of {} elements", self.len);
        self.at.wrapping_add(range.start)
    }
}

/// Calls `body(range)` for pieces of `0..len`, which are cut at multiples of [`GRAIN`], of `rate` elements to a nanosecond.
pub(crate) fn ranges(len: usize, rate: usize, body: impl Fn(Range<usize>) + Sync) {
    let work = len / rate;
    if work < SHARED {
        return body(0..len);
    }
    each(len.div_ceil(GRAIN), work, |task| body(task * GRAIN..len.min((task + 1) * GRAIN)));
}

/// Calls `body(start, piece)` on pieces of `out`, which are cut at multiples of [`GRAIN`] elements.
pub(crate) fn pieces<T: Send>(out: &mut [T], body: &(impl Fn(usize, &mut [T]) + Sync)) {
    row_groups(out, 1, 1, body);
}

/// Calls `body(start, pieces)` on pieces of the slices `outs`, which are cut at multiples of [`GRAIN`] elements; a
/// missing slice stays missing. `len` is the length of every slice.
pub(crate) fn chunks<T: Send, const K: usize>(
    len: usize,
    outs: [Option<&mut [T]>; K],
    body: &(impl Fn(usize, [Option<&mut [T]>; K]) + Sync),
) {
    // One task has nothing to keep apart.
    if len / RATE < SHARED {
        return body(0, outs);
    }
    let outs = outs.map(|out| out.map(Parts::new));
    ranges(len, RATE, |range| {
        // SAFETY: the ranges are disjoint, and each is met once.
        let pieces = outs.each_ref().map(|out| out.as_ref().map(|out| unsafe { out.part(range.clone()) }));
        body(range.start, pieces);
    });
}

/// Calls `body(first_row, rows)` on groups of whole rows of `out`, about [`GRAIN`] elements of work each, where a row
/// has `width` elements in `out`, the last maybe fewer, and stands for `work` elements of work.
pub(crate) fn row_groups<T: Send>(out: &mut [T], width: usize, work: usize, body: &(impl Fn(usize, &mut [T]) + Sync)) {
    let (len, rows) = (out.len(), if width == 0 { 0 } else { out.len().div_ceil(width) });
    let group = (GRAIN / work.max(1)).max(1);
    let all = rows.saturating_mul(work) / RATE;
    if all < SHARED || rows <= group {
        return body(0, out);
    }
    let out = Parts::new(out);
    each(rows.div_ceil(group), all, |task| {
        let (first, end) = (task * group, rows.min((task + 1) * group));
        // SAFETY: the groups are disjoint, and each is met once.
        body(first, unsafe { out.part(first * width..len.min(end * width)) });
    });
}
