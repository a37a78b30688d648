//! Dropout.

use rand::Rng;
use tensor::{Array, Float, Grads, Mode, Module, Op, Param, Path, Result, Tensor, Var, rng};

use crate::activation::without_params;
use crate::sequential::Layer;

/// Sets each element to 0 with a probability, and divides the others by what remains, so that the expectation stays
/// (Srivastava et al., 2014). On an inference tape it does nothing. The draws come from the tape's random stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    probability: f64,
}

impl Dropout {
    /// Dropout with this probability.
    ///
    /// # Panics
    /// If it is not in \[0, 1).
    #[track_caller]
    pub fn new(probability: f64) -> Dropout {
        assert!((0.0..1.0).contains(&probability), "dropout: probability {probability}, expected 0 ≤ p < 1");
        Dropout { probability }
    }

    /// x with some elements dropped; the gradient is dropped and scaled alike.
    #[track_caller]
    pub fn forward<'t, T: Float>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.probability == 0.0 || x.tape().mode() == Mode::Inference {
            return x;
        }
        let seed = x.tape().with_rng(|rng| rng.next_u64());
        Var::apply(Drop { probability: self.probability, seed }, &[x])
    }
}

/// A linear map that is its own adjoint. The draws are made again instead of kept, so that what was
/// dropped takes no memory, and an evaluation that is repeated drops the same.
#[derive(Clone, Copy)]
struct Drop {
    probability: f64,
    seed: u64,
}

impl<T: Float> Op<T> for Drop {
    const NAME: &'static str = "dropout";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let keep = T::from_f64(1.0 / (1.0 - self.probability));
        // A draw below the threshold drops: exact to one part in 2³².
        let threshold = (self.probability * 2f64.powi(32)) as u64;
        let mut draws = rng(self.seed, 0);
        let x = x[0].contiguous();
        Ok(Tensor::build(x.shape(), |out| {
            for (out, &x) in out.iter_mut().zip(x.as_slice().expect("contiguous")) {
                *out = if u64::from(draws.next_u32()) < threshold { T::ZERO } else { x * keep };
            }
        }))
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        [A::try_apply(*self, &[&g]).ok()].into_iter().collect()
    }
}

without_params!(Dropout);

impl<T: Float> Layer<T> for Dropout {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        Dropout::forward(self, x)
    }
}
