//! The IDX reader against files that are cut, bent, or lie about their size.

use std::fs;
use std::io::Write;

use crate::allocation::largest;
use data::idx::{self, Idx};
use data::{Error, digits};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn header(code: u8, dims: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dims.len() as u8];
    dims.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes
}

fn idx_file(dims: &[u32], data: &[u8]) -> Vec<u8> {
    [header(8, dims), data.to_vec()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Five 3×4 images.
fn small() -> (Vec<u8>, Idx) {
    let data: Vec<u8> = (0..60_u8).map(|i| i.wrapping_mul(37)).collect();
    (idx_file(&[5, 3, 4], &data), Idx { dims: vec![5, 3, 4], data })
}

#[test]
fn reads_plain_and_gzip_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, expected) = small();
    for (name, contents) in [("plain.gz", bytes.clone()), ("packed", gzip(&bytes))] {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        assert_eq!(idx::read(&path).unwrap(), expected);
    }
}

#[test]
fn reads_files_larger_than_one_step() {
    let digits = digits::generate(4000, 5);
    let data: Vec<u8> = (0..4000).flat_map(|i| digits.image(i).to_vec()).collect();
    let bytes = idx_file(&[4000, 28, 28], &data);
    assert!(idx::parse(&bytes, "plain").unwrap().data == data);
    assert!(idx::parse(&gzip(&bytes), "gzip").unwrap().data == data);
}

#[test]
fn reads_a_gzip_file_of_two_members() {
    let (bytes, expected) = small();
    let two = [gzip(&bytes[..23]), gzip(&bytes[23..])].concat();
    assert_eq!(idx::parse(&two, "two members").unwrap(), expected);
}

#[test]
fn zero_rows_are_a_file_like_any_other() {
    let empty = idx::parse(&header(8, &[0, 28, 28]), "empty").unwrap();
    assert_eq!((empty.dims, empty.data), (vec![0, 28, 28], vec![]));
}

#[test]
fn every_truncation_is_an_error() {
    let (bytes, _) = small();
    let packed = gzip(&bytes);
    for file in [&bytes, &packed] {
        for cut in 0..file.len() {
            let error = idx::parse(&file[..cut], "cut.idx").expect_err(&format!("cut at byte {cut}"));
            assert!(error.to_string().starts_with("cut.idx: found "), "{error}");
        }
    }
    for cut in 0..bytes.len() {
        idx::parse(&gzip(&bytes[..cut]), "cut inside").expect_err(&format!("cut at byte {cut} inside gzip"));
    }
}

#[test]
fn every_flipped_header_bit_is_an_error() {
    let (bytes, _) = small();
    for bit in 0..8 * 16 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        idx::parse(&flipped, "flipped").expect_err(&format!("bit {bit}"));
        idx::parse(&gzip(&flipped), "flipped").expect_err(&format!("bit {bit} inside gzip"));
    }
}

#[test]
fn no_corrupted_gzip_byte_changes_the_data() {
    let (bytes, expected) = small();
    let packed = gzip(&bytes);
    for at in 0..packed.len() {
        for change in 1..=255 {
            let mut corrupt = packed.clone();
            corrupt[at] ^= change;
            match idx::parse(&corrupt, "corrupt") {
                // Flags, time stamp and system of the gzip header and the padding of a stored block: nothing covers
                // them, and they change nothing.
                Ok(read) => assert!(read == expected && (3..=10).contains(&at), "byte {at} ^ {change}"),
                Err(error) => assert!(error.to_string().starts_with("corrupt: found "), "{error}"),
            }
        }
    }
}

#[test]
fn trailing_data_is_an_error() {
    let (bytes, _) = small();
    let longer = [bytes.clone(), vec![0]].concat();
    assert!(matches!(idx::parse(&longer, "plain").unwrap_err(), Error::Length { found: 61, expected: 60, .. }));
    assert!(matches!(idx::parse(&gzip(&longer), "inside").unwrap_err(), Error::Trailing { expected: 60, .. }));
    let behind = [gzip(&bytes), vec![0]].concat();
    assert!(matches!(idx::parse(&behind, "behind").unwrap_err(), Error::Gzip { offset: 76, .. }));
}

#[test]
fn hostile_dimensions_allocate_nothing() {
    let most = u32::MAX;
    let hostile: &[&[u32]] =
        &[&[most], &[most, most], &[most, most, most], &[60_000, 28, 28], &[1 << 31, 2], &[0, most, most, most]];
    for dims in hostile.iter().copied().chain([&[most; 255][..], &[2; 255], &[2; 64], &[2; 63]]) {
        let file = idx_file(dims, &[1, 2, 3]);
        let (plain, result) = largest(|| idx::parse(&file, "hostile"));
        result.expect_err(&format!("{dims:?}"));
        assert!(plain <= 8 * 255, "{dims:?}: allocated {plain} bytes");

        let packed = gzip(&file);
        let (gzip, result) = largest(|| idx::parse(&packed, "hostile"));
        result.expect_err(&format!("{dims:?} in gzip"));
        assert!(gzip <= 1 << 16, "{dims:?} in gzip: allocated {gzip} bytes");
    }
}

#[test]
fn a_gzip_file_sets_aside_at_most_twice_what_it_holds() {
    // 40 kB of noise could have unpacked to 41 MB of zeros, and the header says that it does.
    let words = std::iter::successors(Some(1_u32), |&word| Some(xorshift(word)));
    let noise: Vec<u8> = words.map(|word| (word >> 9) as u8).take(40_000).collect();
    let packed = gzip(&idx_file(&[41_000_000], &noise));
    assert!(packed.len() > 40_000, "noise does not compress");
    let (largest, result) = largest(|| idx::parse(&packed, "liar"));
    assert!(matches!(result.unwrap_err(), Error::Length { found: 40_000, expected: 41_000_000, .. }));
    assert!(largest <= 1 << 20, "allocated {largest} bytes");
}

fn xorshift(mut word: u32) -> u32 {
    word ^= word << 13;
    word ^= word >> 17;
    word ^ (word << 5)
}

#[test]
fn errors_name_file_finding_and_expectation() {
    let cases: &[(Vec<u8>, &str)] = &[
        (vec![], "f: found first bytes [], expected an IDX header ([00, 00, 08, dimension count]) or gzip"),
        (
            b"<html>".to_vec(),
            "f: found first bytes [3c, 68, 74, 6d], expected an IDX header ([00, 00, 08, dimension count]) or gzip",
        ),
        (header(0x0d, &[1]), "f: found element type 0x0d (f32), expected 0x08 (unsigned byte)"),
        (header(0x0a, &[1]), "f: found element type 0x0a (no IDX type), expected 0x08 (unsigned byte)"),
        (header(8, &[]), "f: found a dimension count of 0, expected 1 to 255"),
        (header(8, &[5, 3, 4])[..10].to_vec(), "f: found 6 of the 12 bytes that its 3 dimensions take"),
        (idx_file(&[2, 3], &[1]), "f: found 1 bytes of data, expected 6 from its dimensions [2, 3]"),
        (
            header(8, &[u32::MAX; 3]),
            "f: found dimensions [4294967295, 4294967295, 4294967295], expected a product that memory can hold",
        ),
        (
            gzip(&idx_file(&[2, 3], &[1; 7])),
            "f: found more data after byte 6, expected it to end there by its dimensions [2, 3]",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(idx::parse(bytes, "f").unwrap_err().to_string(), *message);
    }
}

#[test]
fn what_is_no_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.gz");
    let error = idx::read(&missing).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("missing.gz"), "{error}");
    assert!(matches!(idx::read(folder.path()).unwrap_err(), Error::NotAFile { .. }));
    #[cfg(unix)]
    assert!(matches!(idx::read("/dev/zero").unwrap_err(), Error::NotAFile { .. }));
}

/// Dimensions that are small often enough to agree with the data by chance.
fn any_dims() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(prop_oneof![0_u32..4, any::<u32>()], 0..5)
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = idx::parse(&bytes, "random");
        let _ = idx::parse(&[vec![0x1f, 0x8b, 8], bytes.clone()].concat(), "random deflate");
        let _ = idx::parse(&gzip(&bytes), "random in gzip");
    }

    #[test]
    fn what_is_read_is_what_the_header_promises(
        code in prop_oneof![4 => Just(8_u8), 1 => any::<u8>()],
        dims in any_dims(),
        data in proptest::collection::vec(any::<u8>(), 0..30),
    ) {
        let promised: u128 = dims.iter().map(|&size| u128::from(size)).fold(1, u128::saturating_mul);
        let honest = code == 8 && !dims.is_empty() && promised == data.len() as u128;
        let bytes = [header(code, &dims), data.clone()].concat();
        for file in [gzip(&bytes), bytes] {
            match idx::parse(&file, "random") {
                Ok(read) => {
                    prop_assert!(honest);
                    prop_assert_eq!(&read.data, &data);
                    prop_assert!(read.dims.iter().map(|&size| size as u32).eq(dims.iter().copied()));
                }
                // Zero rows of more bytes than there are addresses are refused as well.
                Err(error) => prop_assert!(!honest || matches!(error, Error::TooLarge { .. }), "{}", error),
            }
        }
    }
}
