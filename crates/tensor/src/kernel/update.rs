//! An optimizer's rule over a parameter and its state: one pass over memory, in place.

use super::cpu::{Kernel, MulAdd, dispatch};
use super::matmul::{Finished, Mat, Taker, add_scaled, matmul_by_blocks};
use super::split::{Parts, ranges};
use crate::float::Float;
use crate::scalar::{Lane, Scalar};

/// How an optimizer changes one number of a parameter, with `S` numbers of state for each. Like an
/// [`Elementwise`](crate::Elementwise) rule it is to be inlined into a loop over vectors.
///
/// A state that falls below the smallest normal number is set to 0.
///
/// ```
/// use tensor::{Scalar, Tensor, Update};
///
/// /// p ← p − rate·g.
/// #[derive(Clone, Copy)]
/// struct Descend(f64);
///
/// impl Update<0> for Descend {
///     #[inline(always)]
///     fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
///         (p - p.lit(self.0) * g, [])
///     }
/// }
///
/// let mut p = Tensor::from([1.0f32, 2.0]);
/// p.update(Descend(0.5), &Tensor::from([2.0, 2.0]), []);
/// assert_eq!(p, Tensor::from([0.0, 1.0]));
/// ```
pub trait Update<const S: usize>: Copy + Send + Sync {
    /// The new parameter and the new state, from the parameter, its gradient and its state.
    fn update<A: Scalar>(self, param: A, grad: A, state: [A; S]) -> (A, [A; S]);
}

/// Elements to a nanosecond: there is little arithmetic, and parameters of small models lie in the second cache, from which
/// another core would have to fetch them.
const RATE: usize = 8;

/// A pass over a block of a gradient that has rows of `width` elements. Nobody else has the block.
struct Pass<'a, T, R, const S: usize> {
    rule: R,
    p: &'a Parts<'a, T>,
    state: &'a [Parts<'a, T>; S],
    block: Finished<'a, T>,
    width: usize,
}

impl<T: Float, R: Update<S>, const S: usize> Kernel for Pass<'_, T, R, S> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Pass { rule, p, state, block: Finished { row, col, cols, data }, width } = self;
        // Rows that lie one after the other are one.
        let cols = if cols == width { data.len() } else { cols };
        for (i, g) in data.chunks_exact(cols.max(1)).enumerate() {
            let first = (row + i) * width + col;
            let range = first..first + cols;
            // SAFETY: the block is ours alone, and each of its rows is met once.
            let (p, state) = unsafe { (p.part(range.clone()), state.each_ref().map(|s| s.part(range.clone()))) };
            pass::<T, M, R, S>(rule, p, g, state);
        }
    }
}

#[inline(always)]
fn pass<T: Float, M: MulAdd, R: Update<S>, const S: usize>(rule: R, p: &mut [T], g: &[T], state: [&mut [T]; S]) {
    let n = p.len();
    let g = &g[..n];
    let state = state.map(|s| &mut s[..n]);
    for i in 0..n {
        // By counting: what is not inlined here would be called for each element.
        let mut old = [Lane::<T, M>::new(T::ZERO); S];
        for k in 0..S {
            old[k] = Lane::new(state[k][i]);
        }
        let (new_p, new) = rule.update(Lane::new(p[i]), Lane::new(g[i]), old);
        p[i] = new_p.0;
        for k in 0..S {
            // A state whose gradient stays 0 decays into the subnormal numbers and would end there, where many processors
            // take a hundred times as long for a product.
            let tiny = new[k].0.abs() < T::MIN_POSITIVE;
            state[k][i] = if tiny { T::ZERO } else { new[k].0 };
        }
    }
}

/// Applies a rule to slices of one length.
pub(crate) fn update<T: Float, R: Update<S>, const S: usize>(rule: R, p: &mut [T], g: &[T], state: [&mut [T]; S]) {
    let width = p.len();
    assert!(g.len() == width && state.iter().all(|s| s.len() == width), "update: lengths differ");
    let (p, state) = (&Parts::new(p), &state.map(Parts::new));
    ranges(width, RATE, |range| {
        let block = Finished { row: 0, col: range.start, cols: range.len(), data: &g[range] };
        dispatch(Pass { rule, p, state, block, width });
    });
}

/// Applies a rule to a parameter whose gradient is a·b, block by block as the product is computed. Where that is not how it is
/// computed, nothing is done, and the result is false.
pub(crate) fn update_by_product<T: Float, R: Update<S>, const S: usize>(
    rule: R,
    p: &mut [T],
    [a, b]: [Mat<'_, T>; 2],
    state: [&mut [T]; S],
) -> bool {
    let (len, width) = (p.len(), b.cols);
    let right = a.rows.checked_mul(width) == Some(len) && state.iter().all(|s| s.len() == len);
    assert!(right, "update: lengths differ");
    let (p, state) = (&Parts::new(p), &state.map(Parts::new));
    let begin = |parts: &Parts<'_, T>| parts.pointer(0..len).cast_const();
    let reads = [begin(p), state.first().map_or(std::ptr::null(), begin)];
    let take = |block: Finished<'_, T>| dispatch(Pass { rule, p, state, block, width });
    matmul_by_blocks(a, b, &Taker::new(&take, reads, width))
}

/// p ← p + scale·g.
#[derive(Clone, Copy)]
pub(crate) struct AddScaled(pub(crate) f64);

impl Update<0> for AddScaled {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
        (p + p.lit(self.0) * g, [])
    }
}

/// [`update_by_product`] with [`AddScaled`], without a block between the product and the parameter where that is possible.
pub(crate) fn add_scaled_product<T: Float>(scale: f64, p: &mut [T], [a, b]: [Mat<'_, T>; 2]) -> bool {
    add_scaled(p, T::from_f64(scale), a, b) || update_by_product(AddScaled(scale), p, [a, b], [])
}
