//! Files that are read, none of whose words is believed.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;

/// A file, or bytes that stand for one.
pub(crate) struct Input<R> {
    pub(crate) reader: R,
    /// What messages call it.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) len: u64,
}

impl Input<File> {
    pub(crate) fn open(path: &Path) -> Result<Input<File>, Error> {
        let name = path.display().to_string();
        let failed = |action| {
            let file = name.clone();
            move |source| Error::Io { file, action, source }
        };
        // Before opening: to open a pipe would wait for its other end.
        if !fs::metadata(path).map_err(failed("read"))?.is_file() {
            return Err(Error::NotAFile { file: name });
        }
        let reader = File::open(path).map_err(failed("read"))?;
        let len = reader.metadata().map_err(failed("read"))?.len();
        Ok(Input { reader, name, len })
    }
}

impl<'a> Input<Cursor<&'a [u8]>> {
    pub(crate) fn of(bytes: &'a [u8], name: &str) -> Input<Cursor<&'a [u8]>> {
        Input { reader: Cursor::new(bytes), name: name.to_string(), len: bytes.len() as u64 }
    }
}

impl<R: Read + Seek> Input<R> {
    /// Goes to a place of the file.
    pub(crate) fn seek(&mut self, to: u64) -> Result<(), Error> {
        let at = self.reader.seek(SeekFrom::Start(to));
        at.map(|_| ()).map_err(|source| self.unreadable(source))
    }

    /// Fills the buffer from a place that the file is known to have.
    pub(crate) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.seek(at)?;
        self.reader.read_exact(buffer).map_err(|source| self.unreadable(source))
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        Error::Io { file: self.name.clone(), action: "read", source }
    }
}
