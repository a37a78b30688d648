use std::fmt::{self, Display, Formatter};
use std::path::Path;

use crate::locate::{Located, Progress, Source, Thousands};
use crate::{Error, Images, cifar, mnist};

/// Well-known collections of images other than [MNIST](crate::Mnist).
///
/// ```no_run
/// use data::{Collection, TrainTest};
/// let TrainTest { train, test, .. } = Collection::FashionMnist.open(None)?;
/// for batch in train.batches(100).shuffle(1, 0) {
///     // …
/// }
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Collection {
    /// Articles of clothing, 60,000 + 10,000 gray images of 28 × 28 (Xiao, Rasul, Vollgraf 2017).
    FashionMnist,
    /// Cursive Japanese characters, 60,000 + 10,000 gray images of 28 × 28 (Clanuwat and others 2018).
    Kmnist,
    /// Animals and vehicles, 50,000 + 10,000 colour images of 32 × 32 (Krizhevsky 2009).
    Cifar10,
}

/// What a [`Collection`] contains. [`Display`] says what it is, how many images there are and where they come from.
#[derive(Clone, Debug)]
pub struct TrainTest {
    /// The training set.
    pub train: Images,
    /// The test set.
    pub test: Images,
    /// Where the images come from.
    pub source: Source,
    collection: Collection,
}

const FASHION_MNIST: Located = Located {
    name: "Fashion-MNIST",
    variable: "FASHION_MNIST_DIR",
    cache: "fashion-mnist",
    load: mnist::load,
    #[cfg(feature = "download")]
    fetch: |folder, progress| crate::download::fetch(folder, &crate::download::FASHION_MNIST, progress),
};

const KMNIST: Located = Located {
    name: "KMNIST",
    variable: "KMNIST_DIR",
    cache: "kmnist",
    load: mnist::load,
    #[cfg(feature = "download")]
    fetch: |folder, progress| crate::download::fetch(folder, &crate::download::KMNIST, progress),
};

const CIFAR_10: Located = Located {
    name: "CIFAR-10",
    variable: "CIFAR10_DIR",
    cache: "cifar-10",
    load: load_cifar,
    #[cfg(feature = "download")]
    fetch: |folder, progress| crate::download::fetch_archive(folder, &crate::download::CIFAR_10, progress),
};

impl Collection {
    /// What it is called.
    pub fn name(self) -> &'static str {
        self.located().name
    }

    /// What its ten classes are called.
    pub fn classes(self) -> [&'static str; 10] {
        match self {
            Collection::FashionMnist => [
                "T-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ],
            Collection::Kmnist => ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
            Collection::Cifar10 => {
                ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
            }
        }
    }

    /// Finds the files and reads them.
    ///
    /// It looks in `dir`, then in the folder that an environment variable names (`FASHION_MNIST_DIR`, `KMNIST_DIR`,
    /// `CIFAR10_DIR`), then in the cache folder (`wengert` in `$XDG_CACHE_HOME`, or in the platform's cache folder), and
    /// then, with the feature `download`, downloads the files into the cache folder, checked by their SHA-256.
    ///
    /// The files are those of MNIST, plain or gzip, or the `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` of
    /// CIFAR-10's binary version, which may be in a subfolder `cifar-10-batches-bin`.
    ///
    /// # Errors
    /// If the files in the folder that was asked for are missing or damaged, or there are none anywhere.
    pub fn open(self, dir: Option<&Path>) -> Result<TrainTest, Error> {
        self.open_with(dir, &mut |_| ())
    }

    /// [`open`](Collection::open), reporting how downloading comes along.
    ///
    /// # Errors
    /// As [`open`](Collection::open).
    pub fn open_with(self, dir: Option<&Path>, progress: &mut dyn FnMut(Progress)) -> Result<TrainTest, Error> {
        match self.located().open(dir, progress)? {
            Ok(([train, test], source)) => Ok(TrainTest { train, test, source, collection: self }),
            Err(reason) => Err(Error::Unavailable { name: self.name(), reason }),
        }
    }

    pub(crate) fn located(self) -> &'static Located {
        match self {
            Collection::FashionMnist => &FASHION_MNIST,
            Collection::Kmnist => &KMNIST,
            Collection::Cifar10 => &CIFAR_10,
        }
    }
}

impl Display for TrainTest {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let (train, test) = (Thousands(self.train.len()), Thousands(self.test.len()));
        let located = self.collection.located();
        write!(f, "{}, {train} + {test} images, {}", located.name, self.source.origin(located))
    }
}

fn load_cifar(folder: &Path) -> Result<[Images; 2], Error> {
    let inner = folder.join("cifar-10-batches-bin");
    let folder = if inner.is_dir() { &inner } else { folder };
    let train = (1..=5).map(|i| folder.join(format!("data_batch_{i}.bin")));
    Ok([cifar::read(train)?, cifar::read([folder.join("test_batch.bin")])?])
}
