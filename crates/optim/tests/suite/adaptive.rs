//! Adam, AdamW, RMSprop, Adagrad and Lion against their papers' rules written out for one number, and their refusals.

use optim::{Adagrad, Adam, AdamW, Lion, Method, Optimizer, RmsProp};
use proptest::prelude::*;
use tensor::{Gradients, Param, Tape, Tensor, rng};

/// Gradients that are the given ones: those of Σ g·p.
fn gradients(p: &Param<f64>, g: &[f64]) -> Gradients<f64> {
    let tape = Tape::new();
    (tape.param(p) * tape.constant(g)).sum(..).backward()
}

/// Takes eight steps, and the same with `rule` on each number: from parameter, gradient, state and number of the step.
fn agrees<M: Method, S: Default>(
    mut optimizer: Optimizer<M, f64>,
    seed: u64,
    rule: impl Fn(&mut f64, f64, &mut S, i32),
) -> Result<(), TestCaseError> {
    let mut rng = rng(seed, 0);
    let mut draw = || Tensor::<f64>::randn([19], &mut rng).to_vec();
    let mut expected: Vec<(f64, S)> = draw().into_iter().map(|p| (p, S::default())).collect();
    let mut w = Param::new("w", Tensor::from(expected.iter().map(|(p, _)| *p).collect::<Vec<_>>()));
    for t in 1..=8 {
        let g = draw();
        let grads = gradients(&w, &g);
        optimizer.step(&mut w, &grads).unwrap();
        expected.iter_mut().zip(g).for_each(|((p, state), g)| rule(p, g, state, t));
        for (got, (p, _)) in w.value().to_vec().iter().zip(&expected) {
            let error = (got - p).abs() / p.abs().max(1.0);
            prop_assert!(error <= 1e-12, "step {t}: {got:e} is not {p:e}");
        }
    }
    Ok(())
}

/// 0, or a number up to `end`.
fn zero_or(end: f64) -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..end]
}

proptest! {
    #[test]
    fn adam_is_the_papers(
        lr in 0.0..0.5,
        betas in (0.0..0.99f64, 0.0..0.9999f64),
        eps in 1e-10..1e-2,
        decay in zero_or(0.5),
        [amsgrad, maximize, decoupled] in any::<[bool; 3]>(),
        seed: u64,
    ) {
        let rule = |p: &mut f64, g: f64, [m, v, largest]: &mut [f64; 3], t: i32| {
            let mut g = if maximize { -g } else { g };
            if decoupled {
                *p -= lr * decay * *p;
            } else {
                g += decay * *p;
            }
            *m = betas.0 * *m + (1.0 - betas.0) * g;
            *v = betas.1 * *v + (1.0 - betas.1) * g * g;
            *largest = largest.max(*v);
            let v = if amsgrad { *largest } else { *v };
            let (m_hat, v_hat) = (*m / (1.0 - betas.0.powi(t)), v / (1.0 - betas.1.powi(t)));
            *p -= lr * m_hat / (v_hat.sqrt() + eps);
        };
        if decoupled {
            let adam = AdamW::new(lr).betas(betas.0, betas.1).eps(eps).amsgrad(amsgrad);
            agrees(adam.weight_decay(decay).maximize(maximize), seed, rule)?;
        } else {
            let adam = Adam::new(lr).betas(betas.0, betas.1).eps(eps).amsgrad(amsgrad);
            agrees(adam.weight_decay(decay).maximize(maximize), seed, rule)?;
        }
    }

    #[test]
    fn rms_prop_is_pytorchs(
        lr in 0.0..0.5,
        alpha in 0.5..0.999f64,
        eps in 1e-3..1e-2,
        momentum in zero_or(0.95),
        decay in zero_or(0.5),
        [centered, maximize] in any::<[bool; 2]>(),
        seed: u64,
    ) {
        let rms = RmsProp::new(lr).alpha(alpha).eps(eps).momentum(momentum).centered(centered);
        agrees(rms.weight_decay(decay).maximize(maximize), seed, |p, g, [v, m, b]: &mut [f64; 3], _| {
            let g = if maximize { -g } else { g } + decay * *p;
            *v = alpha * *v + (1.0 - alpha) * g * g;
            *m = alpha * *m + (1.0 - alpha) * g;
            let variance = if centered { (*v - *m * *m).max(0.0) } else { *v };
            *b = momentum * *b + g / (variance.sqrt() + eps);
            *p -= lr * *b;
        })?;
    }

    #[test]
    fn adagrad_is_pytorchs(
        lr in 0.0..0.5,
        lr_decay in zero_or(1.0),
        initial in zero_or(1.0),
        eps in 1e-10..1e-2,
        decay in zero_or(0.5),
        maximize: bool,
        seed: u64,
    ) {
        let adagrad = Adagrad::new(lr).lr_decay(lr_decay).initial_accumulator(initial).eps(eps);
        agrees(adagrad.weight_decay(decay).maximize(maximize), seed, |p, g, sum: &mut f64, t| {
            let g = if maximize { -g } else { g } + decay * *p;
            *sum += g * g;
            *p -= lr / (1.0 + f64::from(t - 1) * lr_decay) * g / ((*sum + initial).sqrt() + eps);
        })?;
    }

    #[test]
    fn lion_is_the_papers(
        lr in 0.0..0.5,
        betas in (0.0..1.0, 0.0..1.0),
        decay in zero_or(0.5),
        maximize: bool,
        seed: u64,
    ) {
        let lion = Lion::new(lr).betas(betas.0, betas.1);
        agrees(lion.weight_decay(decay).maximize(maximize), seed, |p, g, m: &mut f64, _| {
            let g = if maximize { -g } else { g };
            *p -= lr * ((betas.0 * *m + (1.0 - betas.0) * g).signum() + decay * *p);
            *m = betas.1 * *m + (1.0 - betas.1) * g;
        })?;
    }
}

/// Where every gradient is the same, m̂ = g and v̂ = g², and a step is η·sign(g) but for ε.
#[test]
fn adam_takes_steps_of_the_rate_along_a_constant_gradient() {
    let mut w = Param::new("w", [0.0f64, 0.0]);
    let mut adam = Adam::new(0.01).eps(0.0);
    for t in 1..=100 {
        let grads = gradients(&w, &[1e-3, -1e5]);
        adam.step(&mut w, &grads).unwrap();
        let expected = 0.01 * f64::from(t);
        let [a, b] = w.value().to_vec()[..] else { panic!() };
        assert!((a + expected).abs() < 1e-12 && (b - expected).abs() < 1e-12, "step {t}: {a} {b}");
    }
}

#[test]
fn decay_apart_from_the_gradient_shrinks_without_one() {
    let mut w = Param::new("w", [2.0f64]);
    let grads = gradients(&w, &[0.0]);
    AdamW::new(0.5).weight_decay(0.5).step(&mut w, &grads).unwrap();
    assert_eq!(w.value().item(), 1.5);
    Lion::new(0.5).weight_decay(0.5).step(&mut w, &grads).unwrap();
    assert_eq!(w.value().item(), 1.125);
}

#[test]
fn lion_has_no_direction_without_a_gradient_and_spreads_nan() {
    let mut w = Param::new("w", [1.0f64, 1.0]);
    let grads = gradients(&w, &[0.0, f64::NAN]);
    Lion::new(0.1).step(&mut w, &grads).unwrap();
    assert_eq!(w.value()[[0]], 1.0);
    assert!(w.value()[[1]].is_nan());
}

#[test]
fn single_precision_learns_too() {
    fn learns<M: Method>(mut optimizer: Optimizer<M>) {
        let mut w = Param::new("w", [3.0f32, -1.0]);
        let mut tape = Tape::new();
        for _ in 0..500 {
            let cost = tape.param(&w).square().sum(..);
            optimizer.step(&mut w, &cost.backward()).unwrap();
            tape.reset();
        }
        assert!(w.value().abs().max(..).item() < 0.03, "{}", w.value());
    }
    learns(Adam::new(0.05));
    learns(AdamW::new(0.05));
    learns(RmsProp::new(0.01));
    learns(Adagrad::new(1.0));
    learns(Lion::new(0.02));
}

#[test]
fn options_out_of_range_are_errors() {
    fn refused<M: Method>(mut optimizer: Optimizer<M, f64>, text: &str) {
        let mut w = Param::new("w", [1.0f64]);
        let grads = gradients(&w, &[1.0]);
        assert_eq!(optimizer.step(&mut w, &grads).unwrap_err().to_string(), format!("step: {text}"));
        assert_eq!(w.value().item(), 1.0, "{text}");
    }
    let amount = "expected a finite number, at least 0";
    refused(Adam::new(-1.0), &format!("the learning rate is -1, {amount}"));
    refused(Adam::new(0.1).betas(1.0, 0.9), "the first beta is 1, expected 0 ≤ β < 1");
    refused(AdamW::new(0.1).betas(0.9, f64::NAN), "the second beta is NaN, expected 0 ≤ β < 1");
    refused(Adam::new(0.1).eps(-1e-8), &format!("eps is -0.00000001, {amount}"));
    refused(AdamW::new(0.1).weight_decay(-0.5), &format!("weight decay is -0.5, {amount}"));
    refused(RmsProp::new(0.1).alpha(1.5), "alpha is 1.5, expected 0 ≤ α ≤ 1");
    refused(RmsProp::new(0.1).momentum(f64::INFINITY), &format!("momentum is inf, {amount}"));
    refused(Adagrad::new(0.1).lr_decay(-1.0), &format!("the learning rate's decay is -1, {amount}"));
    refused(Adagrad::new(0.1).initial_accumulator(-1.0), &format!("the initial accumulator is -1, {amount}"));
    refused(Lion::new(0.1).betas(0.9, 1.5), "the second beta is 1.5, expected 0 ≤ β ≤ 1");
}

/// An option that brings another set of buffers begins anew, as if the parameter were new.
#[test]
fn other_buffers_begin_anew() {
    let start = || Param::new("w", [1.0f64]);
    let (mut w, mut fresh) = (start(), start());
    let mut adam = Adam::new(0.1);
    let grads = gradients(&w, &[0.5]);
    adam.step(&mut w, &grads).unwrap();
    *w.value_mut() = Tensor::from([1.0]);
    adam.amsgrad(true).step(&mut w, &grads).unwrap();
    let grads = gradients(&fresh, &[0.5]);
    Adam::new(0.1).amsgrad(true).step(&mut fresh, &grads).unwrap();
    assert_eq!(w.value(), fresh.value());
}
