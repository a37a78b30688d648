//! What gradients beyond the ordinary one cost, beside the ordinary one: per-sample gradients and Hessian-vector products
//! of a 784-512-256-10 network.
//!
//! ```sh
//! cargo bench --bench gradients
//! ```

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wengert::prelude::*;
use wengert::tensor::transform;

const BATCH: usize = 128;

#[derive(Module)]
struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    fn new() -> Mlp {
        let mut rng = rng(0, 0);
        let layer = |pair: &[usize]| Linear::new(pair[0], pair[1], &mut rng);
        Mlp { layers: [784, 512, 256, 10].windows(2).map(layer).collect() }
    }

    /// The cost of each example.
    fn costs<'t>(&self, x: Var<'t>, labels: &Tensor<i64>) -> Var<'t> {
        let (output, hidden) = self.layers.split_last().expect("there are layers");
        let h = hidden.iter().fold(x, |x, layer| layer.forward(x).relu());
        output.forward(h).softmax_cross_entropy(labels, 0.0)
    }
}

fn data() -> (Tensor, Tensor<i64>) {
    let labels = Tensor::from_fn([BATCH], |i| (i[0] % 10) as i64);
    (Tensor::randn([BATCH, 784], &mut rng(1, 0)), labels)
}

fn per_sample(c: &mut Criterion) {
    let (model, (x, labels)) = (Mlp::new(), data());
    let mut group = c.benchmark_group("per_sample");
    let mut tape = Tape::new();
    group.bench_function("one gradient of the whole batch", |b| {
        b.iter(|| {
            let grads = model.costs(tape.batch(x.clone()), &labels).mean(..).backward();
            drop(black_box(grads));
            tape.reset();
        });
    });
    group.bench_function("norms and clipped sum", |b| {
        b.iter(|| {
            let grads = model.costs(tape.batch(x.clone()), &labels).per_sample();
            black_box((grads.norms(), grads.clipped_sum(1.0)));
            drop(grads);
            tape.reset();
        });
    });
    group.bench_function("every example's gradient", |b| {
        b.iter(|| {
            let grads = model.costs(tape.batch(x.clone()), &labels).per_sample();
            for layer in &model.layers {
                black_box((grads.get(&layer.weight), layer.bias.as_ref().map(|bias| grads.get(bias))));
            }
            drop(grads);
            tape.reset();
        });
    });
    group.bench_function("a loop over the examples", |b| {
        b.iter(|| {
            for i in 0..BATCH {
                let (x, label) = (x.narrow(0, i, 1), labels.narrow(0, i, 1));
                let grads = model.costs(tape.constant(x), &label).mean(..).backward();
                drop(black_box(grads));
                tape.reset();
            }
        });
    });
    group.finish();
}

fn hessian_vector_product(c: &mut Criterion) {
    let (x, labels) = data();
    let mut rng = rng(2, 0);
    let shapes: [&[usize]; 6] = [&[512, 784], &[512], &[256, 512], &[256], &[10, 256], &[10]];
    let params: Vec<Tensor> = shapes.iter().map(|&shape| Tensor::randn(shape, &mut rng) * 0.05).collect();
    let directions: Vec<Tensor> = shapes.iter().map(|&shape| Tensor::randn(shape, &mut rng)).collect();
    let mut group = c.benchmark_group("hvp");
    group.bench_function("gradient", |b| b.iter(|| transform::grad(|p| tanh_cost(p, &x, &labels), &params)));
    group.bench_function("gradient and Hessian-vector product", |b| {
        b.iter(|| transform::hvp(|p| tanh_cost(p, &x, &labels), &params, &directions));
    });
    group.finish();
}

fn tanh_cost<'t>(p: &[Var<'t>], x: &Tensor, labels: &Tensor<i64>) -> Var<'t> {
    let x = p[0].tape().constant(x.clone());
    let h = p.chunks(2).take(2).fold(x, |x, layer| x.linear(layer[0], Some(layer[1])).tanh());
    h.linear(p[4], Some(p[5])).softmax_cross_entropy(labels, 0.0).mean(..)
}

criterion_group!(benches, per_sample, hessian_vector_product);
criterion_main!(benches);
