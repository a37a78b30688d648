pub(crate) mod augment;

use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;

use tensor::convert::{fetch, u8_to_f32};
use tensor::{Shape, Tensor};

use crate::{Batch, Batches, BoxError, Dataset, Error};

/// The factor of Michael Nielsen's files, whose brightest pixel is 255/256; [`Images::new`] starts with 1/255.
pub const NIELSEN_SCALE: f32 = 1.0 / 256.0;

/// How many scattered rows are fetched ahead: of MNIST, 12 kB.
const AHEAD: usize = 16;

/// Rows of bytes with a label each.
///
/// Cloning and [splitting](Images::split) share the storage. A row becomes `f32` on its way into a batch, each byte
/// multiplied by the scale.
///
/// ```
/// let dataset = data::Images::new(vec![0, 255, 51, 0, 0, 102], 2, vec![7, 1, 3])?;
/// let batch = dataset.batches(2).next().unwrap();
/// assert_eq!(batch.images.shape()[..], [2, 2]);
/// assert_eq!(dataset.image(2), [0, 102]);
/// assert_eq!(dataset.label(2), 3);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone)]
pub struct Images {
    storage: Arc<Storage>,
    rows: Range<usize>,
    scale: f32,
    /// Channels, height and width of the images that the rows are, where known.
    shape: Option<[usize; 3]>,
}

struct Storage {
    images: Vec<u8>,
    row_len: usize,
    labels: Vec<u8>,
}

impl Images {
    /// A data set of `labels.len()` rows; `images` holds them one after the other, each `row_len` bytes.
    ///
    /// # Errors
    /// If `images.len()` is not `labels.len() · row_len`.
    pub fn new(images: Vec<u8>, row_len: usize, labels: Vec<u8>) -> Result<Images, Error> {
        if labels.len().checked_mul(row_len) != Some(images.len()) {
            return Err(Error::Rows { bytes: images.len(), row_len, labels: labels.len() });
        }
        let rows = 0..labels.len();
        Ok(Images { storage: Arc::new(Storage { images, row_len, labels }), rows, scale: 1.0 / 255.0, shape: None })
    }

    /// The same rows as images of `[channels, height, width]`, row-major: what [transforms](crate::transform) need.
    ///
    /// # Panics
    /// If the product of the sizes is not the length of a row.
    #[track_caller]
    pub fn with_shape(self, shape: [usize; 3]) -> Images {
        let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
        let found = self.row_len();
        assert!(len == Some(found), "with_shape: found rows of {found} bytes, expected those of images of {shape:?}");
        Images { shape: Some(shape), ..self }
    }

    /// Channels, height and width of the images that the rows are, where known.
    pub fn shape(&self) -> Option<[usize; 3]> {
        self.shape
    }

    /// The same rows under another scale, such as [`NIELSEN_SCALE`].
    pub fn with_scale(self, scale: f32) -> Images {
        Images { scale, ..self }
    }

    /// What a byte is multiplied by to become a pixel.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The length of a row in bytes.
    pub fn row_len(&self) -> usize {
        self.storage.row_len
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn image(&self, i: usize) -> &[u8] {
        let start = self.row(i) * self.row_len();
        &self.storage.images[start..start + self.row_len()]
    }

    /// The label of row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn label(&self, i: usize) -> u8 {
        self.storage.labels[self.row(i)]
    }

    /// All rows, one after the other.
    pub(crate) fn images(&self) -> &[u8] {
        &self.storage.images[self.rows.start * self.row_len()..self.rows.end * self.row_len()]
    }

    /// The labels of all rows.
    pub fn labels(&self) -> &[u8] {
        &self.storage.labels[self.rows.clone()]
    }

    /// The first `at` rows and the rest, on the same storage.
    ///
    /// # Panics
    /// If there are fewer than `at` rows.
    #[track_caller]
    pub fn split(&self, at: usize) -> (Images, Images) {
        assert!(
            at <= self.len(),
            "split: found a split at row {at}, expected at most the {} rows there are",
            self.len()
        );
        let middle = self.rows.start + at;
        let part = |rows| Images { rows, ..self.clone() };
        (part(self.rows.start..middle), part(middle..self.rows.end))
    }

    /// Batches of `batch_size` rows, in order unless [shuffled](Batches::shuffle); the last holds what is left.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    pub fn batches(&self, batch_size: usize) -> Batches {
        Batches::new(self.clone(), batch_size)
    }

    /// The given rows, in the given order, as one batch.
    ///
    /// # Panics
    /// If one of them does not exist.
    #[track_caller]
    pub fn gather(&self, rows: &[usize]) -> Batch {
        // Checked here, where the panic can still point at the caller.
        for &row in rows {
            assert!(row < self.len(), "gather: {}", self.no_row(row));
        }
        self.gather_before(rows, &[])
    }

    /// The given rows as one batch; and the way to those of the next batch is begun.
    pub(crate) fn gather_before(&self, rows: &[usize], next: &[usize]) -> Batch {
        let images = Tensor::build([rows.len(), self.row_len()], |pixels| self.convert(rows, next, pixels));
        let labels = Tensor::build([rows.len()], |labels| {
            labels.iter_mut().zip(rows).for_each(|(label, &row)| *label = i64::from(self.label(row)));
        });
        Batch { images, labels }
    }

    /// Scattered rows, side by side in `pixels`. Some rows ahead are on their way from memory meanwhile; waiting for one
    /// after the other would take longer than the conversion.
    fn convert(&self, rows: &[usize], next: &[usize], pixels: &mut [f32]) {
        let coming = rows.iter().skip(AHEAD).chain(next.iter().take(AHEAD));
        let (mut coming, width) = (coming, self.row_len());
        for (i, &row) in rows.iter().enumerate() {
            u8_to_f32(self.image(row), self.scale, &mut pixels[i * width..(i + 1) * width]);
            coming.next().into_iter().for_each(|&row| fetch(self.image(row)));
        }
        coming.for_each(|&row| fetch(self.image(row)));
    }

    /// A run of rows as one batch; they lie side by side, so one conversion takes them all.
    pub(crate) fn run(&self, rows: Range<usize>) -> Batch {
        let width = self.row_len();
        let stored = self.rows.start + rows.start..self.rows.start + rows.end;
        let bytes = &self.storage.images[stored.start * width..stored.end * width];
        let images = Tensor::build([rows.len(), width], |pixels| u8_to_f32(bytes, self.scale, pixels));
        let labels = Tensor::build([rows.len()], |labels| {
            let bytes = &self.storage.labels[stored];
            labels.iter_mut().zip(bytes).for_each(|(label, &byte)| *label = i64::from(byte));
        });
        Batch { images, labels }
    }

    /// The shape of a sample.
    fn sizes(&self) -> Shape {
        self.shape.map_or_else(|| [self.row_len()].into(), Shape::from)
    }

    /// Where row `i` is in the storage.
    #[track_caller]
    fn row(&self, i: usize) -> usize {
        assert!(i < self.len(), "dataset: {}", self.no_row(i));
        self.rows.start + i
    }

    fn no_row(&self, i: usize) -> String {
        format!("found row index {i}, expected one below the {} rows there are", self.len())
    }
}

impl Debug for Images {
    /// The sizes; the bytes would fill a thousand screens.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let mut fields = f.debug_struct("Images");
        fields.field("len", &self.len()).field("row_len", &self.row_len()).field("scale", &self.scale);
        fields.field("shape", &self.shape);
        fields.finish_non_exhaustive()
    }
}

/// Samples of an image, in its [shape](Images::with_shape) or else as a row, and its label.
impl Dataset for Images {
    type Sample = (Tensor<f32>, i64);

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, index: usize) -> Result<(Tensor<f32>, i64), BoxError> {
        let (image, label) = (self.image(index), self.label(index));
        Ok((Tensor::build(self.sizes(), |pixels| u8_to_f32(image, self.scale, pixels)), i64::from(label)))
    }

    /// Straight from the bytes: shapes `[n, channels, height, width]` and `[n]`.
    fn batch(&self, indices: &[usize]) -> Result<(Tensor<f32>, Tensor<i64>), Error> {
        let Batch { images, labels } = self.gather(indices);
        let sizes: Vec<usize> = [indices.len()].into_iter().chain(self.sizes().iter().copied()).collect();
        Ok((images.reshape(sizes), labels))
    }
}
