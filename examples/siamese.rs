//! A Siamese network (Hadsell et al., 2006): digits are placed in the plane such that those of one kind lie together, learned
//! from nothing but which pairs are alike.
//!
//! ```sh
//! cargo run --example siamese -- siamese.svg
//! ```

use std::error::Error;

use wengert::data::digits;
use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};

const BATCH: usize = 64;
/// Unlike pairs are pushed this far apart and no farther.
const MARGIN: f32 = 2.0;

#[derive(Module)]
struct Map {
    first: Linear,
    second: Linear,
    place: Linear,
}

impl Map {
    /// A place in the plane for each image.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.place.forward(self.second.forward(self.first.forward(x).relu()).relu())
    }
}

/// Half the squared distance of pairs that are alike, half the squared lack of distance of others.
fn contrast<'t>(places: Var<'t>, labels: &Tensor<i64>) -> Var<'t> {
    let gaps = (places.unsqueeze(1) - places.unsqueeze(0)).norm(2);
    let alike = labels.unsqueeze(1).equal(&labels.unsqueeze(0));
    let lack = (MARGIN - gaps).relu().square();
    let pairs = (0.5 * gaps.square()).select(&alike, 0.5 * lack);
    // There are nine unlike pairs for one that is alike.
    let weights = alike.map_elements(|alike| if alike { 0.9 } else { 0.1 });
    (pairs * places.tape().constant(weights)).mean(..)
}

/// How many have a nearest neighbour of their kind.
fn neighbours(places: &Tensor, labels: &[i64]) -> f64 {
    let gaps = (places.unsqueeze(1) - places.unsqueeze(0)).square().sum(2);
    let n = labels.len();
    let far = Tensor::from_fn([n, n], |i| if i[0] == i[1] { f32::INFINITY } else { 0.0 });
    let nearest = (-(gaps + far)).argmax(1).to_vec();
    nearest.iter().zip(labels).filter(|&(&other, &label)| labels[other as usize] == label).count() as f64 / n as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = rng(0, 0);
    let (train, test) = (digits::generate(6000, 1), digits::generate(500, 2));
    let mut model = Map {
        first: Linear::new(784, 128, &mut rng),
        second: Linear::new(128, 64, &mut rng),
        place: Linear::new(64, 2, &mut rng),
    };
    let mut adam = Adam::new(1e-3);
    let mut tape = Tape::new();
    let unseen = test.gather(&(0..test.len()).collect::<Vec<_>>());
    let labels = unseen.labels.to_vec();
    let places = |model: &Map| model.forward(Tape::inference().constant(unseen.images.clone())).value();
    for epoch in 0..18 {
        for batch in train.batches(BATCH).shuffle(0, epoch) {
            let cost = contrast(model.forward(tape.constant(batch.images)), &batch.labels);
            adam.step(&mut model, &cost.backward())?;
            tape.reset();
        }
        if epoch % 3 == 2 {
            let share = 100.0 * neighbours(&places(&model), &labels);
            println!("epoch {:2}: of new digits {share:.1} % lie next to one of their kind", epoch + 1);
        }
    }
    let places = places(&model);
    let share = neighbours(&places, &labels);
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, &places, &labels)?;
        println!("drawn in {path}");
    }
    assert!(share > 0.8, "digits of a kind lie together");
    Ok(())
}

fn draw(path: &str, places: &Tensor, labels: &[i64]) -> Result<(), wengert::report::Error> {
    let place = |(i, &label): (usize, &i64)| (f64::from(places[[i, 0]]), f64::from(places[[i, 1]]), label.to_string());
    let digits = |digit: i64| labels.iter().enumerate().filter(move |&(_, &label)| label == digit).map(place);
    let (x, y) = (Axis::linear("first number"), Axis::linear("second number"));
    let chart = Chart::new("New digits in the plane of a Siamese network", x, y).size(760.0, 640.0);
    let colored = |chart: Chart, digit| chart.words("", digits(digit)).color(Color::wheel(digit as usize, 10));
    (0..10).fold(chart, colored).save(path)
}
