#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = data::idx::parse(bytes, "fuzz") {
        assert_eq!(read.dims.iter().product::<usize>(), read.data.len());
    }
});
