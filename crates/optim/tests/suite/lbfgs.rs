//! L-BFGS on functions whose minima are known.

use optim::{Error, Lbfgs, Minimum, Outcome};
use tensor::{Float, Param, Tape, Tensor, Var, rng};

/// Minimises a function of one parameter.
fn minimize<T: Float>(
    lbfgs: &mut Lbfgs<T>,
    w: &mut Param<T>,
    cost: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
) -> Result<Minimum, Error> {
    let mut tape = Tape::new();
    lbfgs.minimize(w, |w| {
        let cost = cost(tape.param(w));
        let result = (cost.item(), cost.backward());
        tape.reset();
        result
    })
}

/// Σ (1 − xᵢ)² + 100·(xᵢ₊₁ − xᵢ²)² (Rosenbrock, 1960).
fn rosenbrock<T: Float>(w: Var<'_, T>) -> Var<'_, T> {
    let n = w.shape()[0];
    let (x, y) = (w.narrow(0, 0, n - 1), w.narrow(0, 1, n - 1));
    let [one, hundred] = [1.0, 100.0].map(T::from_f64);
    ((x - one).square() + (y - x.square()).square() * hundred).sum(..)
}

#[test]
fn rosenbrocks_function_in_several_dimensions() {
    for n in [2, 3, 10, 100, 300] {
        let mut w = Param::new("w", Tensor::<f64>::zeros([n]));
        // From 0 the numbers come to 1 one after the other.
        let mut lbfgs = Lbfgs::new().tolerance(1e-9).iterations(10_000);
        let minimum = minimize(&mut lbfgs, &mut w, rosenbrock).unwrap();
        assert_eq!(minimum.outcome, Outcome::Converged, "{n}: {minimum:?}");
        let error = (w.value() - 1.0).abs().max(..).item();
        assert!(error < 1e-8, "{n}: {error:e} away after {minimum:?}");
    }
    // The point that it is mostly begun from, beyond the bend of the valley.
    let mut w = Param::new("w", Tensor::from([-1.2f64, 1.0]));
    let minimum = minimize(&mut Lbfgs::new().tolerance(1e-9), &mut w, rosenbrock).unwrap();
    assert!(minimum.evaluations < 60 && minimum.cost < 1e-20, "{minimum:?}");
}

#[test]
fn single_precision_comes_as_far_as_it_can() {
    let mut w = Param::new("w", Tensor::<f32>::zeros([4]));
    let minimum = minimize(&mut Lbfgs::new().tolerance(1e-4), &mut w, rosenbrock).unwrap();
    assert_eq!(minimum.outcome, Outcome::Converged, "{minimum:?}");
    assert!((w.value() - 1.0).abs().max(..).item() < 1e-3);
    // Below what its rounding can tell apart it stops, and does not spoil what it has.
    let minimum = minimize(&mut Lbfgs::new().tolerance(0.0), &mut w, rosenbrock).unwrap();
    assert_ne!(minimum.outcome, Outcome::Exhausted, "{minimum:?}");
    assert!((w.value() - 1.0).abs().max(..).item() < 1e-3);
}

/// ½·Σ aᵢwᵢ² − Σ wᵢ.
fn quadratic<'t>(w: Var<'t, f64>, scales: &Tensor<f64>) -> Var<'t, f64> {
    (0.5 * w.square() * w.tape().constant(scales.clone()) - w).sum(..)
}

/// Its minimum is where aᵢwᵢ = 1.
#[test]
fn a_quadratic_takes_about_as_many_steps_as_it_has_dimensions() {
    let scales = Tensor::<f64>::from([1.0, 10.0, 100.0, 1000.0]);
    let mut w = Param::new("w", Tensor::zeros([4]));
    let minimum = minimize(&mut Lbfgs::new().tolerance(1e-10), &mut w, |w| quadratic(w, &scales)).unwrap();
    assert!(minimum.outcome == Outcome::Converged && minimum.iterations <= 20, "{minimum:?}");
    assert!((w.value() * &scales - 1.0).abs().max(..).item() < 1e-9);
}

/// Two groups of which parts are positive: the logits that maximise the likelihood are those of the parts, so the bias is
/// logit(p₀) and the weight logit(p₁) − logit(p₀).
#[test]
fn logistic_regression_finds_the_parts() {
    let groups = [(0.0, 30, 100), (1.0, 95, 120)];
    let rows =
        |&(x, positive, all): &(f64, usize, usize)| (0..all).map(move |i| (x, f64::from(u8::from(i < positive))));
    let (x, y): (Vec<f64>, Vec<f64>) = groups.iter().flat_map(rows).unzip();
    let (x, y) = (Tensor::from(x), Tensor::from(y));
    let mut model = vec![Param::new("weight", [0.0f64]), Param::new("bias", [0.0])];
    let mut tape = Tape::new();
    let minimum = Lbfgs::new().tolerance(1e-11).minimize(&mut model, |model| {
        let z = tape.constant(x.clone()) * tape.param(&model[0]) + tape.param(&model[1]);
        let cost = (z.softplus() - tape.constant(y.clone()) * z).mean(..);
        let result = (cost.item(), cost.backward());
        tape.reset();
        result
    });
    assert_eq!(minimum.unwrap().outcome, Outcome::Converged);
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let [bias, both] = [logit(30.0 / 100.0), logit(95.0 / 120.0)];
    let [got_weight, got_bias] = [0, 1].map(|i: usize| model[i].value().item());
    assert!((got_bias - bias).abs() < 1e-9, "{got_bias} is not {bias}");
    assert!((got_weight - (both - bias)).abs() < 1e-9, "{got_weight} is not {}", both - bias);
}

/// The mean cost of a linear model without bias, and a ridge.
fn logistic<'t>(w: Var<'t, f64>, x: &Tensor<f64>, y: &Tensor<f64>) -> Var<'t, f64> {
    let tape = w.tape();
    let z = tape.constant(x.clone()).matmul(w);
    (z.softplus() - tape.constant(y.clone()) * z).mean(..) + 1e-3 * w.square().sum(..)
}

/// Many correlated columns with a ridge: strictly convex, so the only point without a gradient is the minimum.
#[test]
fn logistic_regression_of_many_columns_ends_where_the_gradient_does() {
    let mut rng = rng(2, 0);
    let x = Tensor::<f64>::randn([200, 40], &mut rng).matmul(Tensor::randn([40, 40], &mut rng));
    let y = x.matmul(Tensor::<f64>::randn([40], &mut rng)).map_elements(|z| f64::from(u8::from(z > 0.0)));
    let mut ends = [7, 8].map(|_| Tensor::<f64>::randn([40], &mut rng)).map(|start| {
        let mut w = Param::new("w", start);
        let minimum =
            minimize(&mut Lbfgs::new().history(20).tolerance(1e-10), &mut w, |w| logistic(w, &x, &y)).unwrap();
        assert_eq!(minimum.outcome, Outcome::Converged, "{minimum:?}");
        w.value().clone()
    });
    ends[0] = &ends[0] - &ends[1];
    assert!(ends[0].abs().max(..).item() < 1e-7, "both starts end at one point");
}

/// −ln x + x has its minimum at 1, and is NaN where x < 0, as a first step may be.
#[test]
fn points_without_a_cost_are_too_far_away() {
    let mut w = Param::new("w", [1e-3f64]);
    let minimum = minimize(&mut Lbfgs::new(), &mut w, |x| (x - x.ln()).sum(..)).unwrap();
    assert_eq!(minimum.outcome, Outcome::Converged);
    assert!((w.value().item() - 1.0).abs() < 1e-6);
    let mut w = Param::new("w", [50.0f64]);
    minimize(&mut Lbfgs::new(), &mut w, |x| (x.square() - 1e4 * x.ln()).sum(..)).unwrap();
    assert!((w.value().item() - 5000f64.sqrt()).abs() < 1e-6);
}

#[test]
fn a_start_without_a_cost_is_an_error_and_nothing_changes() {
    let mut w = Param::new("w", [-1.0f64]);
    let error = minimize(&mut Lbfgs::new(), &mut w, |x| x.ln().sum(..)).unwrap_err();
    assert_eq!(error.to_string(), "minimize: the cost at the start is NaN, expected a finite number");
    assert_eq!(w.value().item(), -1.0);

    let mut model = vec![Param::new("a", [1.0f64]), Param::new("b", [1.0])];
    let tape = Tape::new();
    let result = Lbfgs::new().minimize(&mut model, |model| {
        let cost = tape.param(&model[0]).square().sum(..);
        (cost.item(), cost.backward())
    });
    assert_eq!(result, Err(Error::Unreached(vec!["1".into()])));
}

#[test]
fn it_ends_when_it_may_take_no_more_steps_and_when_no_step_helps() {
    let mut w = Param::new("w", [-1.2f64, 1.0]);
    let minimum = minimize(&mut Lbfgs::new().iterations(5), &mut w, rosenbrock).unwrap();
    assert_eq!((minimum.outcome, minimum.iterations), (Outcome::Exhausted, 5));
    // The gradient of another function than the cost.
    let minimum = minimize(&mut Lbfgs::new(), &mut w, |x| {
        let shown = x.stop_gradient().square().sum(..);
        shown - x.sum(..) + x.sum(..).stop_gradient() + (x * 3.0 - (x * 3.0).stop_gradient()).sum(..)
    });
    assert_eq!(minimum.unwrap().outcome, Outcome::Stalled);
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let start = || Param::new("w", Tensor::<f32>::from_fn([10], |i| (i[0] as f32).sin()));
    let new = || Lbfgs::new().history(4).tolerance(0.0);
    let (mut w, mut whole) = (start(), new().iterations(6));
    minimize(&mut whole, &mut w, rosenbrock).unwrap();
    let (mut again, mut resumed) = (w.clone(), new().iterations(6));
    resumed.load_state(&again, &whole.state()).unwrap();
    minimize(&mut whole, &mut w, rosenbrock).unwrap();
    minimize(&mut resumed, &mut again, rosenbrock).unwrap();
    let bits = |w: &Param<f32>| w.value().to_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(&w), bits(&again));
    assert_eq!(whole.state(), resumed.state());

    let error = resumed.load_state(&Param::new("w", [1.0f32]), &whole.state()).unwrap_err();
    assert_eq!(error.to_string(), "load_state: `step.0` has shape [10], expected [1]");
    let mut state = whole.state();
    state.counts[0].1 = u64::MAX;
    let error = resumed.load_state(&again, &state).unwrap_err();
    assert!(error.to_string().starts_with("load_state: missing `step.4`, `change.4`"), "{error}");
}
