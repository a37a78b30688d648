//! Linear algebra of square matrices.

use tensor::{Tensor, Triangular, Var};

use crate::ops::cases::{Case, any, case, nonzero};

/// Symmetric and positive definite, whatever x is: x·xᵀ + n.
fn definite<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.shape()[x.rank() - 1];
    x.matmul(x.t()) + x.tape().constant(identity(n) * n as f64)
}

/// Far from singular: x + 3.
fn regular<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.shape()[x.rank() - 1];
    x + x.tape().constant(identity(n) * 3.0)
}

fn identity(n: usize) -> Tensor<f64> {
    Tensor::from_fn([n, n], |i| if i[0] == i[1] { 1.0 } else { 0.0 })
}

type Function = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;

const UNARY: [(&str, Function); 7] = [
    ("cholesky", |x| definite(x).cholesky()),
    ("cholesky of the symmetric part", |x| (definite(x) + 0.3 * x).cholesky()),
    ("inverse", |x| regular(x).inverse()),
    ("det", |x| x.det()),
    ("slogdet", |x| regular(x).slogdet().1),
    ("logdet", |x| definite(x).logdet()),
    ("cholesky and back", |x| {
        let l = definite(x).cholesky();
        l.matmul(l.t())
    }),
];

pub(crate) fn cases() -> Vec<Case> {
    unary().into_iter().chain(systems()).chain(singular()).collect()
}

fn unary() -> Vec<Case> {
    let shapes: [&[usize]; 6] = [&[3, 3], &[1, 1], &[0, 0], &[2, 2, 2], &[0, 2, 2], &[2, 1, 2, 2]];
    let all = UNARY.into_iter().flat_map(|(name, f)| {
        shapes.map(|shape| case(format!("{name} of {shape:?}"), [nonzero(shape)], move |x| f(x[0])))
    });
    all.collect()
}

fn systems() -> Vec<Case> {
    let shapes: [[&[usize]; 2]; 8] = [
        [&[3, 3], &[3, 2]],
        [&[3, 3], &[3]],
        [&[2, 2, 2], &[2, 2, 1]],
        [&[2, 2, 2], &[2, 3]],
        [&[2, 2], &[2, 2, 1]],
        [&[2, 1, 2, 2], &[2, 2, 1]],
        [&[2, 2], &[2, 0]],
        [&[0, 2, 2], &[0, 2, 1]],
    ];
    let (lower, upper) = (Triangular::lower(), Triangular::upper());
    let triangles = [lower, upper, lower.transposed(), upper.transposed(), lower.unit(), upper.unit().transposed()];
    let all = shapes.into_iter().flat_map(|[a, b]| {
        let of_triangles = triangles.map(|triangle| {
            let name = format!("solve_triangular of {a:?} and {b:?}, {triangle:?}");
            case(name, [any(a), any(b)], move |x| regular(x[0]).solve_triangular(x[1], triangle))
        });
        let name = format!("solve of {a:?} and {b:?}");
        of_triangles.into_iter().chain([case(name, [any(a), any(b)], |x| regular(x[0]).solve(x[1]))])
    });
    all.collect()
}

/// The determinant has derivatives of every order also where there is no inverse.
fn singular() -> Vec<Case> {
    vec![
        case("det of rank 2", [Tensor::from([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0], [0.5, 1.0, -1.0]])], |x| x[0].det()),
        case("det of rank 1", [Tensor::from([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0], [0.5, 1.0, 2.0]])], |x| x[0].det()),
        case("det of zeros", [Tensor::zeros([2, 2])], |x| x[0].det()),
        case(
            "det of one that is singular and one that is not",
            [Tensor::from([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.5], [0.0, 2.0]]])],
            |x| x[0].det().sin(),
        ),
    ]
}
