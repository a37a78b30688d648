//! The naive twins of the kernels: loops that index by sizes and strides, and sums in `f64`.

mod chain;
mod copy;
mod map;
mod reduce;
mod rows;
mod scan;
mod sort;
mod split;
mod update;

use std::process::Command;

use proptest::prelude::*;
use rayon::ThreadPool;

use super::copy::Strided;
use super::cpu::{Isa, isa};
use crate::float::Float;

/// Numbers in −1..1 that look random.
pub(super) fn noise<T: Float>(seed: u64) -> impl FnMut() -> T {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        T::from_f64((state >> 40) as f64 / (1 << 23) as f64 - 1.0)
    }
}

/// Numbers of very different magnitudes, with all their digits, and of both signs.
fn wild<T: Float>(seed: u64) -> impl FnMut() -> T {
    let (mut sign, mut exponent) = (noise::<f64>(seed), noise::<f64>(!seed));
    move || T::from_f64(sign() * (7.0 * exponent()).exp())
}

/// Mostly NaN, infinities and zeros of both signs.
fn special<T: Float>(seed: u64) -> impl FnMut() -> T {
    let (mut pick, mut other) = (noise::<f64>(seed), noise(!seed));
    move || {
        let palette = [T::NAN, T::INFINITY, T::NEG_INFINITY, T::ZERO, -T::ZERO];
        palette.get((4.0 * (pick() + 1.0)) as usize).copied().unwrap_or_else(&mut other)
    }
}

/// Integers in −8..=8, of which sums are exact.
fn integers<T: Float>(seed: u64) -> impl FnMut() -> T {
    let mut noise = noise::<f64>(seed);
    move || T::from_f64((noise() * 8.4).round())
}

fn take<T>(len: usize, element: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(element).take(len).collect()
}

pub(super) fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start")
}

/// What `f` gives on one thread; it must give the same bits on more.
fn on_any_threads<T: Float>(f: impl Fn() -> Vec<T> + Sync) -> Vec<T> {
    let one = pool(1).install(&f);
    for threads in 2..=4 {
        assert_bits(&pool(threads).install(&f), &one);
    }
    one
}

/// Equal bits, except that a NaN is a NaN.
#[track_caller]
pub(super) fn assert_bits<T: Float>(got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len());
    let same =
        |a: T, b: T| a.to_f64().to_bits() == b.to_f64().to_bits() || (a.to_f64().is_nan() && b.to_f64().is_nan());
    let wrong = (0..got.len()).find(|&i| !same(got[i], want[i]));
    assert!(wrong.is_none_or(|i| panic!("element {i} of {}: {} instead of {}", got.len(), got[i], want[i])));
}

/// A value and how far rounding may move it; a NaN or an infinity is not moved.
#[derive(Clone, Copy)]
struct Near {
    value: f64,
    bound: f64,
}

#[track_caller]
fn assert_near<T: Float>(got: &[T], want: &[Near]) {
    assert_eq!(got.len(), want.len());
    for (i, (got, &Near { value, bound })) in got.iter().map(|x| x.to_f64()).zip(want).enumerate() {
        let fits = match value.is_finite() {
            true => (got - value).abs() <= bound,
            false => got == value || (got.is_nan() && value.is_nan()),
        };
        assert!(fits, "element {i}: {got:e} instead of {value:e}, off by {:e}, bound {bound:e}", (got - value).abs());
    }
}

/// Half the distance from 1 to the next number: what one rounding changes, at most, relative to its result.
fn rounding<T: Float>() -> f64 {
    T::EPSILON.to_f64() / 2.0
}

/// How an operand lies in its slice.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lies {
    Flat,
    Splat,
    /// Axes in any order in memory, each forward or backward, with gaps or repeated: by a seed.
    Anyhow(u64),
}

/// An operand that owns its elements.
#[derive(Clone, Debug)]
struct Operand<T> {
    data: Vec<T>,
    offset: usize,
    sizes: Vec<usize>,
    strides: Vec<isize>,
}

impl<T: Copy> Operand<T> {
    /// An operand whose slice begins before its first element and ends behind its last.
    fn new(sizes: &[usize], lies: Lies, element: impl FnMut() -> T) -> Operand<T> {
        let strides = strides(sizes, lies);
        let reach = |backward: bool| -> usize {
            let axes = sizes.iter().zip(&strides).filter(|(_, stride)| (**stride < 0) == backward);
            axes.map(|(size, stride)| size.saturating_sub(1) * stride.unsigned_abs()).sum()
        };
        let offset = reach(true) + 3;
        let len = if sizes.contains(&0) { offset } else { offset + reach(false) + 1 + 2 };
        Operand { data: take(len, element), offset, sizes: sizes.to_vec(), strides }
    }

    fn strided(&self) -> Strided<'_, T> {
        Strided { data: &self.data, offset: self.offset, sizes: &self.sizes, strides: &self.strides }
    }

    fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Where element `i` lies, in row-major order.
    fn position(&self, i: usize) -> usize {
        let (mut rest, mut at) = (i, self.offset as isize);
        for (&size, &stride) in self.sizes.iter().zip(&self.strides).rev() {
            at += (rest % size) as isize * stride;
            rest /= size;
        }
        at as usize
    }

    fn elements(&self) -> Vec<T> {
        (0..self.len()).map(|i| self.data[self.position(i)]).collect()
    }
}

fn strides(sizes: &[usize], lies: Lies) -> Vec<isize> {
    let mut strides = vec![0; sizes.len()];
    let mut order: Vec<usize> = (0..sizes.len()).rev().collect();
    let mut random = noise::<f64>(if let Lies::Anyhow(seed) = lies { seed } else { 0 });
    let mut below = |n: usize| ((random() + 1.0) / 2.0 * n as f64) as usize;
    let mut width = 1;
    for i in 0..order.len() {
        let (swap, step): (usize, isize) = match lies {
            Lies::Flat => (i, 1),
            Lies::Splat => (i, 0),
            Lies::Anyhow(_) => (i + below(order.len() - i), [1, 1, 1, -1, 2, -3, 0][below(7)]),
        };
        order.swap(i, swap);
        strides[order[i]] = step * width;
        width *= step.abs().max(1) * sizes[order[i]].max(1) as isize;
    }
    strides
}

fn lies() -> impl Strategy<Value = Lies> {
    prop_oneof![1 => Just(Lies::Flat), 1 => Just(Lies::Splat), 3 => any::<u64>().prop_map(Lies::Anyhow)]
}

/// Shapes that are small, or about as large as the blocks in which elements are gathered.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        8 => proptest::collection::vec(0..8usize, 0..=4),
        2 => (0..70usize).prop_map(|n| vec![n]),
        2 => (0..70usize, 0..70usize).prop_map(|(m, n)| vec![m, n]),
        1 => (250..262usize).prop_map(|n| vec![n]),
        1 => (1..4usize, 120..132usize, 1..5usize).prop_map(|(l, m, n)| vec![l, m, n]),
    ]
}

/// Loops over as many elements are shared among threads.
const SHARED: usize = 1 << 18;

/// Shapes that are shared, and cut where no axis ends.
const LARGE: [&[usize]; 3] = [&[SHARED], &[3, 101, 997], &[513, 512]];

/// The instruction sets below the one in use.
fn lower() -> &'static [&'static str] {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &["avx2", "portable"],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &["portable"],
        Isa::Portable => &[],
    }
}

/// All tests of the kernels again, in processes of their own, because a process chooses its instruction set once.
#[test]
fn lower_instruction_sets_pass_too() {
    const CHILD: &str = "WENGERT_TEST_CHILD";
    if let Ok(set) = std::env::var(CHILD) {
        return assert_eq!(format!("{:?}", isa()).to_lowercase(), set);
    }
    for set in lower() {
        let mut child = Command::new(std::env::current_exe().expect("this test's own path"));
        // Products are tested on every instruction set in one process already.
        child.args(["kernel::", "--skip", "kernel::matmul::", "--test-threads=1"]);
        let child = child.env(CHILD, set).env("WENGERT_ISA", set).env("PROPTEST_CASES", "24");
        let output = child.output().expect("the child starts");
        assert!(output.status.success(), "{set}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
}
