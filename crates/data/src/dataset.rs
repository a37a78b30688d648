//! Data of any kind, sample by sample.

mod concat;
mod map;
mod subset;

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tensor::{Rng, Tensor};

pub use concat::Concat;
pub use map::Map;
pub use subset::Subset;

use crate::loader::Loader;
use crate::sample::{BatchOf, Sample};
use crate::transform::{Draw, Transforms};
use crate::{Error, random, split};

/// Whatever a data set of your own can fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A number of samples, each of which can be asked for by its index, by several threads at once.
///
/// ```
/// use data::{BoxError, Dataset};
///
/// /// Numbers and their squares.
/// struct Squares;
///
/// impl Dataset for Squares {
///     type Sample = (f32, f32);
///
///     fn len(&self) -> usize {
///         100
///     }
///
///     fn get(&self, index: usize) -> Result<(f32, f32), BoxError> {
///         let x = index as f32;
///         Ok((x, x * x))
///     }
/// }
///
/// let (train, validation) = Squares.split_random(80, 1);
/// assert_eq!((train.len(), validation.len()), (80, 20));
/// for batch in train.loader(16).workers(2).shuffle(7, 0) {
///     let (x, y) = batch?;
///     assert_eq!(&x * &x, y);
/// }
/// # Ok::<(), data::Error>(())
/// ```
///
/// What a method draws at random depends on the given seed and the sample's index alone, so it is the same in any order
/// and on any thread. For data that comes one after the other, such as lines of a large file, there is
/// [`Stream`](crate::Stream).
pub trait Dataset: Send + Sync {
    /// One of them: a tensor, a number, a tuple of these, or a type of your own.
    type Sample: Sample;

    /// How many there are.
    fn len(&self) -> usize;

    /// Sample `index`, from 0 up to but not including [`len`](Dataset::len).
    ///
    /// # Errors
    /// If it cannot be had; the [`Loader`] adds which one it was. A panic is caught and becomes such an error as well.
    fn get(&self, index: usize) -> Result<Self::Sample, BoxError>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples with the given indices, put together; there is at least one. By default each is asked for in turn.
    ///
    /// # Errors
    /// If one of them cannot be had, or they do not fit together.
    fn batch(&self, indices: &[usize]) -> Result<BatchOf<Self>, Error> {
        collate(indices, indices.iter().map(|&index| attempt(index, || self.get(index))))
    }

    /// Each sample changed by a function.
    ///
    /// ```
    /// use data::{Dataset, Tensors};
    /// use tensor::Tensor;
    /// let celsius = Tensors::new(Tensor::from([[0.0], [100.0]]), Tensor::from([7_i64, 8]))?;
    /// let fahrenheit = celsius.map(|(x, label)| (x * 1.8 + 32.0, label));
    /// assert_eq!(fahrenheit.get(1)?.0, Tensor::from([212.0]));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    fn map<U: Sample>(self, f: impl Fn(Self::Sample) -> U + Send + Sync + 'static) -> Map<Self, U>
    where
        Self: Sized,
    {
        Map::new(self, move |_, sample| Ok(f(sample)))
    }

    /// Each sample changed by a function that can fail.
    fn try_map<U: Sample, E: Into<BoxError>>(
        self,
        f: impl Fn(Self::Sample) -> Result<U, E> + Send + Sync + 'static,
    ) -> Map<Self, U>
    where
        Self: Sized,
    {
        Map::new(self, move |_, sample| f(sample).map_err(Into::into))
    }

    /// Each sample changed by a function with random numbers: for sample `i` those of the ChaCha8 stream under the key
    /// (seed, 4, epoch, i).
    ///
    /// ```
    /// use data::{Dataset, Tensors};
    /// use tensor::Tensor;
    /// let clean = Tensors::new(Tensor::<f32>::zeros([100, 3]), Tensor::<i64>::zeros([100]))?;
    /// let (seed, epoch) = (5, 0);
    /// let noisy = clean.map_random(seed, epoch, |(x, label), rng| {
    ///     let noise = Tensor::normal([3], 0.0, 0.1, rng);
    ///     (x + noise, label)
    /// });
    /// assert_eq!(noisy.get(3)?.0, noisy.get(3)?.0);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    fn map_random<U: Sample>(
        self,
        seed: u64,
        epoch: u64,
        f: impl Fn(Self::Sample, &mut Rng) -> U + Send + Sync + 'static,
    ) -> Map<Self, U>
    where
        Self: Sized,
    {
        Map::new(self, move |index, sample| Ok(f(sample, &mut random::of_sample(seed, epoch, index))))
    }

    /// The images of `(image, label)` samples transformed: sample `i` by what [`Draw::new(seed, epoch, i)`](Draw) draws.
    fn augment<T: 'static>(self, transforms: &Transforms, seed: u64, epoch: u64) -> Map<Self, (Tensor<f32>, T)>
    where
        Self: Dataset<Sample = (Tensor<f32>, T)> + Sized,
        (Tensor<f32>, T): Sample,
    {
        let transforms = transforms.clone();
        Map::new(self, move |index, (image, label): (Tensor<f32>, T)| {
            Ok((transforms.apply(&image, Draw::new(seed, epoch, index)), label))
        })
    }

    /// The samples with the given indices, in that order; one may come several times.
    ///
    /// # Panics
    /// If one does not exist.
    #[track_caller]
    fn subset(self, indices: Vec<usize>) -> Subset<Self>
    where
        Self: Sized,
    {
        Subset::new(Arc::new(self), indices)
    }

    /// `count` samples drawn at random, and the rest, both in ascending order: see [`split::random`].
    ///
    /// # Panics
    /// If there are fewer than `count`.
    #[track_caller]
    fn split_random(self, count: usize, seed: u64) -> (Subset<Self>, Subset<Self>)
    where
        Self: Sized,
    {
        let parts = split::random(self.len(), count, seed);
        halves(self, parts)
    }

    /// `count` samples drawn at random with as large a share of each class as of all, and the rest, both in ascending
    /// order: see [`split::stratified`]. `classes` has the class of each sample.
    ///
    /// # Panics
    /// If there are fewer than `count`, or `classes` has another length.
    #[track_caller]
    fn split_stratified<L: Ord + Debug>(self, classes: &[L], count: usize, seed: u64) -> (Subset<Self>, Subset<Self>)
    where
        Self: Sized,
    {
        let (found, expected) = (classes.len(), self.len());
        assert!(
            found == expected,
            "split_stratified: found {found} classes, expected one for each of {expected} samples"
        );
        let parts = split::stratified(classes, count, seed);
        halves(self, parts)
    }

    /// These samples, and after them those of another data set.
    fn concat<D: Dataset<Sample = Self::Sample>>(self, other: D) -> Concat<Self, D>
    where
        Self: Sized,
    {
        Concat::new(self, other)
    }

    /// Deals the samples out in batches, in any order and on any number of threads.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    fn loader(self, batch_size: usize) -> Loader<Self>
    where
        Self: Sized,
    {
        Loader::new(self, batch_size)
    }
}

fn halves<D: Dataset>(dataset: D, (first, second): (Vec<usize>, Vec<usize>)) -> (Subset<D>, Subset<D>) {
    let dataset = Arc::new(dataset);
    (Subset::new(dataset.clone(), first), Subset::new(dataset, second))
}

/// What `get` returns, its errors and panics with the index of the sample.
pub(crate) fn attempt<S>(index: usize, get: impl FnOnce() -> Result<S, BoxError>) -> Result<S, Error> {
    match catch_unwind(AssertUnwindSafe(get)) {
        Ok(result) => result.map_err(|source| Error::Sample { index, source }),
        Err(panic) => Err(Error::Panic { index, message: message(&*panic) }),
    }
}

/// Samples as one batch, or the first error among them.
pub(crate) fn collate<S: Sample>(
    indices: &[usize],
    samples: impl Iterator<Item = Result<S, Error>>,
) -> Result<S::Batch, Error> {
    let samples = samples.collect::<Result<Vec<S>, Error>>()?;
    S::collate(samples).map_err(|misfit| {
        let index = indices.get(misfit.position).copied().unwrap_or(misfit.position);
        Error::Sample { index, source: misfit.reason.into() }
    })
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|message| message.to_string());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

macro_rules! by_reference {
    ($($pointer:ident)*) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer<D> {
            type Sample = D::Sample;

            fn len(&self) -> usize {
                (**self).len()
            }

            fn get(&self, index: usize) -> Result<D::Sample, BoxError> {
                (**self).get(index)
            }

            fn batch(&self, indices: &[usize]) -> Result<BatchOf<D>, Error> {
                (**self).batch(indices)
            }
        }
    )*};
}
by_reference!(Arc Box);
