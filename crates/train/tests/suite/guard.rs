//! A cost or gradient that is no number ends a run before it does harm.

use std::fs;

use data::{Dataset, Tensors};
use nn::Linear;
use optim::Sgd;
use tensor::{Param, Tensor, rng};
use train::{Checkpoints, Cost, Counted, End, Error, Progress, Trainer};

/// Four batches of two, of which the third has a 0 in it.
fn data() -> Tensors<f32, f32> {
    let x = Tensor::from_fn([8, 1], |at| if at[0] == 5 { 0.0 } else { 1.0 + at[0] as f32 });
    Tensors::new(x.clone(), x).expect("pairs")
}

#[test]
fn it_names_the_step_and_the_op_and_leaves_model_and_checkpoint_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Checkpoints::new(folder.path()).every(1);
    let last = checkpoints.last_path();
    let (mut model, mut sgd) = (Linear::<f32>::new(1, 1, &mut rng(0, 0)), Sgd::new(0.01));
    let loader = data().loader(2);
    let mut trainer = Trainer::new(&mut model, &mut sgd).checkpoints(checkpoints).progress(Progress::Quiet);
    let result = trainer.fit(
        |_| loader.in_order(),
        |model, tape, (x, y)| {
            // The slope of the root at 0 is infinite, but nobody asks for it.
            let root = tape.constant(x.clone()).sqrt();
            Cost::new((model.forward(root) - tape.constant(y.clone())).square().mean(..), 2)
        },
    );
    assert!(result.is_ok());
    drop(trainer);

    let (mut good, mut line) = (Vec::new(), 0);
    let mut trainer = Trainer::new(&mut model, &mut sgd).progress(Progress::Quiet);
    trainer.load(&last).expect("a checkpoint");
    let mut trainer = trainer.epochs(2).checkpoints(Checkpoints::new(folder.path()).every(1));
    let result = trainer.fit(
        |_| loader.in_order(),
        |model, tape, (x, y)| {
            good = fs::read(&last).expect("a file");
            line = line!() + 1;
            let inner = (model.forward(tape.constant(x.clone())) * tape.constant(x.clone())).abs().ln();
            Cost::new((inner - tape.constant(y.clone())).square().mean(..), 2)
        },
    );
    let error = result.expect_err("an infinity");
    let expected = format!(
        "step 6 (epoch 1): the cost is inf; ln: the result, of shape [2, 1], has an infinity at [1, 0]; recorded at \
         {}:{line}:",
        file!()
    );
    assert!(error.to_string().starts_with(&expected), "{error}\n{expected}");
    assert!(matches!(error, Error::NonFinite { step: 6, epoch: 1, .. }));
    assert_eq!((trainer.run().step, trainer.run().position), (6, 4));
    assert!(trainer.model().weight.value().item().is_finite());
    assert!(fs::read(&last).expect("a file") == good);
}

#[test]
fn a_gradient_that_is_no_number_is_seen_where_the_cost_is_one() {
    let (mut model, mut sgd) = (Linear::<f32>::new(1, 1, &mut rng(0, 0)), Sgd::new(0.01));
    let before = model.weight.value().clone();
    let loader = data().loader(2);
    let mut trainer = Trainer::new(&mut model, &mut sgd).progress(Progress::Quiet);
    let mut line = 0;
    let result = trainer.fit(
        |_| loader.in_order(),
        |model, tape, (x, _)| {
            let inner = model.forward(tape.constant(x.clone())) * 0.0;
            line = line!() + 1;
            Cost::new(inner.sqrt().mean(..), 2)
        },
    );
    let error = result.expect_err("an infinity").to_string();
    let expected = "step 0 (epoch 0): the norm of the gradients is NaN; sqrt: the gradient of input 0, of shape [2, 1], has \
                    an infinity at [0, 0]; recorded at ";
    assert!(error.starts_with(expected) && error.contains(&format!("{}:{line}:", file!())), "{error}");
    assert_eq!(*trainer.model().weight.value(), before);
}

#[test]
fn gradients_whose_sum_leaves_the_range_are_sound() {
    let (mut model, mut sgd) = (Param::new("w", Tensor::<f32>::zeros([3])), Sgd::new(0.0));
    let mut trainer = Trainer::new(&mut model, &mut sgd).progress(Progress::Quiet);
    let x = Tensor::full([3], 3e38f32);
    let end = trainer.fit(
        |_| Counted::new([x.clone()]),
        |w, tape, x| Cost::new((tape.param(w) * tape.constant(x.clone())).sum(..), 1),
    );
    assert_eq!(end.expect("a run"), End::Finished);
}

#[test]
fn numbers_that_are_none_in_the_data_are_named_as_such() {
    let x = Tensor::from([[1.0f32], [f32::NAN]]);
    let loader = Tensors::new(x.clone(), x).expect("pairs").loader(2);
    let (mut model, mut sgd) = (Linear::<f32>::new(1, 1, &mut rng(0, 0)), Sgd::new(0.01));
    let mut trainer = Trainer::new(&mut model, &mut sgd).progress(Progress::Quiet);
    let result = trainer.fit(
        |_| loader.in_order(),
        |model, tape, (x, _)| Cost::new(model.forward(tape.constant(x.clone())).mean(..), 2),
    );
    let error = result.expect_err("a NaN").to_string();
    assert_eq!(error, "step 0 (epoch 0): the cost is NaN; constant: a value of shape [2, 1] has NaN at [1, 0]");
}
