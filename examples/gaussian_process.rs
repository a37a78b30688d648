//! Gaussian-process regression whose kernel is learned by the marginal likelihood (Rasmussen and Williams, 2006): the
//! gradient goes through a Cholesky factor.
//!
//! ```sh
//! cargo run --example gaussian_process -- gaussian_process.svg
//! ```

use std::error::Error;
use std::f64::consts::TAU;

use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};
use wengert::tensor::Triangular;

const POINTS: usize = 40;
const NOISE: f64 = 0.1;

/// What is to be learned.
fn truth(x: f64) -> f64 {
    (2.0 * x).sin() * (-x * x / 8.0).exp()
}

/// The logarithms of the kernel's scale, its length, and the noise.
#[derive(Module)]
struct Process {
    scale: Param<f64>,
    length: Param<f64>,
    noise: Param<f64>,
}

impl Process {
    fn new() -> Process {
        Process { scale: Param::new("scale", 0.0), length: Param::new("length", 0.0), noise: Param::new("noise", 0.0) }
    }

    /// s²·exp(−½·(a − b)²/ℓ²) for each pair, `[m, n]`.
    fn kernel<'t>(&self, a: Var<'t, f64>, b: Var<'t, f64>) -> Var<'t, f64> {
        let tape = a.tape();
        let (scale, length) = (tape.param(&self.scale), tape.param(&self.length));
        let distance = (a.unsqueeze(1) - b.unsqueeze(0)) / length.exp();
        (2.0 * scale - 0.5 * distance.square()).exp()
    }

    /// The Cholesky factor L of the covariance of noisy values at x, and L⁻¹·y.
    fn factor<'t>(&self, x: Var<'t, f64>, y: Var<'t, f64>) -> (Var<'t, f64>, Var<'t, f64>) {
        let tape = x.tape();
        let identity = tape.constant(Tensor::from_fn([POINTS, POINTS], |i| f64::from(u8::from(i[0] == i[1]))));
        let covariance = self.kernel(x, x) + (2.0 * tape.param(&self.noise)).exp() * identity;
        let l = covariance.cholesky();
        (l, l.solve_triangular(y, Triangular::lower()))
    }

    /// −ln p(y | x) = ½·‖L⁻¹·y‖² + Σ ln Lᵢᵢ + n/2·ln 2π.
    fn cost<'t>(&self, x: Var<'t, f64>, y: Var<'t, f64>) -> Var<'t, f64> {
        let (l, white) = self.factor(x, y);
        0.5 * white.square().sum(..) + l.diagonal(0, 1).ln().sum(..) + 0.5 * POINTS as f64 * TAU.ln()
    }

    /// The mean and the deviation of the function at other points.
    fn predict(&self, x: &Tensor<f64>, y: &Tensor<f64>, at: &Tensor<f64>) -> (Vec<f64>, Vec<f64>) {
        let tape = Tape::inference();
        let [x, y, at] = [x, y, at].map(|t| tape.constant(t.clone()));
        let (l, white) = self.factor(x, y);
        let across = l.solve_triangular(self.kernel(x, at), Triangular::lower());
        let mean = across.t().matmul(white);
        let var = (2.0 * tape.param(&self.scale)).exp() - across.square().sum(0);
        (mean.value().to_vec(), var.sqrt().value().to_vec())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = rng(0, 0);
    let x = Tensor::uniform([POINTS], -4.0, 4.0, &mut rng);
    let y = x.map_elements(truth) + Tensor::normal([POINTS], 0.0, NOISE, &mut rng);
    let mut process = Process::new();
    let mut adam = Adam::new(0.05);
    let mut tape = Tape::new();
    for step in 0..=300 {
        let cost = process.cost(tape.constant(x.clone()), tape.constant(y.clone()));
        let grads = cost.backward();
        if step % 50 == 0 {
            println!("step {step:3}: −ln p(y | x) = {:8.3}", cost.item());
        }
        adam.step(&mut process, &grads)?;
        tape.reset();
    }
    let [scale, length, noise] =
        [&process.scale, &process.length, &process.noise].map(|param| param.value().item().exp());
    println!("scale {scale:.3}, length {length:.3}, noise {noise:.3} (the data has {NOISE})");

    let grid = Tensor::from_fn([161], |i| -4.0 + i[0] as f64 / 20.0);
    let (mean, deviation) = process.predict(&x, &y, &grid);
    let errors = grid.to_vec().iter().zip(&mean).map(|(&x, mean)| (mean - truth(x)).powi(2)).sum::<f64>();
    let error = (errors / 161.0).sqrt();
    println!("root mean square error of the mean: {error:.3}");
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, [&x, &y], &grid.to_vec(), &mean, &deviation)?;
        println!("drawn in {path}");
    }
    assert!((noise / NOISE).ln().abs() < 0.3, "the noise is found");
    assert!(error < 0.08, "the function is found");
    Ok(())
}

fn draw(
    path: &str,
    [x, y]: [&Tensor<f64>; 2],
    grid: &[f64],
    mean: &[f64],
    deviation: &[f64],
) -> Result<(), wengert::report::Error> {
    let edges = (0..grid.len()).map(|i| (grid[i], mean[i] - 2.0 * deviation[i], mean[i] + 2.0 * deviation[i]));
    Chart::new("Gaussian process", Axis::linear("x").from(-4.0).to(4.0), Axis::linear("y"))
        .band("two deviations", edges)
        .line("mean", grid.iter().copied().zip(mean.iter().copied()))
        .color(Color::BLUE)
        .line("truth", grid.iter().map(|&x| (x, truth(x))))
        .color(Color::BLACK)
        .dashed()
        .dots("data", x.to_vec().into_iter().zip(y.to_vec()))
        .color(Color::RED)
        .save(path)
}
