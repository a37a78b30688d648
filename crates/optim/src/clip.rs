//! Bounds on gradients.

use tensor::{Float, Gradients, Tensor};

use crate::Error;

/// The Euclidean norm of all parameters' gradients together.
///
/// Squares that leave the range of the element type do no harm: the norm is NaN or infinite only where a gradient is, or
/// where it is itself too large for an `f64`.
pub fn global_norm<T: Float>(grads: &Gradients<T>) -> f64 {
    grads.params().map(norm_of).fold(0.0, f64::hypot)
}

/// Scales all parameters' gradients by one factor, so that their norm is at most `max`, and returns the norm that they
/// had (Pascanu, Mikolov and Bengio, 2013). Gradients with a smaller norm are left as they are.
///
/// Where the norm is NaN or infinite, no factor helps, and a step would spread it to every parameter. The gradients are
/// then set to 0, so that a step does not take the model along, and the norm that is returned says so.
/// [`try_clip_norm`] has an error for it.
///
/// ```
/// use optim::{Adam, clip_norm};
/// use tensor::{Param, Tape, Tensor};
///
/// let mut w = Param::new("w", Tensor::from([30.0f64, 40.0]));
/// let tape = Tape::new();
/// let mut grads = (0.5 * tape.param(&w).square()).sum(..).backward();
/// assert_eq!(clip_norm(&mut grads, 5.0), 50.0);
/// assert_eq!(*grads.wrt(&w), Tensor::from([3.0, 4.0]));
/// Adam::new(1e-3).step(&mut w, &grads)?;
/// # Ok::<(), optim::Error>(())
/// ```
///
/// # Panics
/// If `max` is not 0 or more.
#[track_caller]
pub fn clip_norm<T: Float>(grads: &mut Gradients<T>, max: f64) -> f64 {
    match try_clip_norm(grads, max) {
        Ok(norm) => norm,
        Err(Error::Norm(norm)) => {
            grads.params_mut().for_each(|grad| *grad = Tensor::zeros(grad.shape()));
            norm
        }
        Err(other) => unreachable!("{other}"),
    }
}

/// The same, with an error where the norm is NaN or infinite.
///
/// # Errors
/// [`Error::Norm`]; the gradients are left as they are then.
///
/// # Panics
/// If `max` is not 0 or more.
#[track_caller]
pub fn try_clip_norm<T: Float>(grads: &mut Gradients<T>, max: f64) -> Result<f64, Error> {
    assert!(max >= 0.0, "clip_norm: a norm of at most {max}, expected 0 or more");
    let norm = global_norm(grads);
    if !norm.is_finite() {
        return Err(Error::Norm(norm));
    }
    if norm > max {
        scale(grads, max / norm);
    }
    Ok(norm)
}

/// Clamps every element of the parameters' gradients to −`max` … `max`. NaN stays NaN.
///
/// # Panics
/// If `max` is not 0 or more.
#[track_caller]
pub fn clip_value<T: Float>(grads: &mut Gradients<T>, max: f64) {
    assert!(max >= 0.0, "clip_value: a value of at most {max}, expected 0 or more");
    grads.params_mut().for_each(|grad| *grad = grad.clamp(-max, max));
}

fn scale<T: Float>(grads: &mut Gradients<T>, factor: f64) {
    let factor = T::from_f64(factor);
    grads.params_mut().for_each(|grad| *grad = &*grad * factor);
}

fn norm_of<T: Float>(x: &Tensor<T>) -> f64 {
    let norm = x.norm(..).item().to_f64();
    if norm.is_normal() || x.numel() == 0 {
        return norm;
    }
    // The squares may have left the range, above or below.
    let largest = x.abs().max(..).item();
    match largest.to_f64() {
        scale if scale.is_normal() => scale * (x / largest).norm(..).item().to_f64(),
        scale => scale,
    }
}
