use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::refused;

/// A file that grows by whole lines.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    file: File,
    end: u64,
}

impl Lines {
    /// Opens a file, or makes it, and cuts off what stands after the last end of a line: the rest of a line that was being
    /// written when a run was stopped.
    pub(crate) fn open(path: &Path) -> Result<Lines, Error> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(refused(path, "open for appending"))?;
        let end = whole(&mut file).map_err(refused(path, "read"))?;
        file.set_len(end)
            .and_then(|()| file.seek(SeekFrom::Start(end)))
            .map_err(refused(path, "cut off half a line"))?;
        Ok(Lines { path: path.to_path_buf(), file, end })
    }

    /// The path, as messages have it.
    pub(crate) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// The first line, if there is one, up to a length that no header has.
    pub(crate) fn first(&mut self) -> Result<Option<String>, Error> {
        let mut start = vec![0; self.end.min(1 << 16) as usize];
        let read = self.file.rewind().and_then(|()| self.file.read_exact(&mut start));
        let read = read.and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
        read.map_err(refused(&self.path, "read"))?;
        let line = start.split(|&byte| byte == b'\n').next().filter(|_| !start.is_empty());
        Ok(line.map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').to_string()))
    }

    /// Appends a line in one piece, and hands it to the operating system. What cannot be written whole is not written.
    pub(crate) fn append(&mut self, mut line: String) -> Result<(), Error> {
        line.push('\n');
        if let Err(source) = self.file.write_all(line.as_bytes()) {
            // The disk is full, most likely; half a line must not stand before the next one.
            let _ = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
            return Err(refused(&self.path, "append a line")(source));
        }
        self.end += line.len() as u64;
        Ok(())
    }
}

/// How many bytes there are up to the last end of a line.
fn whole(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 1 << 16;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut piece = vec![0; PIECE as usize];
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let piece = &mut piece[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
