//! Pooling and reshaping as layers.

use tensor::{Float, Module, Param, Path, PoolOptions, Var};

use crate::activation::without_params;
use crate::sequential::Layer;

/// A layer without parameters that moves a window.
macro_rules! pools {
    ($($(#[$doc:meta])* $Name:ident($N:literal) $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name(pub PoolOptions<$N>);

        impl $Name {
            /// Windows of this size side by side.
            pub fn new(kernel: impl Into<tensor::PerAxis<$N>>) -> $Name {
                $Name(PoolOptions::new(kernel))
            }
        }

        impl<T: Float> Layer<T> for $Name {
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                x.$method(self.0)
            }
        }

        without_params!($Name);
    )*};
}

pools! {
    /// The largest element of each window of `[n, c, l]`.
    MaxPool1d(1) max_pool1d;
    /// The largest element of each window of `[n, c, h, w]`.
    MaxPool2d(2) max_pool2d;
    /// The mean of each window of `[n, c, l]`.
    AvgPool1d(1) avg_pool1d;
    /// The mean of each window of `[n, c, h, w]`.
    AvgPool2d(2) avg_pool2d;
}

/// The mean over all axes but the first two: `[n, c, ..]` becomes `[n, c]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalAvgPool;

impl<T: Float> Layer<T> for GlobalAvgPool {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.global_avg_pool()
    }
}

without_params!(GlobalAvgPool);

/// All axes but the first as one: `[n, ..]` becomes `[n, features]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flatten;

impl<T: Float> Layer<T> for Flatten {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        x.reshape([shape[0], shape[1..].iter().product()])
    }
}

without_params!(Flatten);
