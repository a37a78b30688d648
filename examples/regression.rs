//! Linear and logistic regression, each beside what is known of its solution.
//!
//! ```sh
//! cargo run --example regression -- regression.svg
//! ```

use std::error::Error;

use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color, Picture};

const EXAMPLES: usize = 500;
const FEATURES: usize = 5;

/// A line through points: gradient descent beside the normal equations.
fn linear() -> Result<Chart, Box<dyn Error>> {
    let mut rng = rng(0, 0);
    let x = Tensor::<f64>::randn([EXAMPLES, FEATURES], &mut rng);
    let truth = Tensor::from([2.0, -1.0, 0.5, 0.0, 3.0]);
    let y = x.matmul(&truth) + 1.5 + Tensor::normal([EXAMPLES], 0.0, 0.1, &mut rng);

    let wide = Tensor::concat(&[x.clone(), Tensor::ones([EXAMPLES, 1])], 1);
    let exact = wide.t().matmul(&wide).solve(wide.t().matmul(&y));

    let mut model = Linear::<f64>::new(FEATURES, 1, &mut rng);
    let mut sgd = Sgd::new(0.1).momentum(0.9);
    let mut tape = Tape::new();
    let mut differences = Vec::new();
    for step in 0..=1000 {
        let bias = model.bias.as_ref().expect("it has one").value().clone();
        let learned = Tensor::concat(&[model.weight.value().flatten(), bias], 0);
        differences.push((f64::from(step), (&learned - &exact).abs().max(..).item()));
        if step == 1000 {
            println!("linear:   learned {learned}\n          exact   {exact}");
        }
        let cost = model.forward(tape.constant(x.clone())).squeeze(1).mse(y.clone());
        sgd.step(&mut model, &cost.backward())?;
        tape.reset();
    }
    let difference = differences[1000].1;
    assert!(difference < 1e-6, "gradient descent finds the solution of the normal equations, but for {difference:e}");
    let (x, y) = (Axis::whole("step"), Axis::log("largest difference of a weight"));
    Ok(Chart::new("Linear: to the exact solution", x, y).line("", differences))
}

/// Two classes with a known best rule: Gaussians of one width, whose boundary is halfway between them.
fn logistic() -> Result<Chart, Box<dyn Error>> {
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
    let logits = model.forward(Tape::inference().constant(x.clone())).squeeze(1).value();
    let right = logits.map_elements(|z| f64::from(u8::from(z > 0.0))).equal(&labels);
    let share = right.map_elements(|yes| f64::from(u8::from(yes))).mean(..).item();
    // The logarithm of the ratio of the densities is 2·centre·x.
    println!("logistic: weights {} (the best rule has [2, 1]), {:.1} % right", model.weight.value(), 100.0 * share);
    let error = (model.weight.value().flatten() - Tensor::from([2.0, 1.0])).abs().max(..).item();
    assert!(error < 0.5 && share > 0.84, "near the best rule, which is right in 86.8 % of all cases");

    let of_class = |class: f64| {
        let rows = (0..EXAMPLES).filter(move |&i| i as f64 % 2.0 == class);
        rows.map(|i| (x[[i, 0]], x[[i, 1]])).collect::<Vec<_>>()
    };
    let (weight, bias) = (model.weight.value(), model.bias.as_ref().expect("it has one").value()[[0]]);
    // Where the logit is zero.
    let boundary = |[a, b]: [f64; 2], c: f64| [-4.0, 4.0].map(|x| (x, -(a * x + c) / b));
    let (across, up) = (Axis::linear("first feature"), Axis::linear("second feature").from(-3.0).to(4.0));
    Ok(Chart::new("Logistic: two classes", across, up)
        .dots("class 0", of_class(0.0))
        .dots("class 1", of_class(1.0))
        .line("learned", boundary([weight[[0, 0]], weight[[0, 1]]], bias))
        .color(Color::BLACK)
        .line("best", boundary([2.0, 1.0], 0.0))
        .color(Color::GREEN)
        .dashed())
}

fn main() -> Result<(), Box<dyn Error>> {
    let charts = [linear()?, logistic()?];
    if let Some(path) = std::env::args().nth(1) {
        Picture::row(charts.map(|chart| chart.size(480.0, 380.0).picture())).save(&path)?;
        println!("drawn in {path}");
    }
    Ok(())
}
