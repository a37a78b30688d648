//! Checkpoints: the bits of the plain pass, at any nesting, and memory that does not grow with depth.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tensor::{Kept, Param, Tape, Tensor, Var, rng};

/// Counts the bytes that this thread holds, and the most that it has held.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches plain thread-local numbers only.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A deep model of dense layers with one weight each.
struct Deep {
    weights: Vec<Param<f64>>,
}

impl Deep {
    fn new(depth: usize, width: usize) -> Deep {
        let weight = |i| Tensor::randn([width, width], &mut rng(3, i)) * (0.9 / (width as f64).sqrt());
        Deep { weights: (0..depth as u64).map(|i| Param::new("weight", weight(i))).collect() }
    }

    fn block<'t>(x: Var<'t, f64>, weights: &[Param<f64>]) -> Var<'t, f64> {
        weights.iter().fold(x, |x, w| {
            let h = x.matmul(x.tape().param(w)).tanh();
            // Drawn at random, and seen through a view.
            let noise = x.tape().with_rng(|rng| Tensor::uniform(h.shape(), 0.9, 1.1, rng));
            (h * x.tape().constant(noise)).t().t() + 0.1 * x.sigmoid()
        })
    }

    /// The layers in blocks, each of them run by `run`.
    fn cost<'t>(
        &self,
        x: Var<'t, f64>,
        block: usize,
        run: impl Fn(&'t Tape<f64>, Var<'t, f64>, &[Param<f64>]) -> Var<'t, f64>,
    ) -> Var<'t, f64> {
        self.weights.chunks(block).fold(x, |x, weights| run(x.tape(), x, weights)).square().sum(..)
    }
}

/// The bits of a cost and all its gradients.
fn bits(model: &Deep, x: Var<'_, f64>, cost: Var<'_, f64>) -> Vec<u64> {
    let value = cost.item();
    let grads = cost.backward();
    let grads = model.weights.iter().map(|w| grads.wrt(w)).chain([grads.wrt(x)]);
    let numbers = grads.flat_map(|grad| grad.to_vec()).chain([value]);
    numbers.map(f64::to_bits).collect()
}

fn input(tape: &Tape<f64>) -> Var<'_, f64> {
    tape.leaf(Tensor::randn([5, 8], &mut rng(9, 0)))
}

#[test]
fn values_and_gradients_have_the_bits_of_the_plain_pass() {
    let model = Deep::new(12, 8);
    let plain = {
        let tape = Tape::seeded(1);
        let x = input(&tape);
        bits(&model, x, model.cost(x, 12, |_, x, weights| Deep::block(x, weights)))
    };
    for block in [1, 3, 5, 12] {
        let tape = Tape::seeded(1);
        let x = input(&tape);
        let cost = model.cost(x, block, |tape, x, weights| tape.checkpoint(|| Deep::block(x, weights)));
        assert_eq!(bits(&model, x, cost), plain, "blocks of {block}");
    }
}

#[test]
fn nested_checkpoints_too() {
    let model = Deep::new(12, 8);
    let run = |nested: bool| {
        let tape = Tape::seeded(1);
        let x = input(&tape);
        let cost = model.cost(x, 6, |tape, x, weights| {
            if !nested {
                return Deep::block(x, weights);
            }
            tape.checkpoint(|| {
                let halves = weights.chunks(2);
                halves.fold(x, |x, weights| {
                    let [y] = tape.checkpoint(|| [tape.checkpoint(|| Deep::block(x, weights))]);
                    y
                })
            })
        });
        bits(&model, x, cost)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn large_elementwise_results_too() {
    let data = Tensor::<f32>::randn([1 << 18], &mut rng(4, 0));
    let run = |checkpoint: bool| {
        let tape = Tape::new();
        let (x, w) = (tape.leaf(data.clone()), tape.leaf(&data * 0.5));
        let f = || {
            let h = (x * w).tanh();
            (h.square() + x).exp() * h
        };
        let y = if checkpoint { tape.checkpoint(f) } else { f() };
        let grads = (y.sigmoid() * w).sum(..).backward();
        [grads.wrt(x).to_vec(), grads.wrt(w).to_vec()]
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn several_results_stay() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([1.0, 2.0]));
    let (a, rest) = tape.checkpoint(|| {
        let h = x.exp();
        (h.sin(), vec![h.cos(), h])
    });
    assert_eq!(rest[1].value().to_vec(), [1f64.exp(), 2f64.exp()]);
    let grads = (a * rest[0] + rest[1]).sum(..).backward();
    let slope = |x: f64| x.exp() * (2.0 * x.exp()).cos() + x.exp();
    let error = (grads.wrt(x) - Tensor::from([slope(1.0), slope(2.0)])).abs().max(..).item();
    assert!(error < 1e-12, "{error}");
}

#[test]
fn what_is_inside_can_be_looked_at_and_used_later() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.5, -1.0]));
    let inside = std::cell::Cell::new(None);
    let y = tape.checkpoint(|| {
        let h = x.exp();
        inside.set(Some(h));
        h.tanh()
    });
    let h = inside.get().expect("it was set");
    let z = tape.checkpoint(|| (h * y).sin() + h);
    assert_eq!(h.value().to_vec(), [0.5f64.exp(), (-1f64).exp()]);
    let plain = {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::from([0.5, -1.0]));
        let h = x.exp();
        ((h * h.tanh()).sin() + h).sum(..).backward().wrt(x).clone()
    };
    assert_eq!(z.sum(..).backward().wrt(x), &plain);
}

#[test]
fn a_recorded_gradient_goes_through() {
    let run = |checkpoint: bool| {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::from([0.5, -1.0]));
        let f = || (x.exp() * x).tanh();
        let y = if checkpoint { tape.checkpoint(f) } else { f() };
        let slope = tape.grad(y.sum(..), &[x])[0];
        slope.square().sum(..).backward().wrt(x).clone()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn an_inference_tape_just_runs_it() {
    let tape = Tape::inference();
    let x = tape.leaf(Tensor::from([1.0f32]));
    assert_eq!(tape.checkpoint(|| x.exp()).item(), 1f32.exp());
}

#[test]
#[should_panic(expected = "the value of a result inside of a checkpoint has been let go by `backward`")]
fn after_backward_let_the_parameters_go_it_says_so() {
    let w = Param::new("w", Tensor::from([[2.0f64]]));
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([[1.0]]));
    let inside = std::cell::Cell::new(None);
    let y = tape.checkpoint(|| {
        let h = x.matmul(tape.param(&w));
        inside.set(Some(h));
        h.exp()
    });
    y.sum(..).backward();
    inside.get().expect("it was set").value();
}

/// The most bytes that a forward and backward pass holds, beyond what was there before.
fn peak(depth: usize, block: Option<usize>) -> f64 {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::randn([128, 128], &mut rng(9, 0)));
    let before = LIVE.get();
    PEAK.set(before);
    let mut h = x;
    match block {
        None => (0..depth).for_each(|_| h = (h.sin() + 0.5).tanh()),
        Some(block) => (0..depth / block).for_each(|_| {
            h = tape.checkpoint(|| (0..block).fold(h, |h, _| (h.sin() + 0.5).tanh()));
        }),
    }
    let grads = h.sum(..).backward();
    assert!(grads.get(x).is_some());
    (PEAK.get() - before) as f64 / (128 * 128 * 8) as f64
}

/// In arrays of one layer's size: depth d takes 3d without checkpoints; with √d of them, about 4√d, and the
/// nodes themselves, which hold no elements.
#[test]
fn memory_grows_with_the_root_of_the_depth() {
    // A thread of its own has a pool of its own, with no buffers from an earlier measurement.
    let alone = |depth, block| std::thread::spawn(move || peak(depth, block)).join().expect("a measurement");
    for (depth, block) in [(16, 4), (64, 8), (256, 16), (1024, 32)] {
        let (plain, checkpointed) = (alone(depth, None), alone(depth, Some(block)));
        println!("depth {depth}: {plain:.1} arrays, with checkpoints {checkpointed:.1}");
        assert!(plain > 2.9 * depth as f64, "depth {depth}: {plain}");
        assert!(checkpointed < 4.0 * block as f64 + 8.0 + 0.01 * depth as f64, "depth {depth}: {checkpointed}");
    }
}

/// `Kept` can be implemented for what a user's layer returns.
struct State<'t>(Var<'t, f64>, Var<'t, f64>);

impl Kept<f64> for State<'_> {
    fn each(&self, keep: &mut dyn FnMut(Var<'_, f64>)) {
        keep(self.0);
        keep(self.1);
    }
}

#[test]
fn a_users_own_results_stay() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([0.5]));
    let State(h, c) = tape.checkpoint(|| State(x.exp(), x.sin()));
    let slope = (h * c).sum(..).backward().wrt(x).item();
    assert!((slope - 0.5f64.exp() * (0.5f64.sin() + 0.5f64.cos())).abs() < 1e-15);
}
