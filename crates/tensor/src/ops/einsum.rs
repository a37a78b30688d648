//! Sums of products over named indices, by Einstein's convention, made of other ops: diagonals, sums and matrix products.

use std::borrow::Borrow;

use super::equation::Equation;
use super::methods;
use super::reduce::Sum;
use crate::array::Array;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::shape::{Axes, Shape};

/// Up to how many operands every order of contraction is tried.
const TRIED: usize = 5;

/// An array whose axes have names.
#[derive(Clone)]
struct Named<A> {
    x: A,
    axes: Vec<usize>,
}

/// An array with one axis for each of its indices, without those of size 1 that are to be broadcast.
fn named<T: Float, A: Array<T>>(x: &A, axes: &[usize], sizes: &[usize]) -> Named<A> {
    let shape = x.shape();
    let kept: Vec<usize> = (0..axes.len()).filter(|&i| shape[i] == sizes[axes[i]]).collect();
    let narrow: Vec<usize> = kept.iter().map(|&i| shape[i]).collect();
    let x = if kept.len() == axes.len() { x.clone() } else { x.reshape(narrow) };
    diagonal(Named { x, axes: kept.into_iter().map(|i| axes[i]).collect() })
}

/// The diagonal of axes of one name.
fn diagonal<T: Float, A: Array<T>>(Named { mut x, mut axes }: Named<A>) -> Named<A> {
    let twice = |axes: &[usize]| {
        let first = |b: usize| axes[..b].iter().position(|axis| *axis == axes[b]);
        (0..axes.len()).find_map(|b| first(b).map(|a| (a, b)))
    };
    while let Some((a, b)) = twice(&axes) {
        x = x.diagonal([a, b]);
        let name = axes.remove(b);
        axes.remove(a);
        axes.push(name);
    }
    Named { x, axes }
}

/// Summed over what nobody else asks for.
fn summed<T: Float, A: Array<T>>(term: &Named<A>, wanted: impl Fn(usize) -> bool) -> Result<Named<A>> {
    let (kept, lost): (Vec<usize>, Vec<usize>) = (0..term.axes.len()).partition(|&i| wanted(term.axes[i]));
    if lost.is_empty() {
        return Ok(term.clone());
    }
    let lost: Vec<isize> = lost.into_iter().map(|i| i as isize).collect();
    let axes = Axes::from(&lost[..]).resolve("einsum", &term.x.shape())?;
    let x = A::try_apply(Sum { axes, keepdim: false }, &[&term.x])?;
    Ok(Named { x, axes: kept.into_iter().map(|i| term.axes[i]).collect() })
}

/// With the axes in another order.
fn permuted<T: Float, A: Array<T>>(term: &Named<A>, order: impl Iterator<Item = usize>) -> A {
    let place = |axis| term.axes.iter().position(|&own| own == axis).expect("an axis of this array");
    let order: Vec<isize> = order.map(|axis| place(axis) as isize).collect();
    let stays = order.iter().copied().eq(0..order.len() as isize);
    if stays { term.x.clone() } else { term.x.permute(order) }
}

/// With the axes of each group as one.
fn grouped<T: Float, A: Array<T>, const N: usize>(term: &Named<A>, groups: [&[usize]; N], sizes: &[usize]) -> A {
    let x = permuted(term, groups.iter().flat_map(|group| group.iter().copied()));
    let shape = Shape::from(groups.map(|group| group.iter().map(|&axis| sizes[axis]).product()));
    if x.shape() == shape { x } else { x.reshape(shape) }
}

/// The product of two arrays, summed over the axes that both have and nobody else wants.
fn contract<T: Float, A: Array<T>>(
    a: Named<A>,
    b: Named<A>,
    sizes: &[usize],
    wanted: impl Fn(usize) -> bool,
) -> Named<A> {
    let shared = |axis: &usize| b.axes.contains(axis);
    let (both, rows): (Vec<usize>, Vec<usize>) = a.axes.iter().partition(|axis| shared(axis));
    let (batch, inner): (Vec<usize>, Vec<usize>) = both.iter().partition(|&&axis| wanted(axis));
    let cols: Vec<usize> = b.axes.iter().copied().filter(|axis| !a.axes.contains(axis)).collect();
    let x = if inner.is_empty() {
        grouped(&a, [&batch, &rows, &[]], sizes).mul(&grouped(&b, [&batch, &[], &cols], sizes))
    } else if batch.is_empty() {
        grouped(&a, [&rows, &inner], sizes).matmul(&grouped(&b, [&inner, &cols], sizes))
    } else {
        grouped(&a, [&batch, &rows, &inner], sizes).matmul(&grouped(&b, [&batch, &inner, &cols], sizes))
    };
    let axes = [batch, rows, cols].concat();
    let shape: Vec<usize> = axes.iter().map(|&axis| sizes[axis]).collect();
    Named { x: if *x.shape() == shape[..] { x } else { x.reshape(shape) }, axes }
}

/// Sets of indices, and what contracting them would cost.
struct Costs<'a> {
    output: &'a [usize],
    sizes: &'a [usize],
}

impl Costs<'_> {
    /// The axes of the product of the terms `i` and `j`, and how many multiplications it takes.
    fn contracted(&self, terms: &[Vec<usize>], i: usize, j: usize) -> (Vec<usize>, f64) {
        let others = || (0..terms.len()).filter(|&k| k != i && k != j).flat_map(|k| &terms[k]).chain(self.output);
        let mut axes = terms[i].clone();
        axes.extend(terms[j].iter().filter(|axis| !terms[i].contains(axis)));
        let cost = axes.iter().map(|&axis| self.sizes[axis] as f64).product();
        axes.retain(|axis| others().any(|other| other == axis));
        (axes, cost)
    }

    /// The pair to contract first: the one that leads to the fewest multiplications, or, of many terms, the one whose
    /// product is smallest.
    fn first(&self, terms: &[Vec<usize>]) -> (usize, usize) {
        if terms.len() <= TRIED { self.search(terms).1 } else { self.smallest(terms) }
    }

    fn search(&self, terms: &[Vec<usize>]) -> (f64, (usize, usize)) {
        let mut best = (f64::INFINITY, (0, 1));
        for (i, j) in pairs(terms.len()) {
            let (axes, cost) = self.contracted(terms, i, j);
            let rest = if terms.len() > 2 { self.search(&replaced(terms, i, j, axes)).0 } else { 0.0 };
            if cost + rest < best.0 {
                best = (cost + rest, (i, j));
            }
        }
        best
    }

    fn smallest(&self, terms: &[Vec<usize>]) -> (usize, usize) {
        let size = |&(i, j): &(usize, usize)| {
            let (axes, cost) = self.contracted(terms, i, j);
            (axes.iter().map(|&axis| self.sizes[axis] as f64).product::<f64>(), cost)
        };
        let smaller =
            |a: &(usize, usize), b: &(usize, usize)| size(a).partial_cmp(&size(b)).expect("sizes are numbers");
        pairs(terms.len()).min_by(smaller).expect("at least two terms")
    }
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |j| (0..j).map(move |i| (i, j)))
}

/// The terms without `i` and `j`, i < j, and with another at their end.
fn replaced<V: Clone>(terms: &[V], i: usize, j: usize, by: V) -> Vec<V> {
    let mut rest = terms.to_vec();
    rest.remove(j);
    rest.remove(i);
    rest.push(by);
    rest
}

fn evaluate<T: Float, A: Array<T>>(equation: &str, operands: &[&A]) -> Result<A> {
    let shapes: Vec<Shape> = operands.iter().map(|x| x.shape()).collect();
    let Equation { operands: indices, output, sizes } = Equation::parse(equation, &shapes)?;
    let whole: Vec<_> = operands.iter().zip(&indices).map(|(x, axes)| named(*x, axes, &sizes)).collect();
    let wanted_by_others = |terms: &[Named<A>], i: usize, axis: usize| {
        output.contains(&axis) || (0..terms.len()).any(|k| k != i && terms[k].axes.contains(&axis))
    };
    let alone = |(i, term): (usize, &Named<A>)| summed(term, |axis| wanted_by_others(&whole, i, axis));
    let mut terms = whole.iter().enumerate().map(alone).collect::<Result<Vec<_>>>()?;
    let costs = Costs { output: &output, sizes: &sizes };
    while terms.len() > 1 {
        let (i, j) = costs.first(&terms.iter().map(|term| term.axes.clone()).collect::<Vec<_>>());
        let (b, a) = (terms.remove(j), terms.remove(i));
        let product = contract(a, b, &sizes, |axis| wanted_by_others(&terms, usize::MAX, axis));
        terms.push(product);
    }
    Ok(permuted(&terms[0], output.iter().copied()))
}

methods! {
    /// The sum of products that an equation names, by Einstein's convention: `ij,jk->ik` is the matrix product. Each
    /// operand has a letter for each axis; the result has the axes after `->`, and all other indices are summed over. A
    /// letter twice in one operand takes the diagonal. `...` stands for any number of axes, which are broadcast. Without
    /// `->` the result has the axes of the ellipsis, and then, sorted, the letters that occur once.
    ///
    /// Operands are multiplied two at a time, as matrix products where there is something to sum over: up to five in the
    /// order that takes the fewest multiplications, more in the order of the smallest products. The gradients are those
    /// of the ops that this is made of.
    ///
    /// # Panics
    /// If the equation is not of this form or for another number of operands, an operand has another rank than its
    /// letters, or an index has two sizes.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (a, b) = (Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]), Tensor::from([10.0, 1.0]));
    /// assert_eq!(Tensor::einsum("ij,j->i", &[&a, &b]), Tensor::from([12.0, 34.0]));
    /// assert_eq!(Tensor::einsum("ii", &[&a]), Tensor::from(5.0));
    /// assert_eq!(Tensor::einsum("...i,i->...", &[&a, &b]), Tensor::from([12.0, 34.0]));
    /// ```
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[impl Borrow<Self>]) -> Self {
        unwrap(Self::try_einsum(equation, operands))
    }

    /// [`einsum`](Self::einsum), returning the error.
    #[track_caller]
    pub fn try_einsum(equation: &str, operands: &[impl Borrow<Self>]) -> Result<Self> {
        let operands: Vec<&Self> = operands.iter().map(|x| x.borrow()).collect();
        evaluate(equation, &operands)
    }
}
