//! Handwritten-looking digits, drawn: for examples and tests where there are no MNIST files.
//!
//! Each digit has a few styles, each style some strokes. A drawing moves the strokes' control points a little, runs a
//! curve through them, bends the plane elastically, rotates, slants and stretches it, fits the result into MNIST's 20×20
//! box, centres its ink in 28×28, and renders it with a pen of varying width and some noise. Nothing in it depends on
//! the platform: the same seed and index give the same bytes everywhere.

#[rustfmt::skip] // Points belong side by side.
mod glyphs;
mod ink;
mod pen;

use chacha20::ChaCha8Rng;

use crate::Images;
use crate::random::{self, Purpose};

/// The side of an image in pixels.
const SIDE: usize = 28;
/// How many images are drawn between two reports.
const REPORT_EVERY: usize = 1000;

/// `count` digits with their labels: rows of 28·28 bytes, ink bright on black, the classes equally likely.
///
/// Image `i` depends on `seed` and `i` alone, so that a shorter data set is the beginning of a longer one.
///
/// ```
/// let digits = data::digits::generate(100, 0);
/// assert_eq!(digits.row_len(), 28 * 28);
/// assert_eq!(digits.image(5), data::digits::generate(6, 0).image(5));
/// ```
pub fn generate(count: usize, seed: u64) -> Images {
    generate_with(count, seed, |_| ())
}

/// [`generate`], with a call now and then that says how many are done.
pub(crate) fn generate_with(count: usize, seed: u64, mut report: impl FnMut(usize)) -> Images {
    let mut images = Vec::with_capacity(count * SIDE * SIDE);
    let mut labels = Vec::with_capacity(count);
    for index in 0..count {
        let mut rng = random::stream(Purpose::Digits, seed, index as u64);
        let label = random::below(&mut rng, 10);
        images.extend_from_slice(&draw(label, &mut rng));
        labels.push(label as u8);
        if (index + 1) % REPORT_EVERY == 0 || index + 1 == count {
            report(index + 1);
        }
    }
    let digits = Images::new(images, SIDE * SIDE, labels).expect("an image is drawn for each label");
    digits.with_shape([1, SIDE, SIDE])
}

fn draw(digit: usize, rng: &mut ChaCha8Rng) -> [u8; SIDE * SIDE] {
    let styles = glyphs::STYLES[digit];
    let glyph = styles[random::below(rng, styles.len())];
    let strokes = pen::write(glyph, rng);
    ink::render(&strokes, rng)
}
