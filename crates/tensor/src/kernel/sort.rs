//! The order of the elements of rows.

use std::cmp::Ordering;

use crate::float::Float;

/// For each row of `n` elements of `x`, the positions of its elements in their order, of which only the first `k` need be
/// right. Equal elements keep the order of their positions. NaN counts as the largest.
pub(crate) fn argsort<T: Float>(x: &[T], out: &mut [i64], n: usize, k: usize, descending: bool) {
    if k == 0 || n == 0 {
        return;
    }
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        out.iter_mut().zip(0..).for_each(|(out, i)| *out = i);
        // Positions make all elements different, so an unstable sort, which allocates nothing, has one result only.
        let compare = |&i: &i64, &j: &i64| {
            let ascending = order(x[i as usize], x[j as usize]);
            (if descending { ascending.reverse() } else { ascending }).then(i.cmp(&j))
        };
        if k < n {
            out.select_nth_unstable_by(k - 1, compare);
        }
        out[..k].sort_unstable_by(compare);
    }
}

/// NaN is larger than any number, and equal to itself.
#[allow(clippy::eq_op)]
fn order<T: Float>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| (a != a).cmp(&(b != b)))
}
