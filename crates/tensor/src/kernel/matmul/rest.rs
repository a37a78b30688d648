//! The last columns of a product that has a few vectors of them and a few columns more: a vector for those would take as
//! long as a full one.

use super::simd::lanes;
use super::{Choice, Product};
use crate::float::Float;

/// How many columns are computed apart from the others.
pub(super) fn columns<T: Float>(product: &Product<T>) -> usize {
    let Product { isa, k, a, c, .. } = product;
    let lanes = lanes::<T>(*isa);
    // The lanes are a power of two; a division would take as long as a small product.
    let rest = c.cols & (lanes - 1);
    let narrow = c.cols < 5 * lanes && rest < c.cols && rest <= lanes / 4;
    // One vector of columns and a few more are one tile anyway, of few rows.
    let work = c.rows.saturating_mul(*k) / if c.cols < 2 * lanes { 4 } else { 1 };
    let pays = match () {
        _ if a.col == 1 && c.rows < lanes => *k >= lanes && c.rows >= 4 && work >= 32 * lanes,
        _ if a.col == 1 => *k >= if rest == 1 { 10 } else { lanes },
        _ if a.row == 1 => *k >= 4 && c.rows >= lanes - lanes / 4 && c.rows * k >= 32 * lanes,
        _ => false,
    };
    if narrow && pays { rest } else { 0 }
}

/// A product of few columns: along the depth where the rows of a are contiguous, else along the rows.
pub(super) fn compute<T: Float>(product: Product<T>) {
    if product.a.col == 1 {
        product.turned_for_dots();
    } else {
        Product { kernel: Choice::Columns, ..product }.run();
    }
}
