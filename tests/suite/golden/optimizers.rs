//! The optimizer cases: twelve steps on Σ scale·(w − target)² + 0.1·Σ w⁴.

use wengert::optim::{Adagrad, Adam, AdamW, Lion, Method, Optimizer, RmsProp, Sgd};
use wengert::tensor::{Param, Tape, Tensor};

use crate::golden::attrs::Attrs;

const STEPS: usize = 12;

/// The cost that is minimised.
pub(crate) struct Problem {
    pub(crate) w0: Tensor<f64>,
    pub(crate) scale: Tensor<f64>,
    pub(crate) target: Tensor<f64>,
}

/// The parameters after each step, or `None` for an optimizer without a mapping.
pub(crate) fn steps(op: &str, attrs: &Attrs, problem: Problem) -> Option<Tensor<f64>> {
    let number = |name, default| attrs.number(name, default);
    let betas = |second| match attrs.0["betas"].as_array() {
        Some(betas) => (betas[0].as_f64().expect("a number"), betas[1].as_f64().expect("a number")),
        None => (0.9, second),
    };
    let lr = |default| number("lr", default);
    Some(match op {
        "opt_sgd" => problem.steps(
            attrs,
            Sgd::new(lr(1e-3))
                .momentum(number("momentum", 0.0))
                .dampening(number("dampening", 0.0))
                .nesterov(attrs.flag("nesterov")),
        ),
        "opt_adam" => problem.steps(
            attrs,
            Adam::new(lr(1e-3))
                .betas(betas(0.999).0, betas(0.999).1)
                .eps(number("eps", 1e-8))
                .amsgrad(attrs.flag("amsgrad")),
        ),
        "opt_adamw" => problem.steps(
            attrs,
            AdamW::new(lr(1e-3))
                .betas(betas(0.999).0, betas(0.999).1)
                .eps(number("eps", 1e-8))
                .amsgrad(attrs.flag("amsgrad")),
        ),
        "opt_rmsprop" => problem.steps(
            attrs,
            RmsProp::new(lr(1e-2))
                .alpha(number("alpha", 0.99))
                .eps(number("eps", 1e-8))
                .momentum(number("momentum", 0.0))
                .centered(attrs.flag("centered")),
        ),
        "opt_adagrad" => problem.steps(
            attrs,
            Adagrad::new(lr(1e-2))
                .lr_decay(number("lr_decay", 0.0))
                .initial_accumulator(number("initial_accumulator_value", 0.0))
                .eps(number("eps", 1e-10)),
        ),
        "opt_lion" => problem.steps(attrs, Lion::new(lr(1e-4)).betas(betas(0.99).0, betas(0.99).1)),
        _ => return None,
    })
}

impl Problem {
    fn steps<M: Method>(self, attrs: &Attrs, optimizer: Optimizer<M, f64>) -> Tensor<f64> {
        let optimizer = optimizer.maximize(attrs.flag("maximize"));
        let mut optimizer = match attrs.0["weight_decay"].as_f64() {
            Some(weight_decay) => optimizer.weight_decay(weight_decay),
            None => optimizer,
        };
        let mut w = Param::new("w", self.w0);
        let mut tape = Tape::new();
        let step = |_| {
            let v = tape.param(&w);
            let error = v - tape.constant(self.target.clone());
            let cost = (tape.constant(self.scale.clone()) * error.square()).sum(..) + 0.1 * v.powi(4).sum(..);
            optimizer.step(&mut w, &cost.backward()).expect("the cost depends on w");
            tape.reset();
            w.value().clone()
        };
        Tensor::stack(&(0..STEPS).map(step).collect::<Vec<_>>(), 0)
    }
}
