//! Which methods an op of the reference stands for.

use wengert::nn::cost;
use wengert::tensor::{ConvOptions, PoolOptions, Tensor, Var};

use crate::golden::attrs::Attrs;

/// The op's value, or `None` for an op without a mapping.
pub(crate) fn evaluate<'t>(op: &str, x: &[Var<'t, f64>], ints: &[Tensor<i64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    unary(op, x, attrs)
        .or_else(|| binary(op, x, ints))
        .or_else(|| reduction(op, x, attrs))
        .or_else(|| view(op, x, ints, attrs))
        .or_else(|| cost(op, x, ints, attrs))
        .or_else(|| norm(op, x, attrs))
        .or_else(|| window(op, x, attrs))
}

fn unary<'t>(op: &str, x: &[Var<'t, f64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let &x = x.first()?;
    Some(match op {
        "neg" => -x,
        "abs" => x.abs(),
        "exp" => x.exp(),
        "ln" => x.ln(),
        "log1p" => x.log1p(),
        "expm1" => x.expm1(),
        "sqrt" => x.sqrt(),
        "rsqrt" => x.rsqrt(),
        "recip" => x.recip(),
        "square" => x.square(),
        "sign" => x.sign(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "asin" => x.asin(),
        "acos" => x.acos(),
        "atan" => x.atan(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "mish" => x.mish(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "log_sigmoid" => x.log_sigmoid(),
        "relu" => x.relu(),
        "leaky_relu" => x.leaky_relu(attrs.number("negative_slope", attrs.number("slope", 0.01))),
        "elu" => x.elu(attrs.number("alpha", 1.0)),
        "selu" => x.selu(),
        "silu" => x.silu(),
        "gelu" => x.gelu(),
        "gelu_tanh" => x.gelu_tanh(),
        "softplus" => x.softplus(),
        "erf" => x.erf(),
        "powi" => x.powi(attrs.number("exponent", f64::NAN) as i32),
        "powf" => x.powf(attrs.number("exponent", f64::NAN)),
        "clamp" => x.clamp(attrs.number("min", f64::NEG_INFINITY), attrs.number("max", f64::INFINITY)),
        _ => return None,
    })
}

fn binary<'t>(op: &str, x: &[Var<'t, f64>], ints: &[Tensor<i64>]) -> Option<Var<'t, f64>> {
    let &[a, b, ..] = x else { return None };
    Some(match op {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "pow" => a.pow(b),
        "atan2" => a.atan2(b),
        "hypot" => a.hypot(b),
        "maximum" => a.maximum(b),
        "minimum" => a.minimum(b),
        "where" => a.select(&ints[0].map_elements(|condition| condition != 0), b),
        "matmul" => a.matmul(b),
        "attention" => a.attention(b, x[2], None, false),
        "linear" => a.linear(b, x.get(2).copied()),
        _ => return None,
    })
}

fn reduction<'t>(op: &str, x: &[Var<'t, f64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let (x, axes, keepdim) = (x.first()?, attrs.axes(), attrs.flag("keepdim"));
    let y = match op {
        "sum" => x.try_sum(axes, keepdim),
        "mean" => x.try_mean(axes, keepdim),
        "amax" => x.try_max(axes, keepdim),
        "amin" => x.try_min(axes, keepdim),
        "prod" => x.try_prod(axes, keepdim),
        "norm_l2" => x.try_norm(axes, keepdim),
        "logsumexp" => x.try_logsumexp(axes, keepdim),
        "var" => x.try_var(axes, attrs.number("correction", 1.0), keepdim),
        "softmax" => x.try_softmax(attrs.axis()),
        "log_softmax" => x.try_log_softmax(attrs.axis()),
        _ => return None,
    };
    Some(y.unwrap_or_else(|error| panic!("{error}")))
}

fn view<'t>(op: &str, x: &[Var<'t, f64>], ints: &[Tensor<i64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let first = x.first()?;
    Some(match op {
        "permute" => first.permute(&attrs.integers("axes").expect("axes")),
        "reshape" => first.reshape(attrs.shape(first.numel())),
        "broadcast_to" => first.broadcast_to(attrs.shape(first.numel())),
        "cumsum" => first.cumsum(attrs.axis()),
        "flip" => first.flip(attrs.axes()),
        "pad" => first.pad(&attrs.pairs("pads"), attrs.number("value", 0.0)),
        "einsum" => Var::einsum(attrs.text("equation"), x),
        "embedding" => first.embedding(&ints[0]),
        "narrow" => first.narrow(attrs.axis(), attrs.size("start"), attrs.size("length")),
        "concat" => Var::concat(x, attrs.axis()),
        "stack" => Var::stack(x, attrs.axis()),
        "index_select" => first.index_select(attrs.axis(), &ints[0]),
        "gather" => first.gather(attrs.axis(), &ints[0]),
        "scatter_add" => first.scatter_add(attrs.axis(), &ints[0], x[1]),
        _ => return None,
    })
}

fn cost<'t>(op: &str, x: &[Var<'t, f64>], ints: &[Tensor<i64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let (&first, reduction) = (x.first()?, attrs.reduction());
    let smoothing = attrs.number("label_smoothing", 0.0);
    let y = match op {
        "cross_entropy" => cost::cross_entropy(first, &ints[0], smoothing, reduction),
        "cross_entropy_probs" => cost::cross_entropy(first, &x[1].value().softmax(-1), smoothing, reduction),
        "mse" => cost::mse(first, x[1], reduction),
        "l1" => cost::l1(first, x[1], reduction),
        "huber" => cost::huber(first, x[1], attrs.number("delta", 1.0), reduction),
        "nll" => cost::nll(first, &ints[0], reduction),
        "bce_with_logits" => cost::bce_with_logits(first, x[1], reduction),
        _ => return None,
    };
    Some(y.unwrap_or_else(|error| panic!("{error}")))
}

fn norm<'t>(op: &str, x: &[Var<'t, f64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let &first = x.first()?;
    Some(match op {
        "layer_norm" => first.layer_norm(Some(x[1]), Some(x[2]), attrs.number("eps", 1e-5)),
        "batch_norm_train" => first.batch_norm(Some(x[1]), Some(x[2]), attrs.number("eps", 1e-5)).0,
        "rms_norm" => first.rms_norm(Some(x[1]), attrs.number("eps", f64::EPSILON)),
        _ => return None,
    })
}

/// What moves a window over an image.
fn window<'t>(op: &str, x: &[Var<'t, f64>], attrs: &Attrs) -> Option<Var<'t, f64>> {
    let &first = x.first()?;
    let pair = |name: &str, default: usize| attrs.pair(name, [default; 2]);
    Some(match op {
        "conv2d" => {
            let options = ConvOptions::new()
                .stride(pair("stride", 1))
                .padding(pair("padding", 0))
                .dilation(pair("dilation", 1))
                .groups(attrs.number("groups", 1.0) as usize);
            first.conv2d(x[1], x.get(2).copied(), options)
        }
        "max_pool2d" | "avg_pool2d" => {
            let kernel = pair("kernel", 1);
            let options = PoolOptions::new(kernel).stride(attrs.pair("stride", kernel)).padding(pair("padding", 0));
            if op == "max_pool2d" { first.max_pool2d(options) } else { first.avg_pool2d(options) }
        }
        _ => return None,
    })
}
