//! Other orders, paddings, copies, diagonals, running sums and sorting, against index arithmetic.

use tensor::{Float, Tensor};

use super::naive::{Naive, same};
use super::structure::check;
use super::{layouts, random};

#[test]
fn flips_pads_and_copies() {
    let x = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as f64;
    check(&[2, 3, 4], |x| x.flip(1), &[2, 3, 4], |a| x(a[0], 2 - a[1], a[2]));
    check(&[2, 3, 4], |x| x.flip([0, -1]), &[2, 3, 4], |a| x(1 - a[0], a[1], 3 - a[2]));
    check(&[2, 3], |x| x.flip(..).t(), &[3, 2], |a| x(0, 1 - a[1], 2 - a[0]));
    check(&[3, 0], |x| x.flip(..), &[3, 0], |_| unreachable!("no elements"));
    let inside = |i: usize, j: usize| (1..3).contains(&i) && j < 3;
    check(
        &[2, 3],
        |x| x.pad(&[(1, 2), (0, 1)], -7.0),
        &[5, 4],
        |a| if inside(a[0], a[1]) { x(0, a[0] - 1, a[1]) } else { -7.0 },
    );
    check(&[0, 2], |x| x.pad(&[(1, 0), (0, 1)], 3.0), &[1, 3], |_| 3.0);
    check(&[2, 3], |x| x.tile(&[2, 3]), &[4, 9], |a| x(0, a[0] % 2, a[1] % 3));
    check(&[2, 3], |x| x.tile(&[2]), &[2, 6], |a| x(0, a[0], a[1] % 3));
    check(&[2, 3], |x| x.tile(&[2, 1, 2]), &[2, 2, 6], |a| x(0, a[1], a[2] % 3));
    check(&[2, 3, 2], |x| x.repeat(1, 2), &[2, 6, 2], |a| x(a[0], a[1] / 2, a[2]));
    check(&[2, 3], |x| x.repeat(0, 3), &[6, 3], |a| x(0, a[0] / 3, a[1]));
}

#[test]
fn diagonals_and_triangles() {
    let x = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as f64;
    check(&[3, 3], |x| x.diagonal(0, 1), &[3], |a| x(0, a[0], a[0]));
    check(&[2, 4], |x| x.diagonal(1, 0), &[2], |a| x(0, a[0], a[0]));
    check(&[3, 2, 4], |x| x.diagonal(-1, 0), &[2, 3], |a| x(a[1], a[0], a[1]));
    let below = |a: &[usize], k: isize| a[1] as isize <= a[0] as isize + k;
    for k in -4..5 {
        check(&[3, 4], |x| x.tril(k), &[3, 4], |a| if below(a, k) { x(0, a[0], a[1]) } else { 0.0 });
        check(&[3, 4], |x| x.triu(k), &[3, 4], |a| if below(a, k - 1) { 0.0 } else { x(0, a[0], a[1]) });
    }
    let nan = Tensor::full([2, 2], f32::NAN);
    assert_eq!(nan.tril(-2), Tensor::zeros([2, 2]));
    assert_eq!(Tensor::<f32>::ones([2, 2]).tril(isize::MAX), Tensor::ones([2, 2]));
    assert_eq!(Tensor::<f32>::ones([2, 2]).triu(isize::MIN), Tensor::ones([2, 2]));
    assert_eq!(Tensor::<f32>::ones([2, 2]).triu(isize::MAX), Tensor::zeros([2, 2]));
}

#[test]
fn cumsum() {
    cumsum_at::<f32>();
    cumsum_at::<f64>();
}

fn cumsum_at<T: Float>() {
    for shape in [&[5][..], &[2, 3, 4], &[3, 40], &[40, 3], &[0, 3], &[3, 0]] {
        let x = random::<T>(shape, -1.0, 1.0);
        let x_ = Naive::of(&x);
        for axis in 0..shape.len() {
            let sum = |at: &[usize]| {
                let element = |i: usize| x_.at(&[&at[..axis], &[i], &at[axis + 1..]].concat());
                (0..=at[axis]).map(element).sum()
            };
            let expected = Naive::from_fn(shape, sum);
            for x in layouts(&x) {
                same("cumsum", &x.cumsum(axis as isize), &expected, 16.0);
            }
        }
    }
}

/// Sorted values stand where the positions say, in order, and every position occurs once.
#[test]
fn sorts() {
    let x = random::<f32>(&[3, 7, 5], -1.0, 1.0);
    for axis in 0..3 {
        for descending in [false, true] {
            for x in layouts(&x) {
                let (values, positions) = x.sort(axis, descending);
                assert_eq!(values, x.gather(axis, &positions));
                assert_eq!(positions, x.argsort(axis, descending));
                let n = x.shape()[axis as usize];
                let (low, high) = (values.narrow(axis, 0, n - 1), values.narrow(axis, 1, n - 1));
                assert!(if descending { low.ge(&high) } else { low.le(&high) }.all());
                assert_eq!(
                    positions.cast::<f32>().sort(axis, false).0.slice([0, 0, 0].map(tensor::Slice::from)).item(),
                    0.0
                );
                assert_eq!(positions.cast::<f64>().sum(..).item(), (105 / n * (n * (n - 1) / 2)) as f64);
                let (top, at) = x.topk(2, axis, descending);
                assert_eq!((top, at), (values.narrow(axis, 0, 2), positions.narrow(axis, 0, 2)));
            }
        }
    }
}

#[test]
fn equal_numbers_keep_their_order_and_nan_is_the_largest() {
    let x = Tensor::from([2.0, f64::NAN, 0.0, -0.0, 2.0, f64::INFINITY, f64::NAN]);
    assert_eq!(x.argsort(0, false), Tensor::from([2i64, 3, 0, 4, 5, 1, 6]));
    assert_eq!(x.argsort(0, true), Tensor::from([1i64, 6, 5, 0, 4, 2, 3]));
    assert_eq!(x.topk(3, 0, true).1, Tensor::from([1i64, 6, 5]));
    assert_eq!(x.topk(3, 0, false).1, Tensor::from([2i64, 3, 0]));
    assert_eq!(x.narrow(0, 0, 0).argsort(0, false).shape().to_vec(), [0]);
}

#[test]
fn embeddings_are_rows() {
    let index = Tensor::from([[2i64, 0], [1, 1], [2, 2]]);
    let at = [[2, 0], [1, 1], [2, 2]];
    check(&[3, 4], |x| x.embedding(&index), &[3, 2, 4], |a| (10 * at[a[0]][a[1]] + a[2]) as f64);
    check(&[3, 4], |x| x.embedding(&index.t()), &[2, 3, 4], |a| (10 * at[a[1]][a[0]] + a[2]) as f64);
    check(&[3, 2, 2], |x| x.embedding(&Tensor::from(1i64)), &[2, 2], |a| (100 + 10 * a[0] + a[1]) as f64);
    check(&[3], |x| x.embedding(&index), &[3, 2], |a| at[a[0]][a[1]] as f64);
}
