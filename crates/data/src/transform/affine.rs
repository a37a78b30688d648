//! Maps that keep lines straight.

use tensor::Rng;

use super::resample::resample;
use super::{Amount, Image, Transform};

/// Stretches, slants, turns and moves an image, in this order, in one pass and about its centre; read bilinearly.
///
/// With the sizes s, the slant t, the angle a and the shift d, a point at p from the centre goes to
/// R(a) · \[\[1, t\], \[0, 1\]\] · diag(s) · p + d.
///
/// ```
/// use data::transform::{Affine, Draw, Transforms};
/// use tensor::Tensor;
/// let quarter = Transforms::new().add(Affine::new().rotate(90.0));
/// let turned = quarter.apply(&Tensor::from([[1.0, 2.0], [3.0, 4.0]]), Draw::new(0, 0, 0));
/// assert!((turned - Tensor::from([[2.0, 4.0], [1.0, 3.0]])).abs().max(..).item() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    angle: Amount,
    scale: Scale,
    slant: Amount,
    shift: [Amount; 2],
    fill: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Both(Amount),
    Each([Amount; 2]),
}

impl Affine {
    /// The map that changes nothing.
    pub fn new() -> Affine {
        let none = Amount::from(0.0);
        Affine { angle: none, scale: Scale::Both(1.0.into()), slant: none, shift: [none; 2], fill: 0.0 }
    }

    /// Turns by an angle in degrees, anticlockwise.
    ///
    /// # Panics
    /// If it is not finite.
    #[track_caller]
    pub fn rotate(self, degrees: impl Into<Amount>) -> Affine {
        Affine { angle: degrees.into().checked("rotate", f32::MIN), ..self }
    }

    /// Enlarges by a factor; one below 1 makes smaller.
    ///
    /// # Panics
    /// If it is not finite, or not above 0.
    #[track_caller]
    pub fn scale(self, factor: impl Into<Amount>) -> Affine {
        Affine { scale: Scale::Both(factor.into().checked("scale", f32::MIN_POSITIVE)), ..self }
    }

    /// Enlarges by a factor along each axis.
    ///
    /// # Panics
    /// If one is not finite, or not above 0.
    #[track_caller]
    pub fn stretch(self, x: impl Into<Amount>, y: impl Into<Amount>) -> Affine {
        let factors = [x.into(), y.into()].map(|factor| factor.checked("stretch", f32::MIN_POSITIVE));
        Affine { scale: Scale::Each(factors), ..self }
    }

    /// Slants: a row that lies one pixel lower moves right by `slope` pixels more.
    ///
    /// # Panics
    /// If it is not finite.
    #[track_caller]
    pub fn slant(self, slope: impl Into<Amount>) -> Affine {
        Affine { slant: slope.into().checked("slant", f32::MIN), ..self }
    }

    /// Moves right by `dx` and down by `dy` pixels, which need not be whole.
    ///
    /// # Panics
    /// If one is not finite.
    #[track_caller]
    pub fn shift(self, dx: impl Into<Amount>, dy: impl Into<Amount>) -> Affine {
        Affine { shift: [dx.into(), dy.into()].map(|by| by.checked("shift", f32::MIN)), ..self }
    }

    /// What comes in from outside; 0 unless chosen.
    pub fn fill(self, value: f32) -> Affine {
        Affine { fill: value, ..self }
    }

    /// The linear part of the way back, from a pixel of the result to its source.
    fn inverse(&self, rng: &mut Rng) -> [[f32; 2]; 2] {
        let (sin, cos) = libm::sincos(f64::from(self.angle.draw(rng)).to_radians());
        let [width, height] = match self.scale {
            Scale::Both(factor) => [f64::from(factor.draw(rng)); 2],
            Scale::Each(factors) => factors.map(|factor| f64::from(factor.draw(rng))),
        };
        let slant = f64::from(self.slant.draw(rng));
        // Back through the rotation, then the slant, then the sizes; y points down.
        let back = [[(cos - slant * sin) / width, (-sin - slant * cos) / width], [sin / height, cos / height]];
        back.map(|row| row.map(|x| x as f32))
    }
}

impl Default for Affine {
    fn default() -> Affine {
        Affine::new()
    }
}

impl Transform for Affine {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [xs, ys] = self.inverse(rng);
        let [dx, dy] = self.shift.map(|by| by.draw(rng));
        let [_, height, width] = image.shape();
        let middle = [width, height].map(|size| (size as f32 - 1.0) / 2.0);
        resample(image, self.fill, |x, y| {
            let (x, y) = (x as f32 - middle[0] - dx, y as f32 - middle[1] - dy);
            [xs[0] * x + xs[1] * y + middle[0], ys[0] * x + ys[1] * y + middle[1]]
        });
    }
}
