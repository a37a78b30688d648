//! Large elementwise results are worked out late, and several at a time. Nobody may notice: the values have the bits of
//! the same ops on tensors, and the gradients those of the same formula on arrays too small to be deferred, except
//! where a sum has another order.

mod formulas;
mod limits;
mod numbers;
mod parameters;
mod recorded;
mod rows;
mod tapes;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tensor::{Float, Shape, Tensor, rng};

/// Just large enough to be deferred, and no multiple of any block.
const ROWS: usize = 163;
const COLS: usize = 811;
const SHAPE: [usize; 2] = [ROWS, COLS];

/// Numbers in −1..1.
fn random<T: Float>(shape: impl Into<Shape>, seed: u64) -> Tensor<T> {
    Tensor::uniform(shape, -1.0, 1.0, &mut rng(seed, 0))
}

/// Equal shapes and bits, except that a NaN is a NaN.
#[track_caller]
fn same<T: Float>(got: &Tensor<T>, want: &Tensor<T>, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    let bits = |x: T| if x.to_f64().is_nan() { None } else { Some(x.to_f64().to_bits()) };
    let (got, want) = (got.to_vec(), want.to_vec());
    let wrong: Vec<_> = (0..got.len()).filter(|&i| bits(got[i]) != bits(want[i])).collect();
    if let Some(&i) = wrong.first() {
        panic!("{what}: {} of {} elements, such as {i}: {} instead of {}", wrong.len(), got.len(), got[i], want[i]);
    }
}

/// Equal shapes, and elements that differ by at most `bound`.
#[track_caller]
fn near<T: Float>(got: &Tensor<T>, want: &Tensor<T>, bound: f64, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    for (i, (got, want)) in got.to_vec().into_iter().zip(want.to_vec()).enumerate() {
        let off = (got.to_f64() - want.to_f64()).abs();
        assert!(off <= bound, "{what}: element {i} is {got} instead of {want}, off by {off:e}, bound {bound:e}");
    }
}

/// The message that `f` panics with.
#[track_caller]
fn panic_of(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

/// What `f` gives on 1, 2 and 4 threads, which must be the same bits.
#[track_caller]
fn on_any_threads<T: Float>(f: impl Fn() -> Vec<Tensor<T>> + Sync) -> Vec<Tensor<T>> {
    let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(&f);
    let one = at(1);
    for threads in [2, 4] {
        for (i, (got, want)) in at(threads).iter().zip(&one).enumerate() {
            same(got, want, &format!("result {i} on {threads} threads"));
        }
    }
    one
}
