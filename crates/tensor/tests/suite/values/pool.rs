//! Pooling against loops, and its conventions.

use tensor::{Float, PoolOptions, Tape, Tensor};

use super::naive::{Naive, same};
use super::{layouts, random};

/// f over what each window sees of x.
fn pooled(x: &Naive, options: PoolOptions<2>, f: impl Fn(&[f64], usize) -> f64) -> Naive {
    let PoolOptions { kernel, stride, padding, .. } = options;
    let size = |i: usize| (x.shape[i + 2] + 2 * padding[i] - kernel[i]) / stride[i] + 1;
    Naive::from_fn(&[x.shape[0], x.shape[1], size(0), size(1)], |at| {
        let mut seen = Vec::new();
        for (u, v) in (0..kernel[0]).flat_map(|u| (0..kernel[1]).map(move |v| (u, v))) {
            let place = [at[2] * stride[0] + u, at[3] * stride[1] + v];
            if let [Some(row), Some(col)] =
                [0, 1].map(|i| place[i].checked_sub(padding[i]).filter(|&at| at < x.shape[i + 2]))
            {
                seen.push(x.at(&[at[0], at[1], row, col]));
            }
        }
        f(&seen, kernel[0] * kernel[1])
    })
}

#[test]
fn pooling() {
    pooling_at::<f32>();
    pooling_at::<f64>();
}

fn pooling_at<T: Float>() {
    let options = |kernel: [usize; 2]| PoolOptions::new(kernel);
    for options in [
        options([2, 2]),
        options([3, 3]).stride(2).padding(1),
        options([2, 3]).stride(1).padding([0, 1]),
        options([1, 2]).stride([2, 3]),
    ] {
        let x = random::<T>(&[2, 3, 7, 9], -1.0, 1.0);
        let x_ = Naive::of(&x);
        let max = pooled(&x_, options, |seen, _| seen.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        let mean = pooled(&x_, options, |seen, all| seen.iter().sum::<f64>() / all as f64);
        let own = pooled(&x_, options, |seen, _| seen.iter().sum::<f64>() / seen.len() as f64);
        for x in layouts(&x) {
            same("max_pool2d", &x.max_pool2d(options), &max, 0.0);
            same("avg_pool2d", &x.avg_pool2d(options), &mean, 8.0);
            same("avg_pool2d of what is there", &x.avg_pool2d(options.counts_padding(false)), &own, 8.0);
        }
    }
}

#[test]
fn the_first_of_equals_gets_the_gradient() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([[[[1.0f64, 1.0, 2.0, 0.0], [1.0, 1.0, 0.0, 2.0]]]]));
    let grad = x.max_pool2d(PoolOptions::new(2)).sum(..).backward_retain();
    assert_eq!(grad.wrt(x), &Tensor::from([[[[1.0, 0.0, 1.0, 0.0], [0.0; 4]]]]));
    let overlapping = x.max_pool2d(PoolOptions::new([1, 3]).stride(1)).sum(..).backward_retain();
    assert_eq!(overlapping.wrt(x), &Tensor::from([[[[0.0, 0.0, 2.0, 0.0], [1.0, 0.0, 0.0, 1.0]]]]));
    let recorded = tape.grad(x.global_max_pool().sum(..), &[x])[0];
    assert_eq!(recorded.value(), Tensor::from([[[[0.0, 0.0, 1.0, 0.0], [0.0; 4]]]]));
}

#[test]
fn nan_is_the_largest_and_padding_is_never() {
    for kernel in [2, 3] {
        let x = Tensor::from_fn([1, 1, 6, 6], |i| if i[2..] == [1, 1] { f64::NAN } else { f64::NEG_INFINITY });
        let y = x.max_pool2d(PoolOptions::new(kernel).padding(if kernel == 2 { 0 } else { 1 })).to_vec();
        assert!(y[0].is_nan() && y[1..].iter().all(|&y| y == f64::NEG_INFINITY), "{y:?}");
    }
}
