//! NumPy's arrays: what it wrote is read in every order, and what is written comes back.

use std::fs;
use std::path::PathBuf;

use files::npy::{self, Options, Reader};
use files::{AnyTensor, Dtype, Error, Stored, npz};
use proptest::prelude::*;
use tensor::{Cast, Tensor};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// 0 to 5 in two rows.
fn count<T: tensor::Element>() -> Tensor<T>
where
    i32: Cast<T>,
{
    Tensor::from([[0i32, 1, 2], [3, 4, 5]]).cast()
}

#[test]
fn all_versions_are_read() {
    for name in ["one.npy", "version2.npy", "version3.npy"] {
        assert_eq!(npy::read::<f32>(data(name)).unwrap(), count(), "{name}");
    }
}

/// Every element type, in both byte orders and both orders of axes, from NumPy.
#[test]
fn all_orders_are_read() {
    for archive in ["arrays.npz", "compressed.npz"] {
        let mut file = npz::Reader::open(data(archive)).unwrap();
        let names: Vec<String> = file.names().map(str::to_string).collect();
        assert_eq!(names.len(), 51);
        let converted = ["float16", "int16", "int8", "uint64", "uint32", "uint16"];
        for name in names.iter().filter(|name| converted.iter().all(|dtype| !name.starts_with(dtype))) {
            match file.any(name).unwrap() {
                AnyTensor::Bool(x) => {
                    assert_eq!(x, Tensor::from([[true, false, true], [false, true, false]]), "{name}");
                }
                _ if name == "scalar" => assert_eq!(file.tensor::<f32>(name).unwrap(), Tensor::from(1.5)),
                _ if name == "empty" => assert_eq!(file.tensor::<f32>(name).unwrap(), Tensor::zeros([0, 3])),
                AnyTensor::I32(x) if name == "cube_fortran" => {
                    assert_eq!(x, Tensor::from_fn([2, 3, 4], |i| (12 * i[0] + 4 * i[1] + i[2]) as i32));
                }
                AnyTensor::F32(x) => assert_eq!(x, count(), "{name}"),
                AnyTensor::F64(x) => assert_eq!(x, count(), "{name}"),
                AnyTensor::I32(x) => assert_eq!(x, count(), "{name}"),
                AnyTensor::I64(x) => assert_eq!(x, count(), "{name}"),
                AnyTensor::U8(x) => assert_eq!(x, count(), "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        for name in names.iter().filter(|name| converted[..3].iter().any(|dtype| name.starts_with(dtype))) {
            assert_eq!(file.tensor_as::<f32>(name).unwrap(), count(), "{name}");
        }
        for name in names.iter().filter(|name| name.starts_with("uint32") || name.starts_with("uint16")) {
            assert_eq!(file.tensor_as::<i64>(name).unwrap(), count(), "{name}");
        }
        assert_eq!(file.form("uint64_big_c").unwrap(), (Dtype::U64, [2, 3].into()));
        assert!(matches!(file.tensor_as::<i64>("uint64_big_c").unwrap_err(), Error::Dtype { .. }));
    }
}

#[test]
fn objects_strings_and_records_are_refused() {
    let text = |name: &str| {
        let error = Reader::open(data(name)).err().unwrap().to_string();
        error.replace(data(name).to_str().unwrap(), "file")
    };
    let expected = "expected numbers or `bool`";
    assert_eq!(text("objects.npy"), format!("file: no sound npy file: found elements of type '|O', {expected}"));
    assert_eq!(text("strings.npy"), format!("file: no sound npy file: found elements of type '<U3', {expected}"));
    let error = text("records.npy");
    assert!(error.starts_with("file: no sound npy file: found `[('a', '<f4'), ('b',"), "{error}");
    assert!(error.ends_with("at byte 10 of the header, expected a simple element type"), "{error}");
}

/// What is written has NumPy's own bytes, its padding for growing arrays excepted.
#[test]
fn the_bytes_are_those_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.npy");
    npy::write(&path, &count::<f32>()).unwrap();
    let (ours, numpy) = (fs::read(&path).unwrap(), fs::read(data("one.npy")).unwrap());
    assert_eq!(ours, numpy);
}

fn round_trip<T: Stored>(tensor: &Tensor<T>) {
    let usual = Options::new();
    for options in [usual, usual.fortran(), usual.big_endian(), usual.fortran().big_endian()] {
        let mut bytes = Vec::new();
        options.write_to(&mut bytes, tensor).unwrap();
        let file = Reader::parse(&bytes, "x").unwrap();
        assert_eq!((file.dtype(), file.shape()), (Dtype::of::<T>(), tensor.shape()));
        assert_eq!(&file.tensor::<T>().unwrap(), tensor);
        assert_eq!(Reader::parse(&bytes, "x").unwrap().any().unwrap(), AnyTensor::from(tensor));
    }
}

#[test]
fn views_scalars_and_nothing_come_back() {
    let x = Tensor::<f64>::from_fn([3, 4, 2], |i| (i[0] * 100 + i[1] * 10 + i[2]) as f64);
    round_trip(&x);
    round_trip(&x.permute(&[2, 0, 1]));
    round_trip(&x.narrow(1, 1, 2));
    round_trip(&Tensor::from([[1i32], [2]]).broadcast_to([2, 5]));
    round_trip(&Tensor::from(true));
    round_trip(&Tensor::<u8>::zeros([0]));
    round_trip(&Tensor::<i64>::zeros([4, 0, 3]));
    round_trip(&Tensor::<f32>::zeros(vec![1; 64]));
    // More than one chunk.
    round_trip(&Tensor::<f32>::from_fn([301, 97], |i| (i[0] * i[1]) as f32));
    round_trip(&Tensor::from([f32::NEG_INFINITY, -0.0, f32::MIN_POSITIVE, 1e-45]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_tensor_comes_back(shape in proptest::collection::vec(0usize..5, 0..5), bits in any::<u64>()) {
        let mix = |i: &[usize]| i.iter().fold(bits, |h, &i| (h ^ i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let shape = &shape[..];
        round_trip(&Tensor::<i64>::from_fn(shape, |i| mix(i) as i64));
        round_trip(&Tensor::<i32>::from_fn(shape, |i| mix(i) as i32));
        round_trip(&Tensor::<u8>::from_fn(shape, |i| mix(i) as u8));
        round_trip(&Tensor::<bool>::from_fn(shape, |i| mix(i) & 64 == 0));
        round_trip(&Tensor::<f64>::from_fn(shape, |i| mix(i) as f64 * 1e-9));
        round_trip(&Tensor::<f32>::from_fn(shape, |i| mix(i) as f32));
    }
}

#[test]
fn nan_keeps_its_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.npy");
    let bits = [0x7fc0_0001u32, 0xffff_ffff, 0x7f80_0001];
    npy::write(&path, &Tensor::from(bits.map(f32::from_bits))).unwrap();
    let read = npy::read::<f32>(&path).unwrap();
    assert_eq!(read.to_vec().iter().map(|x| x.to_bits()).collect::<Vec<_>>(), bits);
}

#[test]
fn more_axes_than_numpy_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let error = npy::write(&path, &Tensor::<f32>::zeros(vec![1; 65])).unwrap_err();
    assert_eq!(error.to_string(), "cannot write `npy`: it has more than 64 axes");
    assert!(!path.exists());
}

/// A file of version 1.0 with this header, padded or not.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), data].concat()
}

/// Python has other ways to write the same dictionary.
#[test]
fn headers_may_be_written_differently() {
    for header in [
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }          \n",
        "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<i4\"}",
        " { 'shape' : ( 2 , ) , 'descr' : '=i4' , 'fortran_order' : True } ",
        "{'descr': 'i4', 'fortran_order': False, 'shape': (2L,)}\n",
    ] {
        let bytes = file(header, &[1, 0, 0, 0, 2, 0, 0, 0]);
        let read = Reader::parse(&bytes, "x").unwrap().tensor::<i32>();
        assert_eq!(read.unwrap(), Tensor::from([1, 2]), "{header}");
    }
}

#[test]
fn errors_say_what_was_found_and_expected() {
    let header = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let most = usize::MAX.to_string();
    let too_large = |shape: &str| format!("found shape {shape} of F32, expected at most 64 axes that memory can hold");
    let cases = [
        (b"GIF89a\x01\x00".to_vec(), "found first bytes [47, 49, 46, 38, 39, 61], expected \"\\x93NUMPY\"".into()),
        (b"\x93NUMPY\x04\x00".to_vec(), "found version 4.0, expected 1.0, 2.0 or 3.0".into()),
        (b"\x93NUMPY\x01\x00\xff\xff".to_vec(), "found a header of 65535 bytes, expected at most 10000".into()),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            "found a header of 4294967295 bytes, expected at most 10000".into(),
        ),
        (b"\x93NUMPY\x01".to_vec(), "found its end inside the header of an array".into()),
        (file(&header("(2,)"), &[0; 7]), "found 7 bytes of data, expected 8 for shape [2] of F32".into()),
        (file(&header("(2,)"), &[0; 9]), "found 9 bytes of data, expected 8 for shape [2] of F32".into()),
        (file(&header(&format!("({most}, {most})")), &[]), too_large(&format!("[{most}, {most}]"))),
        (file(&header(&format!("({most}, 0)")), &[]), too_large(&format!("[{most}, 0]"))),
        (
            file(&header("(18446744073709551616,)"), &[]),
            "found `18446744073709551616` at byte 51 of the header, expected a size that memory can have".into(),
        ),
        (
            file(&header("(-1,)"), &[]),
            "found `-1,), }` at byte 51 of the header, expected a size that memory can have".into(),
        ),
        (file(&header("2"), &[]), "found `2, }` at byte 50 of the header, expected `(`".into()),
        (
            file("{'descr': '<f4'}", &[]),
            "found no key 'fortran_order', expected 'descr', 'fortran_order' and 'shape'".into(),
        ),
        (file("{'descr': '<f4', 'descr': '<f4'}", &[]), "found the key 'descr' twice".into()),
        (file("{'name': 1}", &[]), "found the key 'name', expected 'descr', 'fortran_order' and 'shape'".into()),
        (
            file("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", &[]),
            "found elements of type '<c8', expected numbers or `bool`".into(),
        ),
        (file("{'descr': '\\x41'}", &[]), "found `'\\x41'}` at byte 10 of the header, expected a string".into()),
        (file(&(header("()") + "x"), &[]), "found `x` at byte 55 of the header, expected nothing more".into()),
        (
            file("{'fortran_order': Falsch}", &[]),
            "found `Falsch}` at byte 18 of the header, expected True or False".into(),
        ),
    ];
    for (bytes, reason) in cases {
        let error = Reader::parse(&bytes, "x").err().map(|error| error.to_string());
        let reason: String = reason;
        assert_eq!(error, Some(format!("x: no sound npy file: {reason}")));
    }
    let error = Reader::parse(&file(&header("()"), &[0; 4]), "x").unwrap().tensor::<f64>().unwrap_err();
    assert_eq!(error.to_string(), "x: `array` is F32, expected F64");
    let bools = file("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", &[0, 1, 7]);
    let error = Reader::parse(&bools, "x").unwrap().any().unwrap_err();
    assert_eq!(error.to_string(), "x: no sound npy file: `array`: found byte 7 at element 2, expected 0 or 1");
}
