//! Attention with several heads, and the transformer block around it.

use rand::Rng;
use tensor::{Float, Param, Path, Tensor, Var};

use crate::{Dropout, LayerNorm, Linear, Module};

/// Self-attention with several heads (Vaswani et al., 2017): queries, keys and values are linear in x, each head attends
/// with its share of the features, and their results are mixed. Parameters have PyTorch's names: `in_proj_weight`,
/// `in_proj_bias`, `out_proj.weight`, `out_proj.bias`.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention<T: Float = f32> {
    /// The map to queries, keys and values, one after the other.
    pub input: Linear<T>,
    /// The map of the heads' results.
    pub output: Linear<T>,
    heads: usize,
}

impl<T: Float> MultiHeadAttention<T> {
    /// Attention among vectors of `width` features, by so many heads.
    ///
    /// # Panics
    /// If the features do not divide into the heads.
    #[track_caller]
    pub fn new(width: usize, heads: usize, rng: &mut (impl Rng + ?Sized)) -> MultiHeadAttention<T> {
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "attention: {width} features do not divide into {heads} heads"
        );
        MultiHeadAttention { input: Linear::new(width, 3 * width, rng), output: Linear::new(width, width, rng), heads }
    }

    /// The result for `[batch, time, width]`, of the same shape. With `causal` each position sees itself and those before
    /// it; a `mask`, `[time, time]` or with batch and heads before, permits where it is true.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, mask: Option<&Tensor<bool>>, causal: bool) -> Var<'t, T> {
        let shape = x.shape();
        assert!(shape.rank() == 3, "attention: expected [batch, time, width], got shape {shape}");
        let [batch, time, width] = [shape[0], shape[1], shape[2]];
        // [3, batch, heads, time, share]
        let parts = self.input.forward(x).reshape([batch, time, 3, self.heads, width / self.heads]);
        let parts = parts.permute(&[2, 0, 3, 1, 4]);
        let [q, k, v] = [0, 1, 2].map(|i| parts.narrow(0, i, 1).squeeze(0));
        let mixed = q.attention(k, v, mask, causal).permute(&[0, 2, 1, 3]).reshape([batch, time, width]);
        self.output.forward(mixed)
    }
}

impl<T: Float> Module<T> for MultiHeadAttention<T> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.input.weight.visit(path.field("in_proj_weight"), f);
        self.input.bias.visit(path.field("in_proj_bias"), f);
        self.output.visit(path.field("out_proj"), f);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.input.weight.visit_mut(path.field("in_proj_weight"), f);
        self.input.bias.visit_mut(path.field("in_proj_bias"), f);
        self.output.visit_mut(path.field("out_proj"), f);
    }
}

/// A transformer block with the normalisation first (Xiong et al., 2020): x + attention(norm x), then x + mlp(norm x), with
/// an inner layer of four times the width and gelu.
#[derive(Clone, Debug, Module)]
#[module(crate = tensor)]
pub struct TransformerBlock<T: Float = f32> {
    /// Before the attention.
    pub norm1: LayerNorm<T>,
    /// The attention.
    pub attention: MultiHeadAttention<T>,
    /// Before the two dense layers.
    pub norm2: LayerNorm<T>,
    /// To the inner features.
    pub inner: Linear<T>,
    /// Back.
    pub outer: Linear<T>,
    /// Of what is added, on a training tape.
    #[module(skip)]
    pub dropout: Dropout,
}

impl<T: Float> TransformerBlock<T> {
    /// A block of this width and number of heads, without dropout.
    ///
    /// # Panics
    /// If the features do not divide into the heads.
    #[track_caller]
    pub fn new(width: usize, heads: usize, rng: &mut (impl Rng + ?Sized)) -> TransformerBlock<T> {
        TransformerBlock {
            norm1: LayerNorm::new([width]),
            attention: MultiHeadAttention::new(width, heads, rng),
            norm2: LayerNorm::new([width]),
            inner: Linear::new(width, 4 * width, rng),
            outer: Linear::new(4 * width, width, rng),
            dropout: Dropout::new(0.0),
        }
    }

    /// The result for `[batch, time, width]`, of the same shape.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, mask: Option<&Tensor<bool>>, causal: bool) -> Var<'t, T> {
        let attended = self.attention.forward(self.norm1.forward(x), mask, causal);
        let x = x + self.dropout.forward(attended);
        let inner = self.inner.forward(self.norm2.forward(x)).gelu();
        x + self.dropout.forward(self.outer.forward(inner))
    }
}
