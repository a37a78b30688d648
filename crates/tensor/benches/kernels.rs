//! The kernels one by one, through the public API, each with its rate.
//!
//! ```sh
//! cargo bench -p wengert-tensor --bench kernels
//! RAYON_NUM_THREADS=1 cargo bench -p wengert-tensor --bench kernels -- matmul
//! ```

use std::hint::black_box;

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::{Scalar, Tape, Tensor, Update, rng};

fn random(shape: &[usize]) -> Tensor {
    Tensor::uniform(shape, 0.1, 1.0, &mut rng(1, 0))
}

/// Products as dense layers have them, `[rows, inputs]` by a weight of `[outputs, inputs]`; "elements" are
/// multiply-adds, of two floating-point operations each.
fn matmul(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for [rows, inputs, outputs] in
        [[1, 784, 512], [10, 784, 30], [10, 30, 10], [128, 784, 512], [128, 512, 256], [512, 2048, 2048]]
    {
        let (x, w, g) = (random(&[rows, inputs]), random(&[outputs, inputs]), random(&[rows, outputs]));
        group.throughput(Throughput::Elements((rows * inputs * outputs) as u64));
        let size = format!("{rows}x{inputs}x{outputs}");
        group.bench_function(BenchmarkId::new("forward", &size), |b| b.iter(|| x.matmul(w.t())));
        group.bench_function(BenchmarkId::new("weight_gradient", &size), |b| b.iter(|| g.t().matmul(&x)));
        group.bench_function(BenchmarkId::new("input_gradient", &size), |b| b.iter(|| g.matmul(&w)));
    }
}

/// In the second cache, and beyond the last.
const SIZES: [usize; 2] = [1 << 14, 1 << 22];

/// A bench's name, and what it measures.
type Function = (&'static str, fn(&Tensor) -> Tensor);

fn each<'a>(group: &mut BenchmarkGroup<'a, criterion::measurement::WallTime>, functions: &[Function], x: &Tensor) {
    group.throughput(Throughput::Elements(x.numel() as u64));
    for (name, f) in functions {
        group.bench_function(BenchmarkId::new(*name, x.shape()), |b| b.iter(|| f(black_box(x))));
    }
}

fn elementwise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("elementwise");
    let functions: [Function; 9] = [
        ("relu", |x| x.relu()),
        ("square", |x| x.square()),
        ("add", |x| x + x),
        ("exp", |x| x.exp()),
        ("ln", |x| x.ln()),
        ("tanh", |x| x.tanh()),
        ("sigmoid", |x| x.sigmoid()),
        ("erf", |x| x.erf()),
        ("gelu", |x| x.gelu()),
    ];
    for size in SIZES {
        each(&mut group, &functions, &random(&[size]));
    }
}

fn reductions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reduce");
    let functions: [Function; 4] =
        [("all", |x| x.sum(..)), ("rows", |x| x.sum(1)), ("columns", |x| x.sum(0)), ("max", |x| x.max(..))];
    for shape in [[128, 512], [4096, 1024], [100_000, 10]] {
        each(&mut group, &functions, &random(&shape));
    }
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    let functions: [Function; 3] =
        [("softmax", |x| x.softmax(-1)), ("log_softmax", |x| x.log_softmax(-1)), ("logsumexp", |x| x.logsumexp(-1))];
    for shape in [[128, 10], [4096, 1024]] {
        each(&mut group, &functions, &random(&shape));
    }
}

/// v ← 0.9·v + g, p ← p − 0.01·v.
#[derive(Clone, Copy)]
struct Momentum;

impl Update<1> for Momentum {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [v]: [A; 1]) -> (A, [A; 1]) {
        let v = p.lit(0.9) * v + g;
        (p - p.lit(0.01) * v, [v])
    }
}

fn update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update");
    for size in SIZES {
        let (mut p, g, mut v) = (random(&[size]), random(&[size]), random(&[size]));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("momentum", size), |b| b.iter(|| p.update(Momentum, &g, [&mut v])));
    }
}

/// What the tape costs: ops of one number each, forward and backward.
fn tape(criterion: &mut Criterion) {
    const OPS: usize = 1000;
    let mut group = criterion.benchmark_group("tape");
    group.throughput(Throughput::Elements(OPS as u64));
    let mut tape = Tape::new();
    group.bench_function("numbers", |b| {
        b.iter(|| {
            let [x, a] = [1.0f32, 0.999].map(|x| tape.leaf(Tensor::from(x)));
            let y = (0..OPS).fold(x, |y, _| y * a);
            black_box(y.backward());
            tape.reset();
        })
    });
}

criterion_group!(benches, matmul, elementwise, reductions, rows, update, tape);
criterion_main!(benches);
