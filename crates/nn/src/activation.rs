//! Activations as layers.

use tensor::{Float, Module, Param, Path, Var};

use crate::sequential::Layer;

/// A layer without parameters that applies a function of the variable.
macro_rules! activations {
    ($($(#[$doc:meta])* $Name:ident $(($field:ty))? = |$x:ident $(, $arg:ident)?| $y:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name $((pub $field))?;

        impl<T: Float> Layer<T> for $Name {
            fn forward<'t>(&self, $x: Var<'t, T>) -> Var<'t, T> {
                $(let Self($arg) = *self;)?
                $y
            }
        }

        without_params!($Name);
    )*};
}

/// The empty visit of a module that has no parameters.
macro_rules! without_params {
    ($Name:ident) => {
        impl<T: Float> Module<T> for $Name {
            fn visit<'m>(&'m self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {}
            fn visit_mut(&mut self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {}
        }
    };
}
pub(crate) use without_params;

activations! {
    /// max(x, 0).
    Relu = |x| x.relu();
    /// x for x > 0, else slope·x.
    LeakyRelu(f64) = |x, slope| x.leaky_relu(slope);
    /// x for x > 0, else α·(eˣ − 1).
    Elu(f64) = |x, alpha| x.elu(alpha);
    /// The self-normalising exponential unit.
    Selu = |x| x.selu();
    /// x·σ(x).
    Silu = |x| x.silu();
    /// x·Φ(x).
    Gelu = |x| x.gelu();
    /// σ(x) = 1/(1 + e⁻ˣ).
    Sigmoid = |x| x.sigmoid();
    /// ln(1 + eˣ).
    Softplus = |x| x.softplus();
    /// The hyperbolic tangent.
    Tanh = |x| x.tanh();
}
