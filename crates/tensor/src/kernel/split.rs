//! Splitting work over threads, at points that depend on its size only, so that results do not depend on the number
//! of threads.

/// Elements that a thread works on at a time.
pub(crate) const GRAIN: usize = 1 << 15;

/// Work below this many elements stays on the calling thread: waking a sleeping thread costs tens of microseconds.
const PARALLEL: usize = 1 << 18;

/// Whether a loop over `elements` is worth more than one thread.
pub(crate) fn pays(elements: usize) -> bool {
    elements >= PARALLEL && rayon::current_num_threads() > 1
}

/// Calls `body(start, parts)` on pieces of the slices `outs`, which are cut at multiples of [`GRAIN`] elements; a
/// missing slice stays missing. `len` is the length of every slice.
pub(crate) fn chunks<T: Send, const K: usize>(
    len: usize,
    outs: [Option<&mut [T]>; K],
    body: &(impl Fn(usize, [Option<&mut [T]>; K]) + Sync),
) {
    if pays(len) {
        halves(0, len, outs, body);
    } else {
        body(0, outs);
    }
}

fn halves<T: Send, const K: usize>(
    start: usize,
    len: usize,
    outs: [Option<&mut [T]>; K],
    body: &(impl Fn(usize, [Option<&mut [T]>; K]) + Sync),
) {
    if len <= GRAIN {
        return body(start, outs);
    }
    let mid = (len / 2).next_multiple_of(GRAIN);
    let mut right = [const { None }; K];
    let mut left = [const { None }; K];
    for (i, out) in outs.into_iter().enumerate() {
        if let Some((a, b)) = out.map(|out| out.split_at_mut(mid)) {
            (left[i], right[i]) = (Some(a), Some(b));
        }
    }
    rayon::join(|| halves(start, mid, left, body), || halves(start + mid, len - mid, right, body));
}

/// Calls `body(first_row, rows)` on groups of whole rows of `out`, about [`GRAIN`] elements of work each, where a row
/// has `width` elements in `out` and stands for `work` elements of work.
pub(crate) fn row_groups<T: Send>(out: &mut [T], width: usize, work: usize, body: &(impl Fn(usize, &mut [T]) + Sync)) {
    let rows = out.len().checked_div(width).unwrap_or(0);
    let group = (GRAIN / work.max(1)).max(1);
    if !pays(rows * work) || rows <= group {
        return body(0, out);
    }
    use rayon::prelude::*;
    out.par_chunks_mut(group * width).enumerate().for_each(|(i, part)| body(i * group, part));
}
