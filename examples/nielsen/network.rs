//! The book's fully connected network of sigmoid neurons, in double precision.

use wengert::nn::cost::{Reduction, bce_with_logits, quadratic};
use wengert::prelude::*;

use super::python::Normal;

/// How many images are evaluated at a time; their activations stay in the cache.
const EVALUATED: usize = 200;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cost {
    /// ½‖a − y‖².
    Quadratic,
    /// −Σ y·ln a + (1 − y)·ln(1 − a), over the ten outputs.
    CrossEntropy,
}

/// One dense layer after the other; the activation of each is a sigmoid.
#[derive(Module)]
pub(crate) struct Network {
    pub(crate) layers: Vec<Linear<f64>>,
    #[module(skip)]
    pub(crate) cost: Cost,
}

/// What the book's programs watch of a set of images.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// The mean cost of an image, and the regularisation.
    pub(crate) cost: f64,
    /// How many images are classified right, of how many.
    pub(crate) correct: usize,
    pub(crate) of: usize,
}

impl Measure {
    /// In percent.
    pub(crate) fn accuracy(&self) -> f64 {
        100.0 * self.correct as f64 / self.of as f64
    }
}

impl Network {
    /// A network of these sizes with the book's default weights: all biases from N(0, 1), then all weights from
    /// N(0, 1/inputs).
    pub(crate) fn new(sizes: &[usize], cost: Cost, normal: &mut Normal) -> Network {
        let layer = |pair: &[usize]| {
            let init = Init::Constant(0.0); // drawn below
            Linear::with_init(pair[0], pair[1], init, Some(init), &mut rng(0, 0))
        };
        let mut network = Network { layers: sizes.windows(2).map(layer).collect(), cost };
        network.draw(normal, |inputs| (inputs as f64).sqrt());
        network
    }

    /// Draws the network anew with the book's large weights, from N(0, 1) like the biases.
    pub(crate) fn draw_large(&mut self, normal: &mut Normal) {
        self.draw(normal, |_| 1.0);
    }

    fn draw(&mut self, normal: &mut Normal, divisor: impl Fn(usize) -> f64) {
        for layer in &mut self.layers {
            let bias = layer.bias.as_mut().expect("every layer has a bias").value_mut();
            bias.as_mut_slice().fill_with(|| normal.draw());
        }
        for layer in &mut self.layers {
            let weight = layer.weight.value_mut();
            let divisor = divisor(weight.shape()[1]);
            weight.as_mut_slice().fill_with(|| normal.draw() / divisor);
        }
    }

    /// The weighted inputs of the output layer.
    pub(crate) fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let (output, hidden) = self.layers.split_last().expect("there is an output layer");
        output.forward(hidden.iter().fold(x, |a, layer| layer.forward(a).sigmoid()))
    }

    /// The cost of a batch, from the weighted inputs of the output layer.
    pub(crate) fn cost<'t>(&self, z: Var<'t, f64>, labels: &Tensor<i64>, reduction: Reduction) -> Var<'t, f64> {
        let y = z.tape().constant(labels.one_hot(10));
        let cost = match self.cost {
            Cost::Quadratic => quadratic(z.sigmoid(), y, reduction),
            Cost::CrossEntropy => bce_with_logits(z, y, reduction),
        };
        cost.expect("outputs and targets have one shape")
    }

    /// Cost and accuracy on a set of images, the cost with ½·λ/n·Σw² for its n images.
    pub(crate) fn measure(&self, data: &Images, lambda: f64) -> Measure {
        let mut tape = Tape::inference();
        let (mut cost, mut correct) = (0.0, 0);
        for batch in data.batches(EVALUATED) {
            let z = self.forward(tape.constant(batch.images.cast::<f64>()));
            cost += self.cost(z, &batch.labels, Reduction::Sum).item();
            correct += z.argmax(1).equal(&batch.labels).count();
            tape.reset();
        }
        let weights: f64 = self.layers.iter().map(|layer| layer.weight.value().square().sum(..).item()).sum();
        let n = data.len() as f64;
        Measure { cost: cost / n + 0.5 * lambda / n * weights, correct, of: data.len() }
    }
}
