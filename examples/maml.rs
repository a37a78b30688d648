//! Learning to learn (Finn et al., 2017): initial weights from which one gradient step on a few points fits a new sine wave.
//! The cost is taken after that step, and its gradient goes back through it.
//!
//! ```sh
//! cargo run --example maml -- maml.svg
//! ```

use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color, Picture};
use wengert::tensor::Rng;

const SHOTS: usize = 10;
const TASKS: usize = 16;
/// The step within a task.
const STEP: f32 = 0.03;

/// Sine waves of amplitude 0.1 to 5 and any phase, on [−5, 5].
struct Wave {
    amplitude: f32,
    phase: f32,
}

impl Wave {
    fn draw(rng: &mut Rng) -> Wave {
        let drawn = |low, high, rng: &mut Rng| Tensor::<f32>::uniform([1], low, high, rng).item();
        Wave { amplitude: drawn(0.1, 5.0, rng), phase: drawn(0.0, std::f64::consts::PI, rng) }
    }

    /// Points x, `[n, 1]`, and their values.
    fn sample(&self, n: usize, rng: &mut Rng) -> [Tensor; 2] {
        let x = Tensor::uniform([n, 1], -5.0, 5.0, rng);
        let y = x.map_elements(|x| self.at(x));
        [x, y]
    }

    fn at(&self, x: f32) -> f32 {
        self.amplitude * (x - self.phase).sin()
    }
}

/// A network 1-40-40-1, whose weights and biases are a list.
#[derive(Module)]
struct Network {
    params: Vec<Param>,
}

impl Network {
    fn new(rng: &mut Rng) -> Network {
        let mut params = Vec::new();
        for (inputs, outputs) in [(1, 40), (40, 40), (40, 1)] {
            params.push(Param::new("weight", Init::KaimingNormal.draw::<f32>([outputs, inputs], rng)));
            params.push(Param::new("bias", Tensor::zeros([outputs])));
        }
        Network { params }
    }

    fn on<'t>(&self, tape: &'t Tape) -> Vec<Var<'t>> {
        self.params.iter().map(|param| tape.param(param)).collect()
    }
}

/// The network's value with these weights, which need not be parameters.
fn forward<'t>(weights: &[Var<'t>], x: Var<'t>) -> Var<'t> {
    let hidden = weights[..4].chunks(2).fold(x, |x, layer| x.linear(layer[0], Some(layer[1])).tanh());
    hidden.linear(weights[4], Some(weights[5]))
}

fn cost<'t>(weights: &[Var<'t>], [x, y]: &[Tensor; 2]) -> Var<'t> {
    forward(weights, weights[0].tape().constant(x.clone())).mse(y.clone())
}

/// The weights after one step on a few points, recorded.
fn adapt<'t>(weights: &[Var<'t>], shots: &[Tensor; 2]) -> Vec<Var<'t>> {
    let slopes = weights[0].tape().grad(cost(weights, shots), weights);
    weights.iter().zip(slopes).map(|(&w, slope)| w - STEP * slope).collect()
}

/// The mean costs on new waves, before and after the step.
fn evaluate(network: &Network) -> [f32; 2] {
    let mut rng = rng(99, 0);
    let mut sums = [0.0; 2];
    for _ in 0..100 {
        let wave = Wave::draw(&mut rng);
        let (shots, rest) = (wave.sample(SHOTS, &mut rng), wave.sample(100, &mut rng));
        let tape = Tape::new();
        let weights = network.on(&tape);
        sums[0] += cost(&weights, &rest).item() / 100.0;
        sums[1] += cost(&adapt(&weights, &shots), &rest).item() / 100.0;
    }
    sums
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    let mut network = Network::new(&mut rng);
    let mut adam = Adam::new(1e-3);
    let mut tape = Tape::new();
    let [before, after] = evaluate(&network);
    println!("untrained: mean square error {before:.3}, after one step on {SHOTS} points {after:.3}");
    let mut history = vec![(0.0, before, after)];
    for step in 1..=9000 {
        let weights = network.on(&tape);
        let mut total = tape.constant(0.0);
        for _ in 0..TASKS {
            let wave = Wave::draw(&mut rng);
            let (shots, rest) = (wave.sample(SHOTS, &mut rng), wave.sample(SHOTS, &mut rng));
            total = total + cost(&adapt(&weights, &shots), &rest) / TASKS as f32;
        }
        adam.step(&mut network, &total.backward())?;
        tape.reset();
        if step % 500 == 0 {
            let [before, after] = evaluate(&network);
            history.push((f64::from(step), before, after));
            if step % 1500 == 0 {
                println!("step {step:5}: {before:.3} before, {after:.3} after");
            }
        }
    }
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, &network, &history)?;
        println!("drawn in {path}");
    }
    let [before, after] = evaluate(&network);
    assert!(after < 0.8 && after < 0.25 * before, "one step fits a new wave");
    Ok(())
}

/// A new wave before and after the step, and the costs by step of learning to learn.
fn draw(path: &str, network: &Network, history: &[(f64, f32, f32)]) -> Result<(), wengert::report::Error> {
    let wave = Wave { amplitude: 3.0, phase: 1.0 };
    let shots = wave.sample(SHOTS, &mut rng(3, 0));
    let grid = Tensor::from_fn([101, 1], |i| i[0] as f32 / 10.0 - 5.0);
    let points = |x: &Tensor, y: &Tensor| {
        let pairs = x.to_vec().into_iter().zip(y.to_vec());
        pairs.map(|(x, y)| (f64::from(x), f64::from(y))).collect::<Vec<_>>()
    };
    let tape = Tape::new();
    let weights = network.on(&tape);
    let fit = |weights: &[Var]| points(&grid, &forward(weights, weights[0].tape().constant(grid.clone())).value());
    let wave = Chart::new("A new wave", Axis::linear("x"), Axis::linear("y"))
        .line("truth", points(&grid, &grid.map_elements(|x| wave.at(x))))
        .color(Color::BLACK)
        .dashed()
        .line("before", fit(&weights))
        .color(Color::GRAY)
        .line("after one step", fit(&adapt(&weights, &shots)))
        .color(Color::BLUE)
        .dots("its points", points(&shots[0], &shots[1]))
        .color(Color::RED);
    let costs = Chart::new("100 new waves", Axis::linear("step of training"), Axis::log("mean square error"))
        .line("before the step", history.iter().map(|cost| (cost.0, f64::from(cost.1))))
        .color(Color::GRAY)
        .line("after it", history.iter().map(|cost| (cost.0, f64::from(cost.2))))
        .color(Color::BLUE);
    Picture::row([wave, costs].map(|chart| chart.size(480.0, 380.0).picture())).save(path)
}
