//! Newton's method on logistic regression, with conjugate gradients on Hessian-vector products: the Hessian is never
//! formed, and the gradient's norm is squared from step to step.
//!
//! ```sh
//! cargo run --example newton_cg -- newton_cg.svg
//! ```

use std::slice;

use wengert::prelude::*;
use wengert::report::{Axis, Chart};
use wengert::tensor::transform;

const EXAMPLES: usize = 500;
const FEATURES: usize = 30;

/// Regularised logistic regression: the mean of ln(1 + e^(−y·x·w)), and 0.005·‖w‖².
struct Problem {
    x: Tensor<f64>,
    y: Tensor<f64>,
}

impl Problem {
    /// Labels ±1 by a hidden direction, some of them wrong.
    fn new(seed: u64) -> Problem {
        let mut rng = rng(seed, 0);
        let x = Tensor::randn([EXAMPLES, FEATURES], &mut rng);
        let truth = Tensor::randn([FEATURES], &mut rng);
        let noise = Tensor::<f64>::randn([EXAMPLES], &mut rng);
        let y = (x.matmul(truth) + noise).sign();
        Problem { x, y }
    }

    fn cost<'t>(&self, w: Var<'t, f64>) -> Var<'t, f64> {
        let (x, y) = (w.tape().constant(self.x.clone()), w.tape().constant(self.y.clone()));
        (-(y * x.matmul(w))).softplus().mean(..) + 0.005 * w.square().sum(..)
    }

    fn hessian_times(&self, w: &Tensor<f64>, v: &Tensor<f64>) -> Tensor<f64> {
        let (_, mut products) = transform::hvp(|w| self.cost(w[0]), slice::from_ref(w), slice::from_ref(v));
        products.remove(0)
    }
}

fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    (a * b).sum(..).item()
}

/// Solves H·s = −g until the residual is below `tolerance`; the solution, and how many products it took.
fn conjugate_gradients(
    times: impl Fn(&Tensor<f64>) -> Tensor<f64>,
    g: &Tensor<f64>,
    tolerance: f64,
) -> (Tensor<f64>, usize) {
    let mut s = Tensor::zeros(g.shape());
    let mut residual = -g;
    let mut direction = residual.clone();
    let mut products = 0;
    while dot(&residual, &residual).sqrt() > tolerance && products < 10 * FEATURES {
        let h = times(&direction);
        products += 1;
        let before = dot(&residual, &residual);
        let step = before / dot(&direction, &h);
        s = s + &direction * step;
        residual = residual - h * step;
        direction = &residual + &direction * (dot(&residual, &residual) / before);
    }
    (s, products)
}

fn main() -> Result<(), wengert::report::Error> {
    let problem = Problem::new(1);
    let mut w = Tensor::<f64>::zeros([FEATURES]);
    let mut norms = Vec::new();
    println!("step     cost        ‖gradient‖   products");
    for step in 0..12 {
        let (cost, grads) = transform::value_and_grad(|w| problem.cost(w[0]), slice::from_ref(&w));
        let norm = dot(&grads[0], &grads[0]).sqrt();
        norms.push(norm);
        if norm < 1e-14 {
            println!("{step:4}  {cost:.8}  {norm:11.3e}");
            break;
        }
        // As exact as it is near: that is what makes the convergence quadratic.
        let (s, products) = conjugate_gradients(|v| problem.hessian_times(&w, v), &grads[0], norm * norm.min(0.1));
        println!("{step:4}  {cost:.8}  {norm:11.3e}  {products:9}");
        w = w + s;
    }
    // The order of convergence, from three successive norms above the rounding error.
    let order = |n: &[f64]| (n[2] / n[1]).ln() / (n[1] / n[0]).ln();
    let best = norms.windows(3).filter(|n| n[2] > 1e-13 && n[0] < 0.1).map(order).fold(0.0, f64::max);
    println!("order of convergence: {best:.2}");
    if let Some(path) = std::env::args().nth(1) {
        let by_step = norms.iter().enumerate().map(|(step, &norm)| (step as f64, norm));
        let (step, norm) = (Axis::whole("step"), Axis::log("norm of the gradient"));
        Chart::new("Newton's method: the norm is squared from step to step", step, norm)
            .line("", by_step)
            .save(&path)?;
        println!("drawn in {path}");
    }
    assert!(norms.last().is_some_and(|&norm| norm < 1e-12), "it converges");
    assert!(best > 1.7, "it converges quadratically");
    Ok(())
}
