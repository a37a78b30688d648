//! Models that PyTorch trained predict the same here, and in `python.rs` the other way round.

mod models;
mod python;

use files::{AnyTensor, Dtype, Error, Weights, load, load_partial, safetensors};
use models::{Conv, Mlp, Sequence, data, distance, input_and_output};
use tensor::{Tape, Tensor};

#[test]
fn a_dense_network() {
    let mut model = Mlp::new();
    load(&mut model, data("mlp.safetensors")).unwrap();
    let (x, y) = input_and_output("mlp-io.safetensors");
    let tape = Tape::inference();
    let error = distance(&model.forward(tape.constant(x)).value(), &y);
    assert!(error < 1e-6, "{error}");
}

/// Convolutions with strides, groups and transposed, and the running moments of a batch normalisation.
#[test]
fn a_convolutional_network() {
    let mut model = Conv::new();
    load(&mut model, data("conv.safetensors")).unwrap();
    let (x, y) = input_and_output("conv-io.safetensors");
    let tape = Tape::inference();
    let error = distance(&model.forward(tape.constant(x)).value(), &y);
    assert!(error < 1e-6, "{error}");
}

/// Embeddings, recurrent layers, attention and a transformer block.
#[test]
fn a_model_of_sequences() {
    let mut model = Sequence::new();
    Sequence::weights().load(&mut model, data("sequence.safetensors")).unwrap();
    let (x, y) = input_and_output::<i64>("sequence-io.safetensors");
    let tape = Tape::inference();
    let error = distance(&model.forward(&tape, &x).value(), &y);
    assert!(error < 1e-6, "{error}");
}

/// What would happen without the names of the transformer block.
#[test]
fn names_that_differ_are_listed() {
    let mut model = Sequence::new();
    let skipped = load_partial(&mut model, data("sequence.safetensors")).unwrap();
    let names: Vec<&str> = skipped.faults.iter().map(|fault| fault.name()).collect();
    assert_eq!(names.len(), 16);
    assert!(names[..8].iter().all(|name| ["attention", "inner", "outer"].contains(&name.split('.').nth(1).unwrap())));
    assert!(
        names[8..].iter().all(|name| ["self_attn", "linear1", "linear2"].contains(&name.split('.').nth(1).unwrap()))
    );
    let error = load(&mut model, data("sequence.safetensors")).unwrap_err();
    let Error::Mismatch(mismatch) = error else { panic!("{error}") };
    assert_eq!(mismatch.to_string(), skipped.to_string());
}

#[test]
fn every_element_type() {
    let mut file = safetensors::Reader::open(data("types.safetensors")).unwrap();
    let note = "a \"quoted\" line\nand another, é";
    assert_eq!((&*file.metadata()["made by"], &*file.metadata()["note"]), ("PyTorch", note));
    let expected = Tensor::from([[0.0f64, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    for name in ["f64", "f32", "f16", "bf16", "i32", "i16", "i8", "u16", "u32", "u8"] {
        assert_eq!(file.tensor_as::<f64>(name).unwrap(), expected, "{name}");
    }
    for name in ["f64", "f32", "f16", "bf16", "i16", "i8", "u16", "u8"] {
        assert_eq!(file.tensor_as::<f32>(name).unwrap(), expected.cast::<f32>(), "{name}");
    }
    for name in ["i64", "i32", "i16", "i8", "u32", "u16", "u8"] {
        assert_eq!(file.tensor_as::<i64>(name).unwrap(), expected.cast::<i64>(), "{name}");
    }
    assert_eq!(file.tensor_as::<i32>("u16").unwrap(), expected.cast::<i32>());
    assert_eq!(file.any("u8").unwrap(), AnyTensor::U8(expected.cast()));
    assert_eq!(file.any("i64").unwrap(), AnyTensor::I64(expected.cast()));
    let bools = Tensor::from([[true, false, true], [false, true, false]]);
    assert_eq!(file.any("bool").unwrap(), AnyTensor::Bool(bools));
    assert_eq!(file.tensor::<f32>("f32.scalar").unwrap(), Tensor::from(1.5));
    assert_eq!(file.tensor::<f32>("f32.empty").unwrap(), Tensor::zeros([0, 3]));
}

#[test]
fn what_cannot_be_read_as_asked_is_named() {
    let path = data("types.safetensors");
    let mut file = safetensors::Reader::open(&path).unwrap();
    assert_eq!(file.entries()["f8"].dtype(), Dtype::Other("F8_E4M3"));
    let text = |error: Error| error.to_string().replace(path.to_str().unwrap(), "file");
    assert_eq!(text(file.tensor::<f32>("f16").unwrap_err()), "file: `f16` is F16, expected F32");
    assert_eq!(
        text(file.tensor_as::<i32>("i64").unwrap_err()),
        "file: `i64` is I64, expected one of I32, I16, U16, I8, U8, BOOL"
    );
    assert_eq!(
        text(file.any("bf16").unwrap_err()),
        "file: `bf16` is BF16, expected one of F32, F64, I32, I64, U8, BOOL; others are read with a conversion \
         (`tensor_as`)"
    );
    assert_eq!(
        text(file.tensor_as::<f64>("f8").unwrap_err()),
        "file: `f8` is F8_E4M3, expected one of F64, F32, F16, BF16, I32, U32, I16, U16, I8, U8, BOOL"
    );
    let error = text(file.tensor::<f32>("weight").unwrap_err());
    assert!(error.starts_with("file: found no tensor `weight`, expected one of `bf16`, `bool`, `f16`, "), "{error}");
    // Reading all of it meets the first that no tensor has.
    assert!(matches!(safetensors::read(&path).unwrap_err(), Error::Dtype { .. }));
}

/// A model in half precision, as most large ones are stored.
#[test]
fn a_model_in_half_precision_is_converted() {
    let path = data("types.safetensors");
    let mut param = tensor::Param::new("bf16", Tensor::<f32>::zeros([2, 3]));
    // The root of a model is called by its own name, and `bf16` lies below nothing, so the rest belongs to others.
    let faults = Weights::new().convert(true).load_partial(&mut param, &path).unwrap().faults;
    assert!(faults.iter().all(|fault| fault.name() != "bf16"));
    assert_eq!(param.value(), &Tensor::from([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]));
}
