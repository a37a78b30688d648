//! The dense layer.

use rand::Rng;
use tensor::{Float, Param, Tensor, Var};

use crate::sequential::Layer;
use crate::{Init, Module};

/// A dense layer: y = x·Wᵀ + b, for x of `[.., in]`, W of `[out, in]` and b of `[out]`.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct Linear<T: Float = f32> {
    /// W, of shape `[out, in]`.
    pub weight: Param<T>,
    /// b, of shape `[out]`.
    pub bias: Option<Param<T>>,
}

impl<T: Float> Linear<T> {
    /// A layer from `inputs` to `outputs` numbers, weights and biases drawn from U(−1/√in, 1/√in).
    pub fn new(inputs: usize, outputs: usize, rng: &mut (impl Rng + ?Sized)) -> Linear<T> {
        Linear::with_init(inputs, outputs, Init::UniformFanIn, Some(Init::UniformFanIn), rng)
    }

    /// A layer with initialisers of its own; `bias: None` leaves the bias away.
    pub fn with_init(
        inputs: usize,
        outputs: usize,
        weight: Init,
        bias: Option<Init>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Linear<T> {
        let weight = Param::new("weight", weight.draw::<T>([outputs, inputs], rng));
        let draw = |bias: Init| bias.draw_with_fans([outputs], inputs, outputs, rng);
        Linear { weight, bias: bias.map(draw).map(|bias: Tensor<T>| Param::new("bias", bias)) }
    }

    /// y = x·Wᵀ + b. The gradients are g·W for x, gᵀ·x for W and the sum of g's rows for b.
    ///
    /// # Panics
    /// If the last axis of `x` has another size than the layer's input.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        x.linear(tape.param(&self.weight), self.bias.as_ref().map(|bias| tape.param(bias)))
    }
}

impl<T: Float> Layer<T> for Linear<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        Linear::forward(self, x)
    }
}
