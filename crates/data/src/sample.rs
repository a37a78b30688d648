//! What samples become when they are put together.

use tensor::{Element, Tensor};

use crate::Dataset;

/// What a [`Dataset`] deals out, put together.
pub type BatchOf<D> = <<D as Dataset>::Sample as Sample>::Batch;

/// Something that batches are made of.
///
/// Numbers become a tensor of shape `[n]`; arrays of numbers and tensors of one shape become a tensor with a new first
/// axis; strings become a `Vec`; tuples become tuples of batches. A type of your own puts itself together as it likes,
/// such as sequences of different lengths:
///
/// ```
/// use data::{Misfit, Sample};
/// use tensor::Tensor;
///
/// struct Sentence(Vec<i64>);
///
/// impl Sample for Sentence {
///     /// Words, filled up with zeros: shape `[n, longest]`.
///     type Batch = Tensor<i64>;
///
///     fn collate(sentences: Vec<Sentence>) -> Result<Tensor<i64>, Misfit> {
///         let longest = sentences.iter().map(|sentence| sentence.0.len()).max().unwrap_or(0);
///         let word = |at: &[usize]| sentences[at[0]].0.get(at[1]).copied().unwrap_or(0);
///         Ok(Tensor::from_fn([sentences.len(), longest], word))
///     }
/// }
///
/// let batch = Sentence::collate(vec![Sentence(vec![5, 2, 9]), Sentence(vec![7])])?;
/// assert_eq!(batch, Tensor::from([[5, 2, 9], [7, 0, 0]]));
/// # Ok::<(), Misfit>(())
/// ```
pub trait Sample: Sized + Send + 'static {
    /// Several of them.
    type Batch: Send + 'static;

    /// Puts samples together, in their order; there is at least one.
    ///
    /// # Errors
    /// If they do not fit together.
    fn collate(samples: Vec<Self>) -> Result<Self::Batch, Misfit>;
}

/// A sample that does not fit to those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sample {position} of the batch: {reason}")]
pub struct Misfit {
    /// Its place in the batch.
    pub position: usize,
    /// Why it does not fit.
    pub reason: String,
}

macro_rules! numbers {
    ($($t:ident)*) => {$(
        impl Sample for $t {
            type Batch = Tensor<$t>;

            fn collate(samples: Vec<$t>) -> Result<Tensor<$t>, Misfit> {
                Ok(Tensor::build([samples.len()], |out| out.copy_from_slice(&samples)))
            }
        }
    )*};
}
numbers!(f32 f64 i32 i64 u8 bool);

impl<T: Element, const N: usize> Sample for [T; N] {
    type Batch = Tensor<T>;

    fn collate(samples: Vec<[T; N]>) -> Result<Tensor<T>, Misfit> {
        Ok(Tensor::build([samples.len(), N], |out| out.copy_from_slice(samples.as_flattened())))
    }
}

impl<T: Element> Sample for Tensor<T> {
    type Batch = Tensor<T>;

    fn collate(samples: Vec<Tensor<T>>) -> Result<Tensor<T>, Misfit> {
        let Some(first) = samples.first() else { return Ok(Tensor::build([0], |_| ())) };
        let shape = first.shape().clone();
        if let Some(position) = samples.iter().position(|sample| sample.shape() != &shape) {
            let found = samples[position].shape();
            let reason = format!("found shape {found}, expected {shape} like the first of its batch");
            return Err(Misfit { position, reason });
        }
        let sizes: Vec<usize> = [samples.len()].into_iter().chain(shape.iter().copied()).collect();
        Ok(Tensor::build(sizes, |out| fill(out, &samples)))
    }
}

/// Tensors of one shape, side by side.
fn fill<T: Element>(out: &mut [T], samples: &[Tensor<T>]) {
    let len = out.len() / samples.len();
    for (out, sample) in out.chunks_exact_mut(len.max(1)).zip(samples) {
        out.copy_from_slice(sample.contiguous().as_slice().expect("contiguous"));
    }
}

impl Sample for String {
    type Batch = Vec<String>;

    fn collate(samples: Vec<String>) -> Result<Vec<String>, Misfit> {
        Ok(samples)
    }
}

macro_rules! tuples {
    ($($letter:ident $name:ident $place:tt),*) => {
        impl<$($letter: Sample),*> Sample for ($($letter,)*) {
            type Batch = ($($letter::Batch,)*);

            fn collate(samples: Vec<Self>) -> Result<Self::Batch, Misfit> {
                $(let mut $name = Vec::with_capacity(samples.len());)*
                for sample in samples {
                    $($name.push(sample.$place);)*
                }
                Ok(($($letter::collate($name)?,)*))
            }
        }
    };
}
tuples!(A a 0, B b 1);
tuples!(A a 0, B b 1, C c 2);
tuples!(A a 0, B b 1, C c 2, D d 3);
