//! The twins carry a bound along with each value: t = x − max is rounded once, so eᵗ is off by |t| roundings, and
//! exp and ln by [`FUNCTION`] more; a sum by as many as there are additions to a term. A hundredth is added for the
//! products of such errors, and `tiny` for what is lost where numbers are subnormal.

use proptest::prelude::*;

use super::reduce::additions;
use super::{Near, SHARED, assert_bits, assert_near, noise, on_any_threads, rounding, take};
use crate::float::Float;
use crate::kernel::rows::{log_softmax, log_softmax_vjp, logsumexp, softmax, softmax_vjp};

/// Roundings that exp and ln are within: two units in the last place of the correctly rounded result.
const FUNCTION: f64 = 5.0;

/// The kernel under test or its twin, by the size of a rounding and the number of additions to a term of a sum.
#[derive(Clone, Copy)]
struct Precision {
    u: f64,
    additions: f64,
    tiny: f64,
}

impl Precision {
    /// Of the kernels.
    fn of<T: Float>(n: usize) -> Precision {
        let tiny = if rounding::<T>() > 1e-10 { f32::from_bits(1) as f64 } else { f64::from_bits(1) };
        Precision { u: rounding::<T>(), additions: additions(n) as f64, tiny: 4.0 * tiny }
    }

    /// Of a plain sum in `f64`.
    fn naive(n: usize) -> Precision {
        Precision { u: rounding::<f64>(), additions: n as f64, tiny: 4.0 * f64::from_bits(1) }
    }
}

/// A row's maximum, or NaN.
fn largest(x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) { f64::NAN } else { x.iter().copied().fold(f64::NEG_INFINITY, f64::max) }
}

/// Σ eᵗ, and the relative error of the sum.
fn sum_exp(t: &[f64], p: Precision) -> (f64, f64) {
    let sum: f64 = t.iter().map(|t| t.exp()).sum();
    let moved: f64 = t.iter().filter(|t| t.is_finite()).map(|t| t.exp() * (t.abs() + FUNCTION)).sum();
    (sum, (moved / sum + p.additions) * p.u + t.len() as f64 * p.tiny)
}

fn naive_softmax(x: &[f64], _: &[f64], p: Precision) -> Vec<Near> {
    let max = largest(x);
    let t: Vec<f64> = x.iter().map(|x| x - max).collect();
    let (sum, error) = sum_exp(&t, p);
    let near = |&t: &f64| {
        let (value, moved) = (t.exp() / sum, if t.is_finite() { t.abs() + FUNCTION + 2.0 } else { 0.0 });
        Near { value, bound: value * (moved * p.u + error) * 1.01 + p.tiny }
    };
    t.iter().map(near).collect()
}

fn naive_log_softmax(x: &[f64], _: &[f64], p: Precision) -> Vec<Near> {
    let max = largest(x);
    let t: Vec<f64> = x.iter().map(|x| x - max).collect();
    let (sum, error) = sum_exp(&t, p);
    let near = |&t: &f64| {
        let value = t - sum.ln();
        Near { value, bound: ((t.abs() + FUNCTION * sum.ln() + value.abs()) * p.u + error) * 1.01 + p.tiny }
    };
    t.iter().map(near).collect()
}

fn naive_logsumexp(x: &[f64], _: &[f64], p: Precision) -> Vec<Near> {
    let max = Some(largest(x)).filter(|max| !max.is_infinite()).unwrap_or(0.0);
    let t: Vec<f64> = x.iter().map(|x| x - max).collect();
    let (sum, error) = sum_exp(&t, p);
    let value = sum.ln() + max;
    vec![Near { value, bound: ((FUNCTION * sum.ln() + value.abs()) * p.u + error) * 1.01 + p.tiny }]
}

fn naive_softmax_vjp(g: &[f64], y: &[f64], p: Precision) -> Vec<Near> {
    let dot: f64 = g.iter().zip(y).map(|(g, y)| g * y).sum();
    let magnitude: f64 = g.iter().zip(y).map(|(g, y)| (g * y).abs()).sum();
    let moved = magnitude * (p.additions + 1.0) * p.u + g.len() as f64 * p.tiny;
    let near = |(&g, &y): (&f64, &f64)| Near {
        value: y * (g - dot),
        bound: y.abs() * (moved + 2.0 * (g - dot).abs() * p.u) * 1.01 + p.tiny,
    };
    g.iter().zip(y).map(near).collect()
}

fn naive_log_softmax_vjp(g: &[f64], y: &[f64], p: Precision) -> Vec<Near> {
    let sum: f64 = g.iter().sum();
    let magnitude: f64 = g.iter().map(|g| g.abs()).sum();
    let near = |(&g, &y): (&f64, &f64)| {
        let value = g - y.exp() * sum;
        let moved = y.exp() * ((FUNCTION + 1.0) * sum.abs() + p.additions * magnitude) + value.abs();
        Near { value, bound: moved * p.u * 1.01 + (1.0 + sum.abs()) * p.tiny }
    };
    g.iter().zip(y).map(near).collect()
}

/// One of the kernels, from two slices of `rows` × `n`, and its twin on a row.
struct Twins<T> {
    fast: fn(&[T], &[T], usize, usize) -> Vec<T>,
    naive: fn(&[f64], &[f64], Precision) -> Vec<Near>,
}

fn filled<T: Float>(len: usize, f: impl FnOnce(&mut [T])) -> Vec<T> {
    let mut out = vec![T::NAN; len];
    f(&mut out);
    out
}

fn functions<T: Float>() -> [Twins<T>; 3] {
    [
        Twins { fast: |x, _, rows, n| filled(rows * n, |out| softmax(x, out, n)), naive: naive_softmax },
        Twins { fast: |x, _, rows, n| filled(rows * n, |out| log_softmax(x, out, n)), naive: naive_log_softmax },
        Twins { fast: |x, _, rows, n| filled(rows, |out| logsumexp(x, out, n)), naive: naive_logsumexp },
    ]
}

fn softmax_gradient<T: Float>() -> Twins<T> {
    Twins { fast: |g, y, rows, n| filled(rows * n, |out| softmax_vjp(g, y, out, n)), naive: naive_softmax_vjp }
}

fn log_softmax_gradient<T: Float>() -> Twins<T> {
    Twins { fast: |g, y, rows, n| filled(rows * n, |out| log_softmax_vjp(g, y, out, n)), naive: naive_log_softmax_vjp }
}

impl<T: Float> Twins<T> {
    /// The difference of the kernel and its twin is at most the sum of their errors.
    fn agree(&self, x: &[T], y: &[T], rows: usize, n: usize) {
        let row = |x: &[T], r: usize| x[r * n..][..n].iter().map(|x| x.to_f64()).collect::<Vec<_>>();
        let twin = |p: Precision| (0..rows).flat_map(move |r| (self.naive)(&row(x, r), &row(y, r), p));
        let pairs = twin(Precision::of::<T>(n)).zip(twin(Precision::naive(n)));
        let want: Vec<_> = pairs.map(|(a, b)| Near { bound: a.bound + b.bound, ..a }).collect();
        assert_near(&(self.fast)(x, y, rows, n), &want);
    }
}

/// Rows of `scale`, some elements −∞, and in the first row perhaps +∞ or NaN.
fn logits<T: Float>(rows: usize, n: usize, scale: f64, seed: u64) -> Vec<T> {
    let (mut noise, mut holes) = (noise::<f64>(seed), noise::<f64>(!seed));
    let mut x = take(rows * n, || if holes() > 0.8 { T::NEG_INFINITY } else { T::from_f64(scale * noise()) });
    let special = [None, None, Some(T::NAN), Some(T::INFINITY)][seed as usize % 4];
    if let (Some(special), Some(first)) = (special, x.first_mut()) {
        *first = special;
    }
    x
}

fn agree<T: Float>(rows: usize, n: usize, scale: f64, seed: u64) {
    let x = logits::<T>(rows, n, scale, seed);
    functions().iter().for_each(|twins| twins.agree(&x, &x, rows, n));
    let g = take(rows * n, noise::<T>(seed));
    let finite: Vec<T> = x.iter().map(|&x| if x.to_f64().is_finite() { x } else { T::from_f64(-scale) }).collect();
    softmax_gradient().agree(&g, &(functions()[0].fast)(&finite, &finite, rows, n), rows, n);
    log_softmax_gradient().agree(&g, &(functions()[1].fast)(&finite, &finite, rows, n), rows, n);
}

proptest! {
    #[test]
    fn agrees_with_loops(rows in 0..9usize, n in prop_oneof![6 => 0..70usize, 1 => 250..262usize, 1 => 4000..4200usize],
                         scale in proptest::sample::select(vec![0.0, 1.0, 10.0, 100.0, 1e4]), seed: u64) {
        agree::<f32>(rows, n, scale, seed);
        agree::<f64>(rows, n, scale, seed);
    }
}

#[test]
fn infinite_rows_have_the_limits_of_the_formula() {
    let [softmax, log_softmax, logsumexp] = functions::<f32>();
    let row = [f32::NEG_INFINITY; 3];
    assert_bits(&(softmax.fast)(&row, &row, 1, 3), &[f32::NAN; 3]);
    assert_bits(&(log_softmax.fast)(&row, &row, 1, 3), &[f32::NAN; 3]);
    assert_bits(&(logsumexp.fast)(&row, &row, 1, 3), &[f32::NEG_INFINITY]);
    assert_bits(&(logsumexp.fast)(&[], &[], 2, 0), &[f32::NEG_INFINITY; 2]);
    let row = [f32::NEG_INFINITY, -1e4, f32::NEG_INFINITY];
    assert_bits(&(softmax.fast)(&row, &row, 1, 3), &[0.0, 1.0, 0.0]);
    assert_bits(&(log_softmax.fast)(&row, &row, 1, 3), &[f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]);
    assert_bits(&(logsumexp.fast)(&row, &row, 1, 3), &[-1e4]);
    let row = [f32::INFINITY, 1e4, f32::INFINITY];
    assert_bits(&(logsumexp.fast)(&row, &row, 1, 3), &[f32::INFINITY]);
}

/// Added one after the other, none of the small terms would change a sum.
#[test]
fn small_terms_are_not_lost_to_a_large_one() {
    let n = 1 << 15;
    let large_first = |large: f32, small: f32| [vec![large], vec![small; n - 1]].concat();
    let x = large_first(0.0, -24.0 * std::f32::consts::LN_2);
    functions().iter().for_each(|twins| twins.agree(&x, &x, 1, n));
    let (g, ones, zeros) = (large_first(1.0, f32::EPSILON / 2.0), vec![1.0; n], vec![0.0; n]);
    softmax_gradient().agree(&g, &ones, 1, n);
    log_softmax_gradient().agree(&g, &zeros, 1, n);
}

#[test]
fn threads_do_not_change_bits() {
    for (rows, n) in [(SHARED, 1), (30_000, 10), (263, 1000), (3, 100_003)] {
        let (x, g) = (logits::<f32>(rows, n, 10.0, 4), take(rows * n, noise::<f32>(5)));
        for twins in functions() {
            on_any_threads(|| (twins.fast)(&x, &x, rows, n));
            twins.agree(&x, &x, rows, n);
        }
        for twins in [softmax_gradient(), log_softmax_gradient()] {
            on_any_threads(|| (twins.fast)(&g, &x, rows, n));
        }
    }
}
