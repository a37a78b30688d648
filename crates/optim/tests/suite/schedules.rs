//! Learning rates of steps, in closed form and by PyTorch's recurrences.

use optim::{OneCycle, Plateau, Schedule};

#[track_caller]
fn assert_rates(schedule: &Schedule, expected: &[f64]) {
    for (step, expected) in expected.iter().enumerate() {
        let got = schedule.lr(step as u64);
        assert!((got - expected).abs() <= 1e-15 * expected.abs().max(1.0), "step {step}: {got} is not {expected}");
    }
}

#[test]
fn each_shape_is_its_formula() {
    assert_rates(&Schedule::constant(0.3), &[0.3, 0.3]);
    assert_rates(&Schedule::step(1.0, 2, 0.5), &[1.0, 1.0, 0.5, 0.5, 0.25]);
    assert_rates(&Schedule::multi_step(1.0, [1, 3], 0.5), &[1.0, 0.5, 0.5, 0.25, 0.25]);
    assert_rates(&Schedule::multi_step(1.0, [2, 2], 0.5), &[1.0, 1.0, 0.25]);
    assert_rates(&Schedule::exponential(2.0, 0.5), &[2.0, 1.0, 0.5]);
    assert_rates(&Schedule::cosine(1.0, 0.5, 2), &[1.0, 0.75, 0.5, 0.75, 1.0, 0.75]);
    assert_rates(&Schedule::linear(0.0, 1.0, 4), &[0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
    assert_rates(&Schedule::linear(0.0, 1.0, 0), &[1.0, 1.0]);
    assert_rates(&Schedule::polynomial(1.0, 4, 2.0), &[1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]);
}

/// PyTorch computes a cosine step by step: from the rate before, not from the number of the step.
#[test]
fn cosine_is_the_recurrence() {
    let (min, period) = (0.01f64, 50u32);
    let cos = |step: u32| (std::f64::consts::PI * f64::from(step) / f64::from(period)).cos();
    let schedule = Schedule::cosine(0.2, min, u64::from(period));
    let mut lr = 0.2;
    for step in 1..=period {
        lr = (1.0 + cos(step)) / (1.0 + cos(step - 1)) * (lr - min) + min;
        assert!((schedule.lr(u64::from(step)) - lr).abs() < 1e-12, "step {step}");
    }
    assert_eq!(schedule.lr(100_000_000_000), schedule.lr(0));
}

#[test]
fn one_cycle_rises_falls_and_stays() {
    let schedule = Schedule::from(OneCycle::new(1.0, 11).rise(0.5).divisor(10.0).final_divisor(100.0).straight(true));
    // 0.5·11 − 1 = 4.5 steps up, 5.5 down.
    assert_rates(&schedule, &[0.1, 0.3, 0.5, 0.7, 0.9]);
    assert!((schedule.lr(5) - (1.0 - 0.999 * 0.5 / 5.5)).abs() < 1e-15);
    assert!((schedule.lr(10) - 1e-3).abs() < 1e-15);
    assert_eq!(schedule.lr(1000), schedule.lr(10));
    let cosine = Schedule::one_cycle(1.0, 100);
    assert!((cosine.lr(0) - 0.04).abs() < 1e-15 && cosine.lr(29) == 1.0);
    assert!((cosine.lr(99) - 4e-6).abs() < 1e-15);
}

#[test]
fn schedules_compose() {
    let warm = Schedule::linear(0.0, 1.0, 2).then(2, Schedule::exponential(1.0, 0.5)).then(4, Schedule::constant(9.0));
    assert_rates(&warm, &[0.0, 0.5, 1.0, 0.5, 9.0, 9.0]);
    assert_rates(&warm.clone().scale(2.0), &[0.0, 1.0, 2.0, 1.0, 18.0]);
    assert_rates(&warm.times(Schedule::step(1.0, 1, 0.5)), &[0.0, 0.25, 0.25, 0.0625, 0.5625]);
}

#[test]
#[should_panic(expected = "schedule: cosine: a period of 0 steps, expected at least 1")]
fn a_cosine_has_a_period() {
    Schedule::cosine(1.0, 0.0, 0);
}

fn rates(mut plateau: Plateau, metrics: &[f64]) -> Vec<f64> {
    metrics.iter().map(|&metric| plateau.observe(metric)).collect()
}

#[test]
fn a_plateau_waits_falls_and_cools() {
    let plateau = Plateau::new(1.0).factor(0.5).patience(1);
    assert_eq!(rates(plateau.clone(), &[1.0, 1.0, 1.0, 1.0, 1.0]), [1.0, 1.0, 0.5, 0.5, 0.25]);
    assert_eq!(rates(plateau.clone().cooldown(1), &[1.0; 7]), [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(rates(plateau.clone().min_lr(0.4), &[1.0; 5]), [1.0, 1.0, 0.5, 0.5, 0.4]);
    assert_eq!(rates(plateau.clone().maximize(true), &[1.0, 2.0, 3.0, 3.0, 3.0]), [1.0, 1.0, 1.0, 1.0, 0.5]);
    assert_eq!(rates(plateau, &[f64::NAN, 1.0, f64::NAN, f64::NAN]), [1.0, 1.0, 1.0, 0.5]);
}

#[test]
fn better_means_by_the_threshold() {
    let plateau = Plateau::new(1.0).factor(0.5).patience(0).threshold(0.1);
    assert_eq!(rates(plateau.clone(), &[10.0, 9.5, 8.9]), [1.0, 0.5, 0.5]);
    assert_eq!(rates(plateau.clone().absolute(true), &[10.0, 9.85, 9.8]), [1.0, 1.0, 0.5]);
    assert_eq!(rates(plateau.maximize(true), &[10.0, 10.5, 11.5]), [1.0, 0.5, 0.5]);
}

#[test]
fn a_plateau_goes_on_from_its_state() {
    let metrics = [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0];
    let plateau = || Plateau::new(1.0).factor(0.5).patience(1).cooldown(1);
    let whole = rates(plateau(), &metrics);
    for at in 0..metrics.len() {
        let mut first = plateau();
        let mut parts: Vec<f64> = metrics[..at].iter().map(|&metric| first.observe(metric)).collect();
        parts.extend(rates(plateau().resume(first.state()), &metrics[at..]));
        assert_eq!(parts, whole, "at {at}");
    }
}
