//! The binary format of CIFAR-10.
//!
//! A file is a run of records, each one byte for the class, 0 to 9, and 3072 for the picture: 32 × 32 pixels, row by row,
//! first all the red, then all the green, then all the blue.

use std::fs;
use std::path::Path;

use crate::{Error, Images};

/// `[channels, height, width]` of a picture.
pub(crate) const SHAPE: [usize; 3] = [3, 32, 32];
const PICTURE: usize = 3 * 32 * 32;
const CLASSES: u8 = 10;

/// Reads the pictures of several files, one after the other.
///
/// Memory is set aside for twice the size of the files.
///
/// # Errors
/// If a file cannot be read, has other than whole records, or a label is not 0 to 9.
pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Images, Error> {
    let mut records = Records::default();
    for path in paths {
        let path = path.as_ref();
        let file = path.display().to_string();
        let failed = |source| Error::Io { file: file.clone(), source };
        // Before opening: to open a pipe would wait for its other end.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Error::Irregular { file, expected: "a binary file of CIFAR-10" });
        }
        records.add(&fs::read(path).map_err(failed)?, &file)?;
    }
    records.images()
}

/// Parses the contents of a file; `name` stands for the file in messages.
///
/// ```
/// let mut record = vec![6];
/// record.extend([255; 3 * 32 * 32]);
/// let images = data::cifar::parse(&record, "one white frog").unwrap();
/// assert_eq!((images.len(), images.label(0), images.shape()), (1, 6, Some([3, 32, 32])));
///
/// let error = data::cifar::parse(&record[..100], "half a frog").unwrap_err();
/// assert_eq!(error.to_string(), "half a frog: found 100 bytes, expected a multiple of 3073, the size of a record");
/// ```
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str) -> Result<Images, Error> {
    let mut records = Records::default();
    records.add(bytes, name)?;
    records.images()
}

#[derive(Default)]
struct Records {
    pictures: Vec<u8>,
    labels: Vec<u8>,
}

impl Records {
    fn add(&mut self, bytes: &[u8], file: &str) -> Result<(), Error> {
        let (records, rest) = bytes.as_chunks::<{ 1 + PICTURE }>();
        if !rest.is_empty() {
            return Err(Error::Records { file: file.to_owned(), found: bytes.len(), size: 1 + PICTURE });
        }
        if let Some(row) = records.iter().position(|record| record[0] >= CLASSES) {
            return Err(Error::Label { file: file.to_owned(), row, label: records[row][0], classes: CLASSES });
        }
        self.pictures.reserve_exact(records.len() * PICTURE);
        self.labels.extend(records.iter().map(|record| record[0]));
        records.iter().for_each(|record| self.pictures.extend_from_slice(&record[1..]));
        Ok(())
    }

    fn images(self) -> Result<Images, Error> {
        Ok(Images::new(self.pictures, PICTURE, self.labels)?.with_shape(SHAPE))
    }
}
