//! Fetching an archive and keeping some files of it.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Failure, Remote, agent, from_any_mirror, store};
use crate::Progress;

/// A tar archive, compressed by gzip, and the files that are wanted out of it.
pub(crate) struct Archive<'a> {
    /// Its only file is the archive.
    pub(super) remote: Remote<'a>,
    /// The names of the files, without folders.
    pub(super) entries: &'a [&'a str],
    /// The length of each in bytes.
    pub(super) entry_len: u64,
}

/// Makes `folder` hold all wanted files of the archive; where it does already, nothing is fetched.
pub(crate) fn fetch_archive(
    folder: &Path,
    archive: &Archive,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    let length = |name: &&str| fs::metadata(folder.join(name)).map(|metadata| metadata.len());
    if archive.entries.iter().all(|name| length(name).is_ok_and(|len| len == archive.entry_len)) {
        return Ok(());
    }
    let at_folder = |source| Failure::Folder { folder: folder.display().to_string(), source };
    fs::create_dir_all(folder).map_err(at_folder)?;
    for file in archive.remote.files {
        let bytes = from_any_mirror(&agent(&archive.remote), &archive.remote, file, progress)?;
        unpack(&bytes, file.name, archive, |name, bytes| store(folder, name, bytes).map_err(at_folder))?;
    }
    Ok(())
}

/// Hands each wanted file to `keep`, under the name that is wanted: nothing that an archive calls a file becomes a path.
pub(super) fn unpack(
    bytes: &[u8],
    name: &str,
    archive: &Archive,
    mut keep: impl FnMut(&str, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |source| Failure::Unpack { name: name.to_owned(), source };
    let mut missing = archive.entries.to_vec();
    let mut tar = tar::Archive::new(MultiGzDecoder::new(bytes));
    for entry in tar.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.into_owned();
        let wanted = missing.iter().position(|wanted| path.file_name().is_some_and(|found| found == *wanted));
        let Some(at) = wanted.filter(|_| entry.header().entry_type().is_file()) else { continue };
        let file = missing.swap_remove(at);
        let contents = contents(entry, archive.entry_len).map_err(failed)?;
        if contents.len() as u64 != archive.entry_len {
            let (found, expected) = (contents.len() as u64, archive.entry_len);
            return Err(Failure::EntryLength { name: name.to_owned(), file: file.to_owned(), found, expected });
        }
        keep(file, &contents)?;
    }
    match missing.first() {
        None => Ok(()),
        Some(file) => Err(Failure::NoEntry { name: name.to_owned(), file: (*file).to_owned() }),
    }
}

/// Up to one byte more than there should be.
fn contents(entry: impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    entry.take(len + 1).read_to_end(&mut contents)?;
    Ok(contents)
}
