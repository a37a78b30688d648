//! The same bits at every number of threads, on inputs large enough to be split.

use tensor::{ConvOptions, Float, Tape, Tensor, rng};

use super::naive::erf;

/// The bits of a function's results at 1, 2 and 4 threads, which must be the same.
fn same_bits(name: &str, f: impl Fn() -> Vec<Tensor<f32>> + Send + Sync) -> Vec<Tensor<f32>> {
    let at = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
        pool.install(&f)
    };
    let bits = |x: &[Tensor<f32>]| -> Vec<u32> { x.iter().flat_map(Tensor::to_vec).map(f32::to_bits).collect() };
    let one = at(1);
    for threads in [2, 4] {
        let differing = bits(&one).iter().zip(bits(&at(threads))).filter(|(a, b)| **a != *b).count();
        assert_eq!(differing, 0, "{name}: elements that differ between 1 and {threads} threads");
    }
    one
}

fn random(shape: &[usize]) -> Tensor<f32> {
    Tensor::uniform(shape, -1.0, 1.0, &mut rng(5, 0))
}

/// Sizes beyond the 2¹⁸ elements from which work is split, not multiples of what it is split by.
const WIDE: [usize; 2] = [517, 1031];

#[test]
fn elementwise_rules_and_their_gradients() {
    let (x, row) = (random(&WIDE), random(&[WIDE[1]]));
    for x in [x.clone(), x.t().contiguous().t()] {
        let y = same_bits("elementwise", || {
            let tape = Tape::new();
            let (x, row) = (tape.leaf(x.clone()), tape.leaf(row.clone()));
            let y = (x * row).gelu() + x.tanh() / (row.square() + 1.0);
            let grads = y.square().sum(..).backward();
            vec![y.value(), grads.wrt(x).clone(), grads.wrt(row).clone()]
        });
        for i in [0, 77, 516] {
            let near = |j: usize| (f64::from(x[[i, j]]), f64::from(row[[j]]));
            let expected = |(x, w): (f64, f64)| {
                let u = x * w;
                0.5 * u * (1.0 + erf(u / 2f64.sqrt())) + x.tanh() / (w * w + 1.0)
            };
            assert!((f64::from(y[0][[i, 1030]]) - expected(near(1030))).abs() < 1e-6);
        }
    }
}

#[test]
fn reductions() {
    for shape in [&WIDE[..], &[WIDE[1], WIDE[0]], &[3, 400, 301], &[400_003]] {
        let x = random(shape);
        let y = same_bits("reductions", || {
            let last = shape.len() as isize - 1;
            vec![
                x.sum(..),
                x.sum(0),
                x.sum(last),
                x.max(0),
                x.min(..),
                x.logsumexp(last),
                x.norm(0),
                x.t_or_self().sum(0),
            ]
        });
        let naive: f64 = x.to_vec().iter().map(|&x| f64::from(x)).sum();
        assert!((y[0].item().to_f64() - naive).abs() < 0.02, "{} and {naive}", y[0]);
    }
}

trait Turned {
    /// The first two axes swapped, where there are two.
    fn t_or_self(&self) -> Self;
}

impl Turned for Tensor<f32> {
    fn t_or_self(&self) -> Self {
        if self.rank() < 2 { self.clone() } else { self.transpose(0, 1) }
    }
}

#[test]
fn softmax_and_its_gradient() {
    let x = random(&WIDE);
    for axis in [0, 1] {
        let y = same_bits("softmax", || {
            let tape = Tape::new();
            let x = tape.leaf(x.clone());
            let (y, z) = (x.softmax(axis), x.log_softmax(axis));
            let grads = (y * z).sum(..).backward();
            vec![y.value(), z.value(), grads.wrt(x).clone()]
        });
        assert!(y[0].sum(axis).to_vec().iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    }
}

#[test]
fn products() {
    let (a, b, bias) = (random(&[301, 517]), random(&[403, 517]), random(&[403]));
    let y = same_bits("linear", || {
        let tape = Tape::new();
        let [x, w, c] = [&a, &b, &bias].map(|x| tape.leaf(x.clone()));
        let y = x.linear(w, Some(c));
        let grads = y.square().mean(..).backward();
        vec![y.value(), grads.wrt(x).clone(), grads.wrt(w).clone(), grads.wrt(c).clone()]
    });
    for (i, j) in [(0, 0), (300, 402), (150, 17)] {
        let dot: f64 = (0..517).map(|k| f64::from(a[[i, k]]) * f64::from(b[[j, k]])).sum();
        assert!((f64::from(y[0][[i, j]]) - dot - f64::from(bias[[j]])).abs() < 1e-4);
    }
}

#[test]
fn convolutions() {
    let [x, w, bias] = [&[23, 6, 20, 19][..], &[18, 3, 3, 3], &[18]].map(random);
    let options = ConvOptions::new().padding(1).groups(2);
    let y = same_bits("conv2d", || {
        let tape = Tape::new();
        let [x, w, b] = [&x, &w, &bias].map(|x| tape.leaf(x.clone()));
        let y = x.conv2d(w, Some(b), options);
        let grads = y.square().mean(..).backward();
        vec![y.value(), grads.wrt(x).clone(), grads.wrt(w).clone(), grads.wrt(b).clone()]
    });
    let corner: f64 = (0..3 * 4)
        .map(|i| (i / 4, i / 2 % 2, i % 2))
        .map(|(c, u, v)| f64::from(x[[22, 3 + c, u, v]]) * f64::from(w[[17, c, u + 1, v + 1]]))
        .sum();
    assert!((f64::from(y[0][[22, 17, 0, 0]]) - corner - f64::from(bias[[17]])).abs() < 1e-5);
}

#[test]
fn batch_norm() {
    for shape in [&[29, 40, 17, 16][..], &[1031, 517]] {
        let (x, weight) = (random(shape), random(&shape[1..2]));
        let y = same_bits("batch_norm", || {
            let tape = Tape::new();
            let [x, w] = [&x, &weight].map(|x| tape.leaf(x.clone()));
            let (y, moments) = x.batch_norm(Some(w), None, 1e-5);
            let grads = y.tanh().sum(..).backward();
            vec![y.value(), moments.mean, moments.var, grads.wrt(x).clone(), grads.wrt(w).clone()]
        });
        assert!(y[1].to_vec().iter().all(|mean| mean.abs() < 0.1));
    }
}
