//! The models of `data/make.py`, and how they stand in its files.

use std::path::PathBuf;

use files::{Weights, safetensors};
use nn::{
    BatchNorm, Conv2d, ConvTranspose2d, Embedding, GroupNorm, Gru, Init, LayerNorm, Linear, Lstm, Module,
    MultiHeadAttention, Relu, RmsNorm, Rnn, Sequential, TransformerBlock,
};
use tensor::{ConvOptions, Tape, Tensor, Var, rng};

/// A file that PyTorch or NumPy made.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[derive(Module)]
#[module(crate = tensor)]
pub(crate) struct Mlp {
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
}

impl Mlp {
    pub(crate) fn new() -> Mlp {
        let mut rng = rng(0, 0);
        Mlp { fc1: Linear::new(6, 8, &mut rng), fc2: Linear::new(8, 3, &mut rng) }
    }

    pub(crate) fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.fc2.forward(self.fc1.forward(x).tanh())
    }
}

#[derive(Module)]
#[module(crate = tensor)]
pub(crate) struct Conv {
    pub(crate) features: Sequential,
    pub(crate) up: ConvTranspose2d,
    pub(crate) norm: GroupNorm,
    pub(crate) head: Linear,
}

impl Conv {
    pub(crate) fn new() -> Conv {
        let (mut rng, init) = (rng(0, 0), Init::UniformFanIn);
        let options = ConvOptions::new().stride(2).padding(1);
        let features = Sequential::new()
            .add(Conv2d::with_init(2, 4, 3, options, init, None, &mut rng))
            .add(BatchNorm::new(4))
            .add(Relu)
            .add(Conv2d::with_init(4, 4, 3, ConvOptions::new().groups(2), init, Some(init), &mut rng));
        let up = ConvTranspose2d::new(4, 2, 2, &mut rng).stride(2);
        Conv { features, up, norm: GroupNorm::new(2, 2), head: Linear::new(2 * 6 * 4, 3, &mut rng) }
    }

    pub(crate) fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let x = self.norm.forward(self.up.forward(self.features.forward(x))).relu();
        let batch = x.shape()[0];
        self.head.forward(x.reshape([batch, 2 * 6 * 4]))
    }
}

#[derive(Module)]
#[module(crate = tensor)]
pub(crate) struct Sequence {
    pub(crate) embedding: Embedding,
    pub(crate) rnn: Rnn,
    pub(crate) gru: Gru,
    pub(crate) lstm: Lstm,
    pub(crate) attention: MultiHeadAttention,
    pub(crate) block: TransformerBlock,
    pub(crate) norm: LayerNorm,
    pub(crate) scale: RmsNorm,
    pub(crate) head: Linear,
}

impl Sequence {
    pub(crate) fn new() -> Sequence {
        let mut rng = rng(0, 0);
        Sequence {
            embedding: Embedding::new(11, 6, &mut rng),
            rnn: Rnn::new(6, 6, &mut rng),
            gru: Gru::new(6, 5, &mut rng),
            lstm: Lstm::new(5, 6, &mut rng),
            attention: MultiHeadAttention::new(6, 2, &mut rng),
            block: TransformerBlock::new(6, 3, &mut rng),
            norm: LayerNorm::new([6]),
            scale: RmsNorm::new([6]),
            head: Linear::new(6, 4, &mut rng),
        }
    }

    /// PyTorch's names for the parts of a transformer block; those of all other layers are the same.
    pub(crate) fn weights() -> Weights<'static> {
        let names = [("attention", "self_attn"), ("inner", "linear1"), ("outer", "linear2")];
        Weights::new().rename(move |path| match path.strip_prefix("block.") {
            Some(part) => {
                let name =
                    names.iter().find_map(|(ours, theirs)| Some(part.strip_prefix(ours)?).map(|rest| (theirs, rest)));
                name.map_or_else(|| path.to_string(), |(theirs, rest)| format!("block.{theirs}{rest}"))
            }
            None => path.to_string(),
        })
    }

    pub(crate) fn forward<'t>(&self, tape: &'t Tape, x: &Tensor<i64>) -> Var<'t> {
        let (x, _) = self.rnn.forward(self.embedding.forward(tape, x), None);
        let (x, _) = self.gru.forward(x, None);
        let (x, _) = self.lstm.forward(x, None);
        let x = x + self.attention.forward(x, None, false);
        self.head.forward(self.scale.forward(self.norm.forward(self.block.forward(x, None, false))))
    }
}

/// Input and output that stand beside a model.
pub(crate) fn input_and_output<X: files::Stored>(name: &str) -> (Tensor<X>, Tensor) {
    let mut file = safetensors::Reader::open(data(name)).unwrap();
    (file.tensor("x").unwrap(), file.tensor("y").unwrap())
}

/// The largest difference of two tensors of the same shape.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.shape(), b.shape());
    (a - b).abs().max(..).item()
}
