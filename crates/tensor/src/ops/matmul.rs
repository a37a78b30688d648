//! Matrix products, and the fused affine map of a dense layer.

use std::borrow::{Borrow, Cow};

use super::{Op, SumOfRows, methods};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::matmul::{Init, Mat, matmul};
use crate::kernel::reduce;
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads, Var};
use crate::tensor::Tensor;

/// The matrix over the last two axes that begins at a position of the buffer.
fn mat<T: Float>(x: &Tensor<T>, at: isize) -> Mat<'_, T> {
    let (layout, rank) = (x.layout(), x.rank());
    Mat {
        // A matrix of no elements may begin beyond the buffer.
        data: x.strided().data.get(at as usize..).unwrap_or_default(),
        rows: layout.shape[rank - 2],
        cols: layout.shape[rank - 1],
        row_stride: layout.strides[rank - 2] as usize,
        col_stride: layout.strides[rank - 1] as usize,
    }
}

/// A matrix, as itself.
fn whole<T: Float>(x: &Tensor<T>) -> Mat<'_, T> {
    mat(x, x.layout().offset as isize)
}

/// A matrix, transposed.
fn turned<T: Float>(x: &Tensor<T>) -> Mat<'_, T> {
    let Mat { data, rows, cols, row_stride, col_stride } = whole(x);
    Mat { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
}

/// The product over the last two axes; the axes before them are broadcast.
pub(crate) struct MatMul;

impl<T: Float> Op<T> for MatMul {
    const NAME: &'static str = "matmul";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (a, b) = (x[0], x[1]);
        let inner = |x: &Tensor<T>, i: usize| x.rank().checked_sub(i).map(|axis| x.shape()[axis]);
        if a.rank() < 2 || b.rank() < 2 || inner(a, 1) != inner(b, 2) {
            return Err(inner_error("matmul", a.shape(), b.shape()));
        }
        if a.rank() == 2 && b.rank() == 2 {
            let (a, b) = (whole(a), whole(b));
            return Ok(Tensor::build([a.rows, b.cols], |out| matmul(a, b, out, Init::Zero)));
        }
        let batch = |x: &Tensor<T>| Shape::from(&x.shape()[..x.rank() - 2]);
        let apart = |_| Error::Broadcast { op: "matmul", lhs: a.shape().clone(), rhs: b.shape().clone() };
        let batches = batch(a).broadcast(&batch(b), "matmul").map_err(apart)?;
        let wide = |x: &Tensor<T>| {
            let mut shape = batches.clone();
            shape.0.extend_from_slice(&x.shape()[x.rank() - 2..]);
            x.broadcast_to(shape)
        };
        let (a, b) = (wide(a), wide(b));
        let mut shape = a.shape().clone();
        let (m, n) = (shape[a.rank() - 2], b.shape()[b.rank() - 1]);
        shape.0[b.rank() - 1] = n;
        Ok(Tensor::build(shape, |out| {
            // Batches that are stretched may be more than a loop can count, as long as nothing is in them.
            if out.is_empty() {
                return;
            }
            each_batch(&batches, [&a, &b], |i, [at_a, at_b]| {
                matmul(mat(&a, at_a), mat(&b, at_b), &mut out[i * m * n..][..m * n], Init::Zero);
            });
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let a = needs[0].then(|| g.matmul(&x[1].t()));
        let b = needs[1].then(|| x[0].t().matmul(&g));
        [a, b].into_iter().collect()
    }

    fn sum_of_rows(&self, g: &Tensor<T>, x: &[&Tensor<T>], i: usize) -> Option<SumOfRows<T>> {
        (i == 1 && x[0].rank() == 2 && x[1].rank() == 2).then(|| (x[0].clone(), Some(g.clone())))
    }

    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        products(x[0], y)
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        if x[0].rank() > 2 || x[1].rank() > 2 {
            let grads = self.vjp(g, x, y, into.needs());
            for (i, grad) in grads.into_iter().enumerate() {
                grad.into_iter().for_each(|grad| into.add(i, grad));
            }
            return;
        }
        if into.needs()[0] {
            add_product(0, x[0].shape(), whole(&g), turned(x[1]), into);
        }
        if into.needs()[1] {
            add_transposed_product(1, x[1].shape(), x[0], &g, into);
        }
    }
}

/// A multiplication and an addition for each element of the result, and each of a row of the left operand.
fn products<T: Float>(a: &Tensor<T>, y: &Tensor<T>) -> u64 {
    2 * (y.numel() * a.shape()[a.rank() - 1]) as u64
}

fn inner_error(op: &'static str, lhs: &Shape, rhs: &Shape) -> Error {
    Error::Inner { op, lhs: lhs.clone(), rhs: rhs.to_string() }
}

/// Calls `f(i, positions)` for every batch, with the positions in the buffers where its matrices begin.
fn each_batch<T: Float>(batches: &Shape, x: [&Tensor<T>; 2], mut f: impl FnMut(usize, [isize; 2])) {
    let mut at = x.map(|x| x.layout().offset as isize);
    let mut index = smallvec::SmallVec::<[usize; 4]>::from_elem(0, batches.rank());
    for i in 0..batches.numel() {
        f(i, at);
        for axis in (0..batches.rank()).rev() {
            index[axis] += 1;
            let done = index[axis] == batches[axis];
            for (at, x) in at.iter_mut().zip(x) {
                let stride = x.layout().strides[axis];
                *at += if done { stride - stride * batches[axis] as isize } else { stride };
            }
            if !done {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Adds a·b to the gradient of input `i`: into what is there already, or as the first.
fn add_product<T: Float>(i: usize, shape: &Shape, a: Mat<'_, T>, b: Mat<'_, T>, into: &mut Adjoints<'_, T>) {
    let grad = match into.take(i) {
        Some(mut sum) => {
            matmul(a, b, sum.as_mut_slice(), Init::Accumulate);
            sum
        }
        None => Tensor::build(shape, |out| matmul(a, b, out, Init::Zero)),
    };
    into.add(i, grad);
}

/// Adds leftᵀ·right to the gradient of input `i`, which may keep it as its factors.
fn add_transposed_product<T: Float>(
    i: usize,
    shape: &Shape,
    left: &Tensor<T>,
    right: &Tensor<T>,
    into: &mut Adjoints<'_, T>,
) {
    if !into.keep_factors(i, left, right) {
        add_product(i, shape, turned(left), whole(right), into);
    }
}

/// leftᵀ·right, for matrices.
pub(crate) fn transposed_product<T: Float>(left: &Tensor<T>, right: &Tensor<T>) -> Tensor<T> {
    let [a, b] = transposed_factors(left, right);
    Tensor::build([a.rows, b.cols], |out| matmul(a, b, out, Init::Zero))
}

/// The operands of leftᵀ·right.
pub(crate) fn transposed_factors<'a, T: Float>(left: &'a Tensor<T>, right: &'a Tensor<T>) -> [Mat<'a, T>; 2] {
    [turned(left), whole(right)]
}

/// x·Wᵀ + b in one pass, for x of `[.., in]`, W of `[out, in]` and b of `[out]`.
struct Linear;

impl<T: Float> Op<T> for Linear {
    const NAME: &'static str = "linear";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (rows, w) = (as_rows(x[0]), x[1]);
        let mut shape = x[0].shape().clone();
        shape.0[x[0].rank() - 1] = w.shape()[0];
        let bias = x.get(2).map(|b| b.flat());
        let init = match &bias {
            Some(b) => Init::Bias(b.as_slice().expect("contiguous")),
            None => Init::Zero,
        };
        Ok(Tensor::build(shape, |out| matmul(whole(&rows), turned(w), out, init)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let shape = x[0].shape();
        let flat = shape.rank() == 2;
        let rows = |a: &A| if flat { a.clone() } else { a.reshape(rows_shape(&a.shape())) };
        let input = needs[0].then(|| rows(&g).matmul(x[1]));
        let input = input.map(|grad| if flat { grad } else { grad.reshape(shape) });
        let weight = needs[1].then(|| rows(&g).t().matmul(&rows(x[0])));
        let mut grads = Grads::from_iter([input, weight]);
        if x.len() == 3 {
            // A bias is broadcast over rows; the sum to its shape is the caller's.
            grads.push(needs[2].then_some(g));
        }
        grads
    }

    fn sum_of_rows(&self, g: &Tensor<T>, x: &[&Tensor<T>], i: usize) -> Option<SumOfRows<T>> {
        match i {
            1 => Some((as_rows(g).into_owned(), Some(as_rows(x[0]).into_owned()))),
            2 => Some((as_rows(g).into_owned(), None)),
            _ => None,
        }
    }

    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        products(x[0], y)
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], _y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        let (rows, g2) = (as_rows(x[0]), as_rows(&g));
        if into.needs()[0] {
            add_product(0, x[0].shape(), whole(&g2), whole(x[1]), into);
        }
        if into.needs()[1] {
            add_transposed_product(1, x[1].shape(), &g2, &rows, into);
        }
        if x.len() == 3 && into.needs()[2] {
            into.add(2, sum_of_rows(&g2));
        }
    }
}

/// The sum of a matrix's rows.
fn sum_of_rows<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    let (rows, width, x) = (x.shape()[0], x.shape()[1], x.flat());
    Tensor::build([width], |out| reduce::reduce(reduce::Sum, x.as_slice().expect("contiguous"), rows, width, out))
}

/// All axes but the last as one, contiguous in memory where they were not one already.
fn as_rows<T: Float>(x: &Tensor<T>) -> Cow<'_, Tensor<T>> {
    if x.rank() == 2 { Cow::Borrowed(x) } else { Cow::Owned(x.reshape(rows_shape(x.shape()))) }
}

/// A shape with all axes but the last as one.
fn rows_shape(shape: &Shape) -> [usize; 2] {
    let (&width, outer) = shape.split_last().expect("checked: not a scalar");
    [outer.iter().product(), width]
}

fn check_linear(x: &Shape, w: &Shape, b: Option<&Shape>, names: [Option<&'static str>; 2]) -> Result<()> {
    let named = |shape: &Shape, name: Option<&str>| name.map_or(shape.to_string(), |name| format!("`{name}` {shape}"));
    if w.rank() != 2 {
        return Err(Error::Shape { op: "linear", expected: "a weight of [out, in]".into(), got: w.clone() });
    }
    if x.rank() == 0 || x[x.rank() - 1] != w[1] {
        let rhs = format!("{}ᵀ", named(w, names[0]));
        return Err(Error::Inner { op: "linear", lhs: x.clone(), rhs });
    }
    match b.filter(|b| ***b != [w[0]]) {
        Some(b) => {
            let expected = format!("a bias of shape [{}] for the weight {}", w[0], named(w, names[0]));
            let expected = names[1].map_or(expected.clone(), |name| format!("{expected} as `{name}`"));
            Err(Error::Shape { op: "linear", expected, got: b.clone() })
        }
        None => Ok(()),
    }
}

methods! {
    /// The matrix product over the last two axes, `[.., m, k] · [.., k, n] = [.., m, n]`; the axes before them are
    /// broadcast. A vector counts as a row on the left and as a column on the right, as in NumPy. The gradients are
    /// g·bᵀ and aᵀ·g.
    ///
    /// # Panics
    /// If the inner axes differ, an operand is a scalar, or the outer axes do not broadcast.
    #[track_caller]
    pub fn matmul(&self, other: impl Borrow<Self>) -> Self {
        unwrap(self.try_matmul(other))
    }

    /// [`matmul`](Self::matmul), returning the error.
    #[track_caller]
    pub fn try_matmul(&self, other: impl Borrow<Self>) -> Result<Self> {
        let other = other.borrow();
        let (a, b) = (Array::shape(self), Array::shape(other));
        match (a.rank(), b.rank()) {
            (0, _) | (_, 0) => Err(inner_error("matmul", &a, &b)),
            (1, rank) if a[0] == b[rank.max(2) - 2] => {
                let y = self.try_unsqueeze(0)?.try_matmul(other)?;
                y.try_squeeze(if rank == 1 { -1 } else { -2 })
            }
            (rank, 1) if a[rank - 1] == b[0] => self.try_matmul(other.try_unsqueeze(1)?)?.try_squeeze(-1),
            // One matrix on the right multiplies all rows at once.
            (rank, 2) if rank > 2 && a[rank - 1] == b[0] => {
                let mut shape = a.clone();
                shape.0[rank - 1] = b[1];
                let rows = self.try_reshape([a[..rank - 1].iter().product(), b[0]])?;
                Array::matmul(&rows, other).try_reshape(shape)
            }
            _ => Array::try_apply(MatMul, &[self, other]),
        }
    }
}

impl<T: Float> Tensor<T> {
    /// x·Wᵀ + b for x of `[.., in]`, W of `[out, in]` and b of `[out]`: a dense layer.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn linear(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>) -> Tensor<T> {
        unwrap(self.try_linear(weight, bias))
    }

    /// [`linear`](Tensor::linear), returning the error.
    #[track_caller]
    pub fn try_linear(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>) -> Result<Tensor<T>> {
        check_linear(self.shape(), weight.shape(), bias.map(Tensor::shape), [None; 2])?;
        match bias {
            Some(bias) => Array::try_apply(Linear, &[self, weight, bias]),
            None => Array::try_apply(Linear, &[self, weight]),
        }
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// x·Wᵀ + b for x of `[.., in]`, W of `[out, in]` and b of `[out]`: a dense layer, as one op. The gradients are
    /// g·W, gᵀ·x and the sum of g's rows.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn linear(&self, weight: Var<'t, T>, bias: Option<Var<'t, T>>) -> Var<'t, T> {
        unwrap(self.try_linear(weight, bias))
    }

    /// [`linear`](Var::linear), returning the error.
    #[track_caller]
    pub fn try_linear(&self, weight: Var<'t, T>, bias: Option<Var<'t, T>>) -> Result<Var<'t, T>> {
        let names = [weight.param_name(), bias.and_then(Var::param_name)];
        check_linear(&self.shape(), &weight.shape(), bias.map(|b| b.shape()).as_ref(), names)?;
        match bias {
            Some(bias) => Array::try_apply(Linear, &[self, &weight, &bias]),
            None => Array::try_apply(Linear, &[self, &weight]),
        }
    }
}
