//! Normalisation over a batch: sums over each channel of `[n, c, m]`, and functions of an element and of numbers of its
//! channel, in one pass each.

#[cfg(test)]
mod tests;

use super::cpu::{Kernel, MulAdd, dispatch};
use super::reduce::{self, LANES, Sum, merge};
use super::split;
use crate::float::Float;
use crate::storage::Storage;

/// The sizes of `[n, c, m]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) n: usize,
    pub(crate) c: usize,
    pub(crate) m: usize,
}

/// The sum of each channel.
pub(crate) fn sums<T: Float>(sizes: Channels, x: &[T], out: &mut [T]) {
    fold(sizes, [x], [], out, |[x], []| [x]);
}

/// The sum of the squared distances from a number of each channel.
pub(crate) fn squares<T: Float>(sizes: Channels, x: &[T], mean: &[T], out: &mut [T]) {
    fold(sizes, [x], [mean], out, |[x], [mean]| [(x - mean) * (x - mean)]);
}

/// The sums of g and of g·(x − mean)·scale, those of all channels one after the other.
pub(crate) fn dots<T: Float>(sizes: Channels, x: &[T], g: &[T], [mean, scale]: [&[T]; 2], out: &mut [T]) {
    fold(sizes, [x, g], [mean, scale], out, |[x, g], [mean, scale]| [g, g * ((x - mean) * scale)]);
}

/// out = (x − mean)·factor + bias.
pub(crate) fn affine<T: Float>(sizes: Channels, x: &[T], numbers: [&[T]; 3], out: &mut [T]) {
    map(sizes, x, numbers, out, |x, _, [mean, factor, bias]| (x - mean) * factor + bias);
}

/// g ← (g − sum − (x − mean)·scale·dot)·factor.
pub(crate) fn slopes<T: Float>(sizes: Channels, x: &[T], numbers: [&[T]; 5], g: &mut [T]) {
    map(sizes, x, numbers, g, |x, g, [mean, scale, sum, dot, factor]| (g - sum - (x - mean) * scale * dot) * factor);
}

/// Sums of what `f` gives of elements and of numbers of their channel: K sums for each channel, those of the first kind
/// before all others. Those of each image are added up first.
fn fold<T: Float, const X: usize, const S: usize, const K: usize>(
    sizes: Channels,
    x: [&[T]; X],
    numbers: [&[T]; S],
    out: &mut [T],
    f: impl Fn([T; X], [T; S]) -> [T; K] + Copy + Sync,
) {
    let Channels { n, c, m } = sizes;
    if n * m == 0 || c == 0 {
        return out.fill(T::ZERO);
    }
    let mut room = Storage::recycled((n * K * c).max(2));
    let parts = &mut room.unique_mut().expect("new")[..n * K * c];
    split::row_groups(parts, K * c, c * m, &|first, out| dispatch(FoldImages { sizes, x, numbers, first, out, f }));
    reduce::reduce(Sum, parts, n, K * c, out);
}

struct FoldImages<'a, T, F, const X: usize, const S: usize, const K: usize> {
    sizes: Channels,
    x: [&'a [T]; X],
    numbers: [&'a [T]; S],
    first: usize,
    out: &'a mut [T],
    f: F,
}

impl<T: Float, F, const X: usize, const S: usize, const K: usize> Kernel for FoldImages<'_, T, F, X, S, K>
where
    F: Fn([T; X], [T; S]) -> [T; K],
{
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let FoldImages { sizes: Channels { c, m, .. }, x, numbers, first, out, f } = self;
        for (i, out) in out.chunks_exact_mut(K * c).enumerate() {
            let x = x.map(|x| &x[(first + i) * c * m..][..c * m]);
            for channel in 0..c {
                let (run, numbers) = (x.map(|x| &x[channel * m..][..m]), numbers.map(|numbers| numbers[channel]));
                let sums = if m < LANES { few(run, numbers, &f) } else { many(run, numbers, &f) };
                sums.into_iter().enumerate().for_each(|(k, sum)| out[k * c + channel] = sum);
            }
        }
    }
}

#[inline(always)]
fn few<T: Float, const X: usize, const S: usize, const K: usize>(
    x: [&[T]; X],
    numbers: [T; S],
    f: &impl Fn([T; X], [T; S]) -> [T; K],
) -> [T; K] {
    let mut sums = [T::ZERO; K];
    for i in 0..x[0].len() {
        let new = f(x.map(|x| x[i]), numbers);
        sums.iter_mut().zip(new).for_each(|(sum, new)| *sum += new);
    }
    sums
}

/// In lanes, which are merged in the end.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a lane is a place in several arrays at once")]
fn many<T: Float, const X: usize, const S: usize, const K: usize>(
    x: [&[T]; X],
    numbers: [T; S],
    f: &impl Fn([T; X], [T; S]) -> [T; K],
) -> [T; K] {
    let mut sums = [[T::ZERO; LANES]; K];
    let whole = x[0].len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let x: [&[T; LANES]; X] = x.map(|x| x[at..at + LANES].try_into().expect("as long"));
        for i in 0..LANES {
            let new = f(x.map(|x| x[i]), numbers);
            for k in 0..K {
                sums[k][i] += new[k];
            }
        }
    }
    let rest = few(x.map(|x| &x[whole..]), numbers, f);
    let mut out = sums.map(|lanes| merge(Sum, std::hint::black_box(lanes)));
    out.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += rest);
    out
}

/// out ← f(x, out, numbers of the channel).
fn map<T: Float, const S: usize>(
    sizes: Channels,
    x: &[T],
    numbers: [&[T]; S],
    out: &mut [T],
    f: impl Fn(T, T, [T; S]) -> T + Copy + Sync,
) {
    let image = sizes.c * sizes.m;
    if !out.is_empty() {
        split::row_groups(out, image, image, &|first, out| dispatch(MapImages { sizes, x, numbers, first, out, f }));
    }
}

struct MapImages<'a, T, F, const S: usize> {
    sizes: Channels,
    x: &'a [T],
    numbers: [&'a [T]; S],
    first: usize,
    out: &'a mut [T],
    f: F,
}

impl<T: Float, F: Fn(T, T, [T; S]) -> T, const S: usize> Kernel for MapImages<'_, T, F, S> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let MapImages { sizes: Channels { c, m, .. }, x, numbers, first, out, f } = self;
        let numbers = numbers.map(|numbers| &numbers[..c]);
        for (i, out) in out.chunks_exact_mut(c * m).enumerate() {
            let x = &x[(first + i) * c * m..][..c * m];
            if m == 1 {
                for channel in 0..c {
                    out[channel] = f(x[channel], out[channel], numbers.map(|numbers| numbers[channel]));
                }
                continue;
            }
            for (channel, (x, out)) in x.chunks_exact(m).zip(out.chunks_exact_mut(m)).enumerate() {
                let numbers = numbers.map(|numbers| numbers[channel]);
                x.iter().zip(out).for_each(|(&x, out)| *out = f(x, *out, numbers));
            }
        }
    }
}
