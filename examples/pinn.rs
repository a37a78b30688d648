//! A physics-informed network (Raissi et al., 2019): the solution of a differential equation is a network, and the cost is
//! how badly it obeys the equation.
//!
//! The equation is u″(x) + u(x)³ = f(x) on [0, 1] with u(0) = u(1) = 0, where f is chosen so that the solution is
//! u(x) = sin πx. The second derivative in space is taken on the tape, and the cost's gradient goes through it.
//!
//! ```sh
//! cargo run --example pinn -- pinn.svg
//! ```

use std::f64::consts::PI;

use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color, Picture};

const POINTS: usize = 64;

#[derive(Module)]
struct Network {
    first: Linear<f64>,
    second: Linear<f64>,
    output: Linear<f64>,
}

impl Network {
    /// x·(1 − x) times the network: the boundary values hold by construction.
    fn solution<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let h = self.second.forward(self.first.forward(x).tanh()).tanh();
        x * (1.0 - x) * self.output.forward(h)
    }

    /// u″ + u³ − f at the points x.
    fn residual<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let tape = x.tape();
        let u = self.solution(x);
        let slope = tape.grad(u.sum(..), &[x])[0];
        let curvature = tape.grad(slope.sum(..), &[x])[0];
        let truth = (PI * x).sin();
        let force = -PI * PI * truth + truth.powi(3);
        curvature + u.powi(3) - force
    }
}

/// A grid between the points, and the network's solution there.
fn solution(network: &Network) -> [Tensor<f64>; 2] {
    let x = Tensor::from_fn([997, 1], |i| i[0] as f64 / 996.0);
    let solution = network.solution(Tape::inference().constant(x.clone())).value();
    [x, solution]
}

/// The largest difference to the true solution on the grid.
fn error(network: &Network) -> f64 {
    let [x, solution] = solution(network);
    (solution - (x * PI).sin()).abs().max(..).item()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    let mut network = Network {
        first: Linear::new(1, 24, &mut rng),
        second: Linear::new(24, 24, &mut rng),
        output: Linear::new(24, 1, &mut rng),
    };
    let x = Tensor::from_fn([POINTS, 1], |i| (i[0] as f64 + 0.5) / POINTS as f64);
    let mut sgd = Sgd::new(2e-3).momentum(0.95);
    let mut tape = Tape::new();
    let [x_before, before] = solution(&network);
    println!("error before: {:.3}", error(&network));
    let mut history = Vec::new();
    for step in 1..=4000 {
        let cost = network.residual(tape.leaf(x.clone())).square().mean(..);
        let grads = cost.backward();
        sgd.step(&mut network, &grads)?;
        if step % 20 == 0 {
            history.push((f64::from(step), cost.item().sqrt(), error(&network)));
        }
        if step % 500 == 0 {
            println!("step {step:5}: mean square residual {:9.3e}, largest error {:.2e}", cost.item(), error(&network));
        }
        tape.reset();
    }
    let error = error(&network);
    println!("the largest error of the solution is {error:.2e}");
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, [x_before, before], solution(&network), &history)?;
        println!("drawn in {path}");
    }
    assert!(error < 1e-4, "the solution is found to within 0.0001");
    Ok(())
}

fn draw(
    path: &str,
    before: [Tensor<f64>; 2],
    after: [Tensor<f64>; 2],
    history: &[(f64, f64, f64)],
) -> Result<(), wengert::report::Error> {
    // Every eighth point of the grid makes a smooth curve.
    let curve = |[x, u]: [Tensor<f64>; 2]| x.to_vec().into_iter().zip(u.to_vec()).step_by(8).collect::<Vec<_>>();
    let truth = (0..=24).map(|i| f64::from(i) / 24.0).map(|x| (x, (PI * x).sin()));
    let solution = Chart::new("u″ + u³ = f with u(0) = u(1) = 0", Axis::linear("x"), Axis::linear("u"))
        .line("before training", curve(before))
        .color(Color::GRAY)
        .line("after", curve(after))
        .color(Color::BLUE)
        .dots("sin πx", truth)
        .color(Color::RED);
    let errors = Chart::new("By step", Axis::whole("step"), Axis::log("residual, error"))
        .line("root mean square residual", history.iter().map(|&(step, residual, _)| (step, residual)))
        .line("largest error of u", history.iter().map(|&(step, _, error)| (step, error)));
    Picture::row([solution, errors].map(|chart| chart.size(480.0, 380.0).picture())).save(path)
}
