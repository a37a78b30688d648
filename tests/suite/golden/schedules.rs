//! The schedule cases: the learning rates of 14 steps.

use wengert::optim::{OneCycle, Schedule};
use wengert::tensor::Tensor;

use crate::golden::attrs::Attrs;

const STEPS: u64 = 14;

/// The rates, or `None` for a schedule without a mapping.
pub(crate) fn rates(op: &str, attrs: &Attrs) -> Option<Tensor<f64>> {
    let number = |name, default| attrs.number(name, default);
    let count = |name| attrs.size(name) as u64;
    let lr = number("base_lr", 0.1);
    let schedule = match op {
        "lr_constant" => Schedule::constant(lr),
        "lr_step" => Schedule::step(lr, count("step_size"), number("gamma", 0.1)),
        "lr_multi_step" => {
            let milestones = attrs.integers("milestones").expect("milestones").into_iter().map(|n| n as u64);
            Schedule::multi_step(lr, milestones.collect::<Vec<_>>(), number("gamma", 0.1))
        }
        "lr_exponential" => Schedule::exponential(lr, number("gamma", 0.1)),
        "lr_cosine" => Schedule::cosine(lr, number("eta_min", 0.0), count("t_max")),
        "lr_linear_warmup" => {
            let (start, end) = (number("start_factor", 1.0 / 3.0), number("end_factor", 1.0));
            Schedule::linear(start, end, count("total_iters")).scale(lr)
        }
        "lr_one_cycle" => OneCycle::new(number("max_lr", lr), count("total_steps"))
            .rise(number("pct_start", 0.3))
            .divisor(number("div_factor", 25.0))
            .final_divisor(number("final_div_factor", 1e4))
            .straight(attrs.0["anneal_strategy"] == "linear")
            .into(),
        "lr_polynomial" => Schedule::polynomial(lr, count("total_iters"), number("power", 1.0)),
        _ => return None,
    };
    Some(Tensor::from((0..STEPS).map(|step| schedule.lr(step)).collect::<Vec<_>>()))
}
