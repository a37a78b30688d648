use tensor::{Element, Shape, Tensor};

use crate::Error;
use crate::dataset::{BoxError, Dataset};

/// Features and targets in memory, sample by sample along their first axis.
///
/// The targets are labels, numbers or tensors. Cloning counts references.
///
/// ```
/// use data::{Dataset, Tensors};
/// use tensor::Tensor;
/// let features = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let xor = Tensors::new(features, Tensor::from([0_i64, 1, 1, 0]))?;
/// for batch in xor.loader(2).in_order() {
///     let (x, y) = batch?;
///     assert_eq!((&x.shape()[..], &y.shape()[..]), (&[2, 2][..], &[2][..]));
/// }
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tensors<X: Element = f32, Y: Element = i64> {
    features: Tensor<X>,
    targets: Tensor<Y>,
    len: usize,
}

impl<X: Element, Y: Element> Tensors<X, Y> {
    /// Features of shape `[n, …]` and targets of shape `[n]` or `[n, …]`.
    ///
    /// # Errors
    /// If they differ in n, or one has no axes.
    pub fn new(features: Tensor<X>, targets: Tensor<Y>) -> Result<Tensors<X, Y>, Error> {
        match (features.shape().first(), targets.shape().first()) {
            (Some(&len), Some(&other)) if len == other => {
                Ok(Tensors { features: features.contiguous(), targets: targets.contiguous(), len })
            }
            _ => Err(Error::Shapes { features: features.shape().to_string(), targets: targets.shape().to_string() }),
        }
    }

    /// The features: shape `[n, …]`.
    pub fn features(&self) -> &Tensor<X> {
        &self.features
    }

    /// The targets: shape `[n, …]`.
    pub fn targets(&self) -> &Tensor<Y> {
        &self.targets
    }

    #[track_caller]
    fn check(&self, index: usize) {
        assert!(
            index < self.len,
            "tensors: found index {index}, expected one below the {} samples there are",
            self.len
        );
    }
}

impl<X: Element, Y: Element> Dataset for Tensors<X, Y> {
    type Sample = (Tensor<X>, Tensor<Y>);

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Self::Sample, BoxError> {
        self.check(index);
        let row = |shape: &Shape| Shape::from(&shape[1..]);
        let (x, y) = (row(self.features.shape()), row(self.targets.shape()));
        Ok((
            Tensor::build(x, |out| copy_rows(&self.features, &[index], out)),
            Tensor::build(y, |out| copy_rows(&self.targets, &[index], out)),
        ))
    }

    /// Straight from the one tensor into the other.
    fn batch(&self, indices: &[usize]) -> Result<Self::Sample, Error> {
        indices.iter().for_each(|&index| self.check(index));
        Ok((gather(&self.features, indices), gather(&self.targets, indices)))
    }
}

fn gather<T: Element>(source: &Tensor<T>, indices: &[usize]) -> Tensor<T> {
    let mut sizes = source.shape().to_vec();
    sizes[0] = indices.len();
    Tensor::build(sizes, |out| copy_rows(source, indices, out))
}

/// The given rows of a contiguous tensor, side by side.
fn copy_rows<T: Element>(source: &Tensor<T>, rows: &[usize], out: &mut [T]) {
    let source = source.as_slice().expect("contiguous since it was made");
    let len = out.len() / rows.len().max(1);
    for (out, &row) in out.chunks_exact_mut(len.max(1)).zip(rows) {
        out.copy_from_slice(&source[row * len..(row + 1) * len]);
    }
}
