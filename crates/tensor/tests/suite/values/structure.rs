//! Views, joins and indices, against index arithmetic.

use tensor::{Slice, Tensor, s};

use super::layouts;
use super::naive::{Naive, same};

/// The element at (i, j, k) is 100·i + 10·j + k.
pub(crate) fn digits(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| i.iter().fold(0.0, |n, &i| 10.0 * n + i as f64))
}

/// Compares an op on every layout of `digits(shape)` with what stands at each index of the result.
#[track_caller]
pub(crate) fn check(
    shape: &[usize],
    f: impl Fn(&Tensor<f64>) -> Tensor<f64>,
    out: &[usize],
    at: impl Fn(&[usize]) -> f64,
) {
    for x in layouts(&digits(shape)) {
        same("value", &f(&x), &Naive::from_fn(out, &at), 0.0);
    }
}

#[test]
fn views() {
    let x = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as f64;
    check(&[2, 3, 4], |x| x.permute(&[2, 0, 1]), &[4, 2, 3], |a| x(a[1], a[2], a[0]));
    check(&[2, 3, 4], |x| x.transpose(0, -1), &[4, 3, 2], |a| x(a[2], a[1], a[0]));
    check(&[2, 3, 4], |x| x.reshape([6, 4]), &[6, 4], |a| x(a[0] / 3, a[0] % 3, a[1]));
    check(&[2, 3, 4], |x| x.reshape([2, 12]), &[2, 12], |a| x(a[0], a[1] / 4, a[1] % 4));
    check(&[2, 3, 4], |x| x.flatten(), &[24], |a| x(a[0] / 12, a[0] / 4 % 3, a[0] % 4));
    check(&[2, 3, 4], |x| x.narrow(1, 1, 2), &[2, 2, 4], |a| x(a[0], a[1] + 1, a[2]));
    check(&[2, 3, 4], |x| x.slice(s![1, ..; 2, -1]), &[2], |a| x(1, 2 * a[0], 3));
    check(&[2, 3, 5], |x| x.slice(s![.., -2.., 1..=3; 2]), &[2, 2, 2], |a| x(a[0], a[1] + 1, 1 + 2 * a[2]));
    check(&[2, 1, 4], |x| x.squeeze(1), &[2, 4], |a| x(a[0], 0, a[1]));
    check(&[2, 3], |x| x.unsqueeze(-1), &[2, 3, 1], |a| (10 * a[0] + a[1]) as f64);
    check(&[2, 1], |x| x.broadcast_to([3, 2, 4]), &[3, 2, 4], |a| (10 * a[1]) as f64);
    check(&[2, 0, 4], |x| x.permute(&[1, 2, 0]).reshape([0, 8]), &[0, 8], |_| unreachable!("no elements"));
}

#[test]
fn joins() {
    let x = |i: usize, j: usize| (10 * i + j) as f64;
    check(
        &[2, 3],
        |x| Tensor::concat(&[x, &(x + 0.5)], 0),
        &[4, 3],
        |a| {
            if a[0] < 2 { x(a[0], a[1]) } else { x(a[0] - 2, a[1]) + 0.5 }
        },
    );
    check(
        &[2, 3],
        |x| Tensor::concat(&[x, &x.narrow(1, 0, 1), &x.narrow(1, 0, 0)], -1),
        &[2, 4],
        |a| {
            if a[1] < 3 { x(a[0], a[1]) } else { x(a[0], 0) }
        },
    );
    check(&[2, 3], |x| Tensor::stack(&[x, &-x], 1), &[2, 2, 3], |a| x(a[0], a[2]) * if a[1] == 0 { 1.0 } else { -1.0 });
    check(
        &[2, 3],
        |x| Tensor::stack(&[x, &-x], -1),
        &[2, 3, 2],
        |a| x(a[0], a[1]) * if a[2] == 0 { 1.0 } else { -1.0 },
    );
    check(&[2, 5], |x| x.split(&[1, 0, 4], 1)[2].clone(), &[2, 4], |a| x(a[0], a[1] + 1));
    assert_eq!(digits(&[2, 5]).split(&[1, 0, 4], 1)[1].shape().to_vec(), [2, 0]);
}

#[test]
fn indices() {
    let x = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as f64;
    let vector = Tensor::from([2i64, 0, 2, 1]);
    let picked = [2, 0, 2, 1];
    check(&[3, 2, 2], |x| x.index_select(0, &vector), &[4, 2, 2], |a| x(picked[a[0]], a[1], a[2]));
    check(&[2, 3, 2], |x| x.index_select(1, &vector), &[2, 4, 2], |a| x(a[0], picked[a[1]], a[2]));
    check(&[2, 2, 3], |x| x.index_select(-1, &vector), &[2, 2, 4], |a| x(a[0], a[1], picked[a[2]]));

    let index = Tensor::from([[2i64, 0], [1, 1]]);
    let at = [[2, 0], [1, 1]];
    check(&[3, 4], |x| x.gather(0, &index), &[2, 2], |a| x(0, at[a[0]][a[1]], a[1]));
    check(&[3, 4], |x| x.gather(1, &index), &[2, 2], |a| x(0, a[0], at[a[0]][a[1]]));
    // A transposed index is read through its strides.
    check(&[3, 4], |x| x.gather(1, &index.t()), &[2, 2], |a| x(0, a[0], at[a[1]][a[0]]));

    let src = Tensor::from([[0.25, 0.5], [0.125, 0.0625]]);
    check(
        &[3, 2],
        |x| x.scatter_add(0, &index, src.t().contiguous().t()),
        &[3, 2],
        |a| {
            let added = [[0.0, 0.5], [0.125, 0.0625], [0.25, 0.0]];
            x(0, a[0], a[1]) + added[a[0]][a[1]]
        },
    );
    // Two indices that are equal both count.
    check(
        &[2, 3],
        |x| x.scatter_add(1, &index, &src),
        &[2, 3],
        |a| {
            let added = [[0.5, 0.0, 0.25], [0.0, 0.1875, 0.0]];
            x(0, a[0], a[1]) + added[a[0]][a[1]]
        },
    );
}

#[test]
fn views_of_nothing_and_huge_steps_stay_inside_the_buffer() {
    let nothing = Tensor::<f32>::zeros([0, 1000]).narrow(1, 900, 2);
    assert_eq!((nothing.to_vec(), nothing.as_slice()), (vec![], Some(&[][..])));
    assert_eq!(nothing.sum(0), Tensor::from([0.0, 0.0]));
    let row = Tensor::from([1.0f32, 2.0, 3.0]);
    assert_eq!(row.slice([Slice::from(1..).step(usize::MAX)]), Tensor::from([2.0]));
    let error = row.narrow(0, 0, 1).try_broadcast_to([1 << 40, 1 << 40]).unwrap_err();
    assert_eq!(error.to_string(), "broadcast_to: shape [1099511627776, 1099511627776] has too many elements");
}
