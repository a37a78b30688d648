//! Dropout.

use rand::Rng;
use tensor::{Float, Mode, Module, Param, Path, Tensor, Var};

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
    pub fn forward<'t, T: Float>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.probability == 0.0 || x.tape().mode() == Mode::Inference {
            return x;
        }
        let keep = T::from_f64(1.0 / (1.0 - self.probability));
        // A draw below the threshold drops: exact to one part in 2³².
        let threshold = (self.probability * 2f64.powi(32)) as u64;
        let mask = x.tape().with_rng(|rng| {
            Tensor::build(x.shape(), |out| {
                out.fill_with(|| if u64::from(rng.next_u32()) < threshold { T::ZERO } else { keep });
            })
        });
        x * x.tape().constant(mask)
    }
}

without_params!(Dropout);

impl<T: Float> Layer<T> for Dropout {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        Dropout::forward(self, x)
    }
}
