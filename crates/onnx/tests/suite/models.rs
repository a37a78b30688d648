//! Models that use, between them, all that can be written.

use nn::{
    BatchNorm, Conv1d, Conv2d, ConvTranspose2d, Embedding, GroupNorm, Gru, Init, LayerNorm, Linear, Lstm, Module,
    RmsNorm, Rnn, TransformerBlock,
};
use tensor::{ConvOptions, Param, PoolOptions, Rng, Tape, Tensor, Var, rng, rules, s};

/// A model of numbers, and of indices where it has a shape for them.
pub(crate) trait Model: Module {
    fn name(&self) -> &'static str;

    /// The shape of an example of its numbers, a batch of one.
    fn numbers(&self) -> Vec<usize>;

    /// The shape of an example of its indices.
    fn indices(&self) -> Option<Vec<usize>> {
        None
    }

    fn evaluate<'t>(&self, x: Var<'t>, index: &Tensor<i64>) -> Var<'t>;
}

/// The indices that models take are less than this.
pub(crate) const SYMBOLS: i64 = 7;

pub(crate) fn all() -> Vec<Box<dyn Model>> {
    let rng = &mut rng(3, 0);
    vec![
        Box::new(Elementwise::new(rng)),
        Box::new(Images::new(rng)),
        Box::new(Signal::new(rng)),
        Box::new(Transformer::new(rng)),
        Box::new(Recurrent::new(rng)),
        Box::new(Words::new(rng)),
        Box::new(Arranged::new(rng)),
    ]
}

/// A chain of dense layers, and everything elementwise.
#[derive(Module)]
#[module(crate = tensor)]
struct Elementwise {
    hidden: Linear,
    norm: RmsNorm,
    output: Linear,
}

impl Elementwise {
    fn new(rng: &mut Rng) -> Elementwise {
        Elementwise { hidden: Linear::new(6, 8, rng), norm: RmsNorm::new([8]), output: Linear::new(8, 3, rng) }
    }
}

impl Model for Elementwise {
    fn name(&self) -> &'static str {
        "elementwise"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 6]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let x = self.norm.forward(self.hidden.forward(x));
        self.output.forward(activations(x) + arithmetic(x) + functions(x) + choices(x))
    }
}

fn activations(x: Var<'_>) -> Var<'_> {
    let smooth = x.gelu() - x.gelu_tanh() / 3.0 + x.silu() + x.mish() + x.softplus() + x.log_sigmoid() - x.sigmoid();
    smooth + x.relu() * 0.5 + x.elu(0.7) + x.selu() + x.leaky_relu(0.1) + x.tanh()
}

fn arithmetic(x: Var<'_>) -> Var<'_> {
    let size = x.abs() + 0.5;
    let powers = x.powi(3) + size.powf(1.5) + size.pow(x) + x.square() + size.sqrt() + size.rsqrt() + size.recip();
    powers - 1.0 / size + (2.0 - x) * (-x) / (x.square() + 2.0) + x.scale_gradient(0.1)
}

fn functions(x: Var<'_>) -> Var<'_> {
    let (inside, size) = (x.clamp(-0.9, 0.9), x.abs() + 1.0);
    let circular = x.sin() * x.cos() + inside.tan() + inside.asin() - inside.acos() + x.atan();
    let hyperbolic = inside.sinh() + inside.cosh() + x.asinh() + size.acosh() + inside.atanh();
    circular + hyperbolic + (-size).exp() + inside.expm1() + size.ln() + x.abs().log1p() + x.erf()
}

fn choices(x: Var<'_>) -> Var<'_> {
    let half = x * 2.5;
    let whole = half.floor() + half.ceil() + half.round() + half.trunc() + x.sign();
    let compared =
        Var::map(rules::Less, [x, half]) + Var::map(rules::LessEqual, [half, x]) + Var::map(rules::Equal, [x, x]);
    let mask = x.value().narrow(0, 0, 1).map_elements(|_| true);
    x.maximum(half).minimum(x.square()).select(&mask, x) + whole + compared
}

/// Convolutions, pooling and normalisation of images.
#[derive(Module)]
#[module(crate = tensor)]
struct Images {
    first: Conv2d,
    norm: BatchNorm,
    second: Conv2d,
    up: ConvTranspose2d,
    output: Linear,
}

impl Images {
    fn new(rng: &mut Rng) -> Images {
        let images = Images {
            first: Conv2d::new(2, 4, 3, rng).padding(1).stride([1, 2]),
            norm: BatchNorm::new(4),
            second: Conv2d::new(4, 6, [2, 3], rng).dilation([2, 1]),
            up: ConvTranspose2d::new(6, 3, 3, rng).stride(2).padding(1),
            output: Linear::new(3 + 3 + 3 + 3, 5, rng),
        };
        // A training tape, so that the running moments are not what they began with.
        let x = Tensor::<f32>::randn([4, 2, 9, 12], rng);
        images.norm.forward(images.first.forward(Tape::new().constant(x)));
        images
    }
}

impl Model for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 2, 9, 12]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let x = self.norm.forward(self.first.forward(x)).relu();
        let x = x.max_pool2d(PoolOptions::new(3).stride(2).padding(1));
        let x = self.second.forward(x.pad(&[(0, 0), (0, 0), (1, 0), (0, 2)], 0.5));
        let x = self.up.forward(x.avg_pool2d(PoolOptions::new(2).padding(1).counts_padding(false)));
        let whole = x.global_avg_pool();
        let rows = x.mean(3).reshape([x.shape()[0], x.shape()[1] * x.shape()[2]]);
        let rows = rows.slice(s![.., 1..7; 2]).flip(1);
        let x = Var::concat(&[whole, rows, x.max([2, 3]), x.logsumexp([2, 3]).log_softmax(1)], 1);
        self.output.forward(x)
    }
}

/// Convolutions and pooling along one axis, with last windows that are not full.
#[derive(Module)]
#[module(crate = tensor)]
struct Signal {
    conv: Conv1d,
    norm: GroupNorm,
}

impl Signal {
    fn new(rng: &mut Rng) -> Signal {
        let options = ConvOptions::new().padding(1).groups(2);
        let conv = Conv1d::with_init(2, 4, 3, options, Init::Normal(1.0), None, rng);
        Signal { conv, norm: GroupNorm::new(2, 4) }
    }
}

impl Model for Signal {
    fn name(&self) -> &'static str {
        "signal"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 2, 17]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let x = self.norm.forward(self.conv.forward(x));
        let x = x.max_pool1d(PoolOptions::new(2).ceil_mode(true));
        let counted = x.avg_pool1d(PoolOptions::new(4).stride(3).padding(1).ceil_mode(true));
        let uncounted = x.avg_pool1d(PoolOptions::new(4).stride(3).padding(1).counts_padding(false).ceil_mode(true));
        counted + uncounted.min_keepdim(2)
    }
}

/// A transformer over sequences of vectors, with positions that are learnt and a token that stands before each sequence.
#[derive(Module)]
#[module(crate = tensor)]
struct Transformer {
    positions: Param,
    start: Param,
    block: TransformerBlock,
    norm: LayerNorm,
    output: Linear,
}

impl Transformer {
    fn new(rng: &mut Rng) -> Transformer {
        Transformer {
            positions: Param::new("positions", Tensor::<f32>::randn([10, 8], rng)),
            start: Param::new("start", Tensor::<f32>::randn([1, 1, 8], rng)),
            block: TransformerBlock::new(8, 2, rng),
            norm: LayerNorm::new([8]),
            output: Linear::new(8, 4, rng),
        }
    }
}

impl Model for Transformer {
    fn name(&self) -> &'static str {
        "transformer"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 5, 8]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let start = x.tape().param(&self.start).broadcast_to([x.shape()[0], 1, 8]);
        let x = Var::concat(&[start, x], 1);
        let x = x + x.tape().param(&self.positions).index_select(0, &Tensor::from(0i64..6));
        let x = self.norm.forward(self.block.forward(x, None, true));
        self.output.forward(x).softmax(-1)
    }
}

/// Recurrent layers, one after the other, whose states begin with zeros.
#[derive(Module)]
#[module(crate = tensor)]
struct Recurrent {
    lstm: Lstm,
    gru: Gru,
    rnn: Rnn,
}

impl Recurrent {
    fn new(rng: &mut Rng) -> Recurrent {
        Recurrent { lstm: Lstm::new(3, 4, rng), gru: Gru::new(4, 5, rng), rnn: Rnn::new(5, 2, rng) }
    }
}

impl Model for Recurrent {
    fn name(&self) -> &'static str {
        "recurrent"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 6, 3]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let (states, _) = self.gru.forward(self.lstm.forward(x, None).0, None);
        self.rnn.forward(states, None).0
    }
}

/// Words as vectors, of which the numbers say how much each counts.
#[derive(Module)]
#[module(crate = tensor)]
struct Words {
    table: Embedding,
    output: Linear,
}

impl Words {
    fn new(rng: &mut Rng) -> Words {
        Words { table: Embedding::new(SYMBOLS as usize, 4, rng), output: Linear::new(4, SYMBOLS as usize, rng) }
    }
}

impl Model for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 3]
    }

    fn indices(&self) -> Option<Vec<usize>> {
        Some(vec![1, 3])
    }

    fn evaluate<'t>(&self, x: Var<'t>, index: &Tensor<i64>) -> Var<'t> {
        let words = self.table.forward(x.tape(), index);
        let scores = self.output.forward((words * x.unsqueeze(2)).sum(1)).log_softmax(1);
        scores.gather(1, index) + scores.sum_keepdim(1)
    }
}

/// Elements that are picked, added up and put elsewhere.
#[derive(Module)]
#[module(crate = tensor)]
struct Arranged {
    weight: Param,
}

impl Arranged {
    fn new(rng: &mut Rng) -> Arranged {
        Arranged { weight: Param::new("weight", Tensor::<f32>::randn([4, 4], rng)) }
    }
}

impl Model for Arranged {
    fn name(&self) -> &'static str {
        "arranged"
    }

    fn numbers(&self) -> Vec<usize> {
        vec![1, 4, 4]
    }

    fn evaluate<'t>(&self, x: Var<'t>, _index: &Tensor<i64>) -> Var<'t> {
        let (n, w) = (x.shape()[0], x.tape().param(&self.weight));
        // As many rows as the batch has examples of four.
        let rows = x.permute(&[0, -1, 1]).reshape([4 * n, 4]).matmul(w);
        let added = rows.cumsum(1).reshape([n, 4, 4]).tril(0);
        let picked = w.gather(1, &Tensor::from([[1i64, 0], [3, 3], [2, 0], [0, 1]]));
        let placed = w.scatter_add(0, &Tensor::from([[1i64, 1, 3, 2]]), w.narrow(0, 0, 1));
        let chosen = placed.slice(s![-1, 1..3]) + picked.slice(s![1..; 2]).sum(0);
        let sizes = Var::stack(&[x.det(), x.layer_norm(None, None, 0.1).prod([1, 2])], 1);
        (added.narrow(2, 0, 2) + chosen + w.exp().logsumexp(..)).min(1) + sizes
    }
}
