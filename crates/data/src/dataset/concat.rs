use super::{BoxError, Dataset};

/// Two data sets, one after the other; made by [`Dataset::concat`].
#[derive(Clone, Copy, Debug)]
pub struct Concat<A, B> {
    first: A,
    second: B,
}

impl<A: Dataset, B: Dataset<Sample = A::Sample>> Concat<A, B> {
    pub(super) fn new(first: A, second: B) -> Concat<A, B> {
        Concat { first, second }
    }
}

impl<A: Dataset, B: Dataset<Sample = A::Sample>> Dataset for Concat<A, B> {
    type Sample = A::Sample;

    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn get(&self, index: usize) -> Result<A::Sample, BoxError> {
        match index.checked_sub(self.first.len()) {
            None => self.first.get(index),
            Some(index) => self.second.get(index),
        }
    }
}
