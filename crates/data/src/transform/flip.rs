//! Mirror images.

use tensor::Rng;

use super::{Image, Transform};

/// The mirror image; `transforms.sometimes(0.5, Flip::Horizontal)` has every second one flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// Left and right change places.
    Horizontal,
    /// Above and below change places.
    Vertical,
}

impl Transform for Flip {
    fn apply(&self, image: &mut Image, _: &mut Rng) {
        let [_, height, width] = image.shape();
        let (pixels, width) = (image.pixels_mut(), width.max(1));
        match self {
            Flip::Horizontal => pixels.chunks_exact_mut(width).for_each(<[f32]>::reverse),
            Flip::Vertical => pixels.chunks_exact_mut((height * width).max(1)).for_each(|channel| {
                let (above, below) = channel.split_at_mut(height / 2 * width);
                above
                    .chunks_exact_mut(width)
                    .zip(below.rchunks_exact_mut(width))
                    .for_each(|(a, b)| a.swap_with_slice(b));
            }),
        }
    }
}
