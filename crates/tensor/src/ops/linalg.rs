//! Linear algebra of small square matrices over the last two axes; the axes before them are a batch.

use std::borrow::Borrow;

use super::diagonal::kept;
use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::linalg::{self, Failure, Triangle};
use crate::shape::Shape;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// Which triangle of a matrix [`solve_triangular`](Tensor::solve_triangular) reads, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangular(Triangle);

impl Triangular {
    /// The lower triangle, with the diagonal.
    pub fn lower() -> Self {
        Triangular(Triangle { upper: false, transpose: false, unit: false })
    }

    /// The upper triangle, with the diagonal.
    pub fn upper() -> Self {
        Triangular(Triangle { upper: true, transpose: false, unit: false })
    }

    /// Its transpose.
    pub fn transposed(self) -> Self {
        Triangular(Triangle { transpose: !self.0.transpose, ..self.0 })
    }

    /// With ones in place of the diagonal.
    pub fn unit(self) -> Self {
        Triangular(Triangle { unit: true, ..self.0 })
    }
}

/// The number of rows of square matrices.
fn rows(op: &'static str, shape: &Shape) -> Result<usize> {
    match shape[..] {
        [.., rows, cols] if rows == cols => Ok(rows),
        _ => {
            let expected = "square matrices over the last two axes".into();
            Err(Error::Shape { op, expected, got: shape.clone() })
        }
    }
}

/// The axes before the last two.
fn batch(shape: &Shape) -> Shape {
    Shape::from(&shape[..shape.rank() - 2])
}

/// A batch of matrices of a size.
fn matrices(batch: &Shape, [rows, cols]: [usize; 2]) -> Shape {
    let mut shape = batch.clone();
    shape.0.extend_from_slice(&[rows, cols]);
    shape
}

fn slice<T: Float>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("contiguous")
}

/// The error of a matrix that could not be factorised.
fn failed(op: &'static str, what: &str, shape: &Shape, Failure { matrix, pivot }: Failure) -> Error {
    let which = if shape.rank() == 2 { "the matrix".into() } else { format!("matrix {matrix} of the batch") };
    Error::invalid(op, format!("{which} of shape {shape} is {what} at pivot {pivot}"))
}

/// n³ for each matrix of `[.., n, n]`.
fn cubes<T: Float>(a: &Tensor<T>) -> u64 {
    a.numel() as u64 * *a.shape().last().expect("a matrix") as u64
}

/// n²·k for each pair of matrices of `[.., n, n]` and `[.., n, k]`.
fn squares<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> u64 {
    b.numel() as u64 * *a.shape().last().expect("a matrix") as u64
}

/// The triangle of matrices that is read, with or without the diagonal, and 0 elsewhere.
fn triangle<T: Float, A: Array<T>>(x: &A, upper: bool, diagonal: bool) -> A {
    unwrap(kept("triangle", x, if upper == diagonal { -1 } else { 0 }, !upper))
}

/// L of ½(X + Xᵀ) = L·Lᵀ.
struct Cholesky;

impl<T: Float> Op<T> for Cholesky {
    const NAME: &'static str = "cholesky";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let n = rows("cholesky", x[0].shape())?;
        let a = ((x[0] + x[0].t()) * T::from_f64(0.5)).contiguous();
        let mut done = Ok(());
        let l = Tensor::build(a.shape(), |out| done = linalg::cholesky(slice(&a), n, out));
        done.map_err(|failure| failed("cholesky", "not positive definite", a.shape(), failure))?;
        Ok(l)
    }

    /// L⁻ᵀ·Φ(Lᵀ·g)·L⁻¹, made symmetric, where Φ takes the lower triangle with half of the diagonal.
    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let n = y.shape()[y.shape().rank() - 1];
        let half = Tensor::from_fn([n, n], |i| T::from_f64(if i[0] == i[1] { 0.5 } else { 1.0 }));
        let inner = triangle(&y.t().matmul(&triangle(&g, false, true)), false, true).mul(&g.constant(half));
        let back = |x: &A| unwrap(A::try_apply(SolveTriangular(Triangular::lower().transposed().0), &[y, x]));
        let whole = back(&back(&inner).t());
        one(whole.add(&whole.t()).scale(0.5))
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        cubes(x[0]) / 3
    }
}

/// The solution x of T·x = b for a triangle T of a.
struct SolveTriangular(Triangle);

impl<T: Float> Op<T> for SolveTriangular {
    const NAME: &'static str = "solve_triangular";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, mut b) = (x[0].contiguous(), x[1].copied());
        let size = [2, 1].map(|i| b.shape()[b.rank() - i]);
        linalg::solve_triangular(self.0, slice(&a), size, b.as_mut_slice());
        Ok(b)
    }

    fn attributes(&self) -> Option<Attributes> {
        let Triangle { upper, transpose, unit } = self.0;
        Some(vec![("upper", upper.into()), ("transpose", transpose.into()), ("unit", unit.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, needs: &[bool]) -> Grads<A> {
        let back = Triangle { transpose: !self.0.transpose, ..self.0 };
        let right: A = unwrap(A::try_apply(SolveTriangular(back), &[x[0], &g]));
        let matrix = needs[0].then(|| {
            let outer = if self.0.transpose { y.matmul(&right.t()) } else { right.matmul(&y.t()) };
            triangle(&outer.scale(-1.0), self.0.upper, !self.0.unit)
        });
        [matrix, needs[1].then_some(right)].into_iter().collect()
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        squares(x[0], x[1])
    }
}

/// The solution x of a·x = b. Unless it is strict, that of a singular matrix is not finite.
struct Solve {
    strict: bool,
}

impl<T: Float> Op<T> for Solve {
    const NAME: &'static str = "solve";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, b) = (x[0].contiguous(), x[1].contiguous());
        let size = [2, 1].map(|i| b.shape()[b.rank() - i]);
        let mut done = Ok(());
        let y = Tensor::build(b.shape(), |out| done = linalg::solve(slice(&a), slice(&b), size, out));
        match done {
            Err(failure) if self.strict => Err(failed("solve", "singular", a.shape(), failure)),
            _ => Ok(y),
        }
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("strict", self.strict.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, needs: &[bool]) -> Grads<A> {
        let right: A = unwrap(A::try_apply(Solve { strict: false }, &[&x[0].t(), &g]));
        let matrix = needs[0].then(|| right.matmul(&y.t()).scale(-1.0));
        [matrix, needs[1].then_some(right)].into_iter().collect()
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        2 * cubes(x[0]) / 3 + 2 * squares(x[0], x[1])
    }
}

/// The inverse. Unless it is strict, that of a singular matrix is not finite.
struct Inverse {
    strict: bool,
}

impl<T: Float> Op<T> for Inverse {
    const NAME: &'static str = "inverse";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, n) = (x[0].contiguous(), rows("inverse", x[0].shape())?);
        let mut done = Ok(());
        let y = Tensor::build(a.shape(), |out| done = linalg::inverse(slice(&a), n, out));
        match done {
            Err(failure) if self.strict => Err(failed("inverse", "singular", a.shape(), failure)),
            _ => Ok(y),
        }
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("strict", self.strict.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        one(y.t().matmul(&g).matmul(&y.t()).scale(-1.0))
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        2 * cubes(x[0])
    }
}

/// The transposed inverse, not finite where the matrix is singular.
fn inverse_transposed<T: Float, A: Array<T>>(a: &A) -> A {
    unwrap(A::try_apply(Inverse { strict: false }, &[a])).t()
}

/// A number for each matrix, as a matrix of one element.
fn over_matrices<T: Float, A: Array<T>>(x: &A) -> A {
    x.reshape(matrices(&x.shape(), [1, 1]))
}

/// The determinant.
struct Det;

impl<T: Float> Op<T> for Det {
    const NAME: &'static str = "det";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, n) = (x[0].contiguous(), rows("det", x[0].shape())?);
        Ok(Tensor::build(batch(a.shape()), |out| linalg::det(slice(&a), n, out)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let singular = y.value().to_vec().contains(&T::ZERO);
        let (g, y) = (over_matrices(&g), over_matrices(y));
        one(if singular { g.mul(&cofactors(x[0])) } else { g.mul(&y).mul(&inverse_transposed(x[0])) })
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        2 * cubes(x[0]) / 3
    }
}

/// The determinants of what is left of a matrix without one row and one column, with their signs: the gradient of the
/// determinant also where there is no inverse.
fn cofactors<T: Float, A: Array<T>>(a: &A) -> A {
    let (shape, outer) = (a.shape(), batch(&a.shape()));
    let (rank, n) = (shape.rank(), shape[shape.rank() - 1]);
    let less = n.saturating_sub(1);
    // All positions but 0, all but 1, and so on.
    let others = Tensor::from_fn([n * less], |i| {
        let (skip, at) = (i[0] / less, i[0] % less);
        (if at < skip { at } else { at + 1 }) as i64
    });
    let picked = a.index_select(rank - 2, &others).index_select(rank - 1, &others);
    let mut split = outer.clone();
    split.0.extend_from_slice(&[n, less, n, less]);
    let axes = (0..rank as isize - 2).chain([0, 2, 1, 3].map(|i| i + rank as isize - 2));
    let minors: A = unwrap(A::try_apply(Det, &[&picked.reshape(split).permute(axes)]));
    let sign = Tensor::from_fn([n, n], |i| if (i[0] + i[1]) % 2 == 0 { T::ONE } else { -T::ONE });
    minors.mul(&a.constant(sign))
}

/// ln |det|.
struct LogAbsDet;

impl<T: Float> Op<T> for LogAbsDet {
    const NAME: &'static str = "log_abs_det";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, n) = (x[0].contiguous(), rows("logdet", x[0].shape())?);
        Ok(Tensor::build(batch(a.shape()), |out| linalg::log_abs_det(slice(&a), n, out)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(over_matrices(&g).mul(&inverse_transposed(x[0])))
    }

    fn flops(&self, x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        2 * cubes(x[0]) / 3
    }
}

/// The sign of the determinant: −1, 0 or 1.
fn sign_of_det<T: Float>(op: &'static str, a: &Tensor<T>) -> Result<Tensor<T>> {
    let (a, n) = (a.contiguous(), rows(op, a.shape())?);
    Ok(Tensor::build(batch(a.shape()), |out| linalg::sign_of_det(slice(&a), n, out)))
}

/// A system applied to a and b, with their batches broadcast; b may be a single vector.
fn system<T: Float, A: Array<T>>(name: &'static str, op: impl Op<T>, a: &A, b: &A) -> Result<A> {
    let (s, mut t) = (a.shape(), b.shape());
    let n = rows(name, &s)?;
    let vector = t.rank() == 1;
    let b = if vector { b.unsqueeze(1) } else { b.clone() };
    t = if vector { Shape::from([t[0], 1]) } else { t };
    if t.rank() < 2 || t[t.rank() - 2] != n {
        let expected = format!("a right side of {n} rows for matrices of shape {s}");
        return Err(Error::Shape { op: name, expected, got: t });
    }
    let apart = |_| Error::Broadcast { op: name, lhs: s.clone(), rhs: t.clone() };
    let outer = batch(&s).broadcast(&batch(&t), name).map_err(apart)?;
    let k = t[t.rank() - 1];
    let (a, b) = (a.broadcast_to(&matrices(&outer, [n, n])), b.broadcast_to(&matrices(&outer, [n, k])));
    let x = A::try_apply(op, &[&a, &b])?;
    Ok(if vector { x.reshape(Shape(x.shape()[..x.shape().rank() - 1].into())) } else { x })
}

methods! {
    /// The lower triangle L with A = L·Lᵀ of symmetric, positive definite matrices A, `[.., n, n]`. Of a matrix X that is
    /// not symmetric it is that of ½(X + Xᵀ), so the gradient is symmetric: ½(G + Gᵀ) with G = L⁻ᵀ·Φ(Lᵀ·g)·L⁻¹, where Φ
    /// takes the lower triangle with half of the diagonal (Murray, 2016).
    ///
    /// # Panics
    /// If the matrices are not square, or one is not positive definite.
    #[track_caller]
    pub fn cholesky(&self) -> Self {
        unwrap(self.try_cholesky())
    }

    /// [`cholesky`](Self::cholesky), returning the error.
    pub fn try_cholesky(&self) -> Result<Self> {
        rows("cholesky", &Array::shape(self))?;
        Array::try_apply(Cholesky, &[self])
    }

    /// The solution x of T·x = b, where T is a triangle of matrices `[.., n, n]` and b is `[.., n, k]` or a vector
    /// `[n]`; batches are broadcast. The other triangle is not read, and a 0 on the diagonal gives infinities and NaN.
    /// The gradients are T⁻ᵀ·g for b, and that times −xᵀ, inside the triangle, for T.
    ///
    /// ```
    /// use tensor::{Tensor, Triangular};
    /// let a = Tensor::from([[2.0f64, 7.0], [1.0, 4.0]]);
    /// let b = Tensor::from([2.0, 9.0]);
    /// assert_eq!(a.solve_triangular(&b, Triangular::lower()), Tensor::from([1.0, 2.0]));
    /// assert_eq!(a.solve_triangular(&b, Triangular::lower().unit()), Tensor::from([2.0, 7.0]));
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or b does not fit.
    #[track_caller]
    pub fn solve_triangular(&self, b: impl Borrow<Self>, triangle: Triangular) -> Self {
        unwrap(self.try_solve_triangular(b, triangle))
    }

    /// [`solve_triangular`](Self::solve_triangular), returning the error.
    pub fn try_solve_triangular(&self, b: impl Borrow<Self>, triangle: Triangular) -> Result<Self> {
        system("solve_triangular", SolveTriangular(triangle.0), self, b.borrow())
    }

    /// The solution x of A·x = b, for matrices `[.., n, n]` and b of `[.., n, k]` or a vector `[n]`; batches are
    /// broadcast. The gradients are A⁻ᵀ·g for b, and that times −xᵀ for A.
    ///
    /// # Panics
    /// If the matrices are not square, one is singular, or b does not fit.
    #[track_caller]
    pub fn solve(&self, b: impl Borrow<Self>) -> Self {
        unwrap(self.try_solve(b))
    }

    /// [`solve`](Self::solve), returning the error.
    pub fn try_solve(&self, b: impl Borrow<Self>) -> Result<Self> {
        system("solve", Solve { strict: true }, self, b.borrow())
    }

    /// The inverse of matrices `[.., n, n]`; the gradient is −A⁻ᵀ·g·A⁻ᵀ. To apply it to something,
    /// [`solve`](Self::solve) is faster and more exact.
    ///
    /// # Panics
    /// If the matrices are not square, or one is singular.
    #[track_caller]
    pub fn inverse(&self) -> Self {
        unwrap(self.try_inverse())
    }

    /// [`inverse`](Self::inverse), returning the error.
    pub fn try_inverse(&self) -> Result<Self> {
        rows("inverse", &Array::shape(self))?;
        Array::try_apply(Inverse { strict: true }, &[self])
    }

    /// The determinant of matrices `[.., n, n]`, of shape `[..]`. The gradient is g·det·A⁻ᵀ, and where a matrix is
    /// singular g times the cofactors, so it is right there too, at any order.
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn det(&self) -> Self {
        unwrap(self.try_det())
    }

    /// [`det`](Self::det), returning the error.
    pub fn try_det(&self) -> Result<Self> {
        rows("det", &Array::shape(self))?;
        Array::try_apply(Det, &[self])
    }

    /// The sign of the determinant of matrices `[.., n, n]`, a plain tensor of −1, 0 and 1, and ln |det|, both of shape
    /// `[..]`. The gradient of the logarithm is g·A⁻ᵀ; of a singular matrix, whose logarithm is −∞, it is not finite.
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn slogdet(&self) -> (Tensor<T>, Self) {
        unwrap(self.try_slogdet())
    }

    /// [`slogdet`](Self::slogdet), returning the error.
    pub fn try_slogdet(&self) -> Result<(Tensor<T>, Self)> {
        let sign = sign_of_det("slogdet", &Array::value(self))?;
        Ok((sign, Array::try_apply(LogAbsDet, &[self])?))
    }

    /// ln det of matrices `[.., n, n]`, of shape `[..]`: −∞ where the determinant is 0, and NaN where it is negative.
    /// The gradient is g·A⁻ᵀ.
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn logdet(&self) -> Self {
        unwrap(self.try_logdet())
    }

    /// [`logdet`](Self::logdet), returning the error.
    pub fn try_logdet(&self) -> Result<Self> {
        let sign = sign_of_det("logdet", &Array::value(self))?;
        let logarithm: Self = Array::try_apply(LogAbsDet, &[self])?;
        // A sign of −1 or NaN makes it NaN.
        let offset = sign.map_elements(|sign| if sign >= T::ZERO { T::ZERO } else { T::NAN });
        Ok(Array::add(&logarithm, &Array::constant(self, offset)))
    }
}
