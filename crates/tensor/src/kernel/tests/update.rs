use proptest::prelude::*;

use super::{SHARED, assert_bits, noise, on_any_threads, pool, take};
use crate::Scalar;
use crate::float::Float;
use crate::kernel::math::Math;
use crate::kernel::matmul::{Init, Mat, matmul};
use crate::kernel::update::{AddScaled, Update, add_scaled_product, update, update_by_product};

#[derive(Clone, Copy)]
struct Descend;

impl Update<0> for Descend {
    fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
        (p - p.lit(0.1) * g, [])
    }
}

#[derive(Clone, Copy)]
struct Momentum;

impl Update<1> for Momentum {
    fn update<A: Scalar>(self, p: A, g: A, [v]: [A; 1]) -> (A, [A; 1]) {
        let v = v.lit(0.9) * v + g;
        (p - p.lit(0.1) * v, [v])
    }
}

#[derive(Clone, Copy)]
struct Moments;

impl Update<2> for Moments {
    fn update<A: Scalar>(self, p: A, g: A, [m, v]: [A; 2]) -> (A, [A; 2]) {
        let m = m.lit(0.9) * m + m.lit(0.1) * g;
        let v = v.abs() * v.lit(0.99) + v.lit(0.01) * g * g;
        (p - p.lit(0.1) * m / (v.sqrt() + v.lit(1e-3)), [m, v])
    }
}

/// Parameter, gradient and state, one after the other.
fn slices<T: Float, const S: usize>(len: usize, seed: u64) -> (Vec<T>, Vec<T>, [Vec<T>; S]) {
    let mut noise = noise(seed);
    let p = take(len, &mut noise);
    let g = take(len, &mut noise);
    (p, g, std::array::from_fn(|_| take(len, &mut noise)))
}

fn naive<T: Float + Scalar, R: Update<S>, const S: usize>(rule: R, len: usize, seed: u64) -> Vec<T> {
    let (mut p, g, mut state) = slices::<T, S>(len, seed);
    for i in 0..len {
        let (new, states) = rule.update(p[i], g[i], std::array::from_fn(|k| state[k][i]));
        p[i] = new;
        (0..S).for_each(|k| state[k][i] = if Math::abs(states[k]) < T::MIN_POSITIVE { T::ZERO } else { states[k] });
    }
    p.into_iter().chain(state.into_iter().flatten()).collect()
}

fn fast<T: Float, R: Update<S>, const S: usize>(rule: R, len: usize, seed: u64) -> Vec<T> {
    let (mut p, g, mut state) = slices::<T, S>(len, seed);
    update(rule, &mut p, &g, state.each_mut().map(|s| &mut s[..]));
    p.into_iter().chain(state.into_iter().flatten()).collect()
}

fn agrees<R: Update<S>, const S: usize>(rule: R, len: usize, seed: u64) {
    assert_bits(&fast::<f32, R, S>(rule, len, seed), &naive::<f32, R, S>(rule, len, seed));
    assert_bits(&fast::<f64, R, S>(rule, len, seed), &naive::<f64, R, S>(rule, len, seed));
}

proptest! {
    #[test]
    fn agrees_with_a_loop(len in 0..300usize, seed: u64) {
        agrees(Descend, len, seed);
        agrees(Momentum, len, seed);
        agrees(Moments, len, seed);
    }
}

#[test]
fn a_state_without_gradients_decays_to_zero() {
    let mut v = [1.0f32, -1.0, 1e-37, -1e-37, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, 0.0];
    let mut step = || {
        update(Momentum, &mut [0.0; 8], &[0.0; 8], [&mut v]);
        v
    };
    assert!(step().iter().chain(&step()).all(|v| !v.is_subnormal()));
    let last = (0..900).map(|_| step()).last().unwrap();
    assert_eq!(last[..5], [0.0; 5]);
    assert!(last[5].is_nan() && last[6] == f32::INFINITY && last[7] == 0.0);
}

#[test]
fn threads_do_not_change_bits() {
    for len in [SHARED - 1, SHARED, 300_001] {
        assert_bits(&on_any_threads(|| fast::<f32, _, 0>(Descend, len, 1)), &naive::<f32, _, 0>(Descend, len, 1));
        assert_bits(&on_any_threads(|| fast::<f32, _, 1>(Momentum, len, 2)), &naive::<f32, _, 1>(Momentum, len, 2));
        assert_bits(&on_any_threads(|| fast::<f64, _, 2>(Moments, len, 3)), &naive::<f64, _, 2>(Moments, len, 3));
    }
}

/// Changes a parameter and its state, or does not.
type Change<'a, T, const S: usize> = &'a dyn Fn(&mut [T], [&mut [T]; S]) -> bool;

/// The parameter and its state after an update by leftᵀ·right, for `[k, m]` and `[k, n]`: by the product, where that is
/// possible, and by the finished gradient.
fn both<T: Float, R: Update<S>, const S: usize>(rule: R, [m, k, n]: [usize; 3]) -> [Option<Vec<T>>; 2] {
    let mut noise = noise(4);
    let (left, right): (Vec<T>, Vec<T>) = (take(k * m, &mut noise), take(k * n, &mut noise));
    let a = Mat { data: &left, rows: m, cols: k, row_stride: 1, col_stride: m };
    let b = Mat { data: &right, rows: k, cols: n, row_stride: n, col_stride: 1 };
    let mut gradient = vec![T::NAN; m * n];
    matmul(a, b, &mut gradient, Init::Zero);
    let after = |change: Change<'_, T, S>| {
        let (mut p, _, mut state) = slices::<T, S>(m * n, 5);
        let changed = change(&mut p, state.each_mut().map(|s| &mut s[..]));
        changed.then(|| p.into_iter().chain(state.into_iter().flatten()).collect())
    };
    let whole = |p: &mut [T], state: [&mut [T]; S]| {
        update(rule, p, &gradient, state);
        true
    };
    [after(&|p, state| update_by_product(rule, p, [a, b], state)), after(&whole)]
}

#[test]
fn a_product_updates_as_its_elements_do() {
    fn agree<T: Float, R: Update<S>, const S: usize>(rule: R, size: [usize; 3]) {
        for threads in 1..=4 {
            let [by_product, want] = pool(threads).install(|| both::<T, R, S>(rule, size));
            assert_bits(&by_product.expect("updated by the product"), &want.expect("updated"));
        }
    }
    for size in [[30, 10, 784], [200, 64, 300], [700, 100, 900], [90, 512, 2100]] {
        agree::<f32, _, 0>(Descend, size);
        agree::<f32, _, 1>(Momentum, size);
        agree::<f64, _, 2>(Moments, size);
    }
    assert!(both::<f32, _, 1>(Momentum, [64, 600, 64])[0].is_none(), "a depth in two stretches");
}

/// Plain descent by a product, of few examples and of many.
#[test]
fn a_product_is_added_as_its_elements_are() {
    fn check<T: Float>([m, k, n]: [usize; 3], rate: f64) {
        let mut noise = noise(6);
        let (left, right): (Vec<T>, Vec<T>) = (take(k * m, &mut noise), take(k * n, &mut noise));
        let a = Mat { data: &left, rows: m, cols: k, row_stride: 1, col_stride: m };
        let b = Mat { data: &right, rows: k, cols: n, row_stride: n, col_stride: 1 };
        let (mut gradient, p) = (vec![T::NAN; m * n], take::<T>(m * n, &mut noise));
        matmul(a, b, &mut gradient, Init::Zero);
        let mut want = p.clone();
        update(AddScaled(-rate), &mut want, &gradient, []);
        let by_loop: Vec<T> = p.iter().zip(&gradient).map(|(&p, &g)| p - T::from_f64(rate) * g).collect();
        assert_bits(&want, &by_loop);
        for threads in 1..=4 {
            let mut got = p.clone();
            assert!(pool(threads).install(|| add_scaled_product(-rate, &mut got, [a, b])));
            assert_bits(&got, &want);
        }
    }
    for size in [[30, 10, 784], [300, 1, 500], [1000, 8, 1000], [200, 64, 300]] {
        check::<f32>(size, 0.3);
        check::<f64>(size, 0.3);
    }
}

#[test]
#[should_panic(expected = "update: lengths differ")]
fn lengths_must_agree() {
    update(Momentum, &mut [0.0f32; 3], &[0.0; 3], [&mut [0.0; 2]]);
}
