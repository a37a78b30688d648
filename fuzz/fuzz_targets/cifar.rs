#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(images) = data::cifar::parse(bytes, "fuzz") else { return };
    let again = (0..images.len()).flat_map(|i| [&[images.label(i)], images.image(i)].concat());
    assert!(again.eq(bytes.iter().copied()));
});
