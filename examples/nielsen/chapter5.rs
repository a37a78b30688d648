//! Chapter 5: the vanishing gradient.

use std::error::Error;

use wengert::prelude::*;

use super::chart::{Axis, Chart};
use super::lab::Lab;
use super::network::Network;
use super::training::{Settings, Trainer};

/// Descent along the whole gradient of 1,000 images, for networks of several depths.
pub(crate) fn run(lab: &Lab, depths: &[usize]) -> Result<(), Box<dyn Error>> {
    let images = lab.first(1000);
    for &depth in depths {
        let sizes = [&[784], &vec![30; depth][..], &[10]].concat();
        let settings = Settings { batch: images.len(), ..Settings::new(0.1, 5.0) };
        let mut trainer = Trainer::new(&sizes, settings, &images, &lab.validation, lab.seed);
        let mut norms = vec![error_norms(&trainer.network, &images)];
        println!("\n{sizes:?}: ‖δ‖ of the hidden layers before training: {}", list(&norms[0]));
        for epoch in 1..=lab.epochs(500) {
            trainer.train();
            norms.push(error_norms(&trainer.network, &images));
            if epoch % 50 == 0 {
                println!("Epoch {epoch:>3}: ‖δ‖ {}", list(&norms[epoch]));
            }
        }
        let title = format!("{depth} hidden layers: speed of learning");
        let chart = (0..depth).fold(
            Chart::new(title, Axis::whole("epoch"), Axis::log("‖δ‖, norm of the error")),
            |chart, layer| {
                let points = norms.iter().enumerate().map(|(epoch, norms)| (epoch as f64, norms[layer]));
                chart.line(format!("hidden layer {}", layer + 1), points)
            },
        );
        lab.draw(&format!("gradients-{depth}.svg"), &chart)?;
    }
    Ok(())
}

/// ‖δˡ‖ of each hidden layer, with the error δˡ = ∂C/∂zˡ averaged over the images: the gradient of the biases.
fn error_norms(network: &Network, images: &Images) -> Vec<f64> {
    let tape = Tape::new();
    let batch = images.batches(images.len()).next().expect("at least one image");
    let z = network.forward(tape.constant(batch.images.cast::<f64>()));
    let grads = network.cost(z, &batch.labels, wengert::nn::Reduction::BatchMean).backward();
    let (_, hidden) = network.layers.split_last().expect("there is an output layer");
    hidden.iter().map(|layer| grads.wrt(layer.bias.as_ref().expect("a bias")).norm(..).item()).collect()
}

fn list(norms: &[f64]) -> String {
    norms.iter().map(|norm| format!("{norm:.2e}")).collect::<Vec<_>>().join(", ")
}
