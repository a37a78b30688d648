//! Normalisation over a batch, against loops.

use tensor::{Float, Tensor};

use super::naive::{Naive, same};
use super::{layouts, random};

#[test]
fn batch_norm() {
    batch_norm_at::<f32>();
    batch_norm_at::<f64>();
}

fn batch_norm_at<T: Float>() {
    for shape in [&[7, 3][..], &[4, 3, 5], &[3, 3, 6, 7], &[2, 3, 1, 40]] {
        let x = random::<T>(shape, -1.0, 3.0);
        let [w, b] = [random::<T>(&[3], 0.5, 1.5), random(&[3], -1.0, 0.0)];
        let (x_, w_, b_) = (Naive::of(&x), Naive::of(&w), Naive::of(&b));
        let over: Vec<bool> = (0..shape.len()).map(|axis| axis != 1).collect();
        let mean = x_.reduce(&over, |x| x.iter().sum::<f64>() / x.len() as f64);
        let var = x_.reduce(&over, |x| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64
        });
        let expected = Naive::from_fn(shape, |at| {
            let c = at[1];
            (x_.at(at) - mean.data[c]) / (var.data[c] + 1e-3).sqrt() * w_.data[c] + b_.data[c]
        });
        for x in layouts(&x) {
            let (y, moments) = x.batch_norm(Some(&w), Some(&b), 1e-3);
            same("batch_norm", &y, &expected, 32.0);
            same("mean", &moments.mean, &mean, 8.0);
            same("variance", &moments.var, &var, 8.0);
            same("by its own moments", &x.batch_norm_by(&moments, Some(&w), Some(&b), 1e-3), &expected, 32.0);
        }
    }
}

#[test]
fn an_empty_batch_has_no_moments() {
    let (y, moments) = Tensor::<f32>::zeros([0, 2, 3]).batch_norm(None, None, 1e-5);
    assert_eq!(y.shape().to_vec(), [0, 2, 3]);
    assert!(moments.mean.to_vec().iter().chain(&moments.var.to_vec()).all(|x| x.is_nan()));
}
