//! Linear algebra: what is solved is a solution, and the conventions.

use tensor::{Float, Tape, Tensor, Triangular};

use super::{layouts, random};

fn near<T: Float>(what: &str, got: &Tensor<T>, expected: &Tensor<T>) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    let error = (got - expected).to_vec().into_iter().map(|x| x.abs().to_f64()).fold(0.0, f64::max);
    assert!(error < 200.0 * T::EPSILON.to_f64(), "{what}: off by {error}");
}

fn identity<T: Float>(n: usize) -> Tensor<T> {
    Tensor::from_fn([n, n], |i| if i[0] == i[1] { T::ONE } else { T::ZERO })
}

#[test]
fn solutions() {
    solutions_at::<f32>();
    solutions_at::<f64>();
}

fn solutions_at<T: Float>() {
    for shape in [&[1, 1][..], &[4, 4], &[3, 5, 5], &[2, 3, 2, 2], &[0, 3, 3], &[20, 20]] {
        let n = shape[shape.len() - 1];
        let a = random::<T>(shape, -1.0, 1.0) + identity(n) * T::from_f64(n as f64);
        let b = random::<T>(&[&shape[..shape.len() - 1], &[3]].concat(), -1.0, 1.0);
        for a in layouts(&a) {
            near("inverse", &a.matmul(a.inverse()), &identity(n).broadcast_to(shape));
            for b in layouts(&b) {
                near("solve", &a.matmul(a.solve(&b)), &b);
            }
            let spd = a.matmul(a.t()) * T::from_f64(1.0 / n as f64);
            let l = spd.cholesky();
            near("cholesky", &l.matmul(l.t()), &spd);
            near("a triangle", &l.matmul(l.solve_triangular(&b, Triangular::lower())), &b);
            near("its transpose", &l.t().matmul(l.solve_triangular(&b, Triangular::lower().transposed())), &b);
            let (sign, log) = a.slogdet();
            let ratio = sign * log.exp() / a.det();
            near("slogdet", &ratio, &Tensor::ones(ratio.shape()));
        }
    }
    let (a, b) = (random::<T>(&[3, 3], 1.0, 2.0) + identity(3), random::<T>(&[3], -1.0, 1.0));
    near("a vector", &a.matmul(a.solve(&b)), &b);
}

#[test]
fn cholesky_takes_the_symmetric_part_and_a_triangular_system_one_triangle() {
    let a = Tensor::from([[4.0f64, 3.0], [1.0, 5.0]]);
    assert_eq!(a.cholesky(), Tensor::from([[2.0, 0.0], [1.0, 2.0]]));
    let x =
        Tensor::from([[2.0f64, f64::NAN], [1.0, 4.0]]).solve_triangular(Tensor::from([2.0, 9.0]), Triangular::lower());
    assert_eq!(x, Tensor::from([1.0, 2.0]));
}

#[test]
fn determinants_that_are_not_positive() {
    let a = Tensor::from([[[2.0f64, 0.0], [0.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]]]);
    assert_eq!(a.det(), Tensor::from([6.0, -1.0, 0.0]));
    let (sign, log) = a.slogdet();
    assert_eq!(sign, Tensor::from([1.0, -1.0, 0.0]));
    assert_eq!(log.to_vec()[1..], [0.0, f64::NEG_INFINITY]);
    let log = a.logdet().to_vec();
    assert!((log[0] - 6f64.ln()).abs() < 1e-15 && log[1].is_nan() && log[2] == f64::NEG_INFINITY);
    assert_eq!(Tensor::<f64>::zeros([0, 0]).det().item(), 1.0);
}

#[test]
fn the_gradient_of_cholesky_is_symmetric() {
    let tape = Tape::new();
    let a = tape.leaf(Tensor::from([[4.0f64, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]]));
    let grad = a.cholesky().sum(..).backward_retain().wrt(a).clone();
    near("the gradient", &grad.t(), &grad);
}
