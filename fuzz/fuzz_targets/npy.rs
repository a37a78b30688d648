#![no_main]

use files::AnyTensor;
use files::npy::{Options, Reader};
use libfuzzer_sys::fuzz_target;
use tensor::Tensor;

/// What is written is read back with the same bits.
fn rewrite<T: files::Stored>(tensor: &Tensor<T>) {
    for options in [Options::new(), Options::new().fortran().big_endian()] {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        options.write_to(&mut once, tensor).expect("a tensor that was read");
        let again = Reader::parse(&once, "written").expect("what was written").tensor::<T>().expect("its elements");
        options.write_to(&mut twice, &again).expect("once more");
        assert_eq!((again.shape(), once), (tensor.shape(), twice));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let parse = || Reader::parse(bytes, "fuzz");
    let Ok(file) = parse() else { return };
    let _ = parse().expect("again").tensor_as::<f64>();
    let _ = parse().expect("again").tensor_as::<i64>();
    match file.any() {
        Ok(AnyTensor::F32(x)) => rewrite(&x),
        Ok(AnyTensor::F64(x)) => rewrite(&x),
        Ok(AnyTensor::I32(x)) => rewrite(&x),
        Ok(AnyTensor::I64(x)) => rewrite(&x),
        Ok(AnyTensor::U8(x)) => rewrite(&x),
        Ok(AnyTensor::Bool(x)) => rewrite(&x),
        _ => {}
    }
});
