use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use crate::locate::{Located, Progress, Source, Thousands};
use crate::{Error, Images, digits, idx};

const CLASSES: u8 = 10;
const SIDE: usize = 28;
/// What the generator makes where there is no MNIST: as many images as MNIST has, from one seed.
const GENERATED: (usize, usize, u64) = (60_000, 10_000, 0);

pub(crate) const MNIST: Located = Located {
    name: "MNIST",
    variable: "MNIST_DIR",
    cache: "mnist",
    load,
    #[cfg(feature = "download")]
    fetch: |folder, progress| crate::download::fetch(folder, &crate::download::MNIST, progress),
};

/// The MNIST digits: 28×28 grey images of handwritten 0 to 9, in a training and a test set.
///
/// [`Display`] says how many images there are and where they come from.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// The training set: 60,000 rows of 784 bytes in the original.
    pub train: Images,
    /// The test set: 10,000 rows in the original.
    pub test: Images,
    /// Where the images come from.
    pub source: Source,
}

impl Mnist {
    /// Finds MNIST, and if there is none and no network either, draws digits instead and [says so](Source::Generated).
    ///
    /// It looks in `dir`, then in the folder that the environment variable `MNIST_DIR` names, then in the cache folder
    /// (`wengert/mnist` in `$XDG_CACHE_HOME`, or in the platform's cache folder), and then, with the feature `download`,
    /// downloads the four files into the cache folder, checked by their SHA-256.
    ///
    /// In a folder the files may be gzip or plain, and be spelt `train-images-idx3-ubyte` or `train-images.idx3-ubyte`.
    ///
    /// # Errors
    /// If `dir` is given, or else `MNIST_DIR` is set, and the files there are missing, damaged, of other shapes than
    /// `[n, 28, 28]` and `[n]`, of different counts, or if a label is not 0 to 9.
    pub fn open(dir: Option<&Path>) -> Result<Mnist, Error> {
        Mnist::open_with(dir, &mut |_| ())
    }

    /// [`open`](Mnist::open), reporting how downloading or drawing comes along.
    ///
    /// # Errors
    /// As [`open`](Mnist::open).
    pub fn open_with(dir: Option<&Path>, progress: &mut dyn FnMut(Progress)) -> Result<Mnist, Error> {
        Ok(match MNIST.open(dir, progress)? {
            Ok(([train, test], source)) => Mnist { train, test, source },
            Err(reason) => Mnist::generated(reason, progress),
        })
    }

    fn generated(reason: String, progress: &mut dyn FnMut(Progress)) -> Mnist {
        let (train, test, seed) = GENERATED;
        let total = train + test;
        let all = digits::generate_with(total, seed, |done| progress(Progress::Generate { done, total }));
        let (train, test) = all.split(train);
        Mnist { train, test, source: Source::Generated(reason) }
    }
}

impl Display for Mnist {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let (train, test) = (Thousands(self.train.len()), Thousands(self.test.len()));
        match &self.source {
            Source::Generated(reason) => {
                write!(f, "generated digits, {train} + {test} images (no MNIST found: {reason})")
            }
            source => write!(f, "MNIST, {train} + {test} images, {}", source.origin(&MNIST)),
        }
    }
}

/// The training and the test set in a folder that has the four files of MNIST or a collection of its format.
pub(crate) fn load(folder: &Path) -> Result<[Images; 2], Error> {
    Ok([load_pair(folder, "train-images", "train-labels")?, load_pair(folder, "t10k-images", "t10k-labels")?])
}

fn load_pair(folder: &Path, images: &'static str, labels: &'static str) -> Result<Images, Error> {
    let (images_path, labels_path) = (find(folder, images, 3)?, find(folder, labels, 1)?);
    let (images, labels) = (idx::read(&images_path)?, idx::read(&labels_path)?);
    let (images_file, labels_file) = (images_path.display().to_string(), labels_path.display().to_string());
    let &[image_count, SIDE, SIDE] = images.dims.as_slice() else {
        let expected = "[n, 28, 28], images";
        return Err(Error::Dimensions { file: images_file, found: images.dims, expected });
    };
    let &[label_count] = labels.dims.as_slice() else {
        return Err(Error::Dimensions { file: labels_file, found: labels.dims, expected: "[n], labels" });
    };
    if image_count != label_count {
        return Err(Error::Counts { labels_file, labels: label_count, images_file, images: image_count });
    }
    if let Some(row) = labels.data.iter().position(|&label| label >= CLASSES) {
        return Err(Error::Label { file: labels_file, row, label: labels.data[row], classes: CLASSES });
    }
    Ok(Images::new(images.data, SIDE * SIDE, labels.data)?.with_shape([1, SIDE, SIDE]))
}

fn find(folder: &Path, base: &'static str, rank: usize) -> Result<PathBuf, Error> {
    // Compressed first: that is what a download puts beside whatever else lies in the cache.
    [".gz", ""]
        .iter()
        .flat_map(|ending| ["-", "."].map(|mark| folder.join(format!("{base}{mark}idx{rank}-ubyte{ending}"))))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing { folder: folder.display().to_string(), base, rank })
}
