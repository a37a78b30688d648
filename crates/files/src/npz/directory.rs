//! The directory of a ZIP file, as far as `.npz` files need it: members that are stored or deflated, with ZIP64 sizes.
//!
//! A library reads any ZIP file; none was found that bounds the memory which a made-up directory makes it take.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek};

use super::FORMAT;
use crate::Error;
use crate::input::Input;

/// The fixed parts of the records, in bytes, and what they begin with.
pub(super) const LOCAL: (usize, [u8; 4]) = (30, *b"PK\x03\x04");
pub(super) const CENTRAL: (usize, [u8; 4]) = (46, *b"PK\x01\x02");
pub(super) const END: (usize, [u8; 4]) = (22, *b"PK\x05\x06");
pub(super) const END64: (usize, [u8; 4]) = (56, *b"PK\x06\x06");
pub(super) const LOCATOR64: (usize, [u8; 4]) = (20, *b"PK\x06\x07");

/// The tag of the extra field with sizes that four bytes do not hold.
pub(super) const ZIP64: u16 = 1;
/// What a field of four bytes holds whose value stands there.
pub(super) const ELSEWHERE: u32 = u32::MAX;

/// Flags: the contents are encrypted; the name is UTF-8.
const ENCRYPTED: u16 = 1;
pub(super) const UTF8: u16 = 1 << 11;

/// More arrays than this are taken for damage.
pub(super) const MAX_MEMBERS: u64 = 1 << 16;

/// How the contents are packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// One file in the archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) method: Method,
    pub(super) crc: u32,
    /// Its size in the archive.
    pub(super) packed: u64,
    /// Its size unpacked.
    pub(super) size: u64,
    /// Where its local header is.
    pub(super) at: u64,
    name_len: u64,
}

/// The members by name, and where the directory begins, which all of them precede.
pub(super) struct Directory {
    pub(super) members: BTreeMap<String, Member>,
    pub(super) start: u64,
}

/// Little-endian numbers out of a record.
pub(super) fn u16_at(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([record[at], record[at + 1]])
}

pub(super) fn u32_at(record: &[u8], at: usize) -> u32 {
    u32::from(u16_at(record, at)) | u32::from(u16_at(record, at + 2)) << 16
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    u64::from(u32_at(record, at)) | u64::from(u32_at(record, at + 4)) << 32
}

/// Reads and checks the directory.
pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Directory, Error> {
    let end = End::find(input)?;
    let mut members = BTreeMap::new();
    input.seek(end.start)?;
    let mut source = BufReader::new((&mut input.reader).take(end.size));
    for _ in 0..end.members {
        let (name, member) = Member::read(&mut source).map_err(|fault| fault.in_file(&input.name))?;
        if members.insert(name.clone(), member).is_some() {
            return Err(malformed(&input.name, format!("found two members `{name}`")));
        }
    }
    if source.read(&mut [0]).map_err(|error| Fault::Io(error).in_file(&input.name))? > 0 {
        return Err(malformed(&input.name, format!("found a longer directory than its {} members take", end.members)));
    }
    drop(source);
    check_places(&members, end.start).map_err(|reason| malformed(&input.name, reason))?;
    Ok(Directory { members, start: end.start })
}

pub(super) fn malformed(file: &str, reason: String) -> Error {
    Error::Format { file: file.to_string(), format: FORMAT, reason }
}

/// Members that overlap would let a small file unpack to a large one without being compressed.
fn check_places(members: &BTreeMap<String, Member>, directory: u64) -> Result<(), String> {
    let mut places: Vec<_> = members.iter().map(|(name, member)| (member.at, name, member)).collect();
    places.sort_by_key(|place| place.0);
    let next = places.iter().skip(1).map(|place| place.0).chain([directory]);
    for (&(at, name, member), next) in places.iter().zip(next) {
        let least = (LOCAL.0 as u64 + member.name_len).checked_add(member.packed);
        if least.and_then(|least| at.checked_add(least)).is_none_or(|end| end > next) {
            return Err(format!(
                "found `{name}` at byte {at}, expected its {} bytes before byte {next}",
                member.packed
            ));
        }
    }
    Ok(())
}

/// The record at the end of the file, which says where the directory is.
struct End {
    members: u64,
    start: u64,
    size: u64,
}

impl End {
    fn find<R: Read + Seek>(input: &mut Input<R>) -> Result<End, Error> {
        // A comment of at most 64 KiB follows the record.
        let mut tail = vec![0; input.len.min((END.0 + usize::from(u16::MAX)) as u64) as usize];
        let tail_at = input.len - tail.len() as u64;
        input.read_at(tail_at, &mut tail)?;
        let is_end = |at: &usize| {
            let record = &tail[*at..];
            record.starts_with(&END.1) && record.len() == END.0 + usize::from(u16_at(record, 20))
        };
        let Some(at) = (0..(tail.len() + 1).saturating_sub(END.0)).rev().find(is_end) else {
            return Err(malformed(&input.name, "found no directory at its end, expected a ZIP file".to_string()));
        };
        let (record, at) = (&tail[at..], tail_at + at as u64);
        let (members, size, start) = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
        let disks = u16_at(record, 4) | u16_at(record, 6);
        let (end, limit) = match members == u16::MAX || size == ELSEWHERE || start == ELSEWHERE {
            true => End::find64(input, at)?,
            false => (End { members: members.into(), start: start.into(), size: size.into() }, at),
        };
        end.check(limit, disks.into()).map_err(|reason| malformed(&input.name, reason))?;
        Ok(end)
    }

    /// The record for sizes that do not fit the older one, which is found by a locator before that one; and where it is.
    fn find64<R: Read + Seek>(input: &mut Input<R>, end: u64) -> Result<(End, u64), Error> {
        let mut locator = [0; LOCATOR64.0];
        let mut record = [0; END64.0];
        let located = end.checked_sub(LOCATOR64.0 as u64);
        if let Some(located) = located {
            input.read_at(located, &mut locator)?;
            let at = u64_at(&locator, 8);
            if locator.starts_with(&LOCATOR64.1) && at.checked_add(END64.0 as u64).is_some_and(|end| end <= located) {
                input.read_at(at, &mut record)?;
                if record.starts_with(&END64.1) {
                    let (members, size, start) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
                    return Ok((End { members, start, size }, at));
                }
            }
        }
        Err(malformed(&input.name, "found no ZIP64 directory, expected one by the record at its end".to_string()))
    }

    fn check(&self, limit: u64, disks: u64) -> Result<(), String> {
        let End { members, start, size } = *self;
        if disks != 0 {
            return Err("found a part of an archive of several files, expected a whole one".to_string());
        }
        if start.checked_add(size).is_none_or(|end| end != limit) {
            return Err(format!(
                "found a directory of {size} bytes at byte {start}, expected it to end at byte {limit}"
            ));
        }
        if members > MAX_MEMBERS || members * CENTRAL.0 as u64 > size {
            let most = MAX_MEMBERS.min(size / CENTRAL.0 as u64);
            return Err(format!("found {members} members, expected at most {most}"));
        }
        Ok(())
    }
}

/// Why a record of the directory could not be read.
enum Fault {
    Io(io::Error),
    Malformed(String),
}

impl Fault {
    fn in_file(self, file: &str) -> Error {
        match self {
            Fault::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                malformed(file, "found a shorter directory than its members take".to_string())
            }
            Fault::Io(source) => Error::Io { file: file.to_string(), action: "read", source },
            Fault::Malformed(reason) => malformed(file, reason),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl Member {
    fn read(source: &mut impl Read) -> Result<(String, Member), Fault> {
        let mut record = [0; CENTRAL.0];
        source.read_exact(&mut record)?;
        if !record.starts_with(&CENTRAL.1) {
            return Err(Fault::Malformed(format!("found a record {:02x?} in its directory", &record[..4])));
        }
        let bytes = |source: &mut dyn Read, len| -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; usize::from(len)];
            source.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let name = bytes(source, u16_at(&record, 28))?;
        let extra = bytes(source, u16_at(&record, 30))?;
        bytes(source, u16_at(&record, 32))?;
        let name_len = name.len() as u64;
        let name = String::from_utf8(name).map_err(|error| {
            Fault::Malformed(format!(
                "found a member \"{}\", expected a name in UTF-8",
                error.as_bytes().escape_ascii()
            ))
        })?;
        let member = Member::parse(&record, &extra, name_len);
        member.map(|member| (name.clone(), member)).map_err(|reason| Fault::Malformed(format!("`{name}`: {reason}")))
    }

    fn parse(record: &[u8; CENTRAL.0], extra: &[u8], name_len: u64) -> Result<Member, String> {
        let method = match (u16_at(record, 8) & ENCRYPTED, u16_at(record, 10)) {
            (0, 0) => Method::Stored,
            (0, 8) => Method::Deflated,
            (0, method) => return Err(format!("found packing method {method}, expected 0 (stored) or 8 (deflated)")),
            _ => return Err("found it encrypted, expected it plain".to_string()),
        };
        let mut large = extra_field(extra, ZIP64).unwrap_or_default();
        let mut value = |at: usize| match u32_at(record, at) {
            ELSEWHERE => {
                let (value, rest) = large.split_first_chunk::<8>().ok_or("found no ZIP64 sizes, expected some")?;
                large = rest;
                Ok::<u64, String>(u64::from_le_bytes(*value))
            }
            small => Ok(small.into()),
        };
        let (size, packed, at) = (value(24)?, value(20)?, value(42)?);
        if method == Method::Stored && packed != size {
            return Err(format!("found {packed} bytes stored as they are, expected {size}"));
        }
        Ok(Member { method, crc: u32_at(record, 16), packed, size, at, name_len })
    }
}

/// The contents of the extra field with a tag.
fn extra_field(mut extra: &[u8], tag: u16) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let (found, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..4 + len)?;
        if found == tag {
            return Some(field);
        }
        extra = &extra[4 + len..];
    }
    None
}
