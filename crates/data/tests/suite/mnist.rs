//! Finding MNIST: the real files where `MNIST_DIR` names them, and folders that are almost right.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use data::{Error, Mnist, Source};
use flate2::Compression;
use flate2::write::GzEncoder;

fn idx_file(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    [bytes, data.to_vec()].concat()
}

fn images(count: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 251) as u8).collect();
    idx_file(&[count as u32, 28, 28], &pixels)
}

fn labels(labels: &[u8]) -> Vec<u8> {
    idx_file(&[labels.len() as u32], labels)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes three training and two test images, in all four spellings.
fn write_small(folder: &Path) {
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    write("train-images-idx3-ubyte.gz", gzip(&images(3)));
    write("train-labels.idx1-ubyte.gz", gzip(&labels(&[5, 0, 4])));
    write("t10k-images.idx3-ubyte", images(2));
    write("t10k-labels-idx1-ubyte", labels(&[7, 2]));
}

/// What [`Mnist::open`] says about the small folder with one file replaced.
fn error_with(name: &str, bytes: Vec<u8>) -> Error {
    let folder = tempfile::tempdir().unwrap();
    write_small(folder.path());
    fs::write(folder.path().join(name), bytes).unwrap();
    Mnist::open(Some(folder.path())).unwrap_err()
}

#[test]
fn the_real_files_are_what_they_should_be() {
    let Some(folder) = env::var_os("MNIST_DIR") else {
        eprintln!("skipped: MNIST_DIR names no folder with the real files");
        return;
    };
    let mnist = Mnist::open(Some(Path::new(&folder))).unwrap();
    assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
    assert_eq!(mnist.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    let label_sum = |set: &data::Images| set.labels().iter().map(|&label| u64::from(label)).sum::<u64>();
    assert_eq!((label_sum(&mnist.train), label_sum(&mnist.test)), (267_236, 44_434));
    let pixel_sum =
        |set: &data::Images| (0..set.len()).flat_map(|i| set.image(i)).map(|&pixel| u64::from(pixel)).sum::<u64>();
    assert_eq!((pixel_sum(&mnist.train), pixel_sum(&mnist.test)), (1_567_298_545, 264_923_200));
    assert!(mnist.to_string().starts_with("MNIST, 60,000 + 10,000 images, from "), "{mnist}");
}

#[test]
fn all_spellings_are_found_plain_and_gzip() {
    let folder = tempfile::tempdir().unwrap();
    write_small(folder.path());
    let mnist = Mnist::open(Some(folder.path())).unwrap();
    assert_eq!(mnist.source, Source::Folder(folder.path().to_owned()));
    assert_eq!((mnist.train.labels(), mnist.test.labels()), (&[5, 0, 4][..], &[7, 2][..]));
    assert_eq!(mnist.train.image(1)[..3], [31, 32, 33]);
    assert_eq!(mnist.to_string(), format!("MNIST, 3 + 2 images, from {}", folder.path().display()));
}

#[test]
fn images_and_labels_must_agree_in_count() {
    let error = error_with("t10k-labels-idx1-ubyte", labels(&[7, 2, 1]));
    assert!(matches!(error, Error::Counts { labels: 3, images: 2, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("t10k-labels-idx1-ubyte: found 3 labels, expected 2"), "{message}");
    assert!(message.contains("t10k-images.idx3-ubyte"), "{message}");
}

#[test]
fn a_label_outside_the_classes_is_named_with_its_row() {
    let error = error_with("train-labels.idx1-ubyte.gz", labels(&[5, 0, 10]));
    assert!(error.to_string().ends_with("ubyte.gz: found label 10 in row 2, expected 0 to 9"), "{error}");
}

#[test]
fn swapped_files_and_other_sizes_are_told_apart() {
    let error = error_with("t10k-labels-idx1-ubyte", images(2));
    assert!(error.to_string().ends_with("found dimensions [2, 28, 28], expected [n], labels"), "{error}");
    let error = error_with("t10k-images.idx3-ubyte", labels(&[7, 2]));
    assert!(error.to_string().ends_with("found dimensions [2], expected [n, 28, 28], images"), "{error}");
    let error = error_with("t10k-images.idx3-ubyte", idx_file(&[2, 28, 27], &[0; 2 * 28 * 27]));
    assert!(error.to_string().ends_with("found dimensions [2, 28, 27], expected [n, 28, 28], images"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error_and_not_replaced() {
    let whole = gzip(&images(3));
    let error = error_with("train-images-idx3-ubyte.gz", whole[..whole.len() - 9].to_vec());
    assert!(matches!(error, Error::Gzip { .. }), "{error}");
}

#[test]
fn a_missing_file_is_named_in_both_spellings() {
    let folder = tempfile::tempdir().unwrap();
    write_small(folder.path());
    fs::remove_file(folder.path().join("train-labels.idx1-ubyte.gz")).unwrap();
    let expected = format!(
        "{}: found no train-labels-idx1-ubyte or train-labels.idx1-ubyte, expected one of them, plain or .gz",
        folder.path().display()
    );
    assert_eq!(Mnist::open(Some(folder.path())).unwrap_err().to_string(), expected);
}

/// Not a test by itself: what the tests below run with an environment of their own.
#[test]
#[ignore = "run by other tests, in a process with another environment"]
fn print_what_opens() {
    match Mnist::open(None) {
        Ok(mnist) => println!("opened: {:?} | {mnist}", mnist.source),
        Err(error) => println!("error: {error}"),
    }
}

/// Opens MNIST in a process where nothing is set but `variables`, and the network is a closed port.
fn open_with_environment(variables: &[(&str, &Path)]) -> String {
    let Output { stdout, .. } = Command::new(env::current_exe().unwrap())
        .args(["--exact", "mnist::print_what_opens", "--ignored", "--nocapture"])
        .env_clear()
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(stdout).unwrap()
}

#[test]
fn the_environment_names_the_folder() {
    let (good, bad) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_small(good.path());
    let output = open_with_environment(&[("MNIST_DIR", good.path())]);
    assert!(output.contains(&format!("| MNIST, 3 + 2 images, from {} (MNIST_DIR)", good.path().display())), "{output}");
    let output = open_with_environment(&[("MNIST_DIR", bad.path()), ("XDG_CACHE_HOME", good.path())]);
    assert!(output.contains(&format!("error: {}: found no train-images", bad.path().display())), "{output}");
}

#[test]
fn the_cache_is_found_where_xdg_says_or_at_home() {
    let home = tempfile::tempdir().unwrap();
    let caches = home.path().join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" });
    for (variable, cache) in [("XDG_CACHE_HOME", home.path()), ("HOME", &caches)] {
        let folder = cache.join("wengert").join("mnist");
        fs::create_dir_all(&folder).unwrap();
        write_small(&folder);
        let output = open_with_environment(&[(variable, home.path())]);
        assert!(output.contains(&format!("| MNIST, 3 + 2 images, from {} (cache)", folder.display())), "{output}");
    }
}

#[test]
fn without_files_and_network_digits_are_generated_and_said_to_be() {
    let home = tempfile::tempdir().unwrap();
    let output = open_with_environment(&[("XDG_CACHE_HOME", home.path())]);
    assert!(output.contains("| generated digits, 60,000 + 10,000 images (no MNIST found: "), "{output}");
    let output = open_with_environment(&[]);
    assert!(
        output.contains("(no MNIST found: no cache folder, since the environment names no home folder)"),
        "{output}"
    );
}
