//! An image on its way through transforms.

use std::mem;

/// An image in single precision, `[channels, height, width]`, row-major.
///
/// It keeps a second buffer for the transforms that cannot work in place, so that one `Image` used for many pictures
/// allocates nothing after the first.
#[derive(Clone, Debug)]
pub struct Image {
    shape: [usize; 3],
    pixels: Vec<f32>,
    spare: Vec<f32>,
}

impl Image {
    /// A black image.
    pub fn new(shape: [usize; 3]) -> Image {
        Image { shape, pixels: vec![0.0; len(shape)], spare: Vec::new() }
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The pixels, row-major.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// The pixels, row-major, for writing.
    pub fn pixels_mut(&mut self) -> &mut [f32] {
        &mut self.pixels
    }

    /// Makes it another image. `fill` writes every pixel; what it finds there is unspecified.
    pub fn load(&mut self, shape: [usize; 3], fill: impl FnOnce(&mut [f32])) {
        self.shape = shape;
        self.pixels.resize(len(shape), 0.0);
        fill(&mut self.pixels);
    }

    /// Replaces each channel by what `redraw(old, new)` makes of it, under another height and width. `redraw` writes every
    /// pixel of the new channel; what it finds there is unspecified.
    pub fn redraw(&mut self, height: usize, width: usize, mut redraw: impl FnMut(&[f32], &mut [f32])) {
        let [channels, old_height, old_width] = self.shape;
        self.shape = [channels, height, width];
        self.spare.resize(len(self.shape), 0.0);
        for channel in 0..channels {
            let (from, to) = (old_height * old_width, height * width);
            let old = &self.pixels[channel * from..(channel + 1) * from];
            redraw(old, &mut self.spare[channel * to..(channel + 1) * to]);
        }
        mem::swap(&mut self.pixels, &mut self.spare);
    }
}

fn len(shape: [usize; 3]) -> usize {
    shape.iter().product()
}
