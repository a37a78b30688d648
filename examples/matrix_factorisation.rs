//! Matrix factorisation: ratings of films by users, most of them unknown, as products of a few hidden tastes.
//!
//! The ratings are made up from such tastes and noise, so it is known how well they can be predicted.
//!
//! ```sh
//! cargo run --example matrix_factorisation -- matrix_factorisation.svg
//! ```

use wengert::nn::Embedding;
use wengert::optim::AdamW;
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};
use wengert::tensor::Rng;

const USERS: usize = 300;
const FILMS: usize = 200;
const TASTES: usize = 4;
const NOISE: f64 = 0.3;
/// Of all pairs, a fifth is known and a tenth is to be predicted.
const KNOWN: usize = USERS * FILMS / 5;
const ASKED: usize = USERS * FILMS / 10;

/// Users, films and what the one gave the other.
struct Ratings {
    users: Tensor<i64>,
    films: Tensor<i64>,
    stars: Tensor,
}

impl Ratings {
    /// Known ratings, and some that are held back.
    fn made_up(rng: &mut Rng) -> [Ratings; 2] {
        let spread = 1.0 / (TASTES as f64).sqrt().sqrt();
        let users = Tensor::<f32>::normal([USERS, TASTES], 0.0, spread, rng);
        let films = Tensor::<f32>::normal([FILMS, TASTES], 0.0, spread, rng);
        let liked = Tensor::<f32>::normal([FILMS], 3.0, 0.5, rng);
        let noise = Tensor::<f32>::normal([USERS, FILMS], 0.0, NOISE, rng);
        let all = users.matmul(films.t()) + liked + noise;
        let order = Tensor::<f32>::uniform([USERS * FILMS], 0.0, 1.0, rng).argsort(0, false).to_vec();
        let pick = |pairs: &[i64]| {
            let of = |f: fn(i64) -> i64| Tensor::from(pairs.iter().map(|&pair| f(pair)).collect::<Vec<_>>());
            let (users, films) = (of(|pair| pair / FILMS as i64), of(|pair| pair % FILMS as i64));
            let stars = all.flatten().index_select(0, &Tensor::from(pairs));
            Ratings { users, films, stars }
        };
        [pick(&order[..KNOWN]), pick(&order[KNOWN..KNOWN + ASKED])]
    }
}

#[derive(Module)]
struct Tastes {
    users: Embedding,
    films: Embedding,
    user_bias: Embedding,
    film_bias: Embedding,
    mean: Param,
}

impl Tastes {
    fn new(rng: &mut Rng) -> Tastes {
        let small = Init::Normal(0.1);
        Tastes {
            users: Embedding::with_init(USERS, TASTES, small, rng),
            films: Embedding::with_init(FILMS, TASTES, small, rng),
            user_bias: Embedding::with_init(USERS, 1, small, rng),
            film_bias: Embedding::with_init(FILMS, 1, small, rng),
            mean: Param::new("mean", 3.0),
        }
    }

    fn predict<'t>(&self, tape: &'t Tape, ratings: &Ratings) -> Var<'t> {
        let (users, films) = (&ratings.users, &ratings.films);
        let tastes = (self.users.forward(tape, users) * self.films.forward(tape, films)).sum(1);
        let biases = self.user_bias.forward(tape, users) + self.film_bias.forward(tape, films);
        tastes + biases.squeeze(1) + tape.param(&self.mean)
    }

    fn error(&self, ratings: &Ratings) -> f32 {
        let predicted = self.predict(&Tape::inference(), ratings).value();
        (predicted - &ratings.stars).square().mean(..).sqrt().item()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    let [known, asked] = Ratings::made_up(&mut rng);
    let mut model = Tastes::new(&mut rng);
    let spread = known.stars.var(.., 0.0).sqrt().item();
    println!("{KNOWN} ratings are known; by their mean the others are predicted to ±{spread:.3}");
    let mut adam = AdamW::new(0.01).weight_decay(0.1);
    let mut tape = Tape::new();
    let mut errors = Vec::new();
    for step in 1..=1000 {
        let cost = model.predict(&tape, &known).mse(known.stars.clone());
        adam.step(&mut model, &cost.backward())?;
        tape.reset();
        if step % 20 == 0 {
            errors.push((f64::from(step), model.error(&known), model.error(&asked)));
        }
        if step % 200 == 0 {
            println!("step {step}: known to ±{:.3}, others to ±{:.3}", model.error(&known), model.error(&asked));
        }
    }
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, &errors, f64::from(spread))?;
        println!("drawn in {path}");
    }
    let error = model.error(&asked);
    println!("the noise alone is ±{NOISE}; the others are predicted to ±{error:.3}");
    assert!(error < 1.25 * NOISE as f32, "nearly as good as can be");
    Ok(())
}

fn draw(path: &str, errors: &[(f64, f32, f32)], spread: f64) -> Result<(), wengert::report::Error> {
    let level = |height: f64| [(0.0, height), (1000.0, height)];
    Chart::new("Ratings by hidden tastes", Axis::whole("step"), Axis::linear("root mean square error, stars").from(0.0))
        .line("known ratings", errors.iter().map(|error| (error.0, f64::from(error.1))))
        .line("ratings held back", errors.iter().map(|error| (error.0, f64::from(error.2))))
        .line("by the mean alone", level(spread))
        .color(Color::GRAY)
        .dashed()
        .line("noise", level(NOISE))
        .color(Color::BLACK)
        .dashed()
        .save(path)
}
