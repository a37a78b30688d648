//! The same seed gives the same bits, however many threads share the work.

use wengert::optim::{Lbfgs, Method, Optimizer, clip_norm};
use wengert::prelude::*;

#[derive(Module)]
struct Mlp {
    layers: Vec<Linear>,
    dropout: Dropout,
}

impl Mlp {
    fn new(sizes: &[usize], seed: u64) -> Mlp {
        let mut rng = rng(seed, 0);
        let layers = sizes.windows(2).map(|pair| Linear::new(pair[0], pair[1], &mut rng)).collect();
        Mlp { layers, dropout: Dropout::new(0.2) }
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (last, hidden) = self.layers.split_last().expect("a layer");
        last.forward(hidden.iter().fold(x, |x, layer| self.dropout.forward(layer.forward(x).relu())))
    }
}

/// The bits of every weight after an epoch with clipped gradients.
fn epoch<M: Method>(sizes: &[usize], data: &Images, batch: usize, seed: u64, mut optimizer: Optimizer<M>) -> Vec<u32> {
    let mut model = Mlp::new(sizes, seed);
    let mut tape = Tape::seeded(seed);
    for batch in data.batches(batch).shuffle(seed, 0) {
        let cost = model.forward(tape.constant(batch.images)).cross_entropy(&batch.labels);
        let mut grads = cost.backward();
        clip_norm(&mut grads, 1.0);
        optimizer.step(&mut model, &grads).expect("every parameter is reached");
        tape.reset();
    }
    bits(&model)
}

fn bits(model: &Mlp) -> Vec<u32> {
    let params = model.layers.iter().flat_map(|layer| [Some(&layer.weight), layer.bias.as_ref()]).flatten();
    params.flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect()
}

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(work)
}

fn check<M: Method>(sizes: &[usize], rows: usize, batch: usize, optimizer: impl Fn() -> Optimizer<M> + Sync) {
    let data = wengert::data::digits::generate(rows, 3);
    let run = |threads, seed| with_threads(threads, || epoch(sizes, &data, batch, seed, optimizer()));
    let once = run(1, 7);
    assert!(once.iter().all(|&bits| f32::from_bits(bits).is_finite()), "training diverged");
    for threads in [1, 2, 4] {
        let again = run(threads, 7);
        let differ = once.iter().zip(&again).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 0, "of {} weights of {sizes:?} at {threads} threads", once.len());
    }
    assert_ne!(once, run(2, 8), "another seed gives other weights");
}

#[test]
fn an_epoch_of_small_batches_is_the_same_at_any_thread_count() {
    check(&[784, 100, 10], 3000, 10, || Sgd::new(0.1).momentum(0.9));
}

/// Products and elementwise passes of this size are shared between threads.
#[test]
fn steps_of_large_batches_are_the_same_at_any_thread_count() {
    check(&[784, 1024, 1024, 10], 4 * 512 + 100, 512, || Adam::new(1e-3));
}

#[test]
fn minimisation_over_all_data_is_the_same_at_any_thread_count() {
    let all = wengert::data::digits::generate(600, 3).batches(600).next().expect("one batch");
    let minimise = || {
        let (mut model, mut tape) = (Mlp::new(&[784, 300, 10], 1), Tape::new());
        let minimum = Lbfgs::new().iterations(5).minimize(&mut model, |model| {
            let hidden = model.layers[0].forward(tape.constant(all.images.clone())).tanh();
            let cost = model.layers[1].forward(hidden).cross_entropy(&all.labels);
            let result = (cost.item(), cost.backward());
            tape.reset();
            result
        });
        (minimum.expect("the cost is finite"), bits(&model))
    };
    let once = with_threads(1, minimise);
    assert!(once.0.cost < 1.0, "{:?}", once.0);
    assert_eq!(once, with_threads(3, minimise));
}
