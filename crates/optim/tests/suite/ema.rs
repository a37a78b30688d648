//! The moving average of a model's weights.

use optim::{Ema, Error};
use proptest::prelude::*;
use tensor::{Module, Param, Path, Tensor};

fn param(value: f64) -> Param<f64> {
    Param::new("w", [value])
}

fn set(w: &mut Param<f64>, value: f64) {
    *w.value_mut() = Tensor::from([value]);
}

/// The averages, copied into a model of the same form.
fn averages(ema: &Ema<f64>, model: &(impl Module<f64> + Clone)) -> Vec<f64> {
    let mut copy = model.clone();
    ema.copy_to(&mut copy).unwrap();
    let mut values = Vec::new();
    copy.visit(Path::Root, &mut |_, param| values.extend(param.value().to_vec()));
    values
}

proptest! {
    #[test]
    fn it_is_its_definition(weights in prop::collection::vec(-2.0..2.0f64, 1..30), decay in 0.0..0.999f64) {
        let (mut w, mut plain, mut corrected) = (param(0.0), Ema::new(decay), Ema::new(decay).bias_corrected(true));
        let mut expected = weights[0];
        for (t, &value) in weights.iter().enumerate() {
            set(&mut w, value);
            plain.update(&w).unwrap();
            corrected.update(&w).unwrap();
            expected = decay * expected + (1.0 - decay) * value;
            prop_assert!((averages(&plain, &w)[0] - expected).abs() < 1e-13);

            let fading = |i: usize| decay.powf((t - i) as f64);
            let sum: f64 = (0..=t).map(|i| fading(i) * weights[i]).sum();
            let weight: f64 = (0..=t).map(fading).sum();
            prop_assert!((averages(&corrected, &w)[0] - sum / weight).abs() < 1e-11);
        }
    }
}

#[test]
fn weights_that_stay_are_their_average_exactly() {
    let (w, mut ema) = (param(0.1), Ema::new(0.99).bias_corrected(true));
    for _ in 0..100 {
        ema.update(&w).unwrap();
        assert_eq!(averages(&ema, &w), [0.1]);
    }
}

#[test]
fn a_swap_exchanges_buffers_and_back() {
    let mut w = Param::new("w", [1.0f64, 2.0]);
    let mut ema = Ema::new(0.5);
    ema.update(&w).unwrap();
    *w.value_mut() = Tensor::from([3.0, 4.0]);
    let at = w.value().as_slice().unwrap().as_ptr();
    ema.swap(&mut w).unwrap();
    assert_eq!(w.value().to_vec(), [1.0, 2.0]);
    assert_eq!(ema.update(&w), Err(Error::Swapped));
    assert_eq!(ema.copy_to(&mut w), Err(Error::Swapped));
    ema.swap(&mut w).unwrap();
    assert_eq!(w.value().to_vec(), [3.0, 4.0]);
    assert_eq!(w.value().as_slice().unwrap().as_ptr(), at, "the buffer has come back");
    ema.update(&w).unwrap();
    assert_eq!(averages(&ema, &w), [2.0, 3.0]);
}

#[test]
fn averages_go_to_another_model_of_the_same_form_and_no_other() {
    let mut model = vec![param(1.0), param(2.0)];
    let mut ema = Ema::new(0.5);
    ema.update(&model).unwrap();
    model.push(param(3.0));
    let text = |result: Result<(), Error>| result.unwrap_err().to_string();
    assert_eq!(text(ema.copy_to(&mut model)), "ema: missing `2`");
    assert_eq!(text(ema.swap(&mut model)), "ema: missing `2`");
    ema.update(&model).unwrap();
    assert_eq!(averages(&ema, &model), [1.0, 2.0, 3.0]);

    *model[1].value_mut() = Tensor::from([1.0, 2.0]);
    assert_eq!(text(ema.update(&model)), "ema: `1` has shape [2], expected [1]");
    assert_eq!(text(ema.swap(&mut model)), "ema: `1` has shape [2], expected [1]");
}

#[test]
fn a_state_goes_on_with_the_same_bits() {
    let weights = [0.1, 0.7, -0.3, 0.9, 0.2];
    let run = |ema: &mut Ema<f64>, w: &mut Param<f64>, weights: &[f64]| {
        for &value in weights {
            set(w, value);
            ema.update(&*w).unwrap();
        }
    };
    let new = || Ema::new(0.9).bias_corrected(true);
    let (mut w, mut whole, mut first, mut second) = (param(0.0), new(), new(), new());
    run(&mut whole, &mut w, &weights);
    run(&mut first, &mut w, &weights[..2]);
    second.load_state(&w, &first.state()).unwrap();
    run(&mut second, &mut w, &weights[2..]);
    assert_eq!(second.state(), whole.state());

    // Before the first update there is nothing, which is a state as well.
    second.load_state(&w, &new().state()).unwrap();
    assert_eq!(second.state(), new().state());

    let two = vec![param(0.0), param(0.0)];
    let error = second.load_state(&two, &whole.state()).unwrap_err().to_string();
    let expected = "missing `0.updates`, `0.average`, `1.updates`, `1.average`; unexpected `w.average`, `w.updates`";
    assert_eq!(error, format!("load_state: {expected}"));
}

#[test]
#[should_panic(expected = "ema: a decay outside of 0 ≤ d < 1")]
fn a_decay_is_less_than_one() {
    Ema::<f32>::new(1.0);
}
