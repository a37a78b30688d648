//! The naive twin of every `f32` function is the `f64` one of the standard library or libm, rounded once. Its own
//! error, some units of `f64`, is negligible beside half a unit of `f32`.

use std::hint::black_box;
use std::marker::PhantomData;

use super::Math;
use crate::kernel::cpu::{Fused, Kernel, MulAdd, Unfused, dispatch};

/// What the design promises, in units in the last place from the correctly rounded result.
const LIMIT: u32 = 2;

trait Unary {
    const NAME: &'static str;
    fn ours<M: MulAdd>(x: f32) -> f32;
    fn oracle(x: f64) -> f64;
}

/// Defines the functions under test, and a loop over them.
macro_rules! functions {
    ($($function:ident $name:ident $oracle:path;)*) => {
        $(struct $function;
        impl Unary for $function {
            const NAME: &'static str = stringify!($name);
            #[inline(always)]
            fn ours<M: MulAdd>(x: f32) -> f32 {
                Math::$name::<M>(x)
            }
            fn oracle(x: f64) -> f64 {
                $oracle(x)
            }
        })*

        mod all_inputs_are_within_two_ulp {
            $(#[test]
            #[ignore = "all 2³² inputs take some minutes"]
            fn $name() {
                super::check::<super::$function>(0..=u32::MAX);
            })*
        }

        macro_rules! for_each_function { ($test:ident($inputs:expr)) => { $($test::<$function>($inputs);)* } }
    };
}

functions! {
    Exp exp f64::exp;
    ExpM1 exp_m1 f64::exp_m1;
    Ln ln f64::ln;
    Ln1p ln_1p f64::ln_1p;
    Sin sin f64::sin;
    Cos cos f64::cos;
    Tan tan f64::tan;
    Asin asin f64::asin;
    Acos acos f64::acos;
    Atan atan f64::atan;
    Sinh sinh f64::sinh;
    Cosh cosh f64::cosh;
    Asinh asinh libm::asinh;
    Acosh acosh Math::acosh::<Unfused>;
    Atanh atanh libm::atanh;
    Tanh tanh f64::tanh;
    Sigmoid sigmoid logistic;
    Erf erf libm::erf;
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// `y[i] = F(x[i])`; says whether it ran with fused arithmetic.
struct Map<'a, F>(&'a [f32], &'a mut [f32], PhantomData<F>);

impl<F: Unary> Kernel for Map<'_, F> {
    type Output = bool;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> bool {
        for (y, &x) in self.1.iter_mut().zip(self.0) {
            *y = F::ours::<M>(x);
        }
        M::f32(1.0 + f32::EPSILON, 1.0 - f32::EPSILON, -1.0) != 0.0
    }
}

/// Units in the last place between two results. A NaN only equals a NaN, and a zero only a zero of its sign.
fn distance(a: f32, b: f32) -> u32 {
    let order = |x: f32| if x.is_sign_negative() { -((x.to_bits() & !(1 << 31)) as i64) } else { x.to_bits() as i64 };
    if a.is_nan() || b.is_nan() || (a == 0.0 && b == 0.0) {
        let same = a.is_nan() == b.is_nan() && (a.is_nan() || a.to_bits() == b.to_bits());
        return if same { 0 } else { u32::MAX };
    }
    order(a).abs_diff(order(b)) as u32
}

/// The largest distance seen, and where.
#[derive(Clone, Copy, Default)]
struct Worst {
    ulp: u32,
    at: f32,
}

impl Worst {
    fn note(&mut self, x: f32, result: f32, expected: f32) {
        let ulp = distance(result, expected);
        if ulp > self.ulp {
            *self = Worst { ulp, at: x };
        }
    }
}

/// The worst results over `inputs` (bit patterns): with the processor's arithmetic, and with unfused arithmetic.
fn worst<F: Unary>(inputs: impl Iterator<Item = u32>) -> [Worst; 2] {
    let mut worst = [Worst::default(); 2];
    let mut inputs = inputs.map(f32::from_bits);
    loop {
        let x: Vec<f32> = inputs.by_ref().take(4096).collect();
        if x.is_empty() {
            return worst;
        }
        let mut y = [vec![0.0; x.len()], vec![0.0; x.len()]];
        dispatch(Map::<F>(&x, &mut y[0], PhantomData));
        Map::<F>(&x, &mut y[1], PhantomData).run::<Unfused>();
        for (i, &x) in x.iter().enumerate() {
            let expected = F::oracle(x as f64) as f32;
            worst[0].note(x, y[0][i], expected);
            worst[1].note(x, y[1][i], expected);
        }
    }
}

fn check<F: Unary>(inputs: impl Iterator<Item = u32>) {
    let [native, unfused] = worst::<F>(inputs);
    println!("{}: {} ulp, unfused {} ulp", F::NAME, native.ulp, unfused.ulp);
    assert!(native.ulp <= LIMIT, "{}({:e}): {} ulp", F::NAME, native.at, native.ulp);
    assert!(unfused.ulp <= LIMIT, "{}({:e}), unfused: {} ulp", F::NAME, unfused.at, unfused.ulp);
}

/// Every sign and exponent with 2ⁿ mantissas: evenly spaced with scattered low bits, and both ends.
fn sample(n: u32) -> impl Iterator<Item = u32> {
    (0..1u32 << 9).flat_map(move |top| {
        let low = move |i: u32| (i ^ top).wrapping_mul(0x9e37_79b1) >> (9 + n);
        let even = (0..1u32 << n).map(move |i| i << (23 - n) | low(i));
        even.chain([0, 1, 0x7f_fffe, 0x7f_ffff]).map(move |mantissa| top << 23 | mantissa)
    })
}

#[test]
fn sampled_inputs_are_within_two_ulp() {
    for_each_function!(check(sample(14)));
}

/// 16367173·2⁷² is, of all `f32`, the nearest to a multiple of π/2: the reduction cancels the most digits there.
#[test]
fn sin_cos_and_tan_are_within_two_ulp_at_the_hardest_input() {
    let hardest = 16_367_173.0 * (1u128 << 72) as f32;
    check::<Sin>([hardest.to_bits(), (-hardest).to_bits()].into_iter());
    check::<Cos>([hardest.to_bits(), (-hardest).to_bits()].into_iter());
    check::<Tan>([hardest.to_bits(), (-hardest).to_bits()].into_iter());
}

#[test]
fn vector_code_gives_the_bits_of_scalar_code() {
    fn check<F: Unary>(inputs: impl Iterator<Item = u32>) {
        let x: Vec<f32> = inputs.map(f32::from_bits).collect();
        let mut y = vec![0.0; x.len()];
        let fused = dispatch(Map::<F>(&x, &mut y, PhantomData));
        for (&x, y) in x.iter().zip(y) {
            let x = black_box(x);
            let scalar = if fused { F::ours::<Fused>(x) } else { F::ours::<Unfused>(x) };
            assert_eq!(distance(scalar, y), 0, "{}({x:e}): {scalar:e} in scalar code, {y:e} in vector code", F::NAME);
        }
    }
    for_each_function!(check(sample(6)));
}

/// `y[i] = F(x[i], p)` for pow and powi, whose second argument is the same for a whole loop.
struct Powers<'a, P>(&'a [f32], P, &'a mut [f32]);

impl Kernel for Powers<'_, f32> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (y, &x) in self.2.iter_mut().zip(self.0) {
            *y = Math::pow::<M>(x, self.1);
        }
    }
}

impl Kernel for Powers<'_, i32> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (y, &x) in self.2.iter_mut().zip(self.0) {
            *y = Math::powi(x, self.1);
        }
    }
}

/// All exponents coarsely, and the neighbourhood of ±1, where large exponents do not overflow.
fn bases() -> Vec<f32> {
    let near_one = (0..40).flat_map(|i| [1u32 << 30 >> 1 | i, 0x3f7f_ffff - (1 << (i / 2)), 0x3f80_0000 + (i * i)]);
    let near_one = near_one.map(f32::from_bits).flat_map(|x| [x, -x]);
    sample(2).map(f32::from_bits).chain(near_one).collect()
}

fn check_powers<P: Copy + Into<f64> + std::fmt::Display>(p: P)
where
    for<'a> Powers<'a, P>: Kernel<Output = ()>,
{
    let x = bases();
    let mut y = [vec![0.0; x.len()], vec![0.0; x.len()]];
    dispatch(Powers(&x, p, &mut y[0]));
    Powers(&x, p, &mut y[1]).run::<Unfused>();
    for (i, &x) in x.iter().enumerate() {
        let expected = (x as f64).powf(p.into()) as f32;
        for result in [y[0][i], y[1][i]] {
            let ulp = distance(result, expected);
            assert!(ulp <= LIMIT, "{x:e} to the power {p}: {result:e} instead of {expected:e}");
        }
    }
}

#[test]
fn pow_is_within_two_ulp_and_has_the_special_cases_of_ieee() {
    let moderate = (-1200..=1200).map(|i| i as f32 / 8.0);
    sample(1).map(f32::from_bits).chain(moderate).for_each(check_powers);
}

#[test]
fn powi_is_within_two_ulp() {
    let large = [i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX, 16_777_217, -16_777_217, 1_000_000_007, -1_000_003];
    (-200..=200).chain(large).for_each(check_powers);
}

#[test]
fn exact_results_are_exact() {
    fn check<M: MulAdd>() {
        assert_eq!(Math::exp::<M>(0f32), 1.0);
        assert_eq!(Math::cos::<M>(0f32), 1.0);
        assert_eq!(Math::ln::<M>(1f32), 0.0);
        assert_eq!(Math::sigmoid::<M>(0f32), 0.5);
        for n in -149..128 {
            let power = 2f64.powi(n) as f32;
            assert_eq!(Math::pow::<M>(2f32, n as f32), power);
            assert_eq!(Math::powi(2f32, n), power);
        }
    }
    check::<Fused>();
    check::<Unfused>();
}

#[test]
fn sigmoid_of_f64_is_accurate_on_both_sides() {
    for i in 0..7500 {
        let x = i as f64 / 10.0;
        let [right, left] = [x, -x].map(Math::sigmoid::<Unfused>);
        assert!((right + left - 1.0).abs() <= f64::EPSILON, "at {x}: {right} + {left}");
        // At the subnormal end a unit is no longer relative.
        let expected = (-x).exp() * right;
        assert!(
            (left - expected).abs() <= 4.0 * f64::EPSILON * expected + 5e-324,
            "at -{x}: {left:e}, not {expected:e}"
        );
    }
}

/// A function of two numbers, in a loop over the first.
struct Pairs<'a, F>(&'a [f32], f32, &'a mut [f32], PhantomData<F>);

trait Binary {
    fn ours<M: MulAdd>(a: f32, b: f32) -> f32;
    fn oracle(a: f64, b: f64) -> f64;
}

struct Atan2;
impl Binary for Atan2 {
    #[inline(always)]
    fn ours<M: MulAdd>(a: f32, b: f32) -> f32 {
        Math::atan2::<M>(a, b)
    }
    fn oracle(a: f64, b: f64) -> f64 {
        a.atan2(b)
    }
}

struct Hypot;
impl Binary for Hypot {
    #[inline(always)]
    fn ours<M: MulAdd>(a: f32, b: f32) -> f32 {
        Math::hypot(a, b)
    }
    fn oracle(a: f64, b: f64) -> f64 {
        a.hypot(b)
    }
}

impl<F: Binary> Kernel for Pairs<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (y, &x) in self.2.iter_mut().zip(self.0) {
            *y = F::ours::<M>(x, self.1);
        }
    }
}

/// Pairs of all signs and exponents, infinities, NaN and zeros included, and pairs of similar size.
fn check_pairs<F: Binary>() {
    let coarse: Vec<f32> = sample(1).map(f32::from_bits).collect();
    let near = (-400..=400).map(|i| i as f32 / 16.0);
    for b in coarse.iter().copied().chain(near) {
        let scaled = (1..400).map(|i| b * (i as f32 / 100.0));
        let x: Vec<f32> = coarse.iter().copied().chain(scaled.flat_map(|x| [x, -x])).collect();
        let mut y = [vec![0.0; x.len()], vec![0.0; x.len()]];
        dispatch(Pairs::<F>(&x, b, &mut y[0], PhantomData));
        Pairs::<F>(&x, b, &mut y[1], PhantomData).run::<Unfused>();
        for (i, &a) in x.iter().enumerate() {
            let expected = F::oracle(a as f64, b as f64) as f32;
            for result in [y[0][i], y[1][i]] {
                assert!(distance(result, expected) <= LIMIT, "of {a:e} and {b:e}: {result:e} instead of {expected:e}");
            }
        }
    }
}

#[test]
fn atan2_is_within_two_ulp_and_has_the_special_cases_of_ieee() {
    check_pairs::<Atan2>();
}

#[test]
fn hypot_is_within_two_ulp_and_has_the_special_cases_of_ieee() {
    check_pairs::<Hypot>();
}

#[test]
fn rounding_is_exact_and_halves_go_to_the_even_number() {
    let x = sample(6).map(f32::from_bits).chain((-40..40).map(|i| i as f32 / 4.0));
    for x in x.filter(|x| !x.is_nan()) {
        let wide = x as f64;
        let expected = [wide.floor(), wide.ceil(), wide.trunc(), wide.round_ties_even()];
        let results = [Math::floor(x), Math::ceil(x), Math::trunc(x), Math::round(x)];
        let bits = results.map(f32::to_bits);
        assert_eq!(bits, expected.map(|y| (y as f32).to_bits()), "of {x:e}: {results:?}");
    }
    assert_eq!([0.5f64, 1.5, 2.5, -0.5, -1.5].map(Math::round), [0.0, 2.0, 2.0, -0.0, -2.0]);
}
