//! The twins carry a bound along with each value: t = x − max is rounded once, so eᵗ is off by |t| roundings, and
//! exp and ln by [`FUNCTION`] more; a sum by as many as there are additions to a term. A hundredth is added for the
//! products of such errors, and `tiny` for what is lost where numbers are subnormal.

use proptest::prelude::*;

use super::reduce::additions;
use super::{Near, SHARED, assert_bits, assert_near, noise, on_any_threads, rounding, take};
use crate::float::Float;
use crate::kernel::chain::Fill;
use crate::kernel::rows::{
    Labels, Norm, cross_entropy, cross_entropy_vjp, log_softmax, log_softmax_vjp, logsumexp, norm, norm_groups,
    norm_vjp, softmax, softmax_vjp,
};

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

/// What replaces x, of which every part is filled when it is asked for.
fn replaced<T: Float>(x: &[T], f: impl FnOnce(&mut [T], &Fill<'_, T>)) -> Vec<T> {
    let mut out = vec![T::NAN; x.len()];
    f(&mut out, &|start, part| part.copy_from_slice(&x[start..][..part.len()]));
    out
}

fn softmax_gradient<T: Float>() -> Twins<T> {
    Twins { fast: |g, y, _, n| replaced(g, |g, fill| softmax_vjp(g, fill, y, n)), naive: naive_softmax_vjp }
}

fn log_softmax_gradient<T: Float>() -> Twins<T> {
    Twins { fast: |g, y, _, n| replaced(g, |g, fill| log_softmax_vjp(g, fill, y, n)), naive: naive_log_softmax_vjp }
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

fn doubles<T: Float>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// What cross-entropy gives for each row, as its kernels do: the costs, and then the gradients.
fn cross_entropies<T: Float>(g: &[T], z: &[T], labels: &[i64], smoothing: f64, n: usize) -> [Vec<T>; 2] {
    let target = Labels { labels, smoothing: T::from_f64(smoothing) };
    let costs = filled(labels.len(), |out| cross_entropy(z, target, out, n));
    [costs, filled(z.len(), |out| cross_entropy_vjp(g, z, target, out, n))]
}

fn naive_cross_entropies(g: &[f64], z: &[f64], labels: &[i64], smoothing: f64, n: usize) -> [Vec<f64>; 2] {
    let (mut costs, mut grads) = (Vec::new(), Vec::new());
    for ((z, &label), g) in z.chunks_exact(n).zip(labels).zip(g) {
        let max = largest(z);
        let sum: f64 = z.iter().map(|z| (z - max).exp()).sum();
        let q = |j: usize| smoothing / n as f64 + if j == label as usize { 1.0 - smoothing } else { 0.0 };
        costs.push((0..n).map(|j| q(j) * (sum.ln() + max - z[j])).sum());
        grads.extend((0..n).map(|j| g * ((z[j] - max).exp() / sum - q(j))));
    }
    [costs, grads]
}

/// Within `share` roundings of the largest value, and `terms` more of the twin's own plain sums.
#[track_caller]
fn assert_like<T: Float>(got: &[T], want: &[f64], share: f64, terms: usize) {
    let size = want.iter().fold(1.0f64, |size, x| size.max(x.abs()));
    let want: Vec<_> = want
        .iter()
        .map(|&value| Near { value, bound: size * (share * rounding::<T>() + terms as f64 * rounding::<f64>()) })
        .collect();
    assert_near(got, &want);
}

fn cross_entropy_agrees<T: Float>(rows: usize, n: usize, smoothing: f64, seed: u64) {
    let (z, g) = (take(rows * n, noise::<T>(seed)), take(rows, noise::<T>(!seed)));
    let labels: Vec<i64> = (0..rows).map(|i| ((i as u64).wrapping_mul(seed | 1) % n as u64) as i64).collect();
    let got = cross_entropies(&g, &z, &labels, smoothing, n);
    let want = naive_cross_entropies(&doubles(&g), &doubles(&z), &labels, smoothing, n);
    got.iter().zip(want).for_each(|(got, want)| assert_like(got, &want, 40.0 + additions(n) as f64, n));
}

/// The kernels of normalisation: the result, the gradient of x, and the sums of those of γ and β, group by group.
fn norms<T: Float>(f: Norm<'_, T>, g: &[T], x: &[T], n: usize) -> [Vec<T>; 3] {
    let mut sums = vec![T::NAN; 2 * n * norm_groups(x.len() / n.max(1), n)];
    let grad = replaced(g, |g, fill| norm_vjp(f, g, fill, x, &mut sums, n));
    [filled(x.len(), |out| norm(f, x, out, n)), grad, sums]
}

/// The same in `f64`, with the sums as two for each column.
fn naive_norms(f: Norm<'_, f64>, g: &[f64], x: &[f64], n: usize) -> [Vec<f64>; 3] {
    let (mut y, mut grad, mut sums) = (Vec::new(), Vec::new(), vec![0.0; 2 * n]);
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n as f64;
    for (x, g) in x.chunks_exact(n).zip(g.chunks_exact(n)) {
        let centre = if f.centred { mean(x) } else { 0.0 };
        let c: Vec<f64> = x.iter().map(|x| x - centre).collect();
        let scale = 1.0 / (mean(&c.iter().map(|c| c * c).collect::<Vec<_>>()) + f.eps).sqrt();
        let h: Vec<f64> = g.iter().zip(f.weight).map(|(g, w)| g * w).collect();
        let sum = if f.centred { mean(&h) } else { 0.0 };
        let dot = mean(&c.iter().zip(&h).map(|(c, h)| c * scale * h).collect::<Vec<_>>());
        for j in 0..n {
            let unit = c[j] * scale;
            y.push(unit * f.weight[j] + f.bias[j]);
            grad.push(scale * (h[j] - sum - unit * dot));
            sums[j] += g[j] * unit;
            sums[n + j] += g[j];
        }
    }
    [y, grad, sums]
}

fn norms_agree<T: Float>(rows: usize, n: usize, centred: bool, seed: u64) {
    let of = |len: usize, salt: u64| take(len, noise::<T>(seed ^ salt));
    let (x, g, weight, bias) = (of(rows * n, 1), of(rows * n, 2), of(n, 3), of(n, 4));
    let eps = T::from_f64(0.05);
    let [y, grad, groups] = norms(Norm { centred, eps, weight: &weight, bias: &bias }, &g, &x, n);
    let (w, b) = (doubles(&weight), doubles(&bias));
    let wide = Norm { centred, eps: eps.to_f64(), weight: &w, bias: &b };
    let [y_, grad_, sums_] = naive_norms(wide, &doubles(&g), &doubles(&x), n);
    let share = 64.0 + 8.0 * additions(n) as f64;
    assert_like(&y, &y_, share, n);
    assert_like(&grad, &grad_, share, n);
    let mut sums = vec![0.0; 2 * n];
    groups
        .chunks_exact((2 * n).max(1))
        .for_each(|group| sums.iter_mut().zip(group).for_each(|(s, x)| *s += x.to_f64()));
    assert_like(&sums.into_iter().map(T::from_f64).collect::<Vec<_>>(), &sums_, share + 8.0 * rows as f64, n);
}

fn widths() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1..70usize, 1 => 250..262usize, 1 => 4000..4200usize]
}

proptest! {
    #[test]
    fn cross_entropy_agrees_with_loops(rows in 0..40usize, n in widths(), smoothing in 0..3u8, seed: u64) {
        cross_entropy_agrees::<f32>(rows, n, f64::from(smoothing) / 2.0, seed);
        cross_entropy_agrees::<f64>(rows, n, f64::from(smoothing) / 2.0, seed);
    }

    #[test]
    fn norms_agree_with_loops(rows in 0..40usize, n in widths(), centred: bool, seed: u64) {
        norms_agree::<f32>(rows, n, centred, seed);
        norms_agree::<f64>(rows, n, centred, seed);
    }
}

/// Far from 0, two passes lose nothing of the variance, where the mean of squares would lose all of it.
#[test]
fn variance_is_of_what_is_centred() {
    for n in [4u8, 64] {
        let x: Vec<f32> = (0..n).map(|i| 1e6 + if i % 2 == 0 { 2.0 } else { 0.0 }).collect();
        let (weight, bias) = (vec![1.0; n as usize], vec![0.0; n as usize]);
        let f = Norm { centred: true, eps: 0.0, weight: &weight, bias: &bias };
        let want: Vec<f32> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert_bits(&filled(n as usize, |out| norm(f, &x, out, n as usize)), &want);
    }
}

/// A row whose incoming gradient is 0 gets 0, whatever is in it.
#[test]
fn a_cost_that_does_not_count_moves_nothing() {
    for n in [3, 40] {
        let z = vec![f32::NAN; n];
        let [_, grad] = cross_entropies(&[0.0], &z, &[1], 0.1, n);
        assert_bits(&grad, &vec![0.0; n]);
    }
}

#[test]
fn threads_do_not_change_bits_of_costs_and_norms() {
    for (rows, n) in [(SHARED, 1), (30_000, 10), (263, 1000), (9, 100_003)] {
        let (x, g) = (take(rows * n, noise::<f32>(6)), take(rows * n, noise::<f32>(7)));
        let labels: Vec<i64> = (0..rows).map(|i| (i % n) as i64).collect();
        on_any_threads(|| cross_entropies(&g, &x, &labels, 0.1, n).concat());
        let (weight, bias) = (take(n, noise::<f32>(8)), take(n, noise::<f32>(9)));
        on_any_threads(|| norms(Norm { centred: true, eps: 1e-5, weight: &weight, bias: &bias }, &g, &x, n).concat());
    }
}
