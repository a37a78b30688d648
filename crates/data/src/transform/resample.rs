//! Reading an image between its pixels.

use super::Image;

/// Redraws an image in its own size: pixel (x, y) is read at `source(x, y)`, between pixels bilinearly, outside as `fill`.
pub(super) fn resample(image: &mut Image, fill: f32, source: impl Fn(usize, usize) -> [f32; 2]) {
    let [_, height, width] = image.shape();
    let mut framed = Framed::new(height, width, fill);
    image.redraw(height, width, |old, new| {
        framed.load(old);
        for (y, row) in new.chunks_exact_mut(width.max(1)).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = framed.at(source(x, y));
            }
        }
    });
}

/// A channel with a frame of one pixel, so that reading near the border is like reading anywhere.
struct Framed {
    pixels: Vec<f32>,
    height: usize,
    width: usize,
}

impl Framed {
    fn new(height: usize, width: usize, fill: f32) -> Framed {
        Framed { pixels: vec![fill; (height + 2) * (width + 2)], height, width }
    }

    fn load(&mut self, channel: &[f32]) {
        let rows = self.pixels.chunks_exact_mut(self.width + 2).skip(1);
        for (framed, row) in rows.zip(channel.chunks_exact(self.width.max(1))) {
            framed[1..=self.width].copy_from_slice(row);
        }
    }

    fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let ((column, u), (row, v)) = (cell(x, self.width), cell(y, self.height));
        let stride = self.width + 2;
        let corner = row * stride + column;
        let near = &self.pixels[corner..corner + stride + 2];
        let (above, below) = (mix(near[0], near[1], u), mix(near[stride], near[stride + 1], u));
        mix(above, below, v)
    }
}

/// The framed pixel at or before a coordinate, and how far on to the next one.
fn cell(coordinate: f32, size: usize) -> (usize, f32) {
    let framed = (coordinate + 1.0).clamp(0.0, size as f32 + 1.0);
    // By way of i32, which processors convert to in one instruction.
    let pixel = (framed as i32).min(size as i32);
    (pixel as usize, framed - pixel as f32)
}

fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
