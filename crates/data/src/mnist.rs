use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use crate::{Error, Images, digits, idx};

const CLASSES: u8 = 10;
const SIDE: usize = 28;
/// What the generator makes where there is no MNIST: as many images as MNIST has, from one seed.
const GENERATED: (usize, usize, u64) = (60_000, 10_000, 0);

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

/// Where the images of an [`Mnist`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Files in the folder that was asked for.
    Folder(PathBuf),
    /// Files in the folder that the environment variable `MNIST_DIR` names.
    Variable(PathBuf),
    /// Files that an earlier download left in the cache folder.
    Cache(PathBuf),
    /// Files just downloaded into the cache folder.
    Download(PathBuf),
    /// Not MNIST: images drawn by [`digits`], for the reason given.
    Generated(String),
}

/// How far [`Mnist::open_with`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Part of a file has arrived.
    Download {
        /// The name of the file.
        file: &'a str,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, where the server says so.
        total: Option<u64>,
    },
    /// Some of the digits are drawn.
    Generate {
        /// Images so far.
        done: usize,
        /// Images in all.
        total: usize,
    },
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
        if let Some(dir) = dir {
            return Mnist::load(dir, Source::Folder(dir.to_owned()));
        }
        if let Some(dir) = variable("MNIST_DIR").map(PathBuf::from) {
            return Mnist::load(&dir, Source::Variable(dir.clone()));
        }
        let cached = Mnist::cached(cache_folder(), |folder| fetch(folder, progress));
        Ok(cached.unwrap_or_else(|reason| Mnist::generated(reason, progress)))
    }

    /// The files in the cache, fetched if need be, or the reason why there are none.
    pub(crate) fn cached(
        folder: Option<PathBuf>,
        fetch: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<Mnist, String> {
        let folder = folder.ok_or("no cache folder, since the environment names no home folder")?;
        if let Ok(mnist) = Mnist::load(&folder, Source::Cache(folder.clone())) {
            return Ok(mnist);
        }
        fetch(&folder)?;
        Mnist::load(&folder, Source::Download(folder.clone())).map_err(|error| error.to_string())
    }

    fn load(folder: &Path, source: Source) -> Result<Mnist, Error> {
        let train = load_pair(folder, "train-images", "train-labels")?;
        let test = load_pair(folder, "t10k-images", "t10k-labels")?;
        Ok(Mnist { train, test, source })
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
            source => write!(f, "MNIST, {train} + {test} images, {}", source.origin()),
        }
    }
}

impl Source {
    fn origin(&self) -> String {
        match self {
            Source::Folder(folder) => format!("from {}", folder.display()),
            Source::Variable(folder) => format!("from {} (MNIST_DIR)", folder.display()),
            Source::Cache(folder) => format!("from {} (cache)", folder.display()),
            Source::Download(folder) => format!("downloaded to {}", folder.display()),
            Source::Generated(reason) => format!("no MNIST found: {reason}"),
        }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Source::Generated(_) => write!(f, "generated digits ({})", self.origin()),
            _ => write!(f, "MNIST {}", self.origin()),
        }
    }
}

/// 60000 as `60,000`.
struct Thousands(usize);

impl Display for Thousands {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self.0 {
            small @ 0..1000 => write!(f, "{small}"),
            large => write!(f, "{},{:03}", Thousands(large / 1000), large % 1000),
        }
    }
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

#[cfg(feature = "download")]
fn fetch(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), String> {
    crate::download::fetch(folder, &crate::download::MNIST, progress).map_err(|failure| failure.to_string())
}

#[cfg(not(feature = "download"))]
fn fetch(folder: &Path, _: &mut dyn FnMut(Progress)) -> Result<(), String> {
    Err(format!("none in {}, and this build leaves out the feature `download`", folder.display()))
}

fn cache_folder() -> Option<PathBuf> {
    // The XDG specification has relative paths ignored.
    let xdg = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.or_else(platform_cache).map(|cache| cache.join("wengert").join("mnist"))
}

fn platform_cache() -> Option<PathBuf> {
    if cfg!(windows) {
        return variable("LOCALAPPDATA").map(PathBuf::from);
    }
    let folder = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    variable("HOME").map(|home| Path::new(&home).join(folder))
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
