//! Fetching the files of MNIST and other collections into the cache folder.
//!
//! Plain HTTP suffices, since nothing is kept whose contents have not the known SHA-256.

mod archive;
mod remotes;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

pub(crate) use archive::fetch_archive;
pub(crate) use remotes::{CIFAR_10, FASHION_MNIST, KMNIST, MNIST};

use crate::Progress;

/// No file may arrive larger than this where it is known by its contents; the largest of MNIST has under 10 MB.
const MOST_BYTES: u64 = 16 << 20;

/// Files and where to get them.
pub(crate) struct Remote<'a> {
    /// URLs that a file's name is appended to, in the order of preference.
    mirrors: &'a [&'a str],
    files: &'a [RemoteFile<'a>],
    proxy: fn() -> Option<ureq::Proxy>,
    /// The longest wait for a name to resolve or a connection to open: what having no network costs.
    connect: Duration,
    /// The longest wait for the next bytes.
    stall: Duration,
    /// The longest wait for a whole file.
    overall: Duration,
}

/// One file, identified by its bytes.
#[derive(Clone, Copy)]
struct RemoteFile<'a> {
    name: &'a str,
    sum: Sum<'a>,
}

/// What a file is known by.
#[derive(Clone, Copy)]
enum Sum<'a> {
    /// The length in bytes and the SHA-256 of what the gzip file decompresses to.
    Contents { len: u64, sha256: &'a str },
    /// The length in bytes and the SHA-256 of the file itself.
    File { len: u64, sha256: &'a str },
}

impl Sum<'_> {
    fn sha256(&self) -> &str {
        match self {
            Sum::Contents { sha256, .. } | Sum::File { sha256, .. } => sha256,
        }
    }

    /// How many bytes may arrive.
    fn most(&self) -> u64 {
        match *self {
            Sum::Contents { .. } => MOST_BYTES,
            Sum::File { len, .. } => len,
        }
    }

    /// The SHA-256 of a stored file, to compare with the one that it should have.
    fn of(&self, file: impl BufRead) -> io::Result<String> {
        match *self {
            Sum::Contents { len, .. } => digest(MultiGzDecoder::new(file), len),
            Sum::File { len, .. } => digest(file, len),
        }
    }
}

/// Why a download came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cache folder {folder}: {source}")]
    Folder { folder: String, source: io::Error },
    #[error("{url}: {source}")]
    Request { url: String, source: Box<ureq::Error> },
    #[error("{url}: broken off after {received} bytes: {source}")]
    Body { url: String, received: u64, source: io::Error },
    #[error("{url}: found more than the {most} bytes expected at most")]
    TooLong { url: String, most: u64 },
    #[error("{url}: found damaged gzip data: {source}")]
    Gzip { url: String, source: io::Error },
    #[error("{url}: found contents with SHA-256 {found}, expected {expected}")]
    Contents { url: String, found: String, expected: String },
    #[error("{0}; {1}")]
    Both(Box<Failure>, Box<Failure>),
    #[error("no mirrors to download from")]
    NoMirrors,
    #[error("{name}: cannot be unpacked: {source}")]
    Unpack { name: String, source: io::Error },
    #[error("{name}: found {file} of {found} bytes, expected {expected}")]
    EntryLength { name: String, file: String, found: u64, expected: u64 },
    #[error("{name}: found no {file} in it")]
    NoEntry { name: String, file: String },
}

/// Makes `folder` hold all files of `remote`; files that it holds intact are left alone.
pub(crate) fn fetch(folder: &Path, remote: &Remote, progress: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
    let at_folder = |source| Failure::Folder { folder: folder.display().to_string(), source };
    fs::create_dir_all(folder).map_err(at_folder)?;
    let agent = agent(remote);
    for file in remote.files {
        if holds(folder, file) {
            continue;
        }
        let bytes = from_any_mirror(&agent, remote, file, progress)?;
        store(folder, file.name, &bytes).map_err(at_folder)?;
    }
    Ok(())
}

fn agent(remote: &Remote) -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy((remote.proxy)())
        .timeout_resolve(Some(remote.connect))
        .timeout_connect(Some(remote.connect))
        .timeout_recv_response(Some(remote.stall))
        .timeout_per_read(Some(remote.stall))
        .timeout_global(Some(remote.overall))
        .user_agent(concat!("wengert-data/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn holds(folder: &Path, file: &RemoteFile) -> bool {
    let digest = File::open(folder.join(file.name)).and_then(|stored| file.sum.of(BufReader::new(stored)));
    digest.is_ok_and(|found| found == file.sum.sha256())
}

fn from_any_mirror(
    agent: &ureq::Agent,
    remote: &Remote,
    file: &RemoteFile,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, Failure> {
    let mut failed: Option<Failure> = None;
    for mirror in remote.mirrors {
        match from_mirror(agent, &format!("{mirror}{}", file.name), file, progress) {
            Ok(bytes) => return Ok(bytes),
            Err(failure) => {
                failed = Some(match failed {
                    Some(first) => Failure::Both(first.into(), failure.into()),
                    None => failure,
                });
            }
        }
    }
    Err(failed.unwrap_or(Failure::NoMirrors))
}

fn from_mirror(
    agent: &ureq::Agent,
    url: &str,
    file: &RemoteFile,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, Failure> {
    let url = || url.to_owned();
    let response = agent.get(url()).call().map_err(|source| Failure::Request { url: url(), source: source.into() })?;
    let (total, most) = (response.body().content_length(), file.sum.most());
    if total.is_some_and(|total| total > most) {
        return Err(Failure::TooLong { url: url(), most });
    }
    let report = |received| progress(Progress::Download { file: file.name, received, total });
    let bytes = receive(response.into_body().into_reader(), most, report)
        .map_err(|(received, source)| Failure::Body { url: url(), received, source })?;
    if bytes.len() as u64 > most {
        return Err(Failure::TooLong { url: url(), most });
    }
    let found = file.sum.of(&*bytes).map_err(|source| Failure::Gzip { url: url(), source })?;
    match found == file.sum.sha256() {
        true => Ok(bytes),
        false => Err(Failure::Contents { url: url(), found, expected: file.sum.sha256().to_owned() }),
    }
}

/// Everything that `body` sends, up to one byte more than is allowed; an error comes with how many bytes preceded it.
fn receive(body: impl Read, most: u64, mut report: impl FnMut(u64)) -> Result<Vec<u8>, (u64, io::Error)> {
    let mut body = body.take(most + 1);
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match body.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(got) => bytes.extend_from_slice(&chunk[..got]),
            Err(error) => return Err((bytes.len() as u64, error)),
        }
        report(bytes.len() as u64);
    }
}

/// SHA-256, in hexadecimal, of what `bytes` yields; it stops where that grows longer than `len`.
fn digest(bytes: impl Read, len: u64) -> io::Result<String> {
    let mut bytes = bytes.take(len + 1);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match bytes.read(&mut chunk)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            got => hash.update(&chunk[..got]),
        }
    }
}

/// Under its name the file appears at once and whole, or not at all.
fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut part = tempfile::Builder::new().prefix(name).suffix(".part").tempfile_in(folder)?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(folder.join(name)).map_err(|error| error.error)?;
    Ok(())
}
