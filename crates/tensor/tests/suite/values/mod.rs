//! The values of every op against naive loops, at either precision and on every layout; and the same bits from large
//! inputs at every number of threads.

mod arrange;
mod batch_norm;
mod conv;
mod elementwise;
mod linalg;
mod naive;
mod pool;
mod products;
mod structure;
mod threads;

use naive::{Naive, indices, same};
use tensor::{Float, Tensor, rng, s};

/// The same elements row-major, column-major, and as every other element of a larger array.
fn layouts<T: Float>(x: &Tensor<T>) -> [Tensor<T>; 3] {
    let reversed: Vec<isize> = (0..x.rank() as isize).rev().collect();
    [x.contiguous(), x.permute(&reversed).contiguous().permute(&reversed), stepped(x)]
}

/// Every other row of an array whose remaining rows are NaN.
fn stepped<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    let Some((&rows, rest)) = x.shape().split_first().filter(|(rows, _)| **rows > 0) else { return x.clone() };
    let (x, shape) = (x.unsqueeze(1), [&[2 * rows], rest].concat());
    Tensor::concat(&[Tensor::full(x.shape(), T::NAN), x], 1).reshape(shape).slice(s![1..; 2])
}

fn random<T: Float>(shape: &[usize], low: f64, high: f64) -> Tensor<T> {
    Tensor::uniform(shape, low, high, &mut rng(3, shape.iter().sum::<usize>() as u64))
}

#[test]
fn matmul() {
    matmul_at::<f32>();
    matmul_at::<f64>();
}

fn matmul_at<T: Float>() {
    let shapes: [[&[usize]; 2]; 12] = [
        [&[2, 3], &[3, 4]],
        [&[1, 1], &[1, 1]],
        [&[17, 33], &[33, 9]],
        [&[1, 40], &[40, 37]],
        [&[40, 1], &[1, 37]],
        [&[5, 2, 3], &[5, 3, 4]],
        [&[2, 1, 2, 3], &[3, 3, 2]],
        [&[2, 3], &[4, 3, 2]],
        [&[0, 3], &[3, 2]],
        [&[2, 0], &[0, 3]],
        [&[2, 3], &[3, 0]],
        [&[0, 2, 3], &[1, 3, 2]],
    ];
    for [s, t] in shapes {
        let (a, b) = (random::<T>(s, -1.0, 1.0), random::<T>(t, -1.0, 1.0));
        let expected = product(&Naive::of(&a), &Naive::of(&b));
        for a in layouts(&a) {
            for b in layouts(&b) {
                same(&format!("{s:?} · {t:?}"), &a.matmul(&b), &expected, s[s.len() - 1] as f64);
            }
        }
    }
}

fn product(a: &Naive, b: &Naive) -> Naive {
    let batch = |x: &Naive| x.shape[..x.shape.len() - 2].to_vec();
    let wide =
        tensor::Shape::from(batch(a)).broadcast(&tensor::Shape::from(batch(b)), "test").expect("shapes broadcast");
    let (k, m, n) = (a.shape[a.shape.len() - 1], a.shape[a.shape.len() - 2], b.shape[b.shape.len() - 1]);
    Naive::from_fn(&[&wide[..], &[m, n]].concat(), |at| {
        let (outer, inner) = at.split_at(at.len() - 2);
        let term =
            |l: usize| a.stretched(&[outer, &[inner[0], l]].concat()) * b.stretched(&[outer, &[l, inner[1]]].concat());
        (0..k).map(term).sum()
    })
}

#[test]
fn vectors_count_as_rows_and_columns() {
    let a = Tensor::from([1.0f64, 2.0, 3.0]);
    let m = Tensor::from([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    assert_eq!(a.matmul(&a), Tensor::from(14.0));
    assert_eq!(a.matmul(&m), Tensor::from([4.0, 5.0]));
    assert_eq!(m.t().matmul(&a), Tensor::from([4.0, 5.0]));
    let batch = Tensor::stack(&[&m, &(&m * 2.0)], 0);
    assert_eq!(a.matmul(&batch), Tensor::from([[4.0, 5.0], [8.0, 10.0]]));
    assert_eq!(batch.transpose(1, 2).matmul(&a), Tensor::from([[4.0, 5.0], [8.0, 10.0]]));
    assert_eq!(Tensor::<f64>::zeros([0]).matmul(Tensor::zeros([0])), Tensor::from(0.0));
}

#[test]
fn linear_is_a_product_and_a_sum() {
    let shapes: [&[usize]; 7] = [&[5, 3], &[2, 5, 3], &[3], &[0, 3], &[2, 0, 3], &[1, 1, 3], &[33, 3]];
    let (w, b) = (random::<f64>(&[4, 3], -1.0, 1.0), random::<f64>(&[4], -1.0, 1.0));
    for shape in shapes {
        let x = random::<f64>(shape, -1.0, 1.0);
        let (x_, w_, b_) = (Naive::of(&x), Naive::of(&w), Naive::of(&b));
        let mut out = shape.to_vec();
        *out.last_mut().expect("an axis") = 4;
        let term = |at: &[usize], bias: f64| {
            let (&j, outer) = at.split_last().expect("an axis");
            (0..3).map(|l| x_.at(&[outer, &[l]].concat()) * w_.at(&[j, l])).sum::<f64>() + bias * b_.data[j]
        };
        for x in layouts(&x) {
            for w in layouts(&w) {
                same("linear", &x.linear(&w, None), &Naive::from_fn(&out, |at| term(at, 0.0)), 4.0);
                same("linear", &x.linear(&w, Some(&b)), &Naive::from_fn(&out, |at| term(at, 1.0)), 4.0);
            }
        }
    }
    // Without inputs only the bias is left.
    for shape in [vec![2, 0], vec![2, 5, 0], vec![0]] {
        let y = Tensor::<f64>::zeros(shape).linear(&Tensor::zeros([4, 0]), Some(&b));
        assert!(y.to_vec().chunks(4).all(|row| row == b.to_vec()) && y.numel() >= 4, "{y}");
    }
}

#[test]
fn reductions() {
    reductions_at::<f32>();
    reductions_at::<f64>();
}

/// A reduction over the axes of a list, and the same of a slice.
type Reduction<T> = (&'static str, fn(&Tensor<T>, &[isize]) -> Tensor<T>, fn(&[f64]) -> f64);

fn reductions_at<T: Float>() {
    let sum = |x: &[f64]| x.iter().sum::<f64>();
    let table: [Reduction<T>; 8] = [
        ("sum", |x, axes| x.sum(axes), sum),
        ("mean", |x, axes| x.mean(axes), |x| x.iter().sum::<f64>() / x.len() as f64),
        ("max", |x, axes| x.max(axes), |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ("min", |x, axes| x.min(axes), |x| x.iter().copied().fold(f64::INFINITY, f64::min)),
        ("prod", |x, axes| x.prod(axes), |x| x.iter().product()),
        ("norm", |x, axes| x.norm(axes), |x| x.iter().map(|x| x * x).sum::<f64>().sqrt()),
        ("logsumexp", |x, axes| x.logsumexp(axes), |x| x.iter().map(|x| x.exp()).sum::<f64>().ln()),
        (
            "var",
            |x, axes| x.var(axes, 0.5),
            |x| {
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (x.len() as f64 - 0.5)
            },
        ),
    ];
    let shapes: [&[usize]; 7] = [&[], &[5], &[3, 4], &[2, 3, 4], &[70, 3], &[3, 130], &[2, 1, 3, 2]];
    for (name, f, naive) in table {
        for shape in shapes {
            let x = random::<T>(shape, -1.5, 1.5);
            for mask in 0..1usize << shape.len() {
                let reduced: Vec<bool> = (0..shape.len()).map(|i| mask >> i & 1 == 1).collect();
                let axes: Vec<isize> = (0..shape.len() as isize).filter(|&i| reduced[i as usize]).collect();
                let expected = Naive::of(&x).reduce(&reduced, naive);
                for x in layouts(&x) {
                    same(&format!("{name} of {shape:?} over {axes:?}"), &f(&x, &axes), &expected, 64.0);
                }
            }
        }
    }
}

#[test]
fn softmax() {
    for shape in [vec![5], vec![3, 4], vec![2, 70, 3], vec![0, 3], vec![3, 0], vec![1, 1]] {
        let x = random::<f64>(&shape, -3.0, 3.0);
        for axis in 0..shape.len() {
            let reduced: Vec<bool> = (0..shape.len()).map(|i| i == axis).collect();
            let x_ = Naive::of(&x);
            let total = x_.reduce(&reduced, |x| x.iter().map(|x| x.exp()).sum());
            let share = |at: &[usize]| x_.at(at).exp() / total.at(&[&at[..axis], &at[axis + 1..]].concat());
            for x in layouts(&x) {
                same("softmax", &x.softmax(axis as isize), &Naive::from_fn(&shape, share), 8.0);
                same("log_softmax", &x.log_softmax(axis as isize), &Naive::from_fn(&shape, |at| share(at).ln()), 16.0);
            }
        }
    }
}

#[test]
fn argmax() {
    let x = random::<f32>(&[4, 5, 6], -1.0, 1.0);
    for axis in 0..3 {
        let best = x.argmax(axis);
        for at in indices(best.shape()) {
            let i = best.get(&at).expect("in range") as usize;
            let value =
                |i: usize| x.get(&[&at[..axis as usize], &[i], &at[axis as usize..]].concat()).expect("in range");
            assert!((0..x.shape()[axis as usize]).all(|j| value(j) < value(i) || j == i));
        }
    }
}
