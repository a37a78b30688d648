//! The table of conventions in `docs/numerics.md`, row by row: what it says is what is computed.

use wengert::prelude::*;
use wengert::tensor::PoolOptions;

/// A row's name, and what is computed for it.
type Row = (&'static str, fn() -> Vec<f64>);

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The gradient of the sum of f.
fn slope(x: &[f64], f: for<'t> fn(Var<'t, f64>) -> Var<'t, f64>) -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from(x));
    f(x).sum(..).backward().get(x).map_or(vec![0.0; x.numel()], Tensor::to_vec)
}

/// The gradients of f(a, b) towards both.
fn slopes(a: f64, b: f64, f: for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) -> Vec<f64> {
    let tape = Tape::new();
    let (a, b) = (tape.leaf(Tensor::from(a)), tape.leaf(Tensor::from(b)));
    let grads = f(a, b).backward();
    [a, b].iter().map(|&x| grads.get(x).map_or(0.0, Tensor::item)).collect()
}

/// The gradient of the sum of f's gradient.
fn curvature(x: &[f64], f: for<'t> fn(Var<'t, f64>) -> Var<'t, f64>) -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from(x));
    let slope = tape.grad(f(x).sum(..), &[x])[0];
    slope.sum(..).backward().get(x).map_or(vec![0.0; x.numel()], Tensor::to_vec)
}

fn t(x: &[f64]) -> Tensor<f64> {
    Tensor::from(x)
}

const ROWS: &[Row] = &[
    ("gradient of relu at 0", || slope(&[0.0], |x| x.relu())),
    ("gradient of abs at 0", || slope(&[0.0], |x| x.abs())),
    ("gradient of leaky_relu(0.1) at 0", || slope(&[0.0], |x| x.leaky_relu(0.1))),
    ("gradient of elu(2) at 0", || slope(&[0.0], |x| x.elu(2.0))),
    ("gradient of clamp(−1, 1) at −1, 1", || slope(&[-1.0, 1.0], |x| x.clamp(-1.0, 1.0))),
    ("gradient of √x at 0", || slope(&[0.0], |x| x.sqrt())),
    ("gradient of x^0.5 at 0", || slope(&[0.0], |x| x.powf(0.5))),
    ("gradient of ln x at 0", || slope(&[0.0], |x| x.ln())),
    ("gradient of 1/x at 0", || slope(&[0.0], |x| x.recip())),
    ("gradient of asin x at 1", || slope(&[1.0], |x| x.asin())),
    ("0^0", || t(&[0.0]).pow(t(&[0.0])).to_vec()),
    ("gradients of a^b at 0, 0", || slopes(0.0, 0.0, |a, b| a.pow(b))),
    ("gradients of a^b at 0, 2", || slopes(0.0, 2.0, |a, b| a.pow(b))),
    ("gradients of a^b at −2, 2", || slopes(-2.0, 2.0, |a, b| a.pow(b))),
    ("gradient of x^0 at 0", || slope(&[0.0], |x| x.powf(0.0))),
    ("gradient of the norm at 0, 0", || slope(&[0.0, 0.0], |x| x.norm(..))),
    ("gradients of hypot at 0, 0", || slopes(0.0, 0.0, |a, b| a.hypot(b))),
    ("gradients of atan2 at 0, 0", || slopes(0.0, 0.0, |a, b| a.atan2(b))),
    ("gradients of maximum at a tie", || slopes(1.0, 1.0, |a, b| a.maximum(b))),
    ("gradient of max over all of 3, 3, 1", || slope(&[3.0, 3.0, 1.0], |x| x.max(..))),
    ("gradient of max along the axis of 3, 3, 1", || slope(&[3.0, 3.0, 1.0], |x| x.max(0))),
    ("gradient of prod of 0, 2, 3", || slope(&[0.0, 2.0, 3.0], |x| x.prod(..))),
    ("gradient of prod of 0, 0, 3", || slope(&[0.0, 0.0, 3.0], |x| x.prod(..))),
    ("gradient of where(x > 0, √x, 0) at 0, −1", || {
        slope(&[0.0, -1.0], |x| {
            let zero = x.tape().constant(Tensor::from(0.0));
            x.sqrt().select(&x.gt(zero), zero)
        })
    }),
    ("gradient of where(x > 0, ln x, 0) at −1", || {
        slope(&[-1.0], |x| {
            let zero = x.tape().constant(Tensor::from(0.0));
            x.ln().select(&x.gt(zero), zero)
        })
    }),
    ("gradient of √relu(x) at −1", || slope(&[-1.0], |x| x.relu().sqrt())),
    ("gradient of 0·√x at 0", || slope(&[0.0], |x| 0.0 * x.sqrt())),
    ("gradient of √(x²) at 0", || slope(&[0.0], |x| (x * x).sqrt())),
    ("logsumexp of −∞, −∞", || t(&[-INF, -INF]).logsumexp(0).to_vec()),
    ("gradient of logsumexp at −∞, −∞", || slope(&[-INF, -INF], |x| x.logsumexp(0))),
    ("softmax of −∞, −∞", || t(&[-INF, -INF]).softmax(0).to_vec()),
    ("gradient of softplus at 1000, −1000", || slope(&[1000.0, -1000.0], |x| x.softplus())),
    ("softplus of −40", || t(&[-40.0]).softplus().to_vec()),
    ("gradient of log σ(x) at −1000", || slope(&[-1000.0], |x| x.log_sigmoid())),
    ("relu of NaN", || t(&[NAN]).relu().to_vec()),
    ("gradient of relu at NaN", || slope(&[NAN], |x| x.relu())),
    ("gradient of abs at NaN", || slope(&[NAN], |x| x.abs())),
    ("maximum of NaN and 1", || t(&[NAN]).maximum(t(&[1.0])).to_vec()),
    ("max of NaN, 1", || t(&[NAN, 1.0]).max(..).to_vec()),
    ("argmax of 1, NaN, 2", || vec![t(&[1.0, NAN, 2.0]).argmax(0).item() as f64]),
    ("sign of NaN", || t(&[NAN]).sign().to_vec()),
    ("clamp(−1, 1) of NaN", || t(&[NAN]).clamp(-1.0, 1.0).to_vec()),
    ("round of 0.5, 1.5, 2.5", || t(&[0.5, 1.5, 2.5]).round().to_vec()),
    ("sum of nothing", || t(&[]).sum(..).to_vec()),
    ("mean of nothing", || t(&[]).mean(..).to_vec()),
    ("prod of nothing", || t(&[]).prod(..).to_vec()),
    ("sort of 2, NaN, 1", || t(&[2.0, NAN, 1.0]).sort(0, false).0.to_vec()),
    ("gradient of max pooling of 1, 1", || {
        slope(&[1.0, 1.0], |x| x.reshape([1, 1, 2]).max_pool1d(PoolOptions::new(2)))
    }),
    ("cross-entropy of logits 1000, 0 at label 1", || {
        t(&[1000.0, 0.0]).reshape([1, 2]).softmax_cross_entropy(&Tensor::from([1i64]), 0.0).to_vec()
    }),
    ("second derivative of relu at 0", || curvature(&[0.0], |x| x.relu())),
    ("second derivative of x³ at 0", || curvature(&[0.0], |x| x.powi(3))),
    ("second derivative of √x at 0", || curvature(&[0.0], |x| x.sqrt())),
    ("second derivative of the square of the norm at 0, 0", || curvature(&[0.0, 0.0], |x| x.norm(..).square())),
];

/// Numbers as the table writes them.
fn printed(numbers: &[f64]) -> String {
    let one = |x: &f64| match *x {
        x if x.is_nan() => "NaN".to_string(),
        x if x.is_infinite() => if x > 0.0 { "∞" } else { "−∞" }.to_string(),
        // A negative zero is a zero.
        0.0 => "0".to_string(),
        x if x.abs() < 1e-4 => format!("{x:.5e}"),
        x => format!("{x}"),
    };
    numbers.iter().map(one).collect::<Vec<_>>().join(", ").replace('-', "−")
}

#[test]
fn the_table_says_what_is_computed() {
    let text = include_str!("../../docs/numerics.md");
    let table = text.split("## Beside PyTorch and JAX").nth(1).expect("the table's section");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    let written: Vec<_> = table.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect();
    let computed: Vec<_> = ROWS.iter().map(|(name, f)| (name.to_string(), printed(&f()))).collect();
    for (name, value) in &computed {
        let row = written.iter().find(|row| row[0] == *name);
        assert_eq!(row.map(|row| &row[1]), Some(value), "the row `{name}`");
    }
    assert_eq!(written.len(), computed.len(), "each row is computed");
}
