//! A physics-informed network (Raissi et al., 2019): the solution of a differential equation is a network, and the cost is
//! how badly it obeys the equation.
//!
//! The equation is u″(x) + u(x)³ = f(x) on [0, 1] with u(0) = u(1) = 0, where f is chosen so that the solution is
//! u(x) = sin πx. The second derivative in space is taken on the tape, and the cost's gradient goes through it.
//!
//! ```sh
//! cargo run --example pinn
//! ```

use std::f64::consts::PI;

use wengert::prelude::*;

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

/// The largest difference to the solution on a grid between the points.
fn error(network: &Network) -> f64 {
    let tape = Tape::inference();
    let x = Tensor::from_fn([997, 1], |i| i[0] as f64 / 996.0);
    let truth = (&x * PI).sin();
    (network.solution(tape.constant(x)).value() - truth).abs().max(..).item()
}

fn main() {
    let mut rng = rng(0, 0);
    let mut network = Network {
        first: Linear::new(1, 24, &mut rng),
        second: Linear::new(24, 24, &mut rng),
        output: Linear::new(24, 1, &mut rng),
    };
    let x = Tensor::from_fn([POINTS, 1], |i| (i[0] as f64 + 0.5) / POINTS as f64);
    let mut sgd = Sgd::new(2e-3).momentum(0.95);
    let mut tape = Tape::new();
    println!("error before: {:.3}", error(&network));
    for step in 1..=4000 {
        let cost = network.residual(tape.leaf(x.clone())).square().mean(..);
        let grads = cost.backward();
        sgd.step(&mut network, &grads).expect("the cost depends on every parameter");
        if step % 500 == 0 {
            println!("step {step:5}: mean square residual {:9.3e}, largest error {:.2e}", cost.item(), error(&network));
        }
        tape.reset();
    }
    let error = error(&network);
    println!("the largest error of the solution is {error:.2e}");
    assert!(error < 1e-4, "the solution is found to within 0.0001");
}
