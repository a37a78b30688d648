//! Parts of images.

use tensor::Rng;

use super::shift::window;
use super::{Image, Transform};
use crate::random;

/// A part of an image, at a random place or in the middle.
///
/// ```
/// use data::transform::{Crop, Flip, Transforms};
/// // The customary augmentation of CIFAR-10.
/// let transforms = Transforms::new().add(Crop::random(32, 32).padding(4)).sometimes(0.5, Flip::Horizontal);
/// assert_eq!(transforms.shape([3, 32, 32]), [3, 32, 32]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    height: usize,
    width: usize,
    random: bool,
    padding: usize,
    fill: f32,
}

impl Crop {
    /// A part of `height` × `width` pixels, all places equally likely.
    pub fn random(height: usize, width: usize) -> Crop {
        Crop { height, width, random: true, padding: 0, fill: 0.0 }
    }

    /// The middle `height` × `width` pixels; where it cannot be in the very middle, the upper left of those nearest to it.
    pub fn center(height: usize, width: usize) -> Crop {
        Crop { random: false, ..Crop::random(height, width) }
    }

    /// Puts a border of that many pixels around the image first.
    pub fn padding(self, pixels: usize) -> Crop {
        Crop { padding: pixels, ..self }
    }

    /// The value of the border; 0 unless chosen.
    pub fn fill(self, value: f32) -> Crop {
        Crop { fill: value, ..self }
    }

    /// How much room there is for the upper left corner along an axis.
    fn room(&self, old: usize, new: usize) -> usize {
        let padded = self.padding.saturating_mul(2).saturating_add(old);
        let room = padded.checked_sub(new);
        room.unwrap_or_else(|| panic!("crop: found {new} pixels to crop, expected at most the {padded} there are"))
    }
}

impl Transform for Crop {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, height, width] = image.shape();
        let corner = [self.room(width, self.width), self.room(height, self.height)].map(|room| {
            let at = if self.random { random::below(rng, room + 1) } else { room / 2 };
            at as isize - self.padding as isize
        });
        window(image, corner, [self.height, self.width], self.fill);
    }

    fn shape(&self, [channels, height, width]: [usize; 3]) -> [usize; 3] {
        self.room(width, self.width);
        self.room(height, self.height);
        [channels, self.height, self.width]
    }
}
