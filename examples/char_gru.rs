//! A recurrent network that reads and writes letters: it learns to spell out the numbers that follow each other.
//!
//! The text counts from 0 to 99 in English words, "seven eight nine ten eleven …", and begins anew.
//!
//! ```sh
//! cargo run --example char_gru -- char_gru.svg
//! ```

use wengert::nn::{Embedding, Gru};
use wengert::optim::{Adam, clip_norm};
use wengert::prelude::*;
use wengert::report::{Axis, Chart, Color};
use wengert::tensor::Rng;

const LETTERS: &[u8] = b" -abcdefghijklmnopqrstuvwxyz";
const BATCH: usize = 32;
const TIME: usize = 48;
const HIDDEN: usize = 128;

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

/// A number below 100 in words.
fn words(n: usize) -> String {
    match n {
        0..20 => ONES[n].into(),
        _ if n.is_multiple_of(10) => TENS[n / 10].into(),
        _ => format!("{}-{}", TENS[n / 10], ONES[n % 10]),
    }
}

fn index(letter: u8) -> i64 {
    LETTERS.iter().position(|&known| known == letter).expect("a letter of the text") as i64
}

/// The text as indices of its letters.
fn text() -> Vec<i64> {
    let text: Vec<String> = (0..100).map(words).collect();
    (text.join(" ") + " ").bytes().map(index).collect()
}

#[derive(Module)]
struct Speller {
    letters: Embedding,
    gru: Gru,
    output: Linear,
}

impl Speller {
    fn new(rng: &mut Rng) -> Speller {
        Speller {
            letters: Embedding::new(LETTERS.len(), 24, rng),
            gru: Gru::new(24, HIDDEN, rng),
            output: Linear::new(HIDDEN, LETTERS.len(), rng),
        }
    }

    /// The logits of the letter after each of `[batch, time]`, and the state at the end.
    fn forward<'t>(&self, tape: &'t Tape, text: &Tensor<i64>, state: Option<Var<'t>>) -> (Var<'t>, Var<'t>) {
        let (states, last) = self.gru.forward(self.letters.forward(tape, text), state);
        (self.output.forward(states), last)
    }

    /// Goes on from a beginning, taking the likeliest letter each time.
    fn go_on(&self, beginning: &str, letters: usize) -> String {
        let mut written = beginning.to_string();
        let mut next: Vec<i64> = beginning.bytes().map(index).collect();
        let mut state: Option<Tensor> = None;
        for _ in 0..letters {
            let tape = Tape::inference();
            let steps = next.len();
            let input = Tensor::from(next).reshape([1, steps]);
            let (logits, last) = self.forward(&tape, &input, state.map(|state| tape.constant(state)));
            let letter = logits.narrow(1, steps - 1, 1).argmax(-1).to_vec()[0];
            written.push(LETTERS[letter as usize] as char);
            (next, state) = (vec![letter], Some(last.value()));
        }
        written
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = text();
    let mut rng = rng(0, 0);
    let mut model = Speller::new(&mut rng);
    let mut adam = Adam::new(3e-3);
    let mut tape = Tape::new();
    let (mut mean, mut history) = (0.0, Vec::new());
    for step in 1..=600 {
        let starts = Tensor::<f32>::uniform([BATCH], 0.0, text.len() as f64, &mut rng).to_vec();
        let at = |row: usize, t: usize| text[(starts[row] as usize + t) % text.len()];
        let input = Tensor::from_fn([BATCH, TIME], |i| at(i[0], i[1]));
        let labels = Tensor::from_fn([BATCH, TIME], |i| at(i[0], i[1] + 1));
        let (logits, _) = model.forward(&tape, &input, None);
        let cost = logits.cross_entropy(&labels);
        let mut grads = cost.backward();
        clip_norm(&mut grads, 1.0);
        adam.step(&mut model, &grads)?;
        let bits = cost.item() / std::f32::consts::LN_2;
        mean += (bits - mean) / step.min(50) as f32;
        history.push((f64::from(step), f64::from(bits)));
        tape.reset();
        if step % 100 == 0 {
            println!("step {step:4}: {mean:.3} bits a letter; “{}”", model.go_on("twenty-", 40));
        }
    }
    let written = model.go_on("sixty-six sixty-seven ", 60);
    println!("{written}");
    if let Some(path) = std::env::args().nth(1) {
        draw(&path, history)?;
        println!("drawn in {path}");
    }
    assert!(mean < 0.5, "far less than the log₂ 28 = 4.8 bits a letter of noise");
    assert!(written.contains("sixty-eight sixty-nine seventy seventy-one"), "it counts");
    Ok(())
}

fn draw(path: &str, history: Vec<(f64, f64)>) -> Result<(), wengert::report::Error> {
    let noise = (LETTERS.len() as f64).log2();
    Chart::new("A recurrent network that counts in words", Axis::whole("step"), Axis::log("cost, bits a letter"))
        .line("each batch", history)
        .line("letters drawn at random", [(0.0, noise), (600.0, noise)])
        .color(Color::GRAY)
        .dashed()
        .save(path)
}
