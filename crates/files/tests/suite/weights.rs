//! Models to files and back: bit for bit where they fit, a full list where they do not, and nothing changed then.

use std::fs;
use std::path::PathBuf;

use files::safetensors::{self, Contents, Reader};
use files::{AnyTensor, Dtype, Error, Fault, Weights, load, load_partial, save};
use nn::{BatchNorm, Dropout, Linear, Module};
use tensor::{Buffer, Float, Param, Path, Tape, Tensor, rng};

#[derive(Module)]
#[module(crate = tensor)]
struct Net<T: Float = f32> {
    fc: Linear<T>,
    blocks: Vec<Linear<T>>,
    bn: BatchNorm<T>,
    dropout: Dropout,
    scale: Option<Param<T>>,
}

fn net<T: Float>(seed: u64) -> Net<T> {
    let mut rng = rng(seed, 0);
    let net = Net {
        fc: Linear::new(3, 4, &mut rng),
        blocks: vec![Linear::new(4, 4, &mut rng), Linear::new(4, 2, &mut rng)],
        bn: BatchNorm::new(2),
        dropout: Dropout::new(0.5),
        scale: Some(Param::new("scale", T::from_f64(seed as f64))),
    };
    // So that the running moments are not what they begin with.
    net.bn.forward(Tape::new().constant(Tensor::uniform([5, 2], -1.0, 1.0, &mut rng)));
    net
}

/// Every number of a model.
fn bits<T: Float>(model: &impl Module<T>) -> Vec<u64> {
    let mut bits = Vec::new();
    model.visit(Path::Root, &mut |_, param| bits.extend(param.value().to_vec().iter().map(|x| x.to_f64().to_bits())));
    model.visit_buffers(Path::Root, &mut |_, b| bits.extend(b.value().to_vec().iter().map(|x| x.to_f64().to_bits())));
    bits
}

/// A folder that is removed, and a path in it.
fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// What an error says, with `file` for the path.
fn text(error: Error, path: &std::path::Path) -> String {
    error.to_string().replace(path.to_str().unwrap(), "file")
}

#[test]
fn a_model_comes_back_bit_for_bit() {
    let (_folder, path) = place("net.safetensors");
    let (trained, mut model) = (net::<f32>(1), net::<f32>(2));
    save(&trained, &path).unwrap();
    let names: Vec<String> = Reader::open(&path).unwrap().names().map(str::to_string).collect();
    let expected = [
        "blocks.0.bias",
        "blocks.0.weight",
        "blocks.1.bias",
        "blocks.1.weight",
        "bn.bias",
        "bn.running_mean",
        "bn.running_var",
        "bn.weight",
        "fc.bias",
        "fc.weight",
        "scale",
    ];
    assert_eq!(names, expected);
    load(&mut model, &path).unwrap();
    assert_eq!(bits(&model), bits(&trained));
    assert!(load_partial(&mut model, &path).unwrap().is_empty());

    let (trained, mut model) = (net::<f64>(1), net::<f64>(2));
    save(&trained, &path).unwrap();
    load(&mut model, &path).unwrap();
    assert_eq!(bits(&model), bits(&trained));
}

#[test]
fn the_same_model_makes_the_same_file() {
    let (_folder, path) = place("net.safetensors");
    save(&net::<f32>(1), &path).unwrap();
    let first = fs::read(&path).unwrap();
    save(&net::<f32>(1), &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
}

/// Loading leaves the buffers of parameters where they are, and does not write into those that others share.
#[test]
fn shared_values_stay_as_they_are() {
    let (_folder, path) = place("fc.safetensors");
    save(&Linear::<f32>::new(3, 2, &mut rng(1, 0)), &path).unwrap();
    let mut model = Linear::<f32>::new(3, 2, &mut rng(2, 0));
    let (before, copy) = (model.weight.value().clone(), model.weight.value().to_vec());
    load(&mut model, &path).unwrap();
    assert_eq!(before.to_vec(), copy);
    assert_ne!(model.weight.value().to_vec(), copy);
}

/// Everything that can differ, at once.
fn misfit(path: &std::path::Path) {
    let mut contents = Contents::new();
    Weights::new().insert(&net::<f32>(1), &mut contents).unwrap();
    contents.tensors.remove("blocks.1.bias");
    contents.tensors.remove("bn.running_var");
    contents.insert("fc.weight", Tensor::<f32>::zeros([3, 4]));
    contents.insert("fc.bias", Tensor::<f64>::zeros([4]));
    contents.insert("blocks.0.weight", Tensor::<i64>::zeros([4, 4, 1]));
    contents.insert("head.weight", Tensor::<u8>::zeros([2]));
    safetensors::write(path, &contents).unwrap();
}

#[test]
fn everything_that_does_not_fit_is_listed_and_nothing_is_changed() {
    let (_folder, path) = place("misfit.safetensors");
    misfit(&path);
    let mut model = net::<f32>(2);
    let before = bits(&model);
    let error = load(&mut model, &path).unwrap_err();
    assert_eq!(
        text(error, &path),
        "file: found 7 misfits between file and model, and 6 tensors that fit
  shape: `fc.weight`, found [3, 4], expected [4, 3]
  dtype: `fc.bias`, found F64, expected F32
  shape: `blocks.0.weight`, found [4, 4, 1], expected [4, 4]
  dtype: `blocks.0.weight`, found I64, expected F32
  missing: `blocks.1.bias`, expected F32 [2]
  missing: `bn.running_var`, expected F32 [2]
  unexpected: `head.weight`, found U8 [2]"
    );
    assert_eq!(bits(&model), before);
}

#[test]
fn what_fits_can_be_loaded_alone() {
    let (_folder, path) = place("misfit.safetensors");
    misfit(&path);
    let (mut model, unchanged, trained) = (net::<f32>(2), net::<f32>(2), net::<f32>(1));
    let skipped = load_partial(&mut model, &path).unwrap();
    assert_eq!((skipped.faults.len(), skipped.fitting), (7, 6));
    assert_eq!(
        skipped.faults.last(),
        Some(&Fault::Unexpected { name: "head.weight".into(), dtype: Dtype::U8, shape: [2].into() })
    );
    assert_eq!(bits(&model.fc), bits(&unchanged.fc));
    assert_eq!(model.blocks[0].weight.value(), unchanged.blocks[0].weight.value());
    assert_eq!(model.blocks[0].bias.as_ref().unwrap().value(), trained.blocks[0].bias.as_ref().unwrap().value());
    assert_eq!(model.bn.running_mean.value(), trained.bn.running_mean.value());
    assert_eq!(model.bn.running_var.value(), unchanged.bn.running_var.value());
    assert_eq!(model.scale.unwrap().value(), &Tensor::from(1.0));
}

/// The last tensor is damaged, so that all others have been read when it shows.
#[test]
fn an_error_while_reading_changes_nothing() {
    let contents = |scale: AnyTensor| {
        let mut contents = Contents::new();
        Weights::new().insert(&net::<f32>(1), &mut contents).unwrap();
        contents.insert("scale", scale);
        contents
    };
    let (_folder, path) = place("damaged.safetensors");
    safetensors::write(&path, &contents(Tensor::from(true).into())).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() = 2;
    fs::write(&path, bytes).unwrap();
    let mut model = net::<f32>(2);
    let before = bits(&model);
    let error = Weights::new().convert(true).load(&mut model, &path).unwrap_err();
    assert_eq!(
        text(error, &path),
        "file: no sound safetensors file: `scale`: found byte 2 at element 0, expected 0 or 1"
    );
    assert_eq!(bits(&model), before);
}

#[test]
fn conversions_are_made_where_they_are_asked_for() {
    let (_folder, path) = place("double.safetensors");
    let (double, mut single) = (net::<f64>(1), net::<f32>(2));
    save(&double, &path).unwrap();
    let Error::Mismatch(mismatch) = load(&mut single, &path).unwrap_err() else { panic!("another error") };
    assert!(mismatch.faults.iter().all(|fault| matches!(fault, Fault::Dtype { found: Dtype::F64, .. })));
    Weights::new().convert(true).load(&mut single, &path).unwrap();
    assert_eq!(single.fc.weight.value(), &double.fc.weight.value().cast::<f32>());
    let mut again = net::<f64>(3);
    save(&single, &path).unwrap();
    Weights::new().convert(true).load(&mut again, &path).unwrap();
    assert_eq!(again.fc.weight.value(), &single.fc.weight.value().cast::<f64>());
}

#[test]
fn two_models_and_more_in_one_file() {
    let (_folder, path) = place("both.safetensors");
    let (first, second) = (Weights::new().prefix("first"), Weights::new().prefix("second"));
    let mut contents = Contents::new();
    first.insert(&net::<f32>(1), &mut contents).unwrap();
    second.insert(&net::<f64>(2), &mut contents).unwrap();
    contents.insert("step", Tensor::from(9i64));
    contents.metadata.insert("config".to_string(), r#"{"epoch": 3, "rng": ["0x1f", 7]}"#.to_string());
    safetensors::write(&path, &contents).unwrap();

    let mut file = Reader::open(&path).unwrap();
    let (mut a, mut b) = (net::<f32>(3), net::<f64>(4));
    first.read(&mut a, &mut file).unwrap();
    second.read(&mut b, &mut file).unwrap();
    assert_eq!((bits(&a), bits(&b)), (bits(&net::<f32>(1)), bits(&net::<f64>(2))));
    assert_eq!(file.tensor::<i64>("step").unwrap().item(), 9);
    assert_eq!(file.metadata(), &contents.metadata);

    // A prefix is whole words of a name.
    let error = Weights::new().prefix("fir").read(&mut a, &mut file).unwrap_err();
    let Error::Mismatch(mismatch) = error else { panic!("{error}") };
    assert!(mismatch.faults.iter().all(|fault| matches!(fault, Fault::Missing { .. })));
}

#[test]
fn names_can_be_mapped_and_errors_name_both() {
    let (_folder, path) = place("renamed.safetensors");
    let weights = Weights::new().rename(|path| path.replace("blocks.", "layers_").replace("fc", "stem"));
    weights.save(&net::<f32>(1), &path).unwrap();
    let mut model = net::<f32>(2);
    weights.load(&mut model, &path).unwrap();
    assert_eq!(bits(&model), bits(&net::<f32>(1)));

    let mut file = safetensors::read(&path).unwrap();
    file.tensors.remove("layers_1.weight");
    safetensors::write(&path, &file).unwrap();
    assert_eq!(
        text(weights.load(&mut model, &path).unwrap_err(), &path),
        "file: found 1 misfits between file and model, and 10 tensors that fit\n  \
         missing: `layers_1.weight`, the model's `blocks.1.weight`, expected F32 [2, 4]"
    );
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let (_folder, path) = place("twice.safetensors");
    let weights = Weights::new().rename(|path| path.rsplit('.').next().unwrap().to_string());
    let error = weights.save(&net::<f32>(1), &path).unwrap_err();
    assert_eq!(error.to_string(), "cannot write `weight`: two tensors would have this name");
    assert!(!path.exists());
    save(&net::<f32>(1), &path).unwrap();
    let error = weights.load(&mut net::<f32>(1), &path).unwrap_err();
    assert!(matches!(error, Error::Name { .. }), "{error}");
}

/// A model that is a single parameter, or a single buffer, is called by its own name.
#[test]
fn the_root_has_the_name_of_its_parameter() {
    let (_folder, path) = place("root.safetensors");
    save(&Param::new("w", [1.0f32, 2.0]), &path).unwrap();
    let mut param = Param::new("w", [0.0f32, 0.0]);
    load(&mut param, &path).unwrap();
    assert_eq!(param.value(), &Tensor::from([1.0, 2.0]));
    let mut buffer = Buffer::new("w", Tensor::<f32>::zeros([2]));
    load(&mut buffer, &path).unwrap();
    assert_eq!(buffer.value(), Tensor::from([1.0, 2.0]));
}

/// PyTorch's counter is no surprise beside running moments, and one anywhere else.
#[test]
fn only_the_counter_of_a_batch_normalisation_is_passed_over() {
    let (_folder, path) = place("counter.safetensors");
    let mut contents = Contents::new();
    Weights::new().insert(&net::<f32>(1), &mut contents).unwrap();
    contents.insert("bn.num_batches_tracked", Tensor::from(4i64));
    safetensors::write(&path, &contents).unwrap();
    load(&mut net::<f32>(2), &path).unwrap();
    contents.insert("fc.num_batches_tracked", Tensor::from(4i64));
    safetensors::write(&path, &contents).unwrap();
    let error = text(load(&mut net::<f32>(2), &path).unwrap_err(), &path);
    assert!(error.ends_with("\n  unexpected: `fc.num_batches_tracked`, found I64 []"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (folder, path) = place("missing.safetensors");
    let error = load(&mut net::<f32>(1), &path).unwrap_err();
    assert!(text(error, &path).starts_with("file: cannot read: "));
    let error = load(&mut net::<f32>(1), folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    let error = save(&net::<f32>(1), folder.path().join("no/such/folder")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}
