//! Seeded random tensors.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand_distr::{Distribution, Normal, Uniform};

use super::Tensor;
use crate::error::{Error, unwrap};
use crate::float::{Element, Float};
use crate::shape::Shape;

/// The generator used throughout: ChaCha with 8 rounds, whose stream is fixed by its seed on every platform and in
/// every version.
pub type Rng = ChaCha8Rng;

/// Stream `stream` of the generator with this seed; different streams are independent.
///
/// ```
/// use tensor::{Tensor, rng};
/// let a = Tensor::<f32>::randn([2, 3], &mut rng(7, 0));
/// assert_eq!(a, Tensor::randn([2, 3], &mut rng(7, 0)));
/// assert_ne!(a, Tensor::randn([2, 3], &mut rng(7, 1)));
/// ```
pub fn rng(seed: u64, stream: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

impl<T: Element> Tensor<T> {
    /// Independent draws from a distribution of the `rand_distr` crate.
    pub fn random<R: rand::Rng + ?Sized>(
        shape: impl Into<Shape>,
        distribution: impl Distribution<T>,
        rng: &mut R,
    ) -> Tensor<T> {
        Tensor::build(shape, |out| out.fill_with(|| distribution.sample(rng)))
    }
}

impl<T: Float> Tensor<T> {
    /// Independent draws from N(0, 1).
    pub fn randn<R: rand::Rng + ?Sized>(shape: impl Into<Shape>, rng: &mut R) -> Tensor<T> {
        Tensor::normal(shape, 0.0, 1.0, rng)
    }

    /// Independent draws from N(mean, std²), drawn in double precision.
    ///
    /// # Panics
    /// If `std` is not finite.
    #[track_caller]
    pub fn normal<R: rand::Rng + ?Sized>(shape: impl Into<Shape>, mean: f64, std: f64, rng: &mut R) -> Tensor<T> {
        let failed = |e| Error::invalid("normal", format!("mean {mean}, standard deviation {std}: {e}"));
        let distribution = unwrap(Normal::new(mean, std).map_err(failed));
        Tensor::build(shape, |out| out.fill_with(|| T::from_f64(distribution.sample(rng))))
    }

    /// Independent draws from \[low, high), drawn in double precision.
    ///
    /// # Panics
    /// If `low ≥ high` or a bound is not finite.
    #[track_caller]
    pub fn uniform<R: rand::Rng + ?Sized>(shape: impl Into<Shape>, low: f64, high: f64, rng: &mut R) -> Tensor<T> {
        let failed = |e| Error::invalid("uniform", format!("from {low} to {high}: {e}"));
        let distribution = unwrap(Uniform::new(low, high).map_err(failed));
        Tensor::build(shape, |out| out.fill_with(|| T::from_f64(distribution.sample(rng))))
    }
}
