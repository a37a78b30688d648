//! The most memory that files can be made to take.

use files::safetensors::{MAX_HEADER, MAX_OVERHEAD, Reader};
use files::{Error, Weights, npy, npz};
use nn::Linear;
use tensor::rng;

use crate::peak;

/// A header of as many entries as fit, the `i`-th of which is `entry(i)`.
fn full_header(open: &str, entry: impl Fn(usize) -> String, close: &str) -> Vec<u8> {
    let mut header = open.to_string();
    let mut i = 0;
    loop {
        let next = entry(i);
        if (header.len() + 1 + next.len() + close.len()) as u64 > MAX_HEADER {
            break;
        }
        if i > 0 {
            header.push(',');
        }
        header.push_str(&next);
        i += 1;
    }
    header.push_str(close);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

/// Everything of which a header can have much.
#[test]
fn a_header_takes_no_more_than_is_promised() {
    let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let headers = [
        ("names", full_header("{", |i| format!(r#""{i:x}":{empty}"#), "}"), true),
        ("texts", full_header(r#"{"__metadata__":{"#, |i| format!(r#""{i:x}":"""#), "}}"), true),
        ("axes", full_header(r#"{"a":{"dtype":"U8","shape":["#, |_| "1".into(), r#"],"data_offsets":[0,1]}}"#), false),
        ("escapes", full_header(r#"{"__metadata__":{"a":""#, |_| r"\n\u00e9".into(), r#""}}"#), true),
        ("one name twice", full_header("{", |_| format!(r#""a":{empty}"#), "}"), false),
        ("fields", full_header(r#"{"a":{"#, |i| format!(r#""{i:x}":[{{}}]"#), "}}"), false),
    ];
    for (what, bytes, sound) in headers {
        assert!(bytes.len() as u64 > MAX_HEADER - 100, "{what}");
        let (peak, result) = peak(|| Reader::parse(&bytes, "x"));
        assert_eq!(result.is_ok(), sound, "{what}: {:?}", result.err());
        println!("{what}: {:.1} bytes for each byte of the header", peak as f64 / bytes.len() as f64);
        assert!(peak <= MAX_OVERHEAD, "{what}: {peak} bytes");
    }
}

/// A list of everything that is unexpected is long, too.
#[test]
fn a_mismatch_takes_no_more_than_is_promised() {
    let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let bytes = full_header("{", |i| format!(r#""{i:x}":{empty}"#), "}");
    let mut model = Linear::<f32>::new(2, 2, &mut rng(0, 0));
    let (peak, error) = peak(|| Weights::new().read(&mut model, &mut Reader::parse(&bytes, "x").unwrap()));
    let Error::Mismatch(mismatch) = error.unwrap_err() else { panic!("another error") };
    assert!(mismatch.faults.len() > 100_000);
    assert!(peak <= MAX_OVERHEAD, "{peak} bytes");
}

/// A chunk is all that is set aside beside the data.
#[test]
fn an_array_takes_its_own_size() {
    let numbers = vec![1u8; 4 << 20];
    let header = format!(r#"{{"a":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{}]}}}}"#, 1 << 20, 4 << 20);
    let safetensors = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
    let (taken, result) = peak(|| files::safetensors::parse(&safetensors, "x"));
    assert_eq!(result.unwrap().tensors["a"].shape().numel(), 1 << 20);
    assert!(taken < safetensors.len() as u64 + (1 << 17), "{taken}");

    let header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': ({}, 4)}}", 1 << 18);
    let npy = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
    let (taken, result) = peak(|| npy::Reader::parse(&npy, "x").unwrap().any());
    assert_eq!(result.unwrap().shape()[..], [1 << 18, 4]);
    assert!(taken < npy.len() as u64 + npy::MAX_OVERHEAD, "{taken}");
}

/// A ZIP file that consists of a directory.
#[test]
fn a_directory_takes_no_more_than_is_promised() {
    for name_len in [0, 5, 1000] {
        let members = if name_len < 1000 { 1 << 16 } else { 1 << 12 };
        let mut bytes = Vec::new();
        for i in 0..members {
            let name = format!("{i:0>name_len$x}");
            let mut record = [0; 46];
            record[..4].copy_from_slice(b"PK\x01\x02");
            record[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend(record);
            bytes.extend(name.as_bytes());
        }
        let (start, size) = (0u64, bytes.len() as u64);
        bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\x03\x2d\0\0\0\0\0\0\0\0\0");
        bytes.extend([members as u64, members as u64, size, start].map(u64::to_le_bytes).concat());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(size.to_le_bytes());
        bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
        bytes.extend([0xff; 12]);
        bytes.extend([0; 2]);
        let (peak, result) = peak(|| npz::Reader::parse(&bytes, "x"));
        let error = result.err().unwrap().to_string();
        assert!(error.contains("expected its 0 bytes before byte 0"), "{error}");
        println!("names of {name_len}: {:.1} bytes for each byte of the directory", peak as f64 / size as f64);
        assert!(peak <= bytes.len() as u64 + npz::MAX_OVERHEAD, "{peak} bytes for {}", bytes.len());
    }
}
