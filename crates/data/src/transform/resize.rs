//! Images of another size.

use tensor::Rng;

use super::{Image, Transform};

/// Another height and width, by bilinear interpolation that averages where the image becomes smaller.
///
/// Along each axis a pixel is the mean of the source under a triangle as wide as two of the larger pixels, which is what
/// Pillow's bilinear filter does, and what PyTorch's does with antialiasing.
///
/// ```
/// use data::transform::{Draw, Resize, Transforms};
/// use tensor::Tensor;
/// let smaller = Transforms::new().add(Resize::to(1, 2));
/// let image = Tensor::from([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.0]]);
/// assert_eq!(smaller.apply(&image, Draw::new(0, 0, 0)), Tensor::from([[0.5714286, 3.4285715]]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    height: usize,
    width: usize,
}

impl Resize {
    /// Images of `height` × `width` pixels.
    pub fn to(height: usize, width: usize) -> Resize {
        Resize { height, width }
    }
}

impl Transform for Resize {
    fn apply(&self, image: &mut Image, _: &mut Rng) {
        let [_, height, width] = image.shape();
        let (columns, rows) = (weights(width, self.width), weights(height, self.height));
        image.redraw(height, self.width, |old, new| {
            for (old, new) in old.chunks_exact(width.max(1)).zip(new.chunks_exact_mut(self.width.max(1))) {
                new.iter_mut().zip(&columns).for_each(|(new, mean)| *new = mean.of(old));
            }
        });
        image.redraw(self.height, self.width, |old, new| {
            new.fill(0.0);
            for (new, mean) in new.chunks_exact_mut(self.width.max(1)).zip(&rows) {
                let old = old.chunks_exact(self.width.max(1)).skip(mean.first);
                mean.weights.iter().zip(old).for_each(|(weight, old)| {
                    new.iter_mut().zip(old).for_each(|(new, old)| *new += weight * old);
                });
            }
        });
    }

    fn shape(&self, [channels, height, width]: [usize; 3]) -> [usize; 3] {
        let empty = height * width == 0 && self.height * self.width > 0;
        assert!(!empty, "resize: found an image of {height} × {width} pixels, expected at least one");
        [channels, self.height, self.width]
    }
}

/// A weighted mean of neighbouring pixels.
struct Mean {
    first: usize,
    weights: Vec<f32>,
}

impl Mean {
    fn of(&self, row: &[f32]) -> f32 {
        self.weights.iter().zip(&row[self.first..]).map(|(weight, x)| weight * x).sum()
    }
}

/// What each of `new` pixels is made of.
fn weights(old: usize, new: usize) -> Vec<Mean> {
    let scale = old as f64 / new as f64;
    let reach = scale.max(1.0);
    let mean = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(old);
        let triangle = |j: usize| (1.0 - (j as f64 + 0.5 - centre).abs() / reach).max(0.0);
        let total: f64 = (first..end).map(triangle).sum();
        Mean { first, weights: (first..end).map(|j| (triangle(j) / total) as f32).collect() }
    };
    (0..new).map(mean).collect()
}
