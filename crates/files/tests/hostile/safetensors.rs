//! Headers of safetensors files that lie.

use files::Error;
use files::safetensors::{Contents, MAX_HEADER, Reader, parse, write_to};
use tensor::Tensor;

use crate::peak;

/// A file with this header and this much data.
fn file(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

/// An entry of a header.
fn entry(name: &str, dtype: &str, shape: &str, from: u64, to: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
}

fn reason(bytes: &[u8]) -> String {
    let error = Reader::parse(bytes, "x").err().expect("an error").to_string();
    error.strip_prefix("x: no sound safetensors file: ").unwrap_or_else(|| panic!("{error}")).to_string()
}

#[test]
fn the_length_of_the_header_is_not_believed() {
    for len in [9, MAX_HEADER, MAX_HEADER + 1, 1 << 40, u64::MAX - 7, u64::MAX] {
        let bytes = [&len.to_le_bytes()[..], b"{}      "].concat();
        let (peak, reason) = peak(|| reason(&bytes));
        let expected = "expected at most 8388608, and no more than the 8 that follow";
        assert_eq!(reason, format!("found a header of {len} bytes, {expected}"));
        assert!(peak < 1 << 12, "{peak} bytes");
    }
    let long = file(&" ".repeat(MAX_HEADER as usize + 1), 0);
    assert!(reason(&long).starts_with("found a header of 8388609 bytes, expected at most 8388608, "));
    assert_eq!(reason(b"1234567"), "found 7 bytes, expected 8 that tell the header's length");
}

#[test]
fn tensors_fill_the_data_one_after_the_other() {
    let pair = |a: (u64, u64), b: (u64, u64)| {
        format!(
            "{{{},{}}}",
            entry("a", "U8", &format!("[{}]", a.1 - a.0), a.0, a.1),
            entry("b", "U8", &format!("[{}]", b.1 - b.0), b.0, b.1)
        )
    };
    assert!(Reader::parse(&file(&pair((0, 4), (4, 8)), 8), "x").is_ok());
    assert!(Reader::parse(&file(&pair((4, 8), (0, 4)), 8), "x").is_ok());
    let lie = "expected tensors that lie one after the other, from the first byte on";
    for (a, b) in [((0, 5), (4, 8)), ((0, 4), (0, 8)), ((0, 3), (4, 8)), ((0, 8), (2, 4))] {
        assert_eq!(reason(&file(&pair(a, b), 8)), format!("found invalid offset for tensor `b`, {lie}"));
    }
    assert_eq!(reason(&file(&pair((1, 4), (4, 8)), 8)), format!("found invalid offset for tensor `a`, {lie}"));
    let expected = "expected the 8 that its header describes";
    for data in [0, 7, 9] {
        assert_eq!(reason(&file(&pair((0, 4), (4, 8)), data)), format!("found {data} bytes of data, {expected}"));
    }
}

#[test]
fn shapes_types_and_offsets_must_agree() {
    let most = u64::MAX;
    let size = "found invalid shape, data type, or offset for tensor, expected offsets as far apart as its shape and \
                element type take";
    let overflow = "found overflow computing buffer size from shape and/or element type, expected shapes, element types \
                    and offsets that agree";
    let too_large =
        |shape: &str| format!("`a`: found shape {shape} of F32, expected at most 64 axes that memory can hold");
    let cases = [
        (entry("a", "F32", "[2]", 0, 4), size.to_string()),
        (entry("a", "F64", "[1]", 0, 4), size.to_string()),
        (entry("a", "F32", &format!("[{most},{most}]"), 0, 4), overflow.to_string()),
        (entry("a", "F32", &format!("[{most}]"), 0, 4), overflow.to_string()),
        (entry("a", "F4", "[1]", 0, 0), {
            "found The slice is slicing for subbytes dtypes, and the slice does not end up at a byte boundary, this is \
             invalid., expected shapes, element types and offsets that agree"
                .to_string()
        }),
    ];
    for (entry, expected) in cases {
        assert_eq!(reason(&file(&format!("{{{entry}}}"), 4)), expected, "{entry}");
    }
    // No elements, and sizes whose product is none.
    let shape = format!("[0, {most}, {most}]");
    assert_eq!(reason(&file(&format!("{{{}}}", entry("a", "F32", &shape, 0, 0)), 0)), too_large(&shape));
    let axes = format!("{:?}", vec![1; 65]);
    assert_eq!(reason(&file(&format!("{{{}}}", entry("a", "F32", &axes, 0, 4)), 4)), too_large(&axes));
}

#[test]
fn headers_that_are_something_else() {
    let start = "found a header that is not as expected: ";
    for (header, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "invalid type: sequence, expected an object with an entry for each tensor at line 1 column 0"),
        ("{} x", "trailing characters at line 1 column 4"),
        (r#"{"a":1}"#, "invalid type: integer `1`, expected struct TensorInfo at line 1 column 6"),
        (r#"{"__metadata__":{"a":1}}"#, "invalid type: integer `1`, expected a string at line 1 column 22"),
        (r#"{"__metadata__":{"a":"1"},"__metadata__":{}}"#, "duplicate field `__metadata__` at line 1 column 40"),
    ] {
        assert_eq!(reason(&file(header, 0)), format!("{start}{expected}"));
    }
    let unknown = reason(&file(&format!("{{{}}}", entry("a", "F31", "[]", 0, 4)), 4));
    assert!(unknown.starts_with(&format!("{start}unknown variant `F31`, expected one of ")), "{unknown}");
    let negative = reason(&file(&format!("{{{}}}", entry("a", "F32", "[-1]", 0, 4)), 4));
    assert!(negative.starts_with(&format!("{start}invalid value: integer `-1`, expected usize")), "{negative}");
    let deep = reason(&file(&format!(r#"{{"a":{}"#, "[".repeat(100_000)), 0));
    assert!(deep.starts_with(start), "{deep}");
    let not_utf8 = [&6u64.to_le_bytes()[..], b"{\"\xff\":1"].concat();
    assert!(reason(&not_utf8).starts_with(start));
    let twice = format!("{{{},{}}}", entry("a", "U8", "[0]", 0, 0), entry("a", "U8", "[0]", 0, 0));
    assert_eq!(reason(&file(&twice, 0)), "found two tensors `a`");
}

/// Whatever is written is read by the library that made the format known, and the other way round.
#[test]
fn the_reference_library_agrees() {
    let mut contents = Contents::new();
    contents.insert("b", Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]).t());
    contents.insert("a", Tensor::from([true]));
    contents.insert("é \"quoted\"", Tensor::<f64>::zeros([0, 2]));
    contents.metadata.insert("key".to_string(), "value".to_string());
    let mut bytes = Vec::new();
    write_to(&mut bytes, &contents).unwrap();
    let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = reference.names();
    names.sort();
    assert_eq!(names, ["a", "b", "é \"quoted\""]);
    let b = reference.tensor("b").unwrap();
    assert_eq!((b.dtype(), b.shape()), (safetensors::Dtype::F32, &[2, 2][..]));
    assert_eq!(b.data(), [1.0f32, 3.0, 2.0, 4.0].map(f32::to_le_bytes).concat());
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["key"], "value");
    // Data begin at a multiple of eight, and those of the largest elements come first.
    assert_eq!(
        (u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, metadata.offset_keys()[0].chars().next()),
        (0, Some('é'))
    );

    let views = reference.tensors();
    let theirs = safetensors::serialize(views.iter().map(|(name, view)| (name, view)), None).unwrap();
    assert_eq!(parse(&theirs, "x").unwrap().tensors, contents.tensors);
}

#[test]
fn what_cannot_be_written() {
    let mut contents = Contents::new();
    contents.insert("__metadata__", Tensor::from(1.0f32));
    let text = |contents: &Contents| write_to(&mut Vec::new(), contents).unwrap_err().to_string();
    let expected = "cannot write `__metadata__`: the name stands for the texts of a safetensors file";
    assert_eq!(text(&contents), expected);
    let mut contents = Contents::new();
    contents.insert("x", Tensor::<f32>::zeros(vec![1; 65]));
    assert_eq!(text(&contents), "cannot write `x`: it has more than 64 axes");
    let mut contents = Contents::new();
    contents.metadata.insert("long".to_string(), " ".repeat(MAX_HEADER as usize));
    assert_eq!(text(&contents), "cannot write `the header`: names, shapes and texts are longer than 8 MiB");
    let failing = write_to(&mut &mut [0u8; 20][..], &Contents::new());
    assert!(failing.is_ok(), "an empty file has 16 bytes");
    let failing = write_to(&mut &mut [0u8; 10][..], &Contents::new()).unwrap_err();
    assert!(matches!(failing, Error::Io { action: "write", .. }), "{failing}");
}
