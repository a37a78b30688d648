//! Files that are cut, bent, made up or made to fill the memory: each ends in an error or a value, and takes no more
//! memory than is promised.

// A counting allocator is the one way to see what a file makes its reader set aside.
#![allow(unsafe_code)]

mod memory;
mod mutation;
mod npz;
mod safetensors;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;

use files::Error;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NOW.set(NOW.get().wrapping_add(layout.size()));
        if NOW.get() as isize > PEAK.get() as isize {
            PEAK.set(NOW.get());
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `work` had set aside at once in this thread, its result included, and the result.
fn peak<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = NOW.get();
    PEAK.set(before);
    let result = work();
    (PEAK.get().wrapping_sub(before) as u64, result)
}

/// A file that PyTorch or NumPy made.
fn data(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// The files to be damaged.
const SAFETENSORS: [&str; 3] = ["mlp.safetensors", "conv-io.safetensors", "types.safetensors"];
const NPY: [&str; 3] = ["one.npy", "version3.npy", "records.npy"];
const NPZ: [&str; 3] = ["small.npz", "arrays.npz", "compressed.npz"];

/// Reads all that is in a file of one of the formats.
type Read = fn(&[u8]) -> Result<(), Error>;

fn read_safetensors(bytes: &[u8]) -> Result<(), Error> {
    let mut file = files::safetensors::Reader::parse(bytes, "file")?;
    let names: Vec<String> = file.names().map(str::to_string).collect();
    // What no tensor has can be read only with a conversion.
    let read = |name: &String| file.any(name).map(drop).or_else(|_| file.tensor_as::<f64>(name).map(drop));
    names.iter().map(read).filter(|result| !matches!(result, Err(Error::Dtype { .. }))).collect()
}

fn read_npy(bytes: &[u8]) -> Result<(), Error> {
    files::npy::Reader::parse(bytes, "file")?.any().map(drop)
}

/// How far compressed arrays may go beyond the size of the file in these tests.
const LIMIT: u64 = 1 << 16;

fn read_npz(bytes: &[u8]) -> Result<(), Error> {
    let mut file = files::npz::Reader::parse(bytes, "file")?.limit(LIMIT);
    let names: Vec<String> = file.names().map(str::to_string).collect();
    let read = |name: &String| file.any(name).map(drop);
    names.iter().map(read).filter(|result| !matches!(result, Err(Error::Dtype { .. }))).collect()
}

/// Every sample, and how it is read.
fn samples() -> Vec<(&'static str, Vec<u8>, Read)> {
    let of =
        |names: &[&'static str], read: Read| -> Vec<_> { names.iter().map(|&name| (name, data(name), read)).collect() };
    [of(&SAFETENSORS, read_safetensors), of(&NPY[..2], read_npy), of(&NPZ, read_npz)].concat()
}

#[test]
fn the_samples_are_sound() {
    samples().iter().for_each(|(name, bytes, read)| read(bytes).unwrap_or_else(|error| panic!("{name}: {error}")));
}

#[test]
fn every_truncation_is_an_error() {
    for (name, bytes, read) in samples() {
        for cut in 0..bytes.len() {
            let error = read(&bytes[..cut]).expect_err(&format!("{name} cut at byte {cut}"));
            assert!(matches!(error, Error::Format { .. }), "{name} cut at byte {cut}: {error}");
        }
    }
}

#[test]
fn every_longer_file_is_an_error() {
    for (name, mut bytes, read) in samples() {
        bytes.push(0);
        assert!(matches!(read(&bytes), Err(Error::Format { .. })), "{name}");
    }
}
