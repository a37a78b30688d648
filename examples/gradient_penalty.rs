//! The distance between two distributions by a critic whose slope is held at 1 by a gradient penalty (Gulrajani et al.,
//! 2017): a gradient stands inside of the cost, and is differentiated with it.
//!
//! The samples are two Gaussian clouds in the plane, one shifted against the other, so the Wasserstein distance is the
//! length of the shift. The critic's gap is that distance times its slope, and a penalty of weight λ lets the slope settle
//! where the two balance, at 1 + distance/2λ.
//!
//! ```sh
//! cargo run --example gradient_penalty -- gradient_penalty.svg
//! ```

use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};

const BATCH: usize = 128;
/// The weight of the penalty.
const LAMBDA: f32 = 10.0;
const SHIFT: [f32; 2] = [1.5, -2.0];

#[derive(Module)]
struct Critic {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Critic {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let h = self.second.forward(self.first.forward(x).softplus()).softplus();
        self.output.forward(h).squeeze(1)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    let mut critic = Critic {
        first: Linear::new(2, 32, &mut rng),
        second: Linear::new(32, 32, &mut rng),
        output: Linear::new(32, 1, &mut rng),
    };
    let mut sgd = Sgd::new(0.01).momentum(0.9);
    let mut tape = Tape::new();
    let shift = Tensor::from(SHIFT);
    let (mut mean_gap, mut slope, mut distances) = (0.0, 0.0, Vec::new());
    for step in 1..=1500 {
        let real = Tensor::randn([BATCH, 2], &mut rng);
        let moved = Tensor::randn([BATCH, 2], &mut rng) + &shift;
        // Points between the two, where the slope is to be 1.
        let mix = Tensor::uniform([BATCH, 1], 0.0, 1.0, &mut rng);
        let between = tape.leaf(&real * &mix + &moved * (1.0 - &mix));

        let gap = critic.forward(tape.constant(moved)).mean(..) - critic.forward(tape.constant(real)).mean(..);
        let slopes = tape.grad(critic.forward(between).sum(..), &[between])[0].norm(1);
        let penalty = (slopes - 1.0).square().mean(..);
        let cost = LAMBDA * penalty - gap;
        let grads = cost.backward();
        sgd.step(&mut critic, &grads)?;

        // Running means over the last hundred steps or so.
        let rate = 1.0 / step.min(100) as f32;
        mean_gap += rate * (gap.item() - mean_gap);
        slope += rate * (slopes.mean(..).item() - slope);
        distances.push((f64::from(step), f64::from(mean_gap / slope)));
        if step % 250 == 0 {
            println!("step {step:5}: gap {mean_gap:.3}, slope {slope:.3}, distance {:.3}", mean_gap / slope);
        }
        tape.reset();
    }
    let truth = SHIFT.iter().map(|x| x * x).sum::<f32>().sqrt();
    let (distance, balance) = (mean_gap / slope, 1.0 + truth / (2.0 * LAMBDA));
    println!("the distance is {truth}, the critic finds {distance:.3}; its slope is {slope:.3}, expected {balance:.3}");
    if let Some(path) = std::env::args().nth(1) {
        Chart::new("The distance of two clouds", Axis::whole("step"), Axis::linear("distance, deviations of a cloud"))
            .line("by the critic, mean of 100 steps", distances)
            .line("truth", [(0.0, f64::from(truth)), (1500.0, f64::from(truth))])
            .color(Color::GRAY)
            .dashed()
            .save(&path)?;
        println!("drawn in {path}");
    }
    assert!((distance - truth).abs() < 0.05 * truth, "within a twentieth");
    assert!((slope - balance).abs() < 0.02, "the penalty and the gap balance");
    Ok(())
}
