//! A policy gradient (Williams, 1992) on the cart-pole: push a cart left or right so that the pole on it stays up.
//!
//! ```sh
//! cargo run --example cart_pole -- cart_pole.svg
//! ```

use std::error::Error;

use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::report::{Axis, Chart};
use wengert::tensor::Rng;

/// An episode ends after this many steps, if the pole has not fallen before.
const LONGEST: usize = 200;
const EPISODES: usize = 16;
const DISCOUNT: f32 = 0.99;

/// The cart's place and speed, the pole's angle and its speed (Barto, Sutton and Anderson, 1983); metres, radians, seconds.
#[derive(Clone, Copy)]
struct Cart([f32; 4]);

impl Cart {
    fn start(rng: &mut Rng) -> Cart {
        let near = Tensor::<f32>::uniform([4], -0.05, 0.05, rng).to_vec();
        Cart([near[0], near[1], near[2], near[3]])
    }

    /// 20 ms later, pushed with 10 N; `None` when the pole has fallen or the cart has left the track.
    fn step(self, right: bool) -> Option<Cart> {
        const GRAVITY: f32 = 9.8;
        const POLE_MASS: f32 = 0.1;
        const MASS: f32 = 1.1;
        const HALF_LENGTH: f32 = 0.5;
        const TIME: f32 = 0.02;
        let [x, speed, angle, turn] = self.0;
        let force = if right { 10.0 } else { -10.0 };
        let (sin, cos) = angle.sin_cos();
        let push = (force + POLE_MASS * HALF_LENGTH * turn * turn * sin) / MASS;
        let twist = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / MASS));
        let pull = push - POLE_MASS * HALF_LENGTH * twist * cos / MASS;
        let next = [x + TIME * speed, speed + TIME * pull, angle + TIME * turn, turn + TIME * twist];
        (next[0].abs() < 2.4 && next[2].abs() < 12f32.to_radians()).then_some(Cart(next))
    }
}

/// From the four numbers to the logits of left and right.
#[derive(Module)]
struct Policy {
    hidden: Linear,
    output: Linear,
}

impl Policy {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.output.forward(self.hidden.forward(x).tanh())
    }
}

/// What was seen and done, and how much was still to come at each step.
#[derive(Default)]
struct Experience {
    states: Vec<f32>,
    actions: Vec<i64>,
    returns: Vec<f32>,
    lengths: Vec<usize>,
}

impl Experience {
    /// Plays some episodes side by side, so that the policy is asked once a step for all of them.
    fn play(policy: &Policy, rng: &mut Rng) -> Experience {
        let mut carts: Vec<Option<Cart>> = (0..EPISODES).map(|_| Some(Cart::start(rng))).collect();
        let mut episodes: Vec<(Vec<f32>, Vec<i64>)> = vec![Default::default(); EPISODES];
        let mut tape = Tape::inference();
        for _ in 0..LONGEST {
            let alive: Vec<usize> = (0..EPISODES).filter(|&i| carts[i].is_some()).collect();
            if alive.is_empty() {
                break;
            }
            let states = Tensor::from_fn([alive.len(), 4], |i| carts[alive[i[0]]].map_or(0.0, |cart| cart.0[i[1]]));
            let right = policy.forward(tape.constant(states)).softmax(1).value();
            let draws = Tensor::<f32>::uniform([alive.len()], 0.0, 1.0, rng);
            for (row, &i) in alive.iter().enumerate() {
                let (action, cart) = (draws[[row]] < right[[row, 1]], carts[i].expect("it is alive"));
                episodes[i].0.extend(cart.0);
                episodes[i].1.push(i64::from(action));
                carts[i] = cart.step(action);
            }
            tape.reset();
        }
        let mut all = Experience::default();
        for (states, actions) in episodes {
            let steps = actions.len();
            // A reward of 1 for each step that the pole stays up.
            let to_come = |t: usize| (1.0 - DISCOUNT.powi((steps - t) as i32)) / (1.0 - DISCOUNT);
            all.returns.extend((0..steps).map(to_come));
            all.states.extend(states);
            all.actions.extend(actions);
            all.lengths.push(steps);
        }
        all
    }

    fn mean_length(&self) -> f64 {
        self.lengths.iter().sum::<usize>() as f64 / self.lengths.len() as f64
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = rng(1, 0);
    let mut policy = Policy { hidden: Linear::new(4, 32, &mut rng), output: Linear::new(32, 2, &mut rng) };
    let mut adam = Adam::new(0.01);
    let mut tape = Tape::new();
    let mut lengths = Vec::new();
    for round in 1..=100 {
        let seen = Experience::play(&policy, &mut rng);
        lengths.push(seen.mean_length());
        let n = seen.actions.len();
        let returns = Tensor::new(seen.returns, [n])?;
        // How much better than usual, in deviations: of what was done before it, only the good should be done again.
        let advantage = (&returns - returns.mean(..)) / (returns.var(.., 0.0) + 1e-6).sqrt();
        let logits = policy.forward(tape.constant(Tensor::new(seen.states, [n, 4])?));
        let surprise = logits.softmax_cross_entropy(&Tensor::new(seen.actions, [n])?, 0.0);
        let cost = (surprise * tape.constant(advantage)).mean(..);
        adam.step(&mut policy, &cost.backward())?;
        tape.reset();
        if round % 10 == 0 {
            println!("round {round:3}: the pole stays up for {:.1} of {LONGEST} steps", lengths[round - 1]);
        }
    }
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, &lengths)?;
        println!("drawn in {path}");
    }
    let last = lengths[lengths.len() - 10..].iter().sum::<f64>() / 10.0;
    println!("in the last ten rounds for {last:.1} steps");
    assert!(last > 180.0, "the pole stays up");
    Ok(())
}

fn draw(path: &str, lengths: &[f64]) -> Result<(), wengert::report::Error> {
    let steps = Axis::linear("mean length of an episode, steps").from(0.0);
    Chart::new("Cart-pole: how long the pole stays up", Axis::linear("round of 16 episodes").from(0.0), steps)
        .line("", lengths.iter().enumerate().map(|(i, &length)| ((i + 1) as f64, length)))
        .save(path)
}
