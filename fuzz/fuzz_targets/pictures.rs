#![no_main]

use std::sync::LazyLock;
use std::{fs, panic};

use data::{Dataset, ImageFolder};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// A folder with one picture, whose format its first bytes tell.
static ONE: LazyLock<(TempDir, ImageFolder)> = LazyLock::new(|| {
    // A decoder that panics is an error like any other; only what leaves the target shall end it.
    let _ = panic::take_hook();
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("a")).expect("a folder in it");
    fs::write(folder.path().join("a/x.png"), []).expect("a file");
    let pictures = ImageFolder::open(folder.path()).expect("one picture");
    (folder, pictures)
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, pictures) = &*ONE;
    fs::write(folder.path().join("a/x.png"), bytes).expect("a file that can be written");
    let gray = pictures.clone().gray().resize(3, 5).get(0);
    match pictures.get(0) {
        Ok((image, _)) => {
            assert!(image.shape().len() == 3 && image.shape()[0] == 3);
            assert!(image.to_vec().into_iter().all(|pixel| (0.0..=1.0).contains(&pixel)));
            assert_eq!(*gray.expect("the same file").0.shape(), [1, 3, 5]);
        }
        Err(error) => assert_eq!(error.to_string(), gray.expect_err("the same file").to_string()),
    }
});
