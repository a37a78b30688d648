//! Fetching the MNIST files into the cache folder.
//!
//! Plain HTTP suffices, since nothing is kept whose contents have not the known SHA-256.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::Progress;

/// No file may arrive larger than this; the largest of MNIST has under 10 MB.
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

/// One file, identified by its contents.
struct RemoteFile<'a> {
    name: &'a str,
    /// Length after decompression in bytes.
    len: u64,
    /// SHA-256 after decompression.
    sha256: &'a str,
}

pub(crate) const MNIST: Remote = Remote {
    mirrors: &["http://storage.googleapis.com/cvdf-datasets/mnist/", "http://ossci-datasets.s3.amazonaws.com/mnist/"],
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            len: 47_040_016,
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            len: 60_008,
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            len: 7_840_016,
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            len: 10_008,
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
    proxy: ureq::Proxy::try_from_env,
    connect: Duration::from_secs(2),
    stall: Duration::from_secs(10),
    overall: Duration::from_secs(600),
};

/// Why a download came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cache folder {folder}: {source}")]
    Folder { folder: String, source: io::Error },
    #[error("{url}: {source}")]
    Request { url: String, source: Box<ureq::Error> },
    #[error("{url}: broken off after {received} bytes: {source}")]
    Body { url: String, received: u64, source: io::Error },
    #[error("{url}: found more than the {MOST_BYTES} bytes expected at most")]
    TooLong { url: String },
    #[error("{url}: found damaged gzip data: {source}")]
    Gzip { url: String, source: io::Error },
    #[error("{url}: found contents with SHA-256 {found}, expected {expected}")]
    Contents { url: String, found: String, expected: String },
    #[error("{0}; {1}")]
    Both(Box<Failure>, Box<Failure>),
    #[error("no mirrors to download from")]
    NoMirrors,
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
    let digest = File::open(folder.join(file.name)).and_then(|stored| digest(BufReader::new(stored), file.len));
    digest.is_ok_and(|found| found == file.sha256)
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
    let total = response.body().content_length();
    if total.is_some_and(|total| total > MOST_BYTES) {
        return Err(Failure::TooLong { url: url() });
    }
    let report = |received| progress(Progress::Download { file: file.name, received, total });
    let bytes = receive(response.into_body().into_reader(), report).map_err(|(received, source)| Failure::Body {
        url: url(),
        received,
        source,
    })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::TooLong { url: url() });
    }
    let found = digest(&*bytes, file.len).map_err(|source| Failure::Gzip { url: url(), source })?;
    match found == file.sha256 {
        true => Ok(bytes),
        false => Err(Failure::Contents { url: url(), found, expected: file.sha256.to_owned() }),
    }
}

/// Everything that `body` sends, up to one byte more than is allowed; an error comes with how many bytes preceded it.
fn receive(body: impl Read, mut report: impl FnMut(u64)) -> Result<Vec<u8>, (u64, io::Error)> {
    let mut body = body.take(MOST_BYTES + 1);
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

/// SHA-256, in hexadecimal, of what `gzip` decompresses to; it stops where that grows longer than `len`.
fn digest(gzip: impl BufRead, len: u64) -> io::Result<String> {
    let mut contents = MultiGzDecoder::new(gzip).take(len + 1);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match contents.read(&mut chunk)? {
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
