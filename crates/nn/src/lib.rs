//! What models are made of: modules, layers, initialisers and costs.
//!
//! A model is a plain struct of layers with a `forward` of its own:
//!
//! ```
//! use nn::{Linear, Module};
//! use tensor::{Tape, Tensor, Var, rng};
//!
//! #[derive(Module)]
//! #[module(crate = tensor)]
//! struct Mlp {
//!     hidden: Linear,
//!     output: Linear,
//! }
//!
//! impl Mlp {
//!     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
//!         let h = self.hidden.forward(x).relu();
//!         self.output.forward(h)
//!     }
//! }
//!
//! let mut rng = rng(0, 0);
//! let model = Mlp { hidden: Linear::new(784, 100, &mut rng), output: Linear::new(100, 10, &mut rng) };
//! let tape = Tape::new();
//! let logits = model.forward(tape.constant(Tensor::zeros([32, 784])));
//! assert_eq!(logits.shape().to_string(), "[32, 10]");
//! println!("{}", nn::summary(&model));
//! ```

mod activation;
mod attention;
mod conv;
pub mod cost;
mod dropout;
mod embedding;
mod freeze;
mod init;
mod linear;
mod norm;
mod pool;
mod recurrent;
mod sequential;
mod summary;

pub use activation::{Elu, Gelu, LeakyRelu, Relu, Selu, Sigmoid, Silu, Softplus, Tanh};
pub use attention::{MultiHeadAttention, TransformerBlock};
pub use conv::{Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d};
pub use cost::{Costs, Reduction};
pub use derive::Module;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use freeze::{freeze, unfreeze};
pub use init::Init;
pub use linear::Linear;
pub use norm::{BatchNorm, GroupNorm, LayerNorm, RmsNorm};
pub use pool::{AvgPool1d, AvgPool2d, Flatten, GlobalAvgPool, MaxPool1d, MaxPool2d};
pub use recurrent::{Gru, Lstm, Rnn};
pub use sequential::{Layer, Residual, Sequential};
pub use summary::{Kind, Row, Summary, summary};
pub use tensor::{Buffer, Module, Param, Path};
