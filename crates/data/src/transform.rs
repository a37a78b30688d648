//! Transforms of images: moved, turned, stretched, distorted, cropped, covered, normalised.
//!
//! ```
//! use data::transform::{Affine, Elastic, Transforms};
//! let transforms = Transforms::new()
//!     .add(Affine::new().rotate(-15.0..=15.0).scale(0.85..=1.15).shift(-2.0..=2.0, -2.0..=2.0))
//!     .add(Elastic::new(4.0, 34.0));
//!
//! let digits = data::digits::generate(20, 0);
//! // The 20 images, and two distorted copies of each.
//! assert_eq!(digits.expand(&transforms, 2, 7).len(), 60);
//! // Or distorted anew in each epoch, as they are drawn.
//! for epoch in 0..3 {
//!     for batch in digits.batches(10).shuffle(1, epoch).augment(&transforms, 7, epoch) {
//!         assert_eq!(batch.images.shape()[..], [10, 28 * 28]);
//!     }
//! }
//! ```
//!
//! What a transform draws at random depends on a [`Draw`] alone, that is on a seed, an epoch and the index of the sample,
//! so threads and order make no difference, and the values are the same on every platform. Where a parameter is an
//! [`Amount`], a number fixes it and a range lets it be drawn.
//!
//! Images are `[channels, height, width]` in single precision; x and dx are columns and point right, y and dy are rows
//! and point down. A pixel's centre is its position.

mod affine;
mod amount;
mod crop;
mod elastic;
mod erase;
mod flip;
mod image;
mod normalize;
mod resample;
mod resize;
mod shift;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use tensor::{Rng, Tensor};

pub use affine::Affine;
pub use amount::Amount;
pub use crop::Crop;
pub use elastic::Elastic;
pub use erase::Erase;
pub use flip::Flip;
pub use image::Image;
pub use normalize::Normalize;
pub use resize::Resize;
pub use shift::Shift;

use crate::random::{self, Purpose};

/// What random transforms of one sample depend on.
///
/// The rule: step `k` of [`Transforms`] draws from ChaCha8 under the key (seed, 3, epoch, index) of little-endian 64-bit
/// words, at stream `k`; so a step that is left out changes nothing for those before it, and no sample's draws depend on
/// another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// The seed of the run.
    pub seed: u64,
    /// The pass over the data.
    pub epoch: u64,
    /// The index of the sample in its data set.
    pub index: u64,
}

impl Draw {
    /// The draw for sample `index` in an epoch.
    pub fn new(seed: u64, epoch: u64, index: usize) -> Draw {
        Draw { seed, epoch, index: index as u64 }
    }

    fn stream(self, step: usize) -> Rng {
        random::keyed([self.seed, Purpose::Transform as u64, self.epoch, self.index], step as u64)
    }
}

/// One way to change an image; a closure `Fn(&mut Image, &mut Rng)` is one that keeps the shape.
///
/// ```
/// use data::transform::{Draw, Image, Transforms};
/// use tensor::{Rng, Tensor};
/// let negative = |image: &mut Image, _: &mut Rng| image.pixels_mut().iter_mut().for_each(|x| *x = 1.0 - *x);
/// let image = Transforms::new().add(negative).apply(&Tensor::zeros([1, 2, 2]), Draw::new(0, 0, 0));
/// assert_eq!(image, Tensor::ones([1, 2, 2]));
/// ```
pub trait Transform: Send + Sync {
    /// Changes the image; all that is random in it comes from `rng`.
    fn apply(&self, image: &mut Image, rng: &mut Rng);

    /// `[channels, height, width]` of the result for an image of the given shape; by default the same.
    fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        shape
    }
}

impl<F: Fn(&mut Image, &mut Rng) + Send + Sync> Transform for F {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        self(image, rng);
    }
}

/// Transforms one after the other. Cloning counts references.
#[derive(Clone, Default)]
pub struct Transforms {
    steps: Vec<Arc<dyn Transform>>,
}

impl Transforms {
    /// None yet: what goes in comes out.
    pub fn new() -> Transforms {
        Transforms::default()
    }

    /// These, and then one more.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, transform: impl Transform + 'static) -> Transforms {
        self.steps.push(Arc::new(transform));
        self
    }

    /// These, and then one more that happens with probability `p`.
    ///
    /// ```
    /// use data::transform::{Elastic, Flip, Transforms};
    /// let transforms = Transforms::new().sometimes(0.5, Flip::Horizontal).sometimes(0.8, Elastic::new(4.0, 34.0));
    /// ```
    ///
    /// It must keep the shape of every image: one that does not panics when it is used.
    ///
    /// # Panics
    /// If `p` is not from 0 to 1.
    #[track_caller]
    pub fn sometimes(self, p: f32, transform: impl Transform + 'static) -> Transforms {
        amount::check_probability("sometimes", p);
        self.add(Sometimes { p, transform })
    }

    /// `[channels, height, width]` of the result for an image of the given shape.
    ///
    /// # Panics
    /// If a transform does not apply to the shape that reaches it, such as a crop larger than the image.
    pub fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        self.steps.iter().fold(shape, |shape, step| step.shape(shape))
    }

    /// Changes an image.
    ///
    /// # Panics
    /// As [`shape`](Transforms::shape).
    pub fn apply_to(&self, image: &mut Image, draw: Draw) {
        for (k, step) in self.steps.iter().enumerate() {
            step.apply(image, &mut draw.stream(k));
        }
    }

    /// The transformed copy of an image: shape `[channels, height, width]`, or `[height, width]` for one channel.
    ///
    /// # Panics
    /// If the tensor has another rank, or as [`shape`](Transforms::shape).
    #[track_caller]
    pub fn apply(&self, image: &Tensor<f32>, draw: Draw) -> Tensor<f32> {
        let rank = image.rank();
        let shape = match image.shape()[..] {
            [height, width] => [1, height, width],
            [channels, height, width] => [channels, height, width],
            _ => panic!("transform: found shape {}, expected [channels, height, width]", image.shape()),
        };
        let mut canvas = Image::new([0; 3]);
        let source = image.contiguous();
        let source = source.as_slice().expect("contiguous");
        canvas.load(shape, |pixels| pixels.copy_from_slice(source));
        self.apply_to(&mut canvas, draw);
        Tensor::build(&canvas.shape()[3 - rank..], |out| out.copy_from_slice(canvas.pixels()))
    }
}

/// Several as one step, which draw one after the other.
impl Transform for Transforms {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        self.steps.iter().for_each(|step| step.apply(image, rng));
    }

    fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        Transforms::shape(self, shape)
    }
}

impl Debug for Transforms {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "Transforms({} steps)", self.steps.len())
    }
}

struct Sometimes<T> {
    p: f32,
    transform: T,
}

impl<T: Transform> Transform for Sometimes<T> {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        if random::chance(rng, self.p) {
            self.transform.apply(image, rng);
        }
    }

    fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        let changed = self.transform.shape(shape);
        assert!(changed == shape, "sometimes: found a change of shape from {shape:?} to {changed:?}, expected none");
        shape
    }
}
