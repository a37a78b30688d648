//! ZIP files that lie, and bombs.

use std::io::Write;

use files::npz::{INFLATE_LIMIT, Reader};
use files::{AnyTensor, Error};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use tensor::Tensor;

use crate::{data, peak};

/// A member as its records describe it; each field can lie.
#[derive(Clone)]
struct Member {
    name: &'static str,
    flags: u16,
    method: u16,
    crc: u32,
    size: u32,
    packed: Vec<u8>,
}

impl Member {
    fn stored(name: &'static str, contents: &[u8]) -> Member {
        let mut crc = Crc::new();
        crc.update(contents);
        Member { name, flags: 0, method: 0, crc: crc.sum(), size: contents.len() as u32, packed: contents.to_vec() }
    }

    fn deflated(name: &'static str, contents: &[u8]) -> Member {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(contents).unwrap();
        Member { method: 8, packed: encoder.finish().unwrap(), ..Member::stored(name, contents) }
    }

    fn record(&self, start: &[u8]) -> Vec<u8> {
        let mut record = start.to_vec();
        record.extend([20, self.flags, self.method, 0, 0].map(u16::to_le_bytes).concat());
        record.extend([self.crc, self.packed.len() as u32, self.size].map(u32::to_le_bytes).concat());
        record.extend([self.name.len() as u16, 0].map(u16::to_le_bytes).concat());
        record
    }
}

fn zip(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        directory.extend(member.record(b"PK\x01\x02\x14\0"));
        directory.extend([0; 10]);
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(member.name.as_bytes());
        bytes.extend(member.record(b"PK\x03\x04"));
        bytes.extend(member.name.as_bytes());
        bytes.extend(&member.packed);
    }
    let (start, count) = (bytes.len() as u32, members.len() as u16);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].map(u16::to_le_bytes).concat());
    bytes.extend([directory.len() as u32, start].map(u32::to_le_bytes).concat());
    bytes.extend([0; 2]);
    bytes
}

/// An array of `u8` as NumPy stores it.
fn array(contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    files::npy::Options::new().write_to(&mut bytes, &Tensor::from(contents)).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<AnyTensor, Error> {
    Reader::parse(bytes, "x")?.any("a")
}

fn reason(bytes: &[u8]) -> String {
    let error = read(bytes).unwrap_err().to_string();
    error.strip_prefix("x: no sound npz file: ").unwrap_or_else(|| panic!("{error}")).to_string()
}

fn sound() -> [Member; 2] {
    [Member::stored("a.npy", &array(&[1, 2, 3])), Member::deflated("b.npy", &array(&[0; 1000]))]
}

#[test]
fn the_zip_files_of_this_test_are_sound() {
    let bytes = zip(&sound());
    let mut file = Reader::parse(&bytes, "x").unwrap();
    assert_eq!(file.tensor::<u8>("a").unwrap(), Tensor::from([1u8, 2, 3]));
    assert_eq!(file.tensor::<u8>("b").unwrap(), Tensor::zeros([1000]));
    let error = file.tensor::<u8>("c").unwrap_err().to_string();
    assert_eq!(error, "x: found no tensor `c`, expected one of `a`, `b`");
    // A comment may follow, and members that are no arrays stand beside.
    let mut commented = zip(&[sound()[0].clone(), Member::stored("readme.txt", b"hello")]);
    let at = commented.len() - 2;
    commented[at..].copy_from_slice(&7u16.to_le_bytes());
    commented.extend(b"comment");
    assert_eq!(Reader::parse(&commented, "x").unwrap().names().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn damage_is_found_and_named() {
    let [a, b] = sound();
    let with = |change: &dyn Fn(&mut Member)| {
        let mut changed = a.clone();
        change(&mut changed);
        reason(&zip(&[changed, b.clone()]))
    };
    let last = a.packed.len() - 1;
    let damaged = with(&|member| member.packed[last] = 9);
    assert!(damaged.starts_with("`a`: found contents with checksum "), "{damaged}");
    assert_eq!(with(&|member| member.flags = 1), "`a.npy`: found it encrypted, expected it plain");
    assert_eq!(
        with(&|member| member.method = 12),
        "`a.npy`: found packing method 12, expected 0 (stored) or 8 (deflated)"
    );
    assert_eq!(with(&|member| member.size += 1), "`a.npy`: found 131 bytes stored as they are, expected 132");
    assert_eq!(with(&|member| member.name = "b.npy"), "found two members `b.npy`");
    assert_eq!(
        with(&|member| (member.size, member.packed) = (20, b"twenty bytes of text".to_vec())),
        "`a`: found first bytes [74, 77, 65, 6e, 74, 79], expected \"\\x93NUMPY\""
    );
    assert_eq!(
        reason(&zip(&[Member { name: "a.npy", ..Member::stored("", &array(&[1; 9])[..136]) }])),
        "`a`: found 136 bytes for shape [9] of U8, expected 128 + 9"
    );
    assert_eq!(reason(b"not a ZIP file at all, but some text"), "found no directory at its end, expected a ZIP file");
    assert_eq!(reason(b""), "found no directory at its end, expected a ZIP file");
}

#[test]
fn packed_data_must_unpack_to_what_is_promised() {
    let contents = array(&[7; 5000]);
    let whole = Member::deflated("a.npy", &contents);
    assert!(read(&zip(std::slice::from_ref(&whole))).is_ok());
    let cut = Member { packed: whole.packed[..whole.packed.len() - 2].to_vec(), ..whole.clone() };
    assert!(reason(&zip(&[cut])).starts_with("`a`: found damaged packed data ("));
    let mut bent = whole.clone();
    bent.packed[0] ^= 7;
    assert!(!reason(&zip(&[bent])).is_empty());
    let longer = Member { packed: [&whole.packed[..], b"more"].concat(), ..whole.clone() };
    assert_eq!(reason(&zip(&[longer])), "`a`: found more than the 5128 bytes that it unpacks to");
    let more = [&contents[..], &[7]].concat();
    let more = Member { size: contents.len() as u32, ..Member::deflated("a.npy", &more) };
    assert_eq!(reason(&zip(&[more])), "`a`: found more than the 5128 bytes that it unpacks to");
    let less = Member { size: contents.len() as u32, ..Member::deflated("a.npy", &contents[..5000]) };
    assert!(reason(&zip(&[less])).starts_with("`a`: found damaged packed data ("));
}

/// Members that share their contents, as in a bomb that needs no compression.
#[test]
fn members_do_not_overlap() {
    let mut bytes = zip(&[Member::stored("a.npy", &array(&[1])), Member::stored("b.npy", &array(&[1]))]);
    let second = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[second + 42..second + 46].fill(0);
    assert_eq!(reason(&bytes), "found `a.npy` at byte 0, expected its 129 bytes before byte 0");
    bytes[second + 42] = 1;
    assert_eq!(reason(&bytes), "found `a.npy` at byte 0, expected its 129 bytes before byte 1");
    bytes[second + 42..second + 46].fill(0xfe);
    let reason = reason(&bytes);
    assert!(reason.starts_with("found `b.npy` at byte 4278124286, expected its 129 bytes before byte "), "{reason}");
}

/// The local record must be that of the member.
#[test]
fn both_records_of_a_member_agree() {
    let mut bytes = zip(&sound());
    bytes[30] = b'z';
    assert_eq!(reason(&bytes), "found another record at byte 0, expected that of `a.npy`");
    let mut bytes = zip(&sound());
    bytes[28..30].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(reason(&bytes), "found another record at byte 0, expected that of `a.npy`");
}

#[test]
fn the_directory_is_where_it_is_said_to_be() {
    let sound = zip(&sound());
    let end = sound.len() - 22;
    let with = |at: usize, value: u32| {
        let mut bytes = sound.clone();
        bytes[end + at..end + at + 4].copy_from_slice(&value.to_le_bytes());
        reason(&bytes)
    };
    let (size, start) = (2 * (46 + 5), end as u32 - 2 * (46 + 5));
    assert_eq!(
        with(16, start + 1),
        format!("found a directory of {size} bytes at byte {}, expected it to end at byte {end}", start + 1)
    );
    assert_eq!(
        with(12, size - 1),
        format!("found a directory of {} bytes at byte {start}, expected it to end at byte {end}", size - 1)
    );
    assert_eq!(with(16, u32::MAX), "found no ZIP64 directory, expected one by the record at its end");
    assert_eq!(with(4, 1), "found a part of an archive of several files, expected a whole one");
    assert_eq!(with(8, 3 << 16), "found 3 members, expected at most 2");
    assert_eq!(with(8, 1 << 16), "found a longer directory than its 1 members take");
}

/// A megabyte that unpacks to a gigabyte, honestly.
#[test]
fn a_bomb_is_not_unpacked_unless_it_is_asked_for() {
    const SIZE: usize = 64 << 20;
    let bytes = zip(&[Member::deflated("a.npy", &array(&vec![0; SIZE]))]);
    assert!(bytes.len() < SIZE / 900);
    let (taken, result) = peak(|| Reader::parse(&bytes, "x").unwrap().limit(1 << 20).any("a"));
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Limit { .. }) && taken < 1 << 16, "{error}, {taken} bytes");
    let expected = format!(
        "x: `a` unpacks to {} bytes, expected at most {}; raise it with `npz::Reader::limit`",
        SIZE + 128,
        (1 << 20) + bytes.len()
    );
    assert_eq!(error.to_string(), expected);
    let error = Reader::parse(&bytes, "x").unwrap().limit(1 << 20).all().unwrap_err().to_string();
    assert_eq!(error, expected.replace("`a`", "`all arrays`"));
    let (taken, result) = peak(|| Reader::parse(&bytes, "x").unwrap().any("a"));
    assert_eq!(result.unwrap().shape().numel(), SIZE);
    assert!(taken < SIZE as u64 + (1 << 18) && taken < INFLATE_LIMIT, "{taken}");
}

/// A small one that promises more than any packing could hold, and one that holds nothing of what it promises.
#[test]
fn a_bomb_that_lies_takes_little() {
    let huge = array(&[0; 10]);
    let header = String::from_utf8_lossy(&huge[10..128]).replace("(10,)", "(999999000,)");
    let header = [&huge[..10], header.trim_end().as_bytes(), &vec![b' '; 118 - header.trim_end().len()]].concat();
    let lie = Member { size: 999_999_000 + 128, ..Member::deflated("a.npy", &header) };
    let bytes = zip(&[lie]);
    let (taken, result) = peak(|| read(&bytes));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("packed bytes, expected more for 999999128"), "{error}");
    assert!(taken < 1 << 17, "{taken}");
}

#[test]
fn a_member_of_numpy_with_one_bit_flipped_is_refused() {
    // The contents are under a checksum, and the records of the directory under each other.
    let sound = data("compressed.npz");
    let mut file = Reader::parse(&sound, "x").unwrap();
    let names: Vec<String> = file.names().map(str::to_string).collect();
    assert!(names.iter().filter(|name| file.any(name).is_ok()).count() > 20);
    let at = sound.windows(9).position(|window| window == b"float64_c").unwrap() + 9 + 4 + 20;
    for bit in 0..200 {
        let mut bytes = sound.clone();
        bytes[at + bit / 8] ^= 1 << (bit % 8);
        assert!(Reader::parse(&bytes, "x").unwrap().any("float64_c").is_err(), "bit {bit}");
    }
}
