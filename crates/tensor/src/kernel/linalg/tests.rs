use proptest::prelude::*;

use super::*;
use crate::kernel::tests::{noise, pool};

fn random(len: usize, seed: u64) -> Vec<f64> {
    let mut noise = noise(seed);
    (0..len).map(|_| noise()).collect()
}

fn product(a: &[f64], b: &[f64], [m, k, n]: [usize; 3]) -> Vec<f64> {
    let element = |at: usize| (0..k).map(|p| a[at / n * k + p] * b[p * n + at % n]).sum();
    (0..m * n).map(element).collect()
}

fn transposed(a: &[f64], n: usize) -> Vec<f64> {
    (0..a.len()).map(|at| a[at % n * n + at / n]).collect()
}

fn close(got: &[f64], want: &[f64], tolerance: f64) -> bool {
    got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1.0))
}

/// By the first row.
fn determinant(a: &[f64], n: usize) -> f64 {
    let minor = |skip: usize| -> Vec<f64> { (n..n * n).filter(|at| at % n != skip).map(|at| a[at]).collect() };
    let sign = |j: usize| if j.is_multiple_of(2) { 1.0 } else { -1.0 };
    if n == 0 { 1.0 } else { (0..n).map(|j| sign(j) * a[j] * determinant(&minor(j), n - 1)).sum() }
}

fn made(len: usize, f: impl FnOnce(&mut [f64])) -> Vec<f64> {
    let mut out = vec![f64::NAN; len];
    f(&mut out);
    out
}

proptest! {
    #[test]
    fn factorisations(n in 1..9usize, count in 0..4usize, seed: u64) {
        let a = random(count * n * n, seed);
        let spd: Vec<f64> = a.chunks(n * n).flat_map(|a| {
            let mut product = product(a, &transposed(a, n), [n, n, n]);
            product.iter_mut().step_by(n + 1).for_each(|x| *x += 0.1);
            product
        }).collect();
        let l = made(spd.len(), |out| cholesky(&spd, n, out).unwrap());
        for (l, spd) in l.chunks(n * n).zip(spd.chunks(n * n)) {
            prop_assert!((0..n * n).all(|at| at % n <= at / n || l[at] == 0.0));
            prop_assert!(close(&product(l, &transposed(l, n), [n, n, n]), spd, 1e-10));
        }
        let inverses = made(spd.len(), |out| inverse(&spd, n, out).unwrap());
        let identity: Vec<f64> = (0..n * n).map(|at| if at.is_multiple_of(n + 1) { 1.0 } else { 0.0 }).collect();
        for (x, a) in inverses.chunks(n * n).zip(spd.chunks(n * n)) {
            prop_assert!(close(&product(a, x, [n, n, n]), &identity, 1e-9));
        }
        let k = 3;
        let b = random(count * n * k, !seed);
        let x = made(b.len(), |out| solve(&spd, &b, [n, k], out).unwrap());
        for ((a, x), b) in spd.chunks(n * n).zip(x.chunks(n * k)).zip(b.chunks(n * k)) {
            prop_assert!(close(&product(a, x, [n, n, k]), b, 1e-9));
        }
    }

    #[test]
    fn triangles(n in 1..9usize, k in 0..5usize, seed: u64, upper: bool, transpose: bool, unit: bool) {
        let triangle = Triangle { upper, transpose, unit };
        let (mut a, b) = (random(n * n, seed), random(n * k, !seed));
        a.iter_mut().step_by(n + 1).for_each(|x| *x += 2.0 * x.signum());
        let x = made(b.len(), |x| {
            x.copy_from_slice(&b);
            solve_triangular(triangle, &a, [n, k], x);
        });
        let inside = |at: usize| if upper { at / n < at % n } else { at / n > at % n };
        let part = |at: usize| match () {
            _ if at.is_multiple_of(n + 1) => if unit { 1.0 } else { a[at] },
            _ if inside(at) => a[at],
            _ => 0.0,
        };
        let part: Vec<f64> = (0..n * n).map(part).collect();
        let part = if transpose { transposed(&part, n) } else { part };
        prop_assert!(close(&product(&part, &x, [n, n, k]), &b, 1e-6));
    }

    #[test]
    fn determinants(n in 0..6usize, seed: u64) {
        let a = random(n * n, seed);
        let expected = determinant(&a, n);
        prop_assert!(close(&made(1, |out| det(&a, n, out)), &[expected], 1e-11));
        prop_assert!((made(1, |out| log_abs_det(&a, n, out))[0].exp() - expected.abs()).abs() < 1e-11);
        prop_assert_eq!(made(1, |out| sign_of_det(&a, n, out))[0], expected.signum());
    }
}

#[test]
fn failures_are_the_first() {
    let (good, bad) = ([4.0, 0.0, 0.0, 9.0], [1.0, 2.0, 2.0, 1.0]);
    let batch = [good, bad, [-1.0, 0.0, 0.0, 1.0]].concat();
    assert_eq!(cholesky(&batch, 2, &mut [0.0; 12]), Err(Failure { matrix: 1, pivot: 1 }));
    assert_eq!(cholesky(&[f64::NAN], 1, &mut [0.0]), Err(Failure { matrix: 0, pivot: 0 }));
    let singular = [good, [1.0, 2.0, 2.0, 4.0]].concat();
    assert_eq!(inverse(&singular, 2, &mut [0.0; 8]), Err(Failure { matrix: 1, pivot: 1 }));
    assert_eq!(solve(&singular, &[0.0; 4], [2, 1], &mut [0.0; 4]), Err(Failure { matrix: 1, pivot: 1 }));
    assert_eq!(made(2, |out| det(&singular, 2, out)), [36.0, 0.0]);
    assert_eq!(made(2, |out| sign_of_det(&singular, 2, out)), [1.0, 0.0]);
    assert_eq!(made(2, |out| log_abs_det(&singular, 2, out))[1], f64::NEG_INFINITY);
}

#[test]
fn threads_do_not_change_bits() {
    let (n, count) = (12, 300);
    let a = random(count * n * n, 1);
    let run = || {
        let mut all = made(a.len(), |out| inverse(&a, n, out).unwrap());
        all.extend(made(count, |out| det(&a, n, out)));
        all
    };
    let one = pool(1).install(run);
    (2..=4).for_each(|threads| assert_eq!(pool(threads).install(run), one));
}
