use proptest::prelude::*;

use super::*;
use crate::kernel::tests::{noise, pool};

fn windows() -> impl Strategy<Value = Window> {
    let axis = || (1..9usize, 1..5usize, 1..4usize, 0..3usize, any::<bool>());
    let any = (axis(), axis(), any::<bool>()).prop_filter_map("too small", |(down, across, counts_padding)| {
        let [input, kernel, output, stride, padding] = {
            let axes = [down, across].map(|(input, kernel, stride, padding, ceil_mode)| {
                let padding = padding.min(kernel / 2);
                let room = (input + 2 * padding).checked_sub(kernel)?;
                let partial = ceil_mode && room % stride > 0 && (room / stride + 1) * stride < input + padding;
                Some([input, kernel, room / stride + 1 + usize::from(partial), stride, padding])
            });
            let [down, across] = [axes[0]?, axes[1]?];
            std::array::from_fn(|i| [down[i], across[i]])
        };
        Some(Window { input, kernel, output, stride, padding, counts_padding })
    });
    let pairs = (2..70usize, 2..70usize).prop_map(|(h, w)| Window {
        input: [h, w],
        kernel: [2, 2],
        output: [h / 2, w / 2],
        stride: [2, 2],
        padding: [0, 0],
        counts_padding: true,
    });
    prop_oneof![3 => any, 1 => pairs]
}

/// What every window of every plane sees: positions of the input, in order.
fn seen(window: &Window, planes: usize) -> Vec<Vec<usize>> {
    let Window { input: [h, w], kernel, output: [oh, ow], stride, padding, .. } = *window;
    let one = |n: usize| {
        let (plane, i, j) = (n / (oh * ow), n / ow % oh, n % ow);
        let places = (0..kernel[0]).flat_map(|u| (0..kernel[1]).map(move |v| [u, v]));
        let places = places.filter_map(|[u, v]| {
            let row = (i * stride[0] + u).checked_sub(padding[0]).filter(|&row| row < h)?;
            let col = (j * stride[1] + v).checked_sub(padding[1]).filter(|&col| col < w)?;
            Some((plane * h + row) * w + col)
        });
        places.collect()
    };
    (0..planes * oh * ow).map(one).collect()
}

/// How many places of the padded plane a window covers.
fn covered(window: &Window, n: usize) -> usize {
    let at = [n / window.output[1], n % window.output[1]];
    let inside = |i: usize, u: &usize| at[i] * window.stride[i] + u < window.input[i] + 2 * window.padding[i];
    (0..2).map(|i| (0..window.kernel[i]).filter(|u| inside(i, u)).count()).product()
}

/// The first position of the largest, where NaN is the largest.
fn first(x: &[f32], seen: &[usize]) -> usize {
    let key = |at: usize| if x[at].is_nan() { f32::INFINITY } else { x[at] };
    seen.iter().copied().reduce(|best, at| if key(at) > key(best) { at } else { best }).expect("not empty")
}

/// Small integers, with many ties, and a NaN now and then.
fn elements(len: usize, seed: u64, nan: bool) -> Vec<f32> {
    let mut noise = noise::<f64>(seed);
    let mut one = || if nan && noise() > 0.9 { f32::NAN } else { (noise() * 3.4).round() as f32 };
    (0..len).map(|_| one()).collect()
}

fn made<U: Copy>(len: usize, value: U, f: impl Fn(&mut [U])) -> Vec<U> {
    let mut out = vec![value; len];
    f(&mut out);
    out
}

fn bits(x: &[f32]) -> Vec<Option<u32>> {
    x.iter().map(|x| (!x.is_nan()).then_some((x + 0.0).to_bits())).collect()
}

proptest! {
    #[test]
    fn the_largest(window in windows(), planes in 0..4usize, seed: u64, nan: bool) {
        let [area, out_area] = window.areas();
        let (x, g) = (elements(planes * area, seed, nan), elements(planes * out_area, !seed, false));
        let best: Vec<_> = seen(&window, planes).iter().map(|seen| first(&x, seen)).collect();
        let values: Vec<_> = best.iter().map(|&at| x[at]).collect();
        prop_assert_eq!(bits(&made(g.len(), 7.0, |y| max_pool(&window, &x, y))), bits(&values));
        let positions: Vec<_> = best.iter().map(|&at| (at % area) as i64).collect();
        prop_assert_eq!(made(g.len(), -1, |out| max_positions(&window, &x, out)), positions);
        let mut grad = vec![0.0; x.len()];
        best.iter().zip(&g).for_each(|(&at, g)| grad[at] += g);
        prop_assert_eq!(made(x.len(), f32::NAN, |out| max_pool_vjp(&window, &x, &g, out)), grad);
    }

    #[test]
    fn the_mean(window in windows(), planes in 0..4usize, seed: u64) {
        let [area, out_area] = window.areas();
        let (x, g) = (elements(planes * area, seed, false), elements(planes * out_area, !seed, false));
        let (mut value, mut grad) = (Vec::new(), vec![0.0; x.len()]);
        for (n, (seen, g)) in seen(&window, planes).iter().zip(&g).enumerate() {
            let count = if window.counts_padding { covered(&window, n % out_area) } else { seen.len() } as f32;
            value.push(seen.iter().map(|&at| x[at]).sum::<f32>() / count);
            seen.iter().for_each(|&at| grad[at] += g / count);
        }
        let close = |got: Vec<f32>, want: Vec<f32>| got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5);
        prop_assert!(close(made(g.len(), f32::NAN, |y| avg_pool(&window, &x, y)), value));
        prop_assert!(close(made(x.len(), f32::NAN, |out| avg_unpool(&window, &g, out)), grad));
    }
}

#[test]
fn threads_do_not_change_bits() {
    for (kernel, stride) in [(2, 2), (3, 2)] {
        let output = (33 - kernel) / stride + 1;
        let [input, kernel, output, stride] = [33, kernel, output, stride].map(|size| [size, size]);
        let window = Window { input, kernel, output, stride, padding: [0, 0], counts_padding: true };
        let (x, g) = (elements(200 * 33 * 33, 1, false), elements(200 * output[0] * output[1], 2, false));
        let run = || {
            let mut all = made(g.len(), 0.0, |y| max_pool(&window, &x, y));
            all.extend(made(x.len(), 0.0, |out| max_pool_vjp(&window, &x, &g, out)));
            all.extend(made(g.len(), 0.0, |y| avg_pool(&window, &x, y)));
            all.extend(made(x.len(), 0.0, |out| avg_unpool(&window, &g, out)));
            all
        };
        let one = pool(1).install(run);
        (2..=4).for_each(|threads| assert_eq!(pool(threads).install(run), one));
    }
}
