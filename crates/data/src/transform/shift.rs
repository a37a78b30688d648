//! Shifts by whole pixels.

use chacha20::ChaCha8Rng;
use tensor::Rng;

use super::{Image, Transform};
use crate::random;

/// Moves an image by whole pixels, which changes none; [`Affine::shift`](super::Affine::shift) moves by parts of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    by: By,
    fill: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Exactly { dx: isize, dy: isize },
    AtMost(usize),
}

impl Shift {
    /// Moves right by `dx` and down by `dy` pixels.
    pub fn by(dx: isize, dy: isize) -> Shift {
        Shift { by: By::Exactly { dx, dy }, fill: 0.0 }
    }

    /// Moves by −`pixels` to `pixels` along each axis, each whole number equally likely.
    pub fn within(pixels: u16) -> Shift {
        Shift { by: By::AtMost(usize::from(pixels)), fill: 0.0 }
    }

    /// What comes in from outside; 0 unless chosen.
    pub fn fill(self, value: f32) -> Shift {
        Shift { fill: value, ..self }
    }
}

impl By {
    fn draw(self, rng: &mut ChaCha8Rng) -> [isize; 2] {
        let mut within = |pixels| random::below(rng, 2 * pixels + 1) as isize - pixels as isize;
        match self {
            By::Exactly { dx, dy } => [dx, dy],
            By::AtMost(pixels) => [within(pixels), within(pixels)],
        }
    }
}

impl Transform for Shift {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, height, width] = image.shape();
        let [dx, dy] = self.by.draw(rng);
        window(image, [-dx, -dy], [height, width], self.fill);
    }
}

/// Redraws an image as the part of it whose upper left corner is at `[x, y]`; outside it is `fill`.
pub(super) fn window(image: &mut Image, [x, y]: [isize; 2], [height, width]: [usize; 2], fill: f32) {
    let [_, old_height, old_width] = image.shape();
    let ((from, to, columns), (first, at, rows)) = (overlap(x, old_width, width), overlap(y, old_height, height));
    image.redraw(height, width, |old, new| {
        new.fill(fill);
        for row in 0..rows {
            let (source, target) = ((first + row) * old_width + from, (at + row) * width + to);
            new[target..target + columns].copy_from_slice(&old[source..source + columns]);
        }
    });
}

/// Along one axis: where the common part starts in the old image and in the new one, and how long it is.
fn overlap(corner: isize, old: usize, new: usize) -> (usize, usize, usize) {
    let from = corner.max(0).unsigned_abs().min(old);
    let to = corner.min(0).unsigned_abs().min(new);
    (from, to, (old - from).min(new - to))
}
