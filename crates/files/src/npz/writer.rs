use std::collections::BTreeSet;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::SUFFIX;
use super::directory::{CENTRAL, ELSEWHERE, END, END64, LOCAL, LOCATOR64, MAX_MEMBERS, Method, UTF8, ZIP64};
use crate::elements::Form;
use crate::npy::{self, Options};
use crate::{AnyTensor, Error, atomic};

/// From this on sizes and places are written in eight bytes. Packing can add to a size, by much less than is left to 2³².
const LARGE: u64 = 0xfff0_0000;

/// Writes named arrays, [atomically](atomic::write), as `numpy.savez` does. The same arrays make the same bytes.
///
/// # Errors
/// If a name occurs twice or is too long, if an array has more than 64 axes, if there are more than 65 536 arrays, or if the
/// file cannot be written. The file that was there before is then as it was.
pub fn write<N: Into<String>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, AnyTensor)>,
) -> Result<(), Error> {
    let arrays = plan(arrays)?;
    atomic::write(path, |file| archive(&arrays, Method::Stored, LARGE, file))
}

/// The same with each array compressed, as by `numpy.savez_compressed`.
///
/// # Errors
/// As [`write`](fn@write).
pub fn write_compressed<N: Into<String>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, AnyTensor)>,
) -> Result<(), Error> {
    let arrays = plan(arrays)?;
    atomic::write(path, |file| archive(&arrays, Method::Deflated, LARGE, file))
}

/// An array, what its file is called, and how it lies in that.
struct Planned {
    name: String,
    form: Form,
    tensor: AnyTensor,
}

impl Planned {
    /// Its size in bytes, the header included.
    fn size(&self) -> u64 {
        let elements = self.form.dtype.size().unwrap_or(0) as u64 * self.tensor.shape().numel() as u64;
        npy::header::bytes(&self.form).len() as u64 + elements
    }
}

fn plan<N: Into<String>>(arrays: impl IntoIterator<Item = (N, AnyTensor)>) -> Result<Vec<Planned>, Error> {
    let mut planned = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, tensor) in arrays {
        let name = name.into();
        let form = Options::new().form(&tensor, &name)?;
        let refused = |name, reason| Err(Error::Name { name, reason });
        if name.len() + SUFFIX.len() > usize::from(u16::MAX) {
            return refused(name, "it is longer than 65 531 bytes");
        }
        if planned.len() as u64 == MAX_MEMBERS {
            return refused(name, "there are 65 536 arrays before it, and no more are read");
        }
        if !seen.insert(name.clone()) {
            return refused(name, "there are two arrays of this name");
        }
        planned.push(Planned { name: name + SUFFIX, form, tensor });
    }
    Ok(planned)
}

/// Writes an archive in which numbers from `large` on take eight bytes.
fn archive(arrays: &[Planned], method: Method, large: u64, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let members =
        arrays.iter().map(|array| Member::write(array, method, large, out)).collect::<io::Result<Vec<_>>>()?;
    let start = out.stream_position()?;
    members.iter().try_for_each(|member| out.write_all(&member.central(large)))?;
    let size = out.stream_position()? - start;
    out.write_all(&end(members.len() as u64, start, size, large))
}

/// What the directory says of a member.
struct Member<'a> {
    name: &'a str,
    method: Method,
    crc: u32,
    packed: u64,
    size: u64,
    at: u64,
    /// Whether its sizes take eight bytes.
    large: bool,
}

impl Member<'_> {
    /// Writes a member. Its packed size and its checksum are put in when they are known.
    fn write<'a>(
        array: &'a Planned,
        method: Method,
        large: u64,
        out: &mut (impl Write + Seek),
    ) -> io::Result<Member<'a>> {
        let (name, size, at) = (&array.name, array.size(), out.stream_position()?);
        let mut member = Member { name, method, crc: 0, packed: 0, size, at, large: size >= large };
        out.write_all(&member.local())?;
        let data = out.stream_position()?;
        member.crc = match method {
            Method::Stored => summed(array, &mut *out)?.0,
            Method::Deflated => {
                let (crc, encoder) = summed(array, DeflateEncoder::new(&mut *out, Compression::default()))?;
                encoder.finish()?;
                crc
            }
        };
        let end = out.stream_position()?;
        member.packed = end - data;
        out.seek(SeekFrom::Start(at))?;
        out.write_all(&member.local())?;
        out.seek(SeekFrom::Start(end))?;
        Ok(member)
    }

    /// The record before the contents.
    fn local(&self) -> Vec<u8> {
        let extra = if self.large { zip64(&[self.size, self.packed]) } else { Vec::new() };
        let mut record = LOCAL.1.to_vec();
        record.extend(self.shared(extra.len()));
        record.extend(self.name.as_bytes());
        record.extend(extra);
        record
    }

    /// The record in the directory.
    fn central(&self, large: u64) -> Vec<u8> {
        let far = self.at >= large;
        let extra = match (self.large, far) {
            (true, true) => zip64(&[self.size, self.packed, self.at]),
            (true, false) => zip64(&[self.size, self.packed]),
            (false, true) => zip64(&[self.at]),
            (false, false) => Vec::new(),
        };
        let mut record = CENTRAL.1.to_vec();
        record.extend(MADE_BY_UNIX.to_le_bytes());
        record.extend(self.shared(extra.len()));
        // No comment, the first disk, binary, readable by all.
        record.extend([0; 6]);
        record.extend((0o100_644_u32 << 16).to_le_bytes());
        record.extend(short(self.at, far).to_le_bytes());
        record.extend(self.name.as_bytes());
        record.extend(extra);
        record
    }

    /// What both records have in common: from the version that is needed to the length of the extra field.
    fn shared(&self, extra: usize) -> Vec<u8> {
        let method: u16 = match self.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        };
        let mut fields = Vec::new();
        fields.extend([VERSION, UTF8, method].map(u16::to_le_bytes).concat());
        fields.extend(FIRST_DAY.to_le_bytes());
        let (packed, size) = (short(self.packed, self.large), short(self.size, self.large));
        fields.extend([self.crc, packed, size].map(u32::to_le_bytes).concat());
        fields.extend([self.name.len() as u16, extra as u16].map(u16::to_le_bytes).concat());
        fields
    }
}

/// Version 4.5, the first with sizes of eight bytes.
const VERSION: u16 = 45;
/// The same version, made by a Unix.
const MADE_BY_UNIX: u16 = 3 << 8 | VERSION;
/// Midnight, 1 January 1980, so that the time is not in the file.
const FIRST_DAY: u32 = 0x21 << 16;

/// A number as four bytes hold it, or what says that it is elsewhere.
fn short(value: u64, elsewhere: bool) -> u32 {
    if elsewhere { ELSEWHERE } else { value as u32 }
}

/// The extra field with numbers that took no room in a record.
fn zip64(values: &[u64]) -> Vec<u8> {
    let header = [ZIP64, 8 * values.len() as u16].map(u16::to_le_bytes).concat();
    header.into_iter().chain(values.iter().flat_map(|value| value.to_le_bytes())).collect()
}

/// The records after the directory.
fn end(members: u64, start: u64, size: u64, large: u64) -> Vec<u8> {
    let elsewhere = members >= u64::from(u16::MAX) || start.max(size) >= large;
    let mut records = Vec::new();
    if elsewhere {
        records.extend(END64.1);
        records.extend((END64.0 as u64 - 12).to_le_bytes());
        records.extend([MADE_BY_UNIX, VERSION].map(u16::to_le_bytes).concat());
        records.extend([0; 8]);
        records.extend([members, members, size, start].map(u64::to_le_bytes).concat());
        records.extend(LOCATOR64.1);
        records.extend([0; 4]);
        records.extend((start + size).to_le_bytes());
        records.extend(1u32.to_le_bytes());
    }
    let members = if elsewhere { u16::MAX } else { members as u16 };
    records.extend(END.1);
    records.extend([0; 4]);
    records.extend([members, members].map(u16::to_le_bytes).concat());
    records.extend([short(size, elsewhere), short(start, elsewhere)].map(u32::to_le_bytes).concat());
    records.extend([0; 2]);
    records
}

/// Writes an array; the checksum of its bytes, and what it was written to.
fn summed<W: Write>(array: &Planned, inner: W) -> io::Result<(u32, W)> {
    let mut out = Summed { inner, crc: Crc::new() };
    npy::write_array(&array.form, &array.tensor, &mut out)?;
    Ok((out.crc.sum(), out.inner))
}

struct Summed<W> {
    inner: W,
    crc: Crc,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tensor::Tensor;

    use super::*;
    use crate::npz::Reader;

    /// With sizes and places of eight bytes everywhere, and one of both kinds in the same archive.
    #[test]
    fn large_archives_are_read_like_small_ones() {
        let (x, y) = (Tensor::from_fn([300], |i| i[0] as f32), Tensor::from([1i64, -2]));
        let arrays = plan([("x", AnyTensor::from(&x)), ("y", AnyTensor::from(&y))]).unwrap();
        for (method, large) in [(Method::Stored, 0), (Method::Deflated, 0), (Method::Stored, 300)] {
            let mut out = Cursor::new(Vec::new());
            archive(&arrays, method, large, &mut out).unwrap();
            let bytes = out.into_inner();
            let mut reader = Reader::parse(&bytes, "large").unwrap();
            assert_eq!(reader.tensor::<f32>("x").unwrap(), x, "from {large} on");
            assert_eq!(reader.tensor::<i64>("y").unwrap(), y, "from {large} on");
        }
    }

    #[test]
    fn as_many_arrays_are_written_as_are_read() {
        let empty = || AnyTensor::from(Tensor::<u8>::zeros([0]));
        let arrays = plan((0..MAX_MEMBERS).map(|i| (format!("{i:x}"), empty()))).unwrap();
        let mut out = Cursor::new(Vec::new());
        archive(&arrays, Method::Stored, LARGE, &mut out).unwrap();
        assert_eq!(Reader::parse(&out.into_inner(), "many").unwrap().names().count() as u64, MAX_MEMBERS);
        let one_more = (0..=MAX_MEMBERS).map(|i| (format!("{i:x}"), empty()));
        let error = plan(one_more).err().unwrap().to_string();
        assert_eq!(error, "cannot write `10000`: there are 65 536 arrays before it, and no more are read");
    }
}
