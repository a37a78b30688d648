//! Initialisers: their moments, bounds, fans and seeds.

use nn::{Init, Linear};
use tensor::{Tensor, rng};

const SHAPE: [usize; 2] = [300, 500];

fn draw(init: Init, shape: &[usize]) -> Vec<f64> {
    init.draw::<f64>(shape.to_vec(), &mut rng(11, 0)).to_vec()
}

fn moments(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// Five standard errors of the mean, and of the standard deviation, from the values of the distribution.
#[track_caller]
fn assert_moments(init: Init, x: &[f64], std: f64) {
    let ((mean, got), n) = (moments(x), x.len() as f64);
    assert!(mean.abs() < 5.0 * std / n.sqrt(), "{init:?}: the mean is {mean}");
    assert!((got / std - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{init:?}: the deviation is {got}, expected {std}");
}

#[test]
fn normal_initialisers_have_their_deviation() {
    let (fan_out, fan_in) = (300.0f64, 500.0f64);
    let expected = [
        (Init::Normal(1.0), 1.0),
        (Init::Normal(0.05), 0.05),
        (Init::FanIn, (1.0 / fan_in).sqrt()),
        (Init::XavierNormal, (2.0 / (fan_in + fan_out)).sqrt()),
        (Init::KaimingNormal, (2.0 / fan_in).sqrt()),
    ];
    for (init, std) in expected {
        let x = draw(init, &SHAPE);
        assert_moments(init, &x, std);
        let beyond = x.iter().filter(|x| x.abs() > 2.0 * std).count() as f64 / x.len() as f64;
        assert!((beyond - 0.0455).abs() < 0.003, "{init:?}: a share of {beyond} lies beyond two deviations");
    }
}

#[test]
fn uniform_initialisers_fill_their_bounds() {
    let (fan_out, fan_in) = (300.0f64, 500.0f64);
    let expected = [
        (Init::Uniform(0.3), 0.3),
        (Init::UniformFanIn, 1.0 / fan_in.sqrt()),
        (Init::XavierUniform, (6.0 / (fan_in + fan_out)).sqrt()),
        (Init::KaimingUniform, (6.0 / fan_in).sqrt()),
    ];
    for (init, bound) in expected {
        let x = draw(init, &SHAPE);
        assert_moments(init, &x, bound / 3f64.sqrt());
        let (low, high) = x.iter().fold((0.0f64, 0.0f64), |(low, high), &x| (low.min(x), high.max(x)));
        assert!(low >= -bound && high <= bound, "{init:?}: [{low}, {high}] exceeds {bound}");
        assert!(low < -0.999 * bound && high > 0.999 * bound, "{init:?}: [{low}, {high}] does not fill {bound}");
    }
}

#[test]
fn a_constant_is_constant() {
    assert_eq!(Init::Constant(0.5).draw::<f32>([2, 2], &mut rng(0, 0)), Tensor::full([2, 2], 0.5));
    assert_eq!(Init::Uniform(0.0).draw::<f32>([2, 2], &mut rng(0, 0)), Tensor::zeros([2, 2]));
}

/// A kernel of `[out, in, height, width]` has fans of in·height·width and out·height·width.
#[test]
fn further_axes_count_into_both_fans() {
    let x = draw(Init::FanIn, &[40, 30, 5, 4]);
    assert_moments(Init::FanIn, &x, (30.0f64 * 20.0).sqrt().recip());
    let x = draw(Init::XavierNormal, &[40, 30, 5, 4]);
    assert_moments(Init::XavierNormal, &x, (2.0f64 / (70.0 * 20.0)).sqrt());
}

#[test]
fn layers_without_inputs_and_scalars_have_initial_values() {
    for init in [Init::FanIn, Init::UniformFanIn, Init::XavierUniform, Init::KaimingNormal] {
        assert_eq!(init.draw::<f32>([3, 0], &mut rng(0, 0)).numel(), 0);
        assert!(init.draw::<f32>((), &mut rng(0, 0)).item().is_finite());
        assert!(Linear::<f32>::with_init(0, 3, init, Some(init), &mut rng(0, 0)).bias.is_some());
    }
}

#[test]
fn the_seed_decides() {
    let layer = |seed| Linear::<f32>::new(20, 10, &mut rng(seed, 0));
    let values = |layer: Linear| (layer.weight.value().clone(), layer.bias.expect("a bias").value().clone());
    assert_eq!(values(layer(1)), values(layer(1)));
    assert_ne!(values(layer(1)), values(layer(2)));
}

/// Weights and biases of a plain layer lie within 1/√in, whatever the outputs.
#[test]
fn a_bias_has_the_fans_of_its_weight() {
    let layer = Linear::<f64>::new(400, 5000, &mut rng(4, 0));
    assert_eq!(layer.weight.value().shape()[..], [5000, 400]);
    let bias = layer.bias.expect("a bias").value().abs().max(..).item();
    assert!(bias <= 0.05 && bias > 0.0495, "the largest bias is {bias}");
}
