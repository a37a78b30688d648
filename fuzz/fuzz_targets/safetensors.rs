#![no_main]

use files::safetensors::{self as ours, Reader};
use files::{Dtype, Error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = Reader::parse(bytes, "fuzz") else { return };
    let reference = safetensors::SafeTensors::deserialize(bytes).expect("the reference library accepts it");
    assert_eq!(reference.len(), file.entries().len());
    let names: Vec<String> = file.names().map(str::to_string).collect();
    for name in &names {
        let view = reference.tensor(name).expect("it has the same tensors");
        assert_eq!(view.shape(), &file.entries()[name].shape()[..]);
        let _ = (file.tensor_as::<f64>(name), file.tensor_as::<f32>(name), file.tensor_as::<i64>(name));
        match file.any(name) {
            Ok(tensor) => assert_eq!((tensor.shape(), tensor.dtype()), (file.entries()[name].shape(), file.entries()[name].dtype())),
            // A byte that is no `bool`, or elements that no tensor has.
            Err(Error::Format { .. }) => assert_eq!(file.entries()[name].dtype(), Dtype::Bool),
            Err(Error::Dtype { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let Ok(contents) = file.contents() else { return };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    // What was read may have a header that is longer when it is written again.
    if ours::write_to(&mut once, &contents).is_ok() {
        ours::write_to(&mut twice, &ours::parse(&once, "written").expect("what was written")).expect("once more");
        assert_eq!(once, twice);
    }
});
