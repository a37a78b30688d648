//! The last columns of a product that has a few vectors of them and a few columns more: a vector for those would take as
//! long as a full one.

use super::simd::lanes;
use super::tile::{Block, Start};
use super::{Choice, Product, pack};
use crate::float::Float;
use crate::storage::Storage;

/// How many columns are computed apart from the others.
pub(super) fn columns<T: Float>(product: &Product<T>) -> usize {
    let Product { isa, k, a, c, .. } = product;
    let lanes = lanes::<T>(*isa);
    // The lanes are a power of two; a division would take as long as a small product.
    let rest = c.cols & (lanes - 1);
    let narrow = c.cols < 5 * lanes && rest < c.cols && rest <= lanes / 4;
    let pays = match () {
        _ if a.col == 1 && c.rows < lanes => *k >= lanes && c.rows >= 8 && c.rows * k >= 64 * lanes,
        _ if a.col == 1 => *k >= if rest == 1 { 5 } else { lanes },
        _ if a.row == 1 => *k >= 4 && c.rows >= lanes - lanes / 4 && c.rows * k >= 32 * lanes,
        _ => false,
    };
    if narrow && pays { rest } else { 0 }
}

/// A product of few columns: along the depth where the rows of a are contiguous, else along the rows.
pub(super) fn compute<T: Float>(product: Product<T>) {
    if product.a.col == 1 { along_depth(product) } else { along_rows(product) }
}

fn along_depth<T: Float>(product: Product<T>) {
    let Product { k, b, c, .. } = product;
    let mut turned = Storage::Empty;
    // SAFETY: b has `k` rows and the columns of c, and the processor has the instruction set.
    let b = if b.row == 1 { b } else { unsafe { pack::turn(product.isa, b, k, c.cols, &mut turned) } };
    Product { kernel: Choice::Dots, b, ..product }.run();
}

/// cᵀ = bᵀ·aᵀ.
fn along_rows<T: Float>(product: Product<T>) {
    let Product { a, b, c, .. } = product;
    let mut turned = Storage::recycled((c.rows * c.cols).max(2));
    let to = turned.unique_mut().expect("new");
    let block = Block { at: to.as_mut_ptr(), stride: c.rows, rows: c.cols, cols: c.rows, start: Start::Zero };
    Product { kernel: Choice::Panels, a: b.transposed(), b: a.transposed(), c: block, ..product }.run();
    for (j, column) in to.chunks_exact(c.rows).enumerate().take(c.cols) {
        for (i, &sum) in column.iter().enumerate() {
            let to = c.at.wrapping_add(i * c.stride + j);
            // SAFETY: element (i, j) lies inside c, and the bias has one for each column.
            unsafe {
                *to = match c.start {
                    Start::Zero => sum,
                    Start::Output => *to + sum,
                    Start::Row(bias) => *bias.wrapping_add(j) + sum,
                    Start::Column(bias) => *bias.wrapping_add(i) + sum,
                };
            }
        }
    }
}
