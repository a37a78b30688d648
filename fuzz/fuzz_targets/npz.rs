#![no_main]

use files::npz::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = Reader::parse(bytes, "fuzz").map(|file| file.limit(1 << 20)) else { return };
    let names: Vec<String> = file.names().map(str::to_string).collect();
    for name in &names {
        if let Ok(tensor) = file.any(name) {
            assert_eq!(file.form(name).expect("it was read"), (tensor.dtype(), tensor.shape().clone()));
        }
        let _ = file.tensor_as::<f32>(name);
    }
    let _ = file.all();
});
