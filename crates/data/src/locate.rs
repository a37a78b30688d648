//! Where data files are: in a folder that was asked for, in the cache, or on the network.

use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use crate::{Error, Images};

/// Where images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Files in the folder that was asked for.
    Folder(PathBuf),
    /// Files in the folder that an environment variable names, such as `MNIST_DIR`.
    Variable(PathBuf),
    /// Files that an earlier download left in the cache folder.
    Cache(PathBuf),
    /// Files just downloaded into the cache folder.
    Download(PathBuf),
    /// Not MNIST: images drawn by [`digits`](crate::digits), for the reason given.
    Generated(String),
}

/// How far [`Mnist::open_with`](crate::Mnist::open_with) or [`Collection::open_with`](crate::Collection::open_with) has come.
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

impl Source {
    /// Where the images of a collection come from, in words.
    pub(crate) fn origin(&self, located: &Located) -> String {
        match self {
            Source::Variable(folder) => format!("from {} ({})", folder.display(), located.variable),
            other => other.to_string(),
        }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Source::Folder(folder) => write!(f, "from {}", folder.display()),
            Source::Variable(folder) => write!(f, "from {} (environment)", folder.display()),
            Source::Cache(folder) => write!(f, "from {} (cache)", folder.display()),
            Source::Download(folder) => write!(f, "downloaded to {}", folder.display()),
            Source::Generated(reason) => write!(f, "generated digits (no MNIST found: {reason})"),
        }
    }
}

/// 60000 as `60,000`.
pub(crate) struct Thousands(pub(crate) usize);

impl Display for Thousands {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self.0 {
            small @ 0..1000 => write!(f, "{small}"),
            large => write!(f, "{},{:03}", Thousands(large / 1000), large % 1000),
        }
    }
}

/// A training and a test set, and where they come from.
pub(crate) type Found = ([Images; 2], Source);

/// Fills a folder with the files of a collection.
#[cfg(feature = "download")]
type Fetch = fn(&Path, &mut dyn FnMut(Progress)) -> Result<(), crate::download::Failure>;

/// A collection of images: what it is called, where it may be, and how its files are read.
pub(crate) struct Located {
    pub(crate) name: &'static str,
    /// The environment variable that names a folder.
    pub(crate) variable: &'static str,
    /// The folder in the cache.
    pub(crate) cache: &'static str,
    pub(crate) load: fn(&Path) -> Result<[Images; 2], Error>,
    #[cfg(feature = "download")]
    pub(crate) fetch: Fetch,
}

impl Located {
    /// Looks in `dir`, else where the variable says, else in the cache, which is filled if need be; or tells why there is
    /// nothing.
    pub(crate) fn open(
        &self,
        dir: Option<&Path>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Result<Found, String>, Error> {
        if let Some(dir) = dir {
            return Ok(Ok(((self.load)(dir)?, Source::Folder(dir.to_owned()))));
        }
        if let Some(dir) = variable(self.variable).map(PathBuf::from) {
            return Ok(Ok(((self.load)(&dir)?, Source::Variable(dir))));
        }
        Ok(self.cached(self.cache_folder(), |folder| self.fetch(folder, progress)))
    }

    /// The files in the cache, fetched if need be, or the reason why there are none.
    pub(crate) fn cached(
        &self,
        folder: Option<PathBuf>,
        fetch: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<Found, String> {
        let folder = folder.ok_or("no cache folder, since the environment names no home folder")?;
        if let Ok(sets) = (self.load)(&folder) {
            return Ok((sets, Source::Cache(folder)));
        }
        fetch(&folder)?;
        let sets = (self.load)(&folder).map_err(|error| error.to_string())?;
        Ok((sets, Source::Download(folder)))
    }

    #[cfg(feature = "download")]
    fn fetch(&self, folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), String> {
        (self.fetch)(folder, progress).map_err(|failure| failure.to_string())
    }

    #[cfg(not(feature = "download"))]
    fn fetch(&self, folder: &Path, _: &mut dyn FnMut(Progress)) -> Result<(), String> {
        Err(format!("none in {}, and this build leaves out the feature `download`", folder.display()))
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        // The XDG specification has relative paths ignored.
        let xdg = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        xdg.or_else(platform_cache).map(|cache| cache.join("wengert").join(self.cache))
    }
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
