//! Gradients at random shapes, axes, broadcasts and layouts.

use proptest::prelude::*;
use tensor::{Axes, Gradcheck, Tensor, Var};

use crate::ops::cases::{Layout, spread, uniform};

/// Up to 4 axes of up to 4, with a single empty one now and then.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => Just(0usize), 8 => 1..4usize], 0..=4)
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(Layout::ALL.to_vec())
}

/// `shape` as NumPy's broadcasting could have stretched it: leading axes missing, others 1.
fn narrowed(shape: &[usize], missing: usize, ones: &[bool]) -> Vec<usize> {
    let kept = shape.iter().zip(ones).skip(missing.min(shape.len()));
    kept.map(|(&size, &one)| if one { 1 } else { size }).collect()
}

/// Two shapes that broadcast.
fn broadcastable() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let ones = || prop::collection::vec(prop::bool::weighted(0.3), 4);
    (shape(), 0..3usize, any::<bool>(), ones(), ones()).prop_map(|(shape, missing, left, a, b)| {
        let none = [false; 4];
        let full = narrowed(&shape, 0, if left { &a } else { &none });
        let part = narrowed(&shape, missing, &b);
        if left { (part, full) } else { (full, part) }
    })
}

fn check(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, inputs: &[Tensor<f64>]) -> Result<(), TestCaseError> {
    match Gradcheck::first_order().check(f, inputs) {
        Ok(_) => Ok(()),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn binary_rules((s, t) in broadcastable(), a in layout(), b in layout(), op in 0..7usize) {
        let inputs = [a.of(&(spread(s) + 1.55)), b.of(&(spread(t) + 1.6))];
        check(|x| {
            let (a, b) = (x[0], x[1]);
            [Var::add, Var::sub, Var::mul, Var::div, Var::pow, Var::maximum, Var::minimum][op](&a, b)
        }, &inputs)?;
    }

    #[test]
    fn smooth_reductions(s in shape(), layout in layout(), keep: bool, mask in 0..16usize, op in 0..4usize) {
        let axes: Vec<isize> = (0..s.len() as isize).filter(|i| mask >> i & 1 == 1).collect();
        let folded: usize = axes.iter().map(|&axis| s[axis as usize]).product();
        // The mean, variance and logsumexp of nothing are not finite.
        prop_assume!(op == 0 || folded > 0);
        check(|x| {
            let axes = Axes::from(&axes[..]);
            match op {
                0 => x[0].try_sum(axes, keep).unwrap(),
                1 => x[0].try_mean(axes, keep).unwrap(),
                2 => x[0].try_logsumexp(axes, keep).unwrap(),
                _ => x[0].try_var(axes, 0.0, keep).unwrap(),
            }
        }, &[layout.of(&uniform(s.clone(), -1.0, 1.0))])?;
    }

    #[test]
    fn products(s in shape(), layout in layout(), keep: bool, mask in 0..16usize) {
        let axes: Vec<isize> = (0..s.len() as isize).filter(|i| mask >> i & 1 == 1).collect();
        check(|x| x[0].try_prod(&axes[..], keep).unwrap(), &[layout.of(&uniform(s.clone(), -1.2, 1.2))])?;
    }

    #[test]
    fn matrix_products(
        (s, t) in broadcastable(), [m, k, n] in [0..4usize, 0..4usize, 0..4usize], a in layout(), b in layout()
    ) {
        let batch = |shape: Vec<usize>, tail: [usize; 2]| [&shape[shape.len().saturating_sub(2)..], &tail].concat();
        let a = a.of(&uniform(batch(s, [m, k]), -1.0, 1.0));
        let b = b.of(&uniform(batch(t, [k, n]), -1.0, 1.0));
        check(|x| x[0].matmul(x[1]), &[a, b])?;
    }

    #[test]
    fn views(s in shape(), layout in layout(), a in 0..4usize, b in 0..4usize) {
        prop_assume!(a < s.len() && b < s.len());
        let x = layout.of(&uniform(s.clone(), -1.0, 1.0));
        let half = s[b] / 2;
        check(|x| {
            let y = x[0].transpose(a as isize, b as isize).narrow(a as isize, half, s[b] - half);
            let flat = y.reshape([y.numel()]);
            flat.unsqueeze(1).broadcast_to([flat.numel(), 2]).sin()
        }, &[x])?;
    }
}
