//! Pixels of mean 0 and standard deviation 1.

use tensor::Rng;

use super::{Image, Transform};

/// (x − mean) / std for each channel.
///
/// ```
/// use data::transform::{Draw, Normalize, Transforms};
/// use tensor::Tensor;
/// let transforms = Transforms::new().add(Normalize::new(&[0.5], &[0.25]));
/// let image = transforms.apply(&Tensor::from([[0.5, 1.0]]), Draw::new(0, 0, 0));
/// assert_eq!(image, Tensor::from([[0.0, 2.0]]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalize {
    /// One mean and one standard deviation for each channel, or one of each for all.
    ///
    /// # Panics
    /// If there are not as many of one as of the other, if one is not finite, or a standard deviation is not above 0.
    #[track_caller]
    pub fn new(mean: &[f32], std: &[f32]) -> Normalize {
        let sound = mean.len() == std.len() && !mean.is_empty() && mean.iter().all(|mean| mean.is_finite());
        let sound = sound && std.iter().all(|&std| std > 0.0 && std.is_finite());
        assert!(
            sound,
            "normalize: found means {mean:?} and standard deviations {std:?}, expected one of each by channel"
        );
        Normalize { mean: mean.to_vec(), std: std.to_vec() }
    }

    #[track_caller]
    fn check(&self, channels: usize) {
        let (found, fits) = (self.mean.len(), [1, channels].contains(&self.mean.len()));
        assert!(fits, "normalize: found means of {found} channels, expected 1 or the {channels} that the image has");
    }
}

impl Transform for Normalize {
    fn apply(&self, image: &mut Image, _: &mut Rng) {
        let [channels, height, width] = image.shape();
        self.check(channels);
        let planes = image.pixels_mut().chunks_exact_mut((height * width).max(1));
        for ((plane, mean), std) in planes.zip(self.mean.iter().cycle()).zip(self.std.iter().cycle()) {
            plane.iter_mut().for_each(|x| *x = (*x - mean) / std);
        }
    }

    fn shape(&self, shape: [usize; 3]) -> [usize; 3] {
        self.check(shape[0]);
        shape
    }
}
