use std::sync::Arc;

use super::{BoxError, Dataset};
use crate::Error;
use crate::sample::BatchOf;

/// Some samples of a data set; made by [`Dataset::subset`] and the splits. Cloning counts references.
pub struct Subset<D: ?Sized> {
    indices: Arc<[usize]>,
    dataset: Arc<D>,
}

impl<D: Dataset + ?Sized> Subset<D> {
    #[track_caller]
    pub(super) fn new(dataset: Arc<D>, indices: Vec<usize>) -> Subset<D> {
        let len = dataset.len();
        let outside = indices.iter().find(|&&index| index >= len);
        assert!(outside.is_none(), "subset: found index {}, expected one below {len}", outside.unwrap_or(&0));
        Subset { indices: indices.into(), dataset }
    }

    /// The indices in the whole data set.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: ?Sized> Clone for Subset<D> {
    fn clone(&self) -> Subset<D> {
        Subset { indices: self.indices.clone(), dataset: self.dataset.clone() }
    }
}

impl<D: Dataset + ?Sized> Dataset for Subset<D> {
    type Sample = D::Sample;

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<D::Sample, BoxError> {
        self.dataset.get(self.indices[index])
    }

    /// At the speed of the whole data set.
    fn batch(&self, indices: &[usize]) -> Result<BatchOf<D>, Error> {
        let inner: Vec<usize> = indices.iter().map(|&index| self.indices[index]).collect();
        self.dataset.batch(&inner).map_err(|error| error.renamed(&inner, indices))
    }
}
