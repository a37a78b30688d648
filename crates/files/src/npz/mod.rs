//! NumPy's `.npz` format: named arrays in a ZIP file, as `numpy.savez` and `numpy.savez_compressed` make it.
//!
//! Sizes in the directory, in the headers of the arrays and in the packed data must agree, and so must the checksums.
//! Reading takes at most the size of the file plus [`MAX_OVERHEAD`], and, for arrays that are compressed, plus
//! [`INFLATE_LIMIT`] or what [`Reader::limit`] allows.

mod directory;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::Path;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use tensor::{Shape, Tensor};

use crate::elements::{Conversion, Form, Site};
use crate::input::Input;
use crate::npy::header;
use crate::{AnyTensor, Dtype, Error, Stored};
use directory::{Directory, LOCAL, Member, Method, malformed, u16_at};

pub use writer::{write, write_compressed};

const FORMAT: &str = "npz";

/// Deflate spends at least two bits on 258 bytes, so the packed size bounds the size.
const DEFLATE_RATIO: u64 = 1032;

/// What reading takes beside the arrays that are read, in bytes: a directory of many members.
pub const MAX_OVERHEAD: u64 = 32 << 20;

/// How many bytes beyond the size of the file compressed arrays may have, unless more is allowed.
pub const INFLATE_LIMIT: u64 = 1 << 30;

/// What an array's file in the archive is called after its name.
const SUFFIX: &str = ".npy";

/// An open `.npz` file: its directory has been read and checked, its arrays are read one by one when they are asked for.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.npz");
/// use files::npz;
/// use tensor::Tensor;
///
/// npz::write(&path, [("x", Tensor::from([0.5f32, 1.5]).into()), ("labels", Tensor::from([3i64, 1]).into())])?;
/// let mut file = npz::Reader::open(&path)?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["labels", "x"]);
/// assert_eq!(file.tensor::<f32>("x")?, Tensor::from([0.5, 1.5]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<R = File> {
    input: Input<R>,
    directory: Directory,
    limit: u64,
}

impl Reader {
    /// Opens a file and reads its directory.
    ///
    /// # Errors
    /// If the file cannot be read, or if it is no sound ZIP file of members that are stored or deflated.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        Reader::of(Input::open(path.as_ref())?)
    }
}

impl<'a> Reader<Cursor<&'a [u8]>> {
    /// The same for the contents of a file; messages call it `name`.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn parse(bytes: &'a [u8], name: &str) -> Result<Reader<Cursor<&'a [u8]>>, Error> {
        Reader::of(Input::of(bytes, name))
    }
}

impl<R: Read + Seek> Reader<R> {
    fn of(mut input: Input<R>) -> Result<Reader<R>, Error> {
        let directory = directory::read(&mut input)?;
        Ok(Reader { input, directory, limit: INFLATE_LIMIT })
    }

    /// Allows a compressed array, or all of them in [`all`](Reader::all), so many bytes beyond the size of the file.
    pub fn limit(mut self, bytes: u64) -> Reader<R> {
        self.limit = bytes;
        self
    }

    /// The names of all arrays, sorted. Members that are no `.npy` files are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.directory.members.keys().filter_map(|name| name.strip_suffix(SUFFIX))
    }

    /// Element type and shape of an array, whose elements are not read.
    ///
    /// # Errors
    /// If there is no such array, or if its header is not sound.
    pub fn form(&mut self, name: &str) -> Result<(Dtype, Shape), Error> {
        let Form { dtype, shape, .. } = self.open_array(name)?.form;
        Ok((dtype, shape))
    }

    /// An array whose elements are `T` in the file too; see [`npy::Reader::tensor`](crate::npy::Reader::tensor).
    ///
    /// # Errors
    /// If there is no such array, if it has other elements, if it is damaged, or if it is too large once unpacked.
    pub fn tensor<T: Stored>(&mut self, name: &str) -> Result<Tensor<T>, Error> {
        self.read(name, |form, source, site| form.read(source, Conversion::None, site))
    }

    /// An array whose elements are `T` or can be converted to it, as by
    /// [`safetensors::Reader::tensor_as`](crate::safetensors::Reader::tensor_as).
    ///
    /// # Errors
    /// As [`tensor`](Reader::tensor).
    pub fn tensor_as<T: Stored>(&mut self, name: &str) -> Result<Tensor<T>, Error> {
        self.read(name, |form, source, site| form.read(source, Conversion::Widening, site))
    }

    /// An array with the elements that it has in the file.
    ///
    /// # Errors
    /// As [`tensor`](Reader::tensor).
    pub fn any(&mut self, name: &str) -> Result<AnyTensor, Error> {
        self.read(name, |form, source, site| form.read_any(source, site))
    }

    /// All arrays by name.
    ///
    /// # Errors
    /// As [`tensor`](Reader::tensor).
    pub fn all(mut self) -> Result<BTreeMap<String, AnyTensor>, Error> {
        let deflated = self.directory.members.values().filter(|member| member.method == Method::Deflated);
        self.check_limit("all arrays", deflated.fold(0, |sum, member| sum.saturating_add(member.size)))?;
        let names: Vec<String> = self.names().map(str::to_string).collect();
        names.into_iter().map(|name| Ok((name.clone(), self.any(&name)?))).collect()
    }

    fn check_limit(&self, name: &str, bytes: u64) -> Result<(), Error> {
        let limit = self.limit.saturating_add(self.input.len);
        match bytes <= limit {
            true => Ok(()),
            false => Err(Error::Limit { file: self.input.name.clone(), name: name.to_string(), bytes, limit }),
        }
    }

    fn read<V>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Form, &mut Unpacked<'_, R>, Site<'_>) -> Result<V, Error>,
    ) -> Result<V, Error> {
        let Array { form, mut source, member, file } = self.open_array(name)?;
        let site = Site { file: &file, format: FORMAT, name };
        let value = read(&form, &mut source, site).map_err(|error| match error {
            Error::Io { source, .. } => unpacking(source, site),
            error => error,
        })?;
        source.finish(&member, site)?;
        Ok(value)
    }

    /// Finds an array and reads its header; then come its elements.
    fn open_array(&mut self, name: &str) -> Result<Array<'_, R>, Error> {
        let full_name = format!("{name}{SUFFIX}");
        let Some(member) = self.directory.members.get(&full_name).cloned() else {
            let known = self.names().map(str::to_string).collect();
            return Err(Error::Unknown { file: self.input.name.clone(), name: name.to_string(), known });
        };
        let file = self.input.name.clone();
        let site = Site { file: &file, format: FORMAT, name };
        if member.method == Method::Deflated {
            self.check_limit(name, member.size)?;
            check_ratio(&member, site)?;
        }
        self.go_to_data(&member, &full_name)?;
        let mut source = Unpacked::new(&mut self.input.reader, &member);
        let (form, before) = header::read(&mut source).map_err(|fault| {
            fault.reason().map_or_else(|error| unpacking(error, site), |reason| site.malformed(reason))
        })?;
        let bytes = form.bytes().ok_or_else(|| site.malformed(form.too_large()))? as u64;
        if before + bytes != member.size {
            let Form { shape, dtype, .. } = &form;
            let found = format!("found {} bytes for shape {shape} of {dtype}", member.size);
            return Err(site.malformed(format!("{found}, expected {before} + {bytes}")));
        }
        Ok(Array { form, source, member, file })
    }

    /// Goes behind the local header of a member, which repeats what the directory says.
    fn go_to_data(&mut self, member: &Member, name: &str) -> Result<(), Error> {
        let mut record = [0; LOCAL.0];
        self.input.read_at(member.at, &mut record)?;
        let mut local_name = vec![0; name.len()];
        self.input.read_at(member.at + LOCAL.0 as u64, &mut local_name)?;
        let same = record.starts_with(&LOCAL.1)
            && usize::from(u16_at(&record, 26)) == name.len()
            && local_name == name.as_bytes();
        let data = member.at + LOCAL.0 as u64 + name.len() as u64 + u64::from(u16_at(&record, 28));
        if !same || data + member.packed > self.directory.start {
            let reason = format!("found another record at byte {}, expected that of `{name}`", member.at);
            return Err(malformed(&self.input.name, reason));
        }
        self.input.seek(data)
    }
}

fn check_ratio(&Member { packed, size, .. }: &Member, site: Site<'_>) -> Result<(), Error> {
    match packed.saturating_mul(DEFLATE_RATIO) < size {
        true => Err(site.malformed(format!("found {packed} packed bytes, expected more for {size}"))),
        false => Ok(()),
    }
}

/// An array whose header has been read.
struct Array<'r, R> {
    form: Form,
    source: Unpacked<'r, R>,
    member: Member,
    file: String,
}

/// The contents of a member, unpacked, and their checksum so far.
struct Unpacked<'r, R> {
    packing: Packing<'r, R>,
    crc: Crc,
}

enum Packing<'r, R> {
    Stored(io::Take<&'r mut R>),
    Deflated(DeflateDecoder<BufReader<io::Take<&'r mut R>>>),
}

impl<'r, R: Read> Unpacked<'r, R> {
    fn new(reader: &'r mut R, member: &Member) -> Unpacked<'r, R> {
        let packed = reader.take(member.packed);
        let packing = match member.method {
            Method::Stored => Packing::Stored(packed),
            Method::Deflated => Packing::Deflated(DeflateDecoder::new(BufReader::new(packed))),
        };
        Unpacked { packing, crc: Crc::new() }
    }

    /// Checks that the member ends here, and its checksum.
    fn finish(mut self, member: &Member, site: Site<'_>) -> Result<(), Error> {
        let more = self.read(&mut [0]).map_err(|error| unpacking(error, site))?;
        let whole = match &self.packing {
            Packing::Stored(_) => true,
            Packing::Deflated(decoder) => decoder.total_in() == member.packed,
        };
        if more > 0 || !whole {
            return Err(site.malformed(format!("found more than the {} bytes that it unpacks to", member.size)));
        }
        match self.crc.sum() {
            sum if sum == member.crc => Ok(()),
            sum => Err(site.malformed(format!("found contents with checksum {sum:08x}, expected {:08x}", member.crc))),
        }
    }
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.packing {
            Packing::Stored(source) => source.read(buffer),
            Packing::Deflated(source) => source.read(buffer),
        }?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

/// What the unpacking reports as an error of reading is damage of the file.
fn unpacking(error: io::Error, site: Site<'_>) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof | InvalidInput | InvalidData => site.malformed(format!("found damaged packed data ({error})")),
        _ => site.io(error),
    }
}

/// Reads all arrays of a file.
///
/// # Errors
/// If the file cannot be read or is not sound, if compressed arrays unpack to more than [`INFLATE_LIMIT`] bytes beyond the
/// size of the file, or if an array has elements that no tensor has; [`Reader::tensor_as`] converts those.
pub fn read(path: impl AsRef<Path>) -> Result<BTreeMap<String, AnyTensor>, Error> {
    Reader::open(path)?.all()
}
