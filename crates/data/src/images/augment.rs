//! Transformed copies of a data set's rows, in advance or on their way into a batch.

use std::thread;

use tensor::Tensor;
use tensor::convert::u8_to_f32;

use crate::transform::{Draw, Image, Transforms};
use crate::{Batch, Images};

/// Transforms under a seed and an epoch, with the image that they work on.
#[derive(Clone, Debug)]
pub(crate) struct Augment {
    transforms: Transforms,
    from: [usize; 3],
    to: [usize; 3],
    seed: u64,
    epoch: u64,
    image: Image,
}

impl Augment {
    pub(crate) fn new(transforms: Transforms, from: [usize; 3], seed: u64, epoch: u64) -> Augment {
        let to = transforms.shape(from);
        Augment { transforms, from, to, seed, epoch, image: Image::new(from) }
    }

    /// The transformed row `i`.
    pub(crate) fn row(&mut self, images: &Images, i: usize) -> &[f32] {
        self.image.load(self.from, |pixels| u8_to_f32(images.image(i), images.scale(), pixels));
        self.transforms.apply_to(&mut self.image, Draw::new(self.seed, self.epoch, i));
        let found = self.image.shape();
        assert!(
            found == self.to,
            "augment: found an image of {found:?}, expected {:?} as the transforms said",
            self.to
        );
        self.image.pixels()
    }

    /// The transformed rows as one batch.
    pub(crate) fn batch(&mut self, from: &Images, rows: impl ExactSizeIterator<Item = usize> + Clone) -> Batch {
        let width = self.to.iter().product::<usize>();
        let images = Tensor::build([rows.len(), width], |pixels| {
            for (out, row) in pixels.chunks_exact_mut(width.max(1)).zip(rows.clone()) {
                out.copy_from_slice(self.row(from, row));
            }
        });
        let labels = Tensor::build([rows.len()], |labels| {
            labels.iter_mut().zip(rows).for_each(|(label, row)| *label = i64::from(from.label(row)));
        });
        Batch { images, labels }
    }

    /// The transformed rows from `first` on as bytes, as many as `out` has room for.
    fn bytes(&mut self, images: &Images, first: usize, out: &mut [u8]) {
        let width = self.to.iter().product::<usize>();
        for (i, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
            let pixels = self.row(images, first + i);
            // Adding a half rounds what the conversion cuts off; it also takes what is out of range to the nearest byte.
            out.iter_mut().zip(pixels).for_each(|(byte, pixel)| *byte = (pixel / images.scale() + 0.5) as u8);
        }
    }
}

impl Images {
    /// This data set, and after it `copies` transformed copies of it: row `i` of copy `c`, counted from 1, is changed by
    /// what [`Draw::new(seed, c, i)`](Draw) draws.
    ///
    /// Every core works on it; the result does not depend on how many there are. Pixels are rounded to bytes, so use
    /// [`Batches::augment`](crate::Batches::augment) for transforms that leave the range of the bytes, such as
    /// [`Normalize`](crate::transform::Normalize).
    ///
    /// ```
    /// use data::transform::{Shift, Transforms};
    /// let digits = data::digits::generate(100, 0);
    /// let expanded = digits.expand(&Transforms::new().add(Shift::within(1)), 4, 7);
    /// assert_eq!(expanded.len(), 500);
    /// assert_eq!(expanded.image(3), digits.image(3));
    /// assert_eq!(expanded.label(203), digits.label(3));
    /// ```
    ///
    /// # Panics
    /// If the rows have no [shape](Images::with_shape), or the transforms do not apply to it or change it.
    #[track_caller]
    pub fn expand(&self, transforms: &Transforms, copies: usize, seed: u64) -> Images {
        let shape = self.known_shape();
        let changed = transforms.shape(shape);
        assert!(changed == shape, "expand: found transforms from {shape:?} to {changed:?}, expected the same shape");
        let originals = self.images();
        let mut images = vec![0; originals.len() * (copies + 1)];
        let (first, rest) = images.split_at_mut(originals.len());
        first.copy_from_slice(originals);
        for (copy, out) in rest.chunks_exact_mut(originals.len().max(1)).enumerate() {
            self.transform_into(transforms, seed, copy as u64 + 1, out);
        }
        self.with_rows(images, self.labels().repeat(copies + 1), shape)
    }

    /// Every row transformed, rounded to bytes: row `i` by what [`Draw::new(seed, epoch, i)`](Draw) draws.
    ///
    /// # Panics
    /// If the rows have no [shape](Images::with_shape), or the transforms do not apply to it.
    #[track_caller]
    pub fn transform(&self, transforms: &Transforms, seed: u64, epoch: u64) -> Images {
        let shape = transforms.shape(self.known_shape());
        let mut images = vec![0; self.len() * shape.iter().product::<usize>()];
        self.transform_into(transforms, seed, epoch, &mut images);
        self.with_rows(images, self.labels().to_vec(), shape)
    }

    /// All rows transformed into `out`, a run of rows for each core.
    fn transform_into(&self, transforms: &Transforms, seed: u64, epoch: u64, out: &mut [u8]) {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let rows = self.len().div_ceil(threads).max(1);
        let width = out.len() / self.len().max(1);
        let augment = Augment::new(transforms.clone(), self.known_shape(), seed, epoch);
        thread::scope(|scope| {
            for (k, out) in out.chunks_mut((rows * width).max(1)).enumerate() {
                let mut augment = augment.clone();
                scope.spawn(move || augment.bytes(self, k * rows, out));
            }
        });
    }

    fn with_rows(&self, images: Vec<u8>, labels: Vec<u8>, shape: [usize; 3]) -> Images {
        let row_len = shape.iter().product();
        let rows = Images::new(images, row_len, labels).expect("a row is made for each label");
        rows.with_scale(self.scale()).with_shape(shape)
    }

    #[track_caller]
    pub(crate) fn known_shape(&self) -> [usize; 3] {
        self.shape().expect("transforms: found rows without a shape, expected one given by `with_shape`")
    }
}
