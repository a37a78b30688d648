//! What is written here is read by PyTorch and NumPy. `PYTHON` names a Python that has them and safetensors:
//!
//! ```sh
//! PYTHON=python3 cargo test -p wengert-files --test suite -- --ignored --nocapture
//! ```

use std::path::Path;
use std::process::Command;

use files::npy::Options;
use files::safetensors::{self, Contents};
use files::{AnyTensor, Stored, npz, save};
use tensor::{Cast, Tape, Tensor, Var, rng};

use super::models::{Conv, Mlp, Sequence, data};

fn python(script: &Path, argument: &Path) {
    let python = std::env::var_os("PYTHON").expect("PYTHON names a Python with torch, numpy and safetensors");
    let status = Command::new(python).arg("-B").arg(script).arg(argument).status().expect("a Python that starts");
    assert!(status.success(), "{status}");
}

fn save_io(path: &Path, x: impl Into<AnyTensor>, y: Var<'_>) {
    let mut contents = Contents::new();
    contents.insert("x", x);
    contents.insert("y", y.value());
    safetensors::write(path, &contents).unwrap();
}

fn write_models(folder: &Path) {
    let (tape, mut rng) = (Tape::inference(), rng(7, 0));
    let (mlp, x) = (Mlp::new(), Tensor::normal([5, 6], 0.0, 1.0, &mut rng));
    save(&mlp, folder.join("mlp.safetensors")).unwrap();
    save_io(&folder.join("mlp-io.safetensors"), &x, mlp.forward(tape.constant(x.clone())));

    let (conv, x) = (Conv::new(), Tensor::normal([4, 2, 9, 7], 0.0, 1.0, &mut rng));
    // A training tape, so that the running moments are not what they began with.
    conv.forward(Tape::new().constant(x.clone()));
    save(&conv, folder.join("conv.safetensors")).unwrap();
    save_io(&folder.join("conv-io.safetensors"), &x, conv.forward(tape.constant(x.clone())));

    let (sequence, x) = (Sequence::new(), Tensor::from([[0i64, 3, 10, 4, 4], [5, 1, 2, 9, 0]]));
    Sequence::weights().save(&sequence, folder.join("sequence.safetensors")).unwrap();
    save_io(&folder.join("sequence-io.safetensors"), &x, sequence.forward(&tape, &x));
}

/// Arrays of an element type, called as `check.py` understands them, in every order.
fn write_arrays<T: Stored>(name: &str, all: &mut Vec<(String, AnyTensor)>, folder: &Path)
where
    i32: Cast<T>,
{
    let x = Tensor::<i32>::from_fn([2, 3], |i| (3 * i[0] + i[1]) as i32).cast::<T>();
    let cube = Tensor::<i32>::from_fn([2, 3, 4], |i| (12 * i[0] + 4 * i[1] + i[2]) as i32).cast::<T>();
    let scalar = Tensor::from(x[[0, 1]]);
    for (kind, tensor) in [("", x.clone()), ("_scalar", scalar), ("_empty", x.narrow(0, 0, 0)), ("_cube", cube)] {
        write_orders(&format!("{name}{kind}"), &tensor, folder);
        all.push((format!("{name}{kind}"), tensor.into()));
    }
}

fn write_orders<T: Stored>(name: &str, tensor: &Tensor<T>, folder: &Path) {
    let usual = Options::new();
    for (order, options) in [("", usual), ("_fortran", usual.fortran())] {
        options.write(folder.join(format!("{name}{order}.npy")), tensor).unwrap();
        if size_of::<T>() > 1 {
            options.big_endian().write(folder.join(format!("{name}{order}_big.npy")), tensor).unwrap();
        }
    }
}

#[test]
#[ignore = "needs a Python with PyTorch"]
fn python_reads_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_models(folder);
    let mut all = Vec::new();
    write_arrays::<f32>("float32", &mut all, folder);
    write_arrays::<f64>("float64", &mut all, folder);
    write_arrays::<i32>("int32", &mut all, folder);
    write_arrays::<i64>("int64", &mut all, folder);
    write_arrays::<u8>("uint8", &mut all, folder);
    let bools = Tensor::from([[true, false, true], [false, true, false]]);
    write_orders("bool", &bools, folder);
    all.push(("bool".to_string(), bools.into()));
    let mut contents = Contents { tensors: all.iter().cloned().collect(), ..Contents::new() };
    contents.metadata.insert("made by".to_string(), "a test".to_string());
    contents.metadata.insert("note".to_string(), "a \"quoted\" line\nand another, é".to_string());
    safetensors::write(folder.join("types.safetensors"), &contents).unwrap();
    npz::write(folder.join("stored.npz"), all.clone()).unwrap();
    npz::write_compressed(folder.join("compressed.npz"), all).unwrap();
    python(&data("check.py"), folder);
}

/// Sizes and places that four bytes do not hold; takes 9 GiB of memory and as much on the disk.
#[test]
#[ignore = "needs a Python with NumPy, and 9 GiB"]
fn an_archive_of_more_than_four_gigabytes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, script) = (folder.path().join("large.npz"), folder.path().join("large.py"));
    let large = Tensor::<u8>::full([(1 << 32) + 5], 7);
    let after = Tensor::from([1i64, 2]);
    npz::write(&path, [("large", AnyTensor::from(&large)), ("z", AnyTensor::from(&after))]).unwrap();
    let mut file = npz::Reader::open(&path).unwrap();
    assert_eq!(file.tensor::<i64>("z").unwrap(), after);
    assert!(file.tensor::<u8>("large").unwrap().as_slice() == large.as_slice());
    let check = "import sys, numpy\nwith numpy.load(sys.argv[1]) as f:\n    assert f['z'].tolist() == [1, 2]\n    \
                 x = f['large']\n    assert x.shape == (2**32 + 5,) and (x == 7).all()\n";
    std::fs::write(&script, check).unwrap();
    python(&script, &path);
}
