//! Linear and logistic regression, each beside what is known of its solution.
//!
//! ```sh
//! cargo run --example regression
//! ```

use wengert::prelude::*;

const EXAMPLES: usize = 500;
const FEATURES: usize = 5;

/// A line through points: gradient descent beside the normal equations.
fn linear() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    let x = Tensor::<f64>::randn([EXAMPLES, FEATURES], &mut rng);
    let truth = Tensor::from([2.0, -1.0, 0.5, 0.0, 3.0]);
    let y = x.matmul(&truth) + 1.5 + Tensor::normal([EXAMPLES], 0.0, 0.1, &mut rng);

    let mut model = Linear::<f64>::new(FEATURES, 1, &mut rng);
    let mut sgd = Sgd::new(0.1).momentum(0.9);
    let mut tape = Tape::new();
    for _ in 0..1000 {
        let cost = model.forward(tape.constant(x.clone())).squeeze(1).mse(y.clone());
        sgd.step(&mut model, &cost.backward())?;
        tape.reset();
    }
    let ones = Tensor::ones([EXAMPLES, 1]);
    let wide = Tensor::concat(&[x, ones], 1);
    let exact = wide.t().matmul(&wide).solve(wide.t().matmul(&y));
    let bias = model.bias.as_ref().expect("it has one").value().clone();
    let learned = Tensor::concat(&[model.weight.value().flatten(), bias], 0);
    println!("linear:   learned {learned}\n          exact   {exact}");
    let difference = (learned - exact).abs().max(..).item();
    assert!(difference < 1e-6, "gradient descent finds the solution of the normal equations, but for {difference:e}");
    Ok(())
}

/// Two classes with a known best rule: Gaussians of one width, whose boundary is halfway between them.
fn logistic() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(1, 0);
    let labels = Tensor::from_fn([EXAMPLES], |i| (i[0] % 2) as f64);
    let centres = (&labels * 2.0 - 1.0).unsqueeze(1) * Tensor::from([1.0, 0.5]);
    let x = centres + Tensor::<f64>::randn([EXAMPLES, 2], &mut rng);

    let mut model = Linear::<f64>::new(2, 1, &mut rng);
    let mut sgd = Sgd::new(0.5).momentum(0.9);
    let mut tape = Tape::new();
    for _ in 0..300 {
        let cost = model.forward(tape.constant(x.clone())).squeeze(1).bce_with_logits(labels.clone());
        sgd.step(&mut model, &cost.backward())?;
        tape.reset();
    }
    let logits = model.forward(Tape::inference().constant(x)).squeeze(1).value();
    let right = logits.map_elements(|z| f64::from(u8::from(z > 0.0))).equal(&labels);
    let share = right.map_elements(|yes| f64::from(u8::from(yes))).mean(..).item();
    // The logarithm of the ratio of the densities is 2·centre·x.
    println!("logistic: weights {} (the best rule has [2, 1]), {:.1} % right", model.weight.value(), 100.0 * share);
    let error = (model.weight.value().flatten() - Tensor::from([2.0, 1.0])).abs().max(..).item();
    assert!(error < 0.5 && share > 0.84, "near the best rule, which is right in 86.8 % of all cases");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    linear()?;
    logistic()
}
