//! Autoencoders: digits squeezed through a few numbers and drawn again, plain and variational (Kingma and Welling, 2014).
//!
//! ```sh
//! cargo run --example autoencoder -- autoencoder.svg
//! cargo run --example autoencoder -- --variational vae.svg
//! ```

use std::error::Error;

use wengert::data::digits;
use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::report::ImageGrid;
use wengert::tensor::Rng;

const PIXELS: usize = 784;
const CODE: usize = 16;
const EPOCHS: u64 = 40;

#[derive(Module)]
struct Autoencoder {
    inner: Linear,
    mean: Linear,
    /// The logarithm of the code's variance, where it is drawn and not just computed.
    log_var: Option<Linear>,
    outer: Linear,
    pixels: Linear,
}

impl Autoencoder {
    fn new(variational: bool, rng: &mut Rng) -> Autoencoder {
        Autoencoder {
            inner: Linear::new(PIXELS, 256, rng),
            mean: Linear::new(256, CODE, rng),
            log_var: variational.then(|| Linear::new(256, CODE, rng)),
            outer: Linear::new(CODE, 256, rng),
            pixels: Linear::new(256, PIXELS, rng),
        }
    }

    /// The code, and what it costs to have it stray from N(0, 1): KL = ½·Σ(μ² + σ² − ln σ² − 1).
    fn encode<'t>(&self, x: Var<'t>, rng: &mut Rng) -> (Var<'t>, Var<'t>) {
        let (tape, h) = (x.tape(), self.inner.forward(x).relu());
        let mean = self.mean.forward(h);
        let Some(log_var) = &self.log_var else { return (mean, tape.constant(0.0)) };
        let log_var = log_var.forward(h);
        // Drawn as μ + σ·ε, so that the gradient reaches μ and σ.
        let noise = tape.constant(Tensor::randn(mean.shape(), rng));
        let divergence = 0.5 * (mean.square() + log_var.exp() - log_var - 1.0).sum(1);
        (mean + (0.5 * log_var).exp() * noise, divergence.mean(..))
    }

    /// The logits of the pixels.
    fn decode<'t>(&self, code: Var<'t>) -> Var<'t> {
        self.pixels.forward(self.outer.forward(code).relu())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let variational = words.iter().any(|word| word == "--variational");
    let mut rng = rng(0, 0);
    let (train, test) = (digits::generate(4000, 1), digits::generate(200, 2));
    let mut model = Autoencoder::new(variational, &mut rng);
    let mut adam = Adam::new(1e-3);
    let mut tape = Tape::new();
    for epoch in 0..EPOCHS {
        let (mut sum, mut batches) = (0.0, 0);
        for batch in train.batches(64).shuffle(0, epoch) {
            let x = tape.constant(batch.images.clone());
            let (code, divergence) = model.encode(x, &mut rng);
            let cost = model.decode(code).bce_with_logits(batch.images) + divergence;
            adam.step(&mut model, &cost.backward())?;
            (sum, batches) = (sum + cost.item(), batches + 1);
            tape.reset();
        }
        if epoch % 5 == 4 {
            println!("epoch {:2}: {:.2} nats a digit", epoch + 1, sum / batches as f32);
        }
    }
    let tape = Tape::inference();
    let images = test.gather(&(0..200).collect::<Vec<_>>()).images;
    let (code, _) = model.encode(tape.constant(images.clone()), &mut rng);
    let drawn = model.decode(code).sigmoid().value();
    let error = (&drawn - &images).square().mean(..).sqrt().item();
    let spread = (&images - images.mean(0)).square().mean(..).sqrt().item();
    println!("{CODE} numbers for {PIXELS} pixels: off by {error:.3}, where the mean digit is off by {spread:.3}");
    let mut rows = vec![images.narrow(0, 0, 16), drawn.narrow(0, 0, 16)];
    if variational {
        // Digits that nobody wrote.
        rows.push(model.decode(tape.constant(Tensor::randn([16, CODE], &mut rng))).sigmoid().value());
    }
    if let Some(path) = words.iter().find(|word| !word.starts_with("--")) {
        draw(path, &rows)?;
        println!(
            "{} in {path}",
            if variational { "digits, drawn again, and dreamt" } else { "digits, and drawn again" }
        );
    }
    assert!(error < if variational { 0.75 } else { 0.6 } * spread, "the digits are drawn again");
    Ok(())
}

/// Rows of sixteen digits.
fn draw(path: &str, rows: &[Tensor]) -> Result<(), wengert::report::Error> {
    let digits = Tensor::concat(rows, 0).reshape([rows.len() * 16, 28, 28]);
    ImageGrid::new(&digits, 16)?.dark_on_light().row_names(["digits", "drawn again", "dreamt"]).save(path)
}
