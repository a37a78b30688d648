use proptest::prelude::*;

use super::*;
use crate::kernel::tests::{noise, pool};

fn made(len: usize, f: impl Fn(&mut [f64])) -> Vec<f64> {
    let mut out = vec![f64::NAN; len];
    f(&mut out);
    out
}

fn close(got: &[f64], want: &[f64]) -> bool {
    got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-11 * b.abs().max(1.0))
}

proptest! {
    #[test]
    fn agrees_with_loops(n in 0..6usize, c in 0..9usize, m in prop_oneof![Just(1usize), 0..150usize], seed: u64) {
        let sizes = Channels { n, c, m };
        let mut noise = noise::<f64>(seed);
        let mut take = |len: usize| (0..len).map(|_| noise()).collect::<Vec<f64>>();
        let (x, g) = (take(n * c * m), take(n * c * m));
        let numbers: [Vec<f64>; 5] = std::array::from_fn(|_| take(c));
        let channel = |at: usize| at / m % c;
        let folded = |f: &dyn Fn(usize, usize) -> f64| {
            let mut sums = vec![0.0; c];
            (0..x.len()).for_each(|at| sums[channel(at)] += f(at, channel(at)));
            sums
        };
        let [mean, scale, sum, dot, factor] = &numbers;
        let unit = |at: usize, k: usize| (x[at] - mean[k]) * scale[k];
        prop_assert!(close(&made(c, |out| sums(sizes, &x, out)), &folded(&|at, _| x[at])));
        prop_assert!(close(&made(c, |out| squares(sizes, &x, mean, out)), &folded(&|at, k| (x[at] - mean[k]).powi(2))));
        let both = [folded(&|at, _| g[at]), folded(&|at, k| g[at] * unit(at, k))].concat();
        prop_assert!(close(&made(2 * c, |out| dots(sizes, &x, &g, [mean, scale], out)), &both));
        let each = |f: &dyn Fn(usize, usize) -> f64| (0..x.len()).map(|at| f(at, channel(at))).collect::<Vec<_>>();
        let got = made(x.len(), |out| affine(sizes, &x, [mean, factor, sum], out));
        prop_assert!(close(&got, &each(&|at, k| (x[at] - mean[k]) * factor[k] + sum[k])));
        let mut got = g.clone();
        slopes(sizes, &x, [mean, scale, sum, dot, factor], &mut got);
        prop_assert!(close(&got, &each(&|at, k| (g[at] - sum[k] - unit(at, k) * dot[k]) * factor[k])));
    }
}

#[test]
fn threads_do_not_change_bits() {
    for sizes in [Channels { n: 37, c: 20, m: 301 }, Channels { n: 700, c: 513, m: 1 }] {
        let Channels { n, c, m } = sizes;
        let mut noise = noise::<f64>(4);
        let [x, g] = [(); 2].map(|_| (0..n * c * m).map(|_| noise()).collect::<Vec<_>>());
        let numbers: Vec<_> = (0..c).map(|_| noise()).collect();
        let run = || {
            let mut all = made(c, |out| squares(sizes, &x, &numbers, out));
            all.extend(made(2 * c, |out| dots(sizes, &x, &g, [&numbers, &numbers], out)));
            all.extend(made(x.len(), |out| affine(sizes, &x, [&numbers; 3], out)));
            all
        };
        let one = pool(1).install(run);
        (2..=4).for_each(|threads| assert_eq!(pool(threads).install(run), one));
    }
}
