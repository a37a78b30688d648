//! Images with a part missing.

use tensor::Rng;

use super::{Amount, Image, Transform};
use crate::random;

/// How often a rectangle is drawn until one fits into the image.
const TRIES: usize = 10;

/// Covers a random rectangle (random erasing: Zhong, Zheng, Kang, Li, Yang 2020).
///
/// The rectangle's share of the area is drawn from a range, and so is its height over its width, whose logarithm is
/// uniform; all places are equally likely. Where ten drawn rectangles do not fit, the image stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Erase {
    area: Amount,
    log_aspect: Amount,
    value: f32,
}

impl Erase {
    /// Covers 2 to 33 % of the area, with sides up to 3.3 to 1, by 0.
    pub fn new() -> Erase {
        Erase { area: (0.02..=0.33).into(), log_aspect: logarithms(0.3, 3.3), value: 0.0 }
    }

    /// The covered share of the area.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn area(self, share: impl Into<Amount>) -> Erase {
        Erase { area: share.into().checked("area", 0.0), ..self }
    }

    /// The height over the width, at least and at most.
    ///
    /// # Panics
    /// If one of them is not finite or not above 0, or they are not in order.
    #[track_caller]
    pub fn aspect(self, least: f32, most: f32) -> Erase {
        Amount::from(least..=most).checked("aspect", f32::MIN_POSITIVE);
        Erase { log_aspect: logarithms(least, most), ..self }
    }

    /// What the rectangle is filled with.
    pub fn value(self, value: f32) -> Erase {
        Erase { value, ..self }
    }

    /// Height and width of a rectangle that fits.
    fn size(&self, height: usize, width: usize, rng: &mut Rng) -> Option<[usize; 2]> {
        (0..TRIES).find_map(|_| {
            let area = f64::from(self.area.draw(rng)) * (height * width) as f64;
            let aspect = libm::exp(f64::from(self.log_aspect.draw(rng)));
            let size = [area * aspect, area / aspect].map(|square| libm::round(libm::sqrt(square)) as usize);
            (size[0] <= height && size[1] <= width).then_some(size)
        })
    }
}

impl Default for Erase {
    fn default() -> Erase {
        Erase::new()
    }
}

fn logarithms(least: f32, most: f32) -> Amount {
    Amount::from(libm::logf(least)..=libm::logf(most))
}

impl Transform for Erase {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, height, width] = image.shape();
        let Some([rows, columns]) = self.size(height, width, rng) else { return };
        let (top, left) = (random::below(rng, height - rows + 1), random::below(rng, width - columns + 1));
        for channel in image.pixels_mut().chunks_exact_mut((height * width).max(1)) {
            for row in channel.chunks_exact_mut(width.max(1)).skip(top).take(rows) {
                row[left..left + columns].fill(self.value);
            }
        }
    }
}
