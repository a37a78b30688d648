//! Layers one after the other.

use tensor::{Buffer, Float, Module, Param, Path, Var};

/// A module that maps one variable to one.
pub trait Layer<T: Float = f32>: Module<T> {
    /// The layer's value, recorded on the tape of `x`.
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;
}

/// Layers that are applied one after the other, for models whose depth is data.
///
/// ```
/// use nn::{Dropout, Linear, Relu, Sequential};
/// use tensor::{Tape, Tensor, rng};
/// let mut rng = rng(0, 0);
/// let model = Sequential::new()
///     .add(Linear::new(4, 8, &mut rng))
///     .add(Relu)
///     .add(Dropout::new(0.1))
///     .add(Linear::new(8, 2, &mut rng));
/// let tape = Tape::inference();
/// assert_eq!(model.forward(tape.constant(Tensor::<f32>::zeros([3, 4]))).shape().to_string(), "[3, 2]");
/// ```
#[derive(Default)]
pub struct Sequential<T: Float = f32> {
    layers: Vec<Box<dyn Layer<T> + Send + Sync>>,
}

impl<T: Float> Sequential<T> {
    /// No layers: the identity.
    pub fn new() -> Sequential<T> {
        Sequential { layers: Vec::new() }
    }

    /// With one more layer at the end.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl Layer<T> + Send + Sync + 'static) -> Sequential<T> {
        self.layers.push(Box::new(layer));
        self
    }

    /// Each layer applied to the result of the one before.
    pub fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x))
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.layers.iter().enumerate().for_each(|(i, layer)| layer.visit(path.index(i), f));
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.layers.iter_mut().enumerate().for_each(|(i, layer)| layer.visit_mut(path.index(i), f));
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        self.layers.iter().enumerate().for_each(|(i, layer)| layer.visit_buffers(path.index(i), f));
    }
}

impl<T: Float> Layer<T> for Sequential<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        Sequential::forward(self, x)
    }
}

/// A layer whose input is added to its result: x + f(x) (He et al., 2016).
#[derive(Clone, Debug)]
pub struct Residual<L>(pub L);

impl<T: Float, L: Module<T>> Module<T> for Residual<L> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.0.visit(path, f);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.0.visit_mut(path, f);
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        self.0.visit_buffers(path, f);
    }
}

impl<T: Float, L: Layer<T>> Layer<T> for Residual<L> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x + self.0.forward(x)
    }
}
