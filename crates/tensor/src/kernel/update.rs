//! An optimizer's rule over a parameter and its state: one pass over memory, in place.

use super::cpu::{Kernel, MulAdd, dispatch};
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

struct Pass<'a, T, R, const S: usize> {
    rule: R,
    p: &'a mut [T],
    g: &'a [T],
    state: [&'a mut [T]; S],
}

impl<T: Float, R: Update<S>, const S: usize> Kernel for Pass<'_, T, R, S> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let n = self.p.len();
        let g = &self.g[..n];
        let state = self.state.map(|s| &mut s[..n]);
        for i in 0..n {
            // By counting: what is not inlined here would be called for each element.
            let mut old = [Lane::<T, M>::new(T::ZERO); S];
            for k in 0..S {
                old[k] = Lane::new(state[k][i]);
            }
            let (p, new) = self.rule.update(Lane::new(self.p[i]), Lane::new(g[i]), old);
            self.p[i] = p.0;
            for k in 0..S {
                // A state whose gradient stays 0 decays into the subnormal numbers and would end there, where many
                // processors take a hundred times as long for a product.
                let tiny = new[k].0.abs() < T::MIN_POSITIVE;
                state[k][i] = if tiny { T::ZERO } else { new[k].0 };
            }
        }
    }
}

/// Applies a rule to slices of one length.
pub(crate) fn update<T: Float, R: Update<S>, const S: usize>(rule: R, p: &mut [T], g: &[T], state: [&mut [T]; S]) {
    assert!(g.len() == p.len() && state.iter().all(|s| s.len() == p.len()), "update: lengths differ");
    let (p, state) = (Parts::new(p), state.map(Parts::new));
    ranges(g.len(), RATE, |range| {
        // SAFETY: the ranges are disjoint, and each is met once.
        let (p, state) = unsafe { (p.part(range.clone()), state.each_ref().map(|s| s.part(range.clone()))) };
        dispatch(Pass { rule, p, g: &g[range], state });
    });
}
