//! Distortions like those of a hand's oscillating muscles.

use tensor::Rng;

use super::resample::resample;
use super::{Amount, Image, Transform};
use crate::random;

/// Elastic distortion (Simard, Steinkraus, Platt 2003): pixel p is read at p + α·(G ∗ noise)(p).
///
/// The noise is uniform in \[−1, 1\], independent for each pixel and axis, and 0 outside the image; G is a Gaussian of
/// standard deviation σ pixels, cut off at 4σ. A large σ moves the image as a whole, a small one tears it; the paper has
/// σ = 4 and α = 34 for digits of 29 × 29 pixels, which moves a pixel by some 1.4 along each axis. All channels move
/// alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Elastic {
    alpha: Amount,
    /// The half of the Gaussian from its middle on, normalised so that the whole sums to 1.
    weights: Vec<f32>,
    fill: f32,
}

impl Elastic {
    /// Smoothness `sigma` in pixels, strength `alpha` in pixels.
    ///
    /// # Panics
    /// If `sigma` is not above 0 and at most 1000, or `alpha` is negative or not finite.
    #[track_caller]
    pub fn new(sigma: f32, alpha: impl Into<Amount>) -> Elastic {
        let sound = sigma > 0.0 && sigma <= 1000.0;
        assert!(sound, "elastic: found a smoothness of {sigma} pixels, expected one above 0 and up to 1000");
        Elastic { alpha: alpha.into().checked("elastic", 0.0), weights: gaussian(sigma), fill: 0.0 }
    }

    /// What comes in from outside; 0 unless chosen.
    pub fn fill(self, value: f32) -> Elastic {
        Elastic { fill: value, ..self }
    }
}

impl Transform for Elastic {
    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        let [_, height, width] = image.shape();
        let alpha = self.alpha.draw(rng);
        let dx = field(height, width, &self.weights, rng);
        let dy = field(height, width, &self.weights, rng);
        resample(image, self.fill, |x, y| {
            let at = y * width + x;
            [x as f32 + alpha * dx[at], y as f32 + alpha * dy[at]]
        });
    }
}

/// exp(−i² / 2σ²) for i from 0 to 4σ, over the sum for −4σ to 4σ.
fn gaussian(sigma: f32) -> Vec<f32> {
    let sigma = f64::from(sigma);
    let reach = (4.0 * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=reach).map(|i| libm::exp(-(i as f64 / sigma).powi(2) / 2.0)).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|weight| (weight / total) as f32).collect()
}

/// Smoothed noise for each pixel.
fn field(height: usize, width: usize, weights: &[f32], rng: &mut Rng) -> Vec<f32> {
    let mut noise: Vec<f32> = (0..height * width).map(|_| random::between(rng, -1.0, 1.0)).collect();
    let mut smooth = vec![0.0; height * width];
    along_rows(&noise, &mut smooth, width, weights);
    along_columns(&smooth, &mut noise, width, weights);
    noise
}

/// The convolution of each row with a symmetric kernel, given from its middle on.
fn along_rows(from: &[f32], to: &mut [f32], width: usize, weights: &[f32]) {
    let reach = weights.len() - 1;
    let mut framed = vec![0.0; width + 2 * reach];
    for (row, out) in from.chunks_exact(width.max(1)).zip(to.chunks_exact_mut(width.max(1))) {
        framed[reach..reach + width].copy_from_slice(row);
        out.iter_mut().zip(row).for_each(|(out, x)| *out = weights[0] * x);
        // What lies further off than the image is wide is 0.
        for (distance, &weight) in weights.iter().enumerate().take(width).skip(1) {
            add_weighted(out, weight, &framed[reach - distance..], &framed[reach + distance..]);
        }
    }
}

/// The same for each column; whole rows are added, so that it runs over memory as it lies.
fn along_columns(from: &[f32], to: &mut [f32], width: usize, weights: &[f32]) {
    let zeros = vec![0.0; width];
    let row = |y: usize| from.get(y * width..(y + 1) * width).unwrap_or(&zeros);
    let height = from.len() / width.max(1);
    for (y, out) in to.chunks_exact_mut(width.max(1)).enumerate() {
        out.iter_mut().zip(row(y)).for_each(|(out, x)| *out = weights[0] * x);
        for (distance, &weight) in weights.iter().enumerate().take(height).skip(1) {
            let above = y.checked_sub(distance).map_or(&*zeros, row);
            add_weighted(out, weight, above, row(y + distance));
        }
    }
}

fn add_weighted(out: &mut [f32], weight: f32, a: &[f32], b: &[f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out += weight * (a + b);
    }
}
