//! Fashion-MNIST, KMNIST and CIFAR-10: where they are found, and files that are not what they should be.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use data::{Collection, Error, Source, cifar};
use proptest::prelude::*;

/// Three training images and two test images in the format of MNIST.
fn write_idx(folder: &Path) {
    let write = |name: &str, dims: &[u32], data: &[u8]| {
        let head = [0, 0, 8, dims.len() as u8].into_iter().chain(dims.iter().flat_map(|size| size.to_be_bytes()));
        fs::write(folder.join(name), head.chain(data.iter().copied()).collect::<Vec<_>>()).unwrap();
    };
    write("train-images-idx3-ubyte", &[3, 28, 28], &[7; 3 * 784]);
    write("train-labels-idx1-ubyte", &[3], &[9, 0, 4]);
    write("t10k-images-idx3-ubyte", &[2, 28, 28], &[8; 2 * 784]);
    write("t10k-labels-idx1-ubyte", &[2], &[1, 2]);
}

/// `count` records, whose classes and pictures count up from `first`.
fn records(first: u8, count: u8) -> Vec<u8> {
    (first..first + count).flat_map(|k| [vec![k % 10], vec![k; 3072]].concat()).collect()
}

fn write_cifar(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    (1..=5).for_each(|i| fs::write(folder.join(format!("data_batch_{i}.bin")), records(2 * i, 2)).unwrap());
    fs::write(folder.join("test_batch.bin"), records(0, 3)).unwrap();
}

#[test]
fn collections_in_the_format_of_mnist_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path());
    for (collection, name) in [(Collection::FashionMnist, "Fashion-MNIST"), (Collection::Kmnist, "KMNIST")] {
        let found = collection.open(Some(folder.path())).unwrap();
        assert_eq!((found.train.labels(), found.test.labels()), (&[9, 0, 4][..], &[1, 2][..]));
        assert_eq!(found.source, Source::Folder(folder.path().to_owned()));
        assert_eq!(found.to_string(), format!("{name}, 3 + 2 images, from {}", folder.path().display()));
    }
    assert_eq!(Collection::FashionMnist.classes()[9], "ankle boot");
}

#[test]
fn cifar_is_read_from_its_folder_or_the_one_above() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("cifar-10-batches-bin");
    write_cifar(&inner);
    for path in [folder.path(), &inner] {
        let found = Collection::Cifar10.open(Some(path)).unwrap();
        assert_eq!(found.train.labels(), [2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert_eq!((found.train.shape(), found.train.image(4)), (Some([3, 32, 32]), &[6; 3072][..]));
        assert_eq!(found.test.labels(), [0, 1, 2]);
        assert_eq!(found.to_string(), format!("CIFAR-10, 10 + 3 images, from {}", path.display()));
    }
    fs::remove_file(inner.join("data_batch_4.bin")).unwrap();
    let error = Collection::Cifar10.open(Some(folder.path())).unwrap_err();
    assert!(error.to_string().contains("data_batch_4.bin: cannot be read: "), "{error}");
}

/// Not a test by itself: what the test below runs with an environment of its own.
#[test]
#[ignore = "run by another test, in a process with another environment"]
fn print_what_opens() {
    for collection in [Collection::FashionMnist, Collection::Kmnist, Collection::Cifar10] {
        match collection.open(None) {
            Ok(found) => println!("opened: {found}"),
            Err(error) => println!("error: {error}"),
        }
    }
}

#[test]
fn the_environment_names_folders_and_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path());
    write_cifar(&folder.path().join("wengert").join("cifar-10"));
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "collection::print_what_opens", "--ignored", "--nocapture"])
        .env_clear()
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("FASHION_MNIST_DIR", folder.path())
        .env("XDG_CACHE_HOME", folder.path())
        .output()
        .unwrap();
    let (output, path) = (String::from_utf8(output.stdout).unwrap(), folder.path().display());
    assert!(
        output.contains(&format!("opened: Fashion-MNIST, 3 + 2 images, from {path} (FASHION_MNIST_DIR)")),
        "{output}"
    );
    assert!(output.contains("error: KMNIST: no files found: "), "{output}");
    assert!(
        output.contains(&format!("opened: CIFAR-10, 10 + 3 images, from {path}/wengert/cifar-10 (cache)")),
        "{output}"
    );
}

#[test]
fn every_truncation_of_a_record_is_an_error() {
    let whole = records(3, 2);
    for cut in 0..=whole.len() {
        match cifar::parse(&whole[..cut], "cut") {
            Ok(images) => assert_eq!(images.len() * 3073, cut),
            Err(error) => {
                let expected = format!("cut: found {cut} bytes, expected a multiple of 3073, the size of a record");
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}

#[test]
fn what_is_no_file_of_records_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(cifar::read([folder.path()]).unwrap_err(), Error::Irregular { .. }));
    assert!(matches!(cifar::read([folder.path().join("absent")]).unwrap_err(), Error::Io { .. }));
    let mut bytes = records(0, 4);
    bytes[2 * 3073] = 10;
    assert_eq!(cifar::parse(&bytes, "f").unwrap_err().to_string(), "f: found label 10 in row 2, expected 0 to 9");
}

proptest! {
    #[test]
    fn corrupted_records_are_read_or_refused(changes in proptest::collection::vec((0_usize..3 * 3073, any::<u8>()), 1..20)) {
        let mut bytes = records(0, 3);
        changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        let labels = [0, 1, 2].map(|row| bytes[row * 3073]);
        match cifar::parse(&bytes, "f") {
            Ok(images) => {
                prop_assert_eq!(images.labels(), labels);
                (0..3).for_each(|row| assert_eq!(images.image(row), &bytes[row * 3073 + 1..][..3072]));
            }
            Err(_) => prop_assert!(labels.iter().any(|&label| label > 9)),
        }
    }
}
