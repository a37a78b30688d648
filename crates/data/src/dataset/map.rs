use std::sync::Arc;

use super::{BoxError, Dataset};
use crate::sample::Sample;

type Function<S, U> = dyn Fn(usize, S) -> Result<U, BoxError> + Send + Sync;

/// A data set whose samples a function changes; made by [`Dataset::map`] and the like.
pub struct Map<D: Dataset, U> {
    dataset: D,
    f: Arc<Function<D::Sample, U>>,
}

impl<D: Dataset, U: Sample> Map<D, U> {
    pub(super) fn new(
        dataset: D,
        f: impl Fn(usize, D::Sample) -> Result<U, BoxError> + Send + Sync + 'static,
    ) -> Map<D, U> {
        Map { dataset, f: Arc::new(f) }
    }
}

impl<D: Dataset + Clone, U> Clone for Map<D, U> {
    fn clone(&self) -> Map<D, U> {
        Map { dataset: self.dataset.clone(), f: self.f.clone() }
    }
}

impl<D: Dataset, U: Sample> Dataset for Map<D, U> {
    type Sample = U;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<U, BoxError> {
        (self.f)(index, self.dataset.get(index)?)
    }
}
