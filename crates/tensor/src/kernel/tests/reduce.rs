use proptest::prelude::*;

use super::{Near, SHARED, assert_bits, assert_near, integers, on_any_threads, rounding, special, take, wild};
use crate::float::Float;
use crate::kernel::reduce::{BLOCK, Fold, LANES, Max, Min, ROWS, Sum, reduce};

/// Sizes `[outer, mid, inner]`.
type Sizes = [usize; 3];

fn fast<T: Float>(fold: impl Fold, x: &[T], [outer, mid, inner]: Sizes) -> Vec<T> {
    let mut out = vec![T::NAN; outer * inner];
    reduce(fold, x, mid, inner, &mut out);
    out
}

/// `f` of every column that is folded.
fn naive<T: Float, R>(x: &[T], [outer, mid, inner]: Sizes, f: impl Fn(&[f64]) -> R) -> Vec<R> {
    let column = |o: usize, j: usize| (0..mid).map(|i| x[(o * mid + i) * inner + j].to_f64()).collect::<Vec<_>>();
    (0..outer).flat_map(|o| (0..inner).map(move |j| (o, j))).map(|(o, j)| f(&column(o, j))).collect()
}

/// The sum with the rounding errors of its additions added at the end (Neumaier), so that it is good to the last bit
/// but one; without them where the sum is not finite.
fn sum(x: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for &x in x {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    if sum.is_finite() { sum + lost } else { sum }
}

/// The most additions that round a term of `lanes`: along a lane, where the first is to zero and exact, and over the
/// lanes that hold anything.
pub(super) fn additions(n: usize) -> usize {
    n.div_ceil(LANES).saturating_sub(1) + n.clamp(1, LANES).next_power_of_two().ilog2() as usize
}

/// The same for a reduction: on a lane and up the tree, or down a tile and over the tiles.
fn depth([_, mid, inner]: Sizes) -> usize {
    if inner == 1 {
        let blocks = mid.div_ceil(BLOCK).max(1);
        additions(mid.min(BLOCK)) + blocks.next_power_of_two().ilog2() as usize
    } else {
        mid.min(ROWS).saturating_sub(1) + mid.div_ceil(ROWS).saturating_sub(1)
    }
}

/// Each of `depth` roundings moves the sum by at most `rounding` of the sum of the magnitudes, to first order; the
/// quotient covers the higher ones.
fn near_sums<T: Float>(x: &[T], sizes: Sizes) -> Vec<Near> {
    let d = depth(sizes) as f64 * rounding::<T>();
    naive(x, sizes, |x| {
        let magnitude: f64 = x.iter().map(|x| x.abs()).sum();
        Near { value: sum(x), bound: magnitude * (d / (1.0 - d) + 4.0 * rounding::<f64>()) }
    })
}

/// The largest, NaN if any is.
fn largest(x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) { f64::NAN } else { x.iter().copied().fold(f64::NEG_INFINITY, f64::max) }
}

fn smallest(x: &[f64]) -> f64 {
    -largest(&x.iter().map(|x| -x).collect::<Vec<_>>())
}

fn exactly(values: Vec<f64>) -> Vec<Near> {
    values.into_iter().map(|value| Near { value, bound: 0.0 }).collect()
}

fn extremes_agree<T: Float>(x: &[T], sizes: Sizes) {
    assert_near(&fast(Max, x, sizes), &exactly(naive(x, sizes, largest)));
    assert_near(&fast(Min, x, sizes), &exactly(naive(x, sizes, smallest)));
}

fn agrees<T: Float>(sizes: Sizes, seed: u64) {
    let len = sizes.iter().product();
    let x = take(len, wild::<T>(seed));
    assert_near(&fast(Sum, &x, sizes), &near_sums(&x, sizes));
    extremes_agree(&x, sizes);
    let x = take(len, integers::<T>(seed));
    assert_near(&fast(Sum, &x, sizes), &exactly(naive(&x, sizes, sum)));
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let mid = || prop_oneof![4 => 0..70usize, 1 => 120..135usize, 1 => 250..262usize];
    let inner = || prop_oneof![2 => Just(1), 4 => 0..70usize, 1 => 120..135usize];
    let small = (0..7usize, mid(), inner()).prop_map(|(outer, mid, inner)| [outer, mid, inner]);
    let rows = (1..4usize, 4000..13_000usize).prop_map(|(outer, mid)| [outer, mid, 1]);
    let columns = (1..3usize, 500..3000usize, 2..9usize).prop_map(|(outer, mid, inner)| [outer, mid, inner]);
    prop_oneof![8 => small, 1 => rows, 1 => columns]
}

proptest! {
    #[test]
    fn agrees_with_loops(sizes in sizes(), seed: u64) {
        agrees::<f32>(sizes, seed);
        agrees::<f64>(sizes, seed);
    }

    /// Few terms of a sum are special, so that not every sum is NaN.
    #[test]
    fn nan_and_infinity_propagate(sizes in sizes(), every in 1..200usize, seed: u64) {
        let (mut special, mut finite, mut count) = (special::<f32>(seed), integers(seed), 0);
        let x = take(sizes.iter().product(), || {
            count += 1;
            if count % every == 0 { special() } else { finite() }
        });
        let near = near_sums(&x, sizes);
        assert_near(&fast(Sum, &x, sizes), &near);
        extremes_agree(&x, sizes);
    }
}

/// Above the parallel threshold, in every way that the work is shared, and beside its limits.
const LARGE: [Sizes; 9] = [
    [1, SHARED - 1, 1],
    [1, SHARED, 1],
    [1, 300_001, 1],
    [2, 555_555, 1],
    [300, 1001, 1],
    [3, 100_003, 1],
    [1, 601, 700],
    [70, 61, 67],
    [2, 100_000, 3],
];

#[test]
fn threads_do_not_change_bits() {
    for (seed, sizes) in (0..3).flat_map(|seed| LARGE.map(|sizes| (seed, sizes))) {
        let x = take(sizes.iter().product(), wild::<f32>(seed));
        assert_near(&on_any_threads(|| fast(Sum, &x, sizes)), &near_sums(&x, sizes));
        assert_near(&on_any_threads(|| fast(Max, &x, sizes)), &exactly(naive(&x, sizes, largest)));
        assert_near(&on_any_threads(|| fast(Min, &x, sizes)), &exactly(naive(&x, sizes, smallest)));
    }
}

/// Added one after the other, none of the small terms would change the sum.
#[test]
fn small_terms_are_not_lost_to_a_large_one() {
    for sizes in [[1, SHARED, 1], [1, 1 << 15, 2]] {
        let mut x = vec![f32::EPSILON / 2.0; sizes.iter().product()];
        x[..sizes[2]].fill(1.0);
        assert_near(&fast(Sum, &x, sizes), &near_sums(&x, sizes));
        let straight = x.iter().step_by(sizes[2]).fold(0.0, |sum, x| sum + x);
        let Near { value, bound } = near_sums(&x, sizes)[0];
        assert!((straight as f64 - value).abs() > bound, "the bound is too wide to tell");
    }
}

#[test]
fn nothing_folds_to_the_neutral_element() {
    for sizes in [[1, 0, 1], [3, 0, 1], [1, 0, 70], [3, 0, 2]] {
        let count = sizes[0] * sizes[2];
        assert_bits(&fast::<f32>(Sum, &[], sizes), &vec![0.0; count]);
        assert_bits(&fast::<f32>(Max, &[], sizes), &vec![f32::NEG_INFINITY; count]);
        assert_bits(&fast::<f32>(Min, &[], sizes), &vec![f32::INFINITY; count]);
    }
}
