//! The IDX format of the MNIST files, plain or gzip, for elements of one unsigned byte.
//!
//! A file is `00 00 08 n`, then `n` dimensions as big-endian `u32`, then the product of the dimensions in bytes.
//! Everything in a header is checked against the size of the file before memory is set aside for it, so that no
//! file, however made, causes a panic or an allocation larger than its own contents call for.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::Error;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTE: u8 = 0x08;
/// Deflate spends at least two bits on 258 bytes, so the size of a gzip file bounds that of its contents.
pub(crate) const DEFLATE_LIMIT: u64 = 1032;
/// The first allocation for data; each further one at most doubles what has arrived.
const STEP: usize = 1 << 20;

/// The contents of an IDX file.
///
/// `data.len()` is the product of `dims`, of which there is at least one; the last axis varies fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Size along each axis.
    pub dims: Vec<usize>,
    /// The elements in row-major order.
    pub data: Vec<u8>,
}

/// Reads an IDX file; whether it is gzip is told by its first bytes, not by its name.
///
/// # Errors
/// If the file cannot be read, is not IDX with elements of one byte, or if header and contents disagree in any way:
/// truncated, with trailing data, or with damaged gzip data.
pub fn read(path: impl AsRef<Path>) -> Result<Idx, Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let io_error = |source| Error::Io { file: name.clone(), source };
    // Before opening: to open a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(io_error)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { file: name });
    }
    let file = File::open(path).map_err(io_error)?;
    decode(&mut { file }, metadata.len(), &name)
}

/// Parses the contents of an IDX file, plain or gzip; `name` stands for the file in messages.
///
/// ```
/// let labels = data::idx::parse(b"\0\0\x08\x01\0\0\0\x03\x05\0\x04", "three labels").unwrap();
/// assert_eq!((labels.dims, labels.data), (vec![3], vec![5, 0, 4]));
///
/// let error = data::idx::parse(b"\0\0\x08\x01\xff\xff\xff\xff\x05\0\x04", "hostile").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "hostile: found 3 bytes of data, expected 4294967295 from its dimensions [4294967295]",
/// );
/// ```
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str) -> Result<Idx, Error> {
    decode(&mut { bytes }, bytes.len() as u64, name)
}

/// `stored` is the size of the file as it lies on disk.
fn decode(reader: &mut dyn Read, stored: u64, file: &str) -> Result<Idx, Error> {
    let mut start = [0; 2];
    let got = fill(reader, &mut start).map_err(|source| Error::Io { file: file.to_owned(), source })?;
    let mut whole = start[..got].chain(reader);
    if start == GZIP_MAGIC {
        let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole));
        Contents { reader: &mut decoder, file, gzip: true, offset: 0 }.parse(stored)
    } else {
        Contents { reader: &mut whole, file, gzip: false, offset: 0 }.parse(stored)
    }
}

/// The decompressed stream and how far it has been read.
struct Contents<'a> {
    reader: &'a mut dyn Read,
    file: &'a str,
    gzip: bool,
    offset: u64,
}

impl Contents<'_> {
    fn parse(mut self, stored: u64) -> Result<Idx, Error> {
        let dims = self.dims()?;
        let expected = self.data_len(&dims)?;
        self.check_size(&dims, expected as u64, stored)?;
        let data = self.data(&dims, expected)?;
        // For gzip this is also the read that reaches the checksum.
        match self.fill(&mut [0])? {
            0 => Ok(Idx { dims, data }),
            _ => Err(Error::Trailing { file: self.name(), dims, expected: expected as u64 }),
        }
    }

    fn dims(&mut self) -> Result<Vec<usize>, Error> {
        let mut magic = [0; 4];
        let got = self.fill(&mut magic)?;
        let [0, 0, code, rank] = magic else { return Err(self.not_idx(&magic[..got])) };
        if got < magic.len() {
            return Err(self.not_idx(&magic[..got]));
        }
        if code != UNSIGNED_BYTE {
            return Err(Error::ElementType { file: self.name(), code, name: type_name(code) });
        }
        if rank == 0 {
            return Err(Error::NoDimensions { file: self.name() });
        }
        let mut bytes = [0; 4 * u8::MAX as usize];
        let bytes = &mut bytes[..4 * rank as usize];
        let found = self.fill(bytes)?;
        if found < bytes.len() {
            return Err(Error::Header { file: self.name(), found, expected: bytes.len() });
        }
        let (sizes, _) = bytes.as_chunks::<4>();
        Ok(sizes.iter().map(|&size| u32::from_be_bytes(size) as usize).collect())
    }

    fn data_len(&self, dims: &[usize]) -> Result<usize, Error> {
        // Zeros count as ones here, so that the product of any of the dimensions is safe for whoever uses them.
        let bound = dims.iter().try_fold(1_usize, |product, &size| product.checked_mul(size.max(1)));
        match bound {
            Some(_) => Ok(dims.iter().product()),
            None => Err(Error::TooLarge { file: self.name(), dims: dims.to_vec() }),
        }
    }

    fn check_size(&self, dims: &[usize], expected: u64, stored: u64) -> Result<(), Error> {
        let dims = || dims.to_vec();
        if self.gzip {
            return match stored.saturating_mul(DEFLATE_LIMIT) < self.offset.saturating_add(expected) {
                true => Err(Error::Implausible { file: self.name(), dims: dims(), stored, expected }),
                false => Ok(()),
            };
        }
        match stored.saturating_sub(self.offset) {
            found if found == expected => Ok(()),
            found => Err(Error::Length { file: self.name(), dims: dims(), found, expected }),
        }
    }

    fn data(&mut self, dims: &[usize], expected: usize) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        while data.len() < expected {
            let have = data.len();
            let room = (expected - have).min(have.max(STEP));
            data.try_reserve_exact(room).map_err(|_| Error::TooLarge { file: self.name(), dims: dims.to_vec() })?;
            data.resize(have + room, 0);
            let got = self.fill(&mut data[have..])?;
            if got < room {
                let (found, expected) = ((have + got) as u64, expected as u64);
                return Err(Error::Length { file: self.name(), dims: dims.to_vec(), found, expected });
            }
        }
        Ok(data)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let got = fill(self.reader, buffer).map_err(|source| match self.gzip {
            true => Error::Gzip { file: self.name(), offset: self.offset, source },
            false => Error::Io { file: self.name(), source },
        })?;
        self.offset += got as u64;
        Ok(got)
    }

    fn not_idx(&self, found: &[u8]) -> Error {
        Error::Magic { file: self.name(), found: found.to_vec() }
    }

    fn name(&self) -> String {
        self.file.to_owned()
    }
}

/// Reads until the buffer is full or the stream ends; how many bytes there were.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn type_name(code: u8) -> &'static str {
    match code {
        0x09 => "signed byte",
        0x0b => "i16",
        0x0c => "i32",
        0x0d => "f32",
        0x0e => "f64",
        _ => "no IDX type",
    }
}
