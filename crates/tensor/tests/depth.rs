//! Depth: long chains run, differentiate and drop on a stack that recursion over them would overflow.

use std::thread;

use tensor::{Tape, Tensor};

/// A recursion of one frame per op would need a hundred times this stack.
const STACK: usize = 256 << 10;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK).spawn(f).expect("a thread starts");
    thread.join().expect("no panic");
}

#[test]
fn a_million_ops_forward_backward_and_drop() {
    on_a_small_stack(|| {
        let mut tape = Tape::<f32>::new();
        let x = tape.leaf(Tensor::from([1.0, -2.0]));
        let mut y = x;
        for _ in 0..500_000 {
            y = -(y + 1.0);
        }
        // Two steps, −(−(y + 1) + 1) = y, change nothing.
        assert_eq!(y.value(), x.value());
        assert_eq!(y.sum(..).backward().wrt(x), &Tensor::ones([2]));
        assert_eq!(tape.len(), 1_000_002);
        tape.reset();
        assert!(tape.is_empty());
        drop(tape);
    });
}

/// xⁿ⁺¹ as n products: a chain in which every node also leads back to x.
#[test]
fn recorded_gradients_of_a_hundred_thousand_ops() {
    on_a_small_stack(|| {
        let n = 100_000;
        let tape = Tape::<f64>::new();
        let x = tape.leaf(1.0);
        let mut y = x;
        for _ in 0..n {
            y = y * x;
        }
        let n = f64::from(n);
        let slope = tape.grad(y, &[x])[0];
        assert_eq!(slope.item(), n + 1.0);
        assert_eq!(slope.backward().wrt(x).item(), (n + 1.0) * n);
    });
}

#[test]
fn a_tape_is_dropped_with_all_its_nodes_alive() {
    on_a_small_stack(|| {
        let tape = Tape::<f32>::new();
        let mut y = tape.leaf(Tensor::ones([3]));
        for _ in 0..100_000 {
            y = y.reshape([3]).tanh();
        }
        assert_eq!(tape.len(), 200_001);
    });
}

/// Views share one buffer; a million of them cost no copies and no recursion either.
#[test]
fn a_chain_of_views() {
    on_a_small_stack(|| {
        let tape = Tape::<f32>::new();
        let x = tape.leaf(Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
        let mut y = x;
        for _ in 0..100_000 {
            y = y.t();
        }
        let weights = tape.constant(Tensor::from([[1.0, 0.0], [0.0, 5.0]]));
        assert_eq!((y * weights).sum(..).backward().wrt(x), &Tensor::from([[1.0, 0.0], [0.0, 5.0]]));
    });
}
