//! A small causal transformer (Vaswani et al., 2017) that learns to write numbers in words: "143 one hundred forty-three".
//!
//! ```sh
//! cargo run --example transformer -- transformer.svg
//! ```

use wengert::nn::{Embedding, LayerNorm, TransformerBlock};
use wengert::optim::AdamW;
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Picture};
use wengert::tensor::Rng;

const SYMBOLS: &[u8] = b".0123456789 -abcdefghijklmnopqrstuvwxyz";
/// The longest line, "777 seven hundred seventy-seven.", has fewer letters.
const LENGTH: usize = 36;
const WIDTH: usize = 64;
const BATCH: usize = 32;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A number below 1000 in words.
fn words(n: usize) -> String {
    match n {
        0..20 => ONES[n].into(),
        20..100 if n.is_multiple_of(10) => TENS[n / 10].into(),
        20..100 => format!("{}-{}", TENS[n / 10], ONES[n % 10]),
        _ if n.is_multiple_of(100) => format!("{} hundred", ONES[n / 100]),
        _ => format!("{} hundred {}", ONES[n / 100], words(n % 100)),
    }
}

/// A line as indices of its symbols, filled up with full stops.
fn line(n: usize) -> Vec<i64> {
    let text = format!("{n} {}.", words(n));
    let index = |symbol: u8| SYMBOLS.iter().position(|&known| known == symbol).expect("a known symbol") as i64;
    let mut symbols: Vec<i64> = text.bytes().map(index).collect();
    symbols.resize(LENGTH, 0);
    symbols
}

#[derive(Module)]
struct Writer {
    symbols: Embedding,
    places: Param,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    output: Linear,
}

impl Writer {
    fn new(rng: &mut Rng) -> Writer {
        Writer {
            symbols: Embedding::with_init(SYMBOLS.len(), WIDTH, Init::Normal(0.1), rng),
            places: Param::new("places", Init::Normal(0.1).draw::<f32>([LENGTH, WIDTH], rng)),
            blocks: (0..2).map(|_| TransformerBlock::new(WIDTH, 4, rng)).collect(),
            norm: LayerNorm::new([WIDTH]),
            output: Linear::new(WIDTH, SYMBOLS.len(), rng),
        }
    }

    /// The logits of the symbol after each of `[batch, time]`.
    fn forward<'t>(&self, tape: &'t Tape, text: &Tensor<i64>) -> Var<'t> {
        let places = tape.param(&self.places).narrow(0, 0, text.shape()[1]);
        let x = self.symbols.forward(tape, text) + places;
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, None, true));
        self.output.forward(self.norm.forward(x))
    }

    /// What it writes after a number: the likeliest symbol each time, up to the full stop.
    fn write(&self, n: usize) -> String {
        let beginning = n.to_string().len() + 1;
        let mut text = line(n)[..beginning].to_vec();
        while text.len() < LENGTH && text.last() != Some(&0) {
            let tape = Tape::inference();
            let input = Tensor::from(text.clone()).reshape([1, text.len()]);
            let logits = self.forward(&tape, &input).narrow(1, text.len() - 1, 1);
            text.push(logits.argmax(-1).to_vec()[0]);
        }
        text[beginning..].iter().map(|&i| SYMBOLS[i as usize] as char).filter(|&c| c != '.').collect()
    }

    /// How many of these numbers it writes without a mistake.
    fn right(&self, numbers: &[i64]) -> usize {
        numbers.iter().filter(|&&n| self.write(n as usize) == words(n as usize)).count()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rng(0, 0);
    // One number in ten is never shown.
    let order = Tensor::<f32>::uniform([1000], 0.0, 1.0, &mut rng).argsort(0, false).to_vec();
    let (held_back, shown) = order.split_at(100);
    let mut model = Writer::new(&mut rng);
    println!("{}", summary(&model));
    let mut adam = AdamW::new(2e-3).weight_decay(0.01);
    let mut tape = Tape::new();
    let (mut costs, mut right) = (Vec::new(), vec![(0.0, model.right(held_back) as f64)]);
    for step in 1..=1500 {
        if step == 1000 {
            adam.set_lr(5e-4);
        }
        let rows = Tensor::<f32>::uniform([BATCH], 0.0, shown.len() as f64, &mut rng).to_vec();
        let text: Vec<i64> = rows.iter().flat_map(|&row| line(shown[row as usize] as usize)).collect();
        let text = Tensor::new(text, [BATCH, LENGTH])?;
        let (input, labels) = (text.narrow(1, 0, LENGTH - 1), text.narrow(1, 1, LENGTH - 1));
        let cost = model.forward(&tape, &input).cross_entropy(&labels);
        adam.step(&mut model, &cost.backward())?;
        let cost = cost.item();
        tape.reset();
        costs.push((f64::from(step), f64::from(cost)));
        if step % 100 == 0 {
            right.push((f64::from(step), model.right(held_back) as f64));
            println!("step {step:4}: cost {cost:.4}; 143 is “{}”", model.write(143));
        }
    }
    let (_, last) = right[right.len() - 1];
    println!("of 100 numbers that it has never seen, it writes {last} in the right words");
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, costs, right)?;
        println!("drawn in {path}");
    }
    assert!(last >= 90.0, "it has learned to write numbers");
    Ok(())
}

fn draw(path: &str, costs: Vec<(f64, f64)>, right: Vec<(f64, f64)>) -> Result<(), wengert::report::Error> {
    let (step, share) = (Axis::whole("step"), Axis::linear("right, %").from(0.0).to(100.0));
    let cost = Chart::new("Cost of each batch", step.clone(), Axis::log("cost, nats a symbol")).line("", costs);
    let right = Chart::new("Numbers that it has never seen", step, share).line("", right);
    Picture::row([cost, right].map(|chart| chart.size(480.0, 360.0).picture())).save(path)
}
