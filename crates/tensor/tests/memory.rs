//! Memory: a training step in its steady state asks the system for none, and none is lost.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tensor::{ConvOptions, Param, PoolOptions, Tape, Tensor, Var, rng};

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: i64) {
    // Cells without a destructor, so they can be read while a thread ends.
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(LIVE_BYTES.get()));
}

// SAFETY: every call goes to `System` as it came, and counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promises are the ones that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A cost for outputs and targets.
type Cost = for<'t> fn(Var<'t>, &Targets) -> Var<'t>;

struct Targets {
    one_hot: Tensor,
    labels: Tensor<i64>,
}

/// Dense layers, trained by plain gradient descent.
struct Net {
    layers: Vec<[Param; 2]>,
    activation: for<'t> fn(Var<'t>) -> Var<'t>,
    cost: Cost,
}

impl Net {
    fn new(sizes: &[usize], activation: for<'t> fn(Var<'t>) -> Var<'t>, cost: Cost) -> Net {
        let mut rng = rng(0, 0);
        let layer = |pair: &[usize]| {
            let weight = Tensor::normal([pair[1], pair[0]], 0.0, (pair[0] as f64).powf(-0.5), &mut rng);
            [Param::new("weight", weight), Param::new("bias", Tensor::zeros([pair[1]]))]
        };
        Net { layers: sizes.windows(2).map(layer).collect(), activation, cost }
    }

    /// The nielsen preset: sigmoid and the quadratic cost.
    fn sigmoid() -> Net {
        Net::new(
            &[784, 30, 10],
            |x| x.sigmoid(),
            |y, targets| {
                let y = y.sigmoid();
                (y - y.tape().constant(targets.one_hot.clone())).square().sum(..) * (0.5 / y.shape()[0] as f32)
            },
        )
    }

    /// Relu and the cross-entropy by labels.
    fn relu() -> Net {
        Net::new(
            &[784, 512, 256, 10],
            |x| x.relu(),
            |y, targets| -y.log_softmax(-1).gather(1, &targets.labels).mean(..),
        )
    }

    /// One step on a batch that is assembled anew, as a loader does; returns the cost.
    fn step(&mut self, tape: &mut Tape, images: &[f32], targets: &Targets) -> f32 {
        let batch = Tensor::from_slice(images, [images.len() / 784, 784]).expect("whole images");
        let mut x = tape.constant(batch);
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            let x_in = if i == 0 { x } else { (self.activation)(x) };
            x = x_in.linear(tape.param(weight), Some(tape.param(bias)));
        }
        let cost = (self.cost)(x, targets);
        let grads = cost.backward();
        for param in self.layers.iter_mut().flatten() {
            let grad = grads.wrt(&*param).as_slice().expect("contiguous");
            let value = param.value_mut().as_mut_slice();
            value.iter_mut().zip(grad).for_each(|(w, g)| *w -= 0.1 * g);
        }
        let cost = cost.item();
        drop(grads);
        tape.reset();
        cost
    }
}

/// A batch of random images and labels.
fn data(batch: usize) -> (Vec<f32>, Targets) {
    let images = Tensor::<f32>::uniform([batch, 784], 0.0, 1.0, &mut rng(1, 0)).to_vec();
    let labels = Tensor::from_fn([batch, 1], |i| (i[0] * 7 % 10) as i64);
    let one_hot = Tensor::from_fn([batch, 10], |i| f32::from(u8::from(i[0] * 7 % 10 == i[1])));
    (images, Targets { one_hot, labels })
}

/// The allocations of each of steps 10 to 20.
fn steady_allocations(mut net: Net, batch: usize) -> Vec<u64> {
    let (images, targets) = data(batch);
    let mut tape = Tape::new();
    for _ in 0..10 {
        net.step(&mut tape, &images, &targets);
    }
    let mut counts = [0; 10];
    for count in &mut counts {
        let before = ALLOCATIONS.get();
        net.step(&mut tape, &images, &targets);
        *count = ALLOCATIONS.get() - before;
    }
    counts.to_vec()
}

#[test]
fn the_allocator_counts() {
    let (count, live) = (ALLOCATIONS.get(), LIVE_BYTES.get());
    let data = std::hint::black_box(vec![0u8; 1000]);
    assert_eq!((ALLOCATIONS.get() - count, LIVE_BYTES.get() - live), (1, 1000));
    drop(data);
    assert_eq!(LIVE_BYTES.get(), live);
}

#[test]
fn steps_of_a_sigmoid_net_allocate_nothing() {
    assert_eq!(steady_allocations(Net::sigmoid(), 10), [0; 10]);
}

/// On one thread: with several, the pool's own queues may grow.
#[test]
fn steps_of_a_relu_net_allocate_nothing() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool");
    assert_eq!(pool.install(|| steady_allocations(Net::relu(), 128)), [0; 10]);
}

/// Convolution, batch normalisation and both kinds of pooling, with the gradients of all parameters.
#[test]
fn steps_of_a_convolutional_net_allocate_nothing() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool");
    pool.install(|| {
        let random = |shape: &[usize]| Tensor::<f32>::uniform(shape, -1.0, 1.0, &mut rng(0, 0));
        let (images, mut tape) = (random(&[10, 1, 28, 28]), Tape::new());
        let params = [&[8, 1, 5, 5][..], &[8], &[8], &[8, 8, 3, 3]].map(random);
        let mut step = || {
            let [w, b, gamma, v] = params.each_ref().map(|param| tape.leaf(param.clone()));
            let x = tape.constant(images.clone()).conv2d(w, Some(b), ConvOptions::new());
            let x = x.batch_norm(Some(gamma), None, 1e-5).0.relu().max_pool2d(PoolOptions::new(2));
            let x = x.conv2d(v, None, ConvOptions::new().padding(1).stride(2)).avg_pool2d(PoolOptions::new(3));
            let grads = x.square().mean(..).backward();
            assert_eq!(*grads.wrt(w).shape(), w.shape());
            drop(grads);
            tape.reset();
        };
        (0..5).for_each(|_| step());
        let (count, live) = (ALLOCATIONS.get(), LIVE_BYTES.get());
        (0..10).for_each(|_| step());
        assert_eq!((ALLOCATIONS.get() - count, LIVE_BYTES.get() - live), (0, 0));
    });
}

#[test]
fn ten_thousand_steps_keep_no_memory() {
    let (images, targets) = data(10);
    let (mut net, mut tape) = (Net::sigmoid(), Tape::new());
    let first = net.step(&mut tape, &images, &targets);
    for _ in 0..9 {
        net.step(&mut tape, &images, &targets);
    }
    let live = LIVE_BYTES.get();
    let mut last = first;
    for _ in 0..10_000 {
        last = net.step(&mut tape, &images, &targets);
    }
    assert_eq!(LIVE_BYTES.get(), live);
    assert!(last < 0.1 * first, "the steps train: the cost fell from {first} to {last}");
}

/// Shapes that change from step to step, as a last partial batch does, take buffers from the pool as well.
#[test]
fn alternating_batch_sizes_keep_no_memory() {
    let (whole, part) = (data(10), data(7));
    let (mut net, mut tape) = (Net::sigmoid(), Tape::new());
    let mut round = || {
        net.step(&mut tape, &whole.0, &whole.1);
        net.step(&mut tape, &part.0, &part.1);
    };
    (0..10).for_each(|_| round());
    let (count, live) = (ALLOCATIONS.get(), LIVE_BYTES.get());
    (0..100).for_each(|_| round());
    assert_eq!((ALLOCATIONS.get() - count, LIVE_BYTES.get() - live), (0, 0));
}

/// Elements of arrays whose elementwise results are deferred.
const LARGE: usize = (1 << 18) + 37;

/// mean(tanh(x·w + b)²) with its gradients, where `look` may look at the results on the way.
fn chain(tape: &mut Tape, data: &[Tensor; 3], look: impl Fn(Var<'_>)) {
    let x = tape.constant(data[0].clone());
    let [w, b] = [1, 2].map(|i| tape.leaf(data[i].clone()));
    let product = x * w;
    let sum = product + b;
    let bent = sum.tanh();
    let square = bent.square();
    [product, sum, bent, square].into_iter().for_each(look);
    let cost = square.mean(..);
    let grads = cost.backward();
    assert!(cost.item() > 0.0 && grads.wrt(w).shape() == grads.wrt(b).shape());
    drop(grads);
    tape.reset();
}

fn chain_data() -> [Tensor; 3] {
    [0, 1, 2].map(|seed| Tensor::uniform([LARGE], -1.0, 1.0, &mut rng(seed, 0)))
}

/// The most memory that a first step has in use, in arrays, on a thread without recycled buffers.
fn arrays_at_peak(look: impl Fn(Var<'_>) + Send + Sync) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool");
    pool.install(|| {
        let data = chain_data();
        let before = LIVE_BYTES.get();
        PEAK_BYTES.set(before);
        chain(&mut Tape::new(), &data, look);
        (PEAK_BYTES.get() - before) as f64 / (LARGE * size_of::<f32>()) as f64
    })
}

/// The gradients are two arrays, in buffers that are up to a quarter larger than they need to be; the results of four
/// ops never are, unless somebody looks.
#[test]
fn deferred_results_take_no_memory() {
    let (unseen, seen) = (arrays_at_peak(|_| ()), arrays_at_peak(|y| drop(y.value())));
    assert!(unseen < 2.6, "{unseen} arrays");
    assert!(seen > 6.0, "{seen} arrays with every result looked at");
}

#[test]
fn steps_of_deferred_results_allocate_nothing() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool");
    pool.install(|| {
        let (data, mut tape) = (chain_data(), Tape::new());
        for seen in [false, true] {
            let mut step = || {
                chain(&mut tape, &data, |y| {
                    if seen {
                        drop(y.value())
                    }
                })
            };
            (0..5).for_each(|_| step());
            let (count, live) = (ALLOCATIONS.get(), LIVE_BYTES.get());
            (0..10).for_each(|_| step());
            assert_eq!((ALLOCATIONS.get() - count, LIVE_BYTES.get() - live), (0, 0), "looked at: {seen}");
        }
    });
}
