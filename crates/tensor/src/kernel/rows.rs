//! Softmax, normalisation and their kin over the rows of a contiguous matrix, read while a row is in the cache.
//!
//! A function of rows is written once, over a [`View`], and read in two ways. Along a [`Wide`] row lie the lanes of the
//! vectors, and a number of the row is one number. Rows that are too narrow for that are turned, a [`Narrow`] group at
//! a time, so that each has a lane of its own.

use super::cpu::{Kernel, MulAdd, dispatch};
use super::reduce::{Fold, LANES};
use super::split;
use crate::float::Float;
use crate::storage::Storage;

mod cross_entropy;
mod narrow;
mod norm;
mod softmax;
mod wide;

use narrow::{Narrow, turn, turn_back};
use wide::Wide;

pub(crate) use cross_entropy::{Labels, cross_entropy, cross_entropy_vjp};
pub(crate) use norm::{Norm, norm, norm_groups, norm_vjp};
pub(crate) use softmax::{log_softmax, log_softmax_vjp, logsumexp, softmax, softmax_vjp};

/// Elements that are copied at a time where rows are replaced.
const NEAR: usize = 2048;

/// Narrow rows that are worked on at once.
const SIDE: usize = 16;

/// The larger, whatever a NaN does: enough where a NaN of the row comes back in a sum.
#[derive(Clone, Copy)]
struct Peak;

impl Fold for Peak {
    const EXACT: bool = true;

    #[inline(always)]
    fn empty<T: Float>(self) -> T {
        T::NEG_INFINITY
    }
    #[inline(always)]
    fn fold<T: Float>(self, a: T, b: T) -> T {
        if a > b { a } else { b }
    }
}

/// One row, or several at once. `f` computes elements from those of x, y and the output at their place, from numbers of
/// the row (`stats`) and from numbers of the column.
trait View<T: Float> {
    /// A number for each row.
    type Stat: Copy;

    /// The same number for each row.
    fn fill(&self, value: T) -> Self::Stat;

    /// A number of each row from others.
    fn stat<const S: usize>(&self, stats: [Self::Stat; S], f: impl Fn([T; S]) -> T) -> Self::Stat;

    /// What `f` gives, folded over each row, and written too if `WRITE`.
    fn fold<const WRITE: bool, const S: usize>(
        &mut self,
        fold: impl Fold,
        stats: [Self::Stat; S],
        f: impl Fn([T; 2], [T; S]) -> T,
    ) -> Self::Stat;

    /// Both of what `f` gives, summed over each row.
    fn sums<const S: usize>(
        &self,
        stats: [Self::Stat; S],
        column: &[T],
        f: impl Fn([T; 2], [T; S], T) -> [T; 2],
    ) -> [Self::Stat; 2];

    /// What `f` gives, written; what it gives besides is added to the sums of the columns.
    fn write<const K: usize, const S: usize, const C: usize>(
        &mut self,
        sums: [&mut [T]; K],
        stats: [Self::Stat; S],
        columns: [&[T]; C],
        f: impl Fn([T; 3], [T; S], [T; C]) -> (T, [T; K]),
    );

    /// The element of x that `column` picks of each row, which it is given by its position in the view.
    fn pick(&self, column: impl Fn(usize) -> usize) -> Self::Stat;

    /// The first numbers of a slice, one for each row.
    fn load(&self, from: &[T]) -> Self::Stat;

    /// Puts the numbers of the rows at the front of a slice.
    fn store(&self, stat: Self::Stat, to: &mut [T]);
}

/// A function of rows.
trait RowFn<T: Float> {
    /// Whether it reads y.
    const PAIRED: bool;

    /// The function, of the rows from `first` on.
    fn rows<M: MulAdd>(&mut self, first: usize, view: &mut impl View<T>);
}

/// Each row folded to one number.
struct FoldRows<'a, T, F> {
    fold: F,
    out: &'a mut [T],
}

impl<T: Float, F: Fold> RowFn<T> for FoldRows<'_, T, F> {
    const PAIRED: bool = false;

    #[inline(always)]
    fn rows<M: MulAdd>(&mut self, first: usize, view: &mut impl View<T>) {
        let stat = view.fold::<false, 0>(
            self.fold,
            [],
            #[inline(always)]
            |[x, _], []| x,
        );
        view.store(stat, &mut self.out[first..]);
    }
}

/// Each row of `n` elements folded to one number.
pub(super) fn fold<T: Float>(fold: impl Fold, x: &[T], n: usize, out: &mut [T]) {
    split::row_groups(out, 1, n, &|first, out| {
        let x = &x[first * n..][..out.len() * n];
        apply(FoldRows { fold, out }, x, x, &mut [], n);
    });
}

/// A function applied to all rows of `n` elements of x (and y, where it reads that); `out` is empty, or what the
/// function writes.
struct Rows<'a, T, F> {
    f: F,
    x: &'a [T],
    y: &'a [T],
    out: &'a mut [T],
    n: usize,
}

impl<T: Float, F: RowFn<T>> Rows<'_, T, F> {
    #[inline(always)]
    fn wide<M: MulAdd>(mut self) {
        let n = self.n;
        for (i, x) in self.x.chunks_exact(n).enumerate() {
            let y = if F::PAIRED { &self.y[i * n..][..n] } else { x };
            let out = if self.out.is_empty() { &mut [][..] } else { &mut self.out[i * n..][..n] };
            self.f.rows::<M>(i, &mut Wide { x, y, out });
        }
    }

    #[inline(always)]
    fn narrow<M: MulAdd>(mut self) {
        let n = self.n;
        let mut view = Narrow::new(n);
        for (i, x) in self.x.chunks(SIDE * n).enumerate() {
            let at = i * SIDE * n;
            view.rows = x.len() / n;
            turn(x, n, &mut view.x);
            if F::PAIRED {
                turn(&self.y[at..][..x.len()], n, &mut view.y);
            }
            self.f.rows::<M>(i * SIDE, &mut view);
            if !self.out.is_empty() {
                turn_back(&view.out, n, &mut self.out[at..][..x.len()]);
            }
        }
    }
}

impl<T: Float, F: RowFn<T>> Kernel for Rows<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        match self.n {
            0 => {}
            n if n < LANES => self.narrow::<M>(),
            _ => self.wide::<M>(),
        }
    }
}

/// A function of rows that are replaced by what it gives: no more memory is touched than these. They are copied a few
/// at a time, which stay in the first cache; `f` applies the function to rows from a number on.
fn replace<T: Float>(rows: &mut [T], n: usize, mut f: impl FnMut(usize, &[T], &mut [T])) {
    let few = n * (NEAR / n.max(1)).max(1);
    let mut room = Storage::recycled(few.max(2));
    let room = room.unique_mut().expect("new");
    for (i, out) in rows.chunks_mut(few.max(1)).enumerate() {
        room[..out.len()].copy_from_slice(out);
        f(i * few, &room[..out.len()], out);
    }
}

fn apply<T: Float>(f: impl RowFn<T>, x: &[T], y: &[T], out: &mut [T], n: usize) {
    dispatch(Rows { f, x, y, out, n });
}
