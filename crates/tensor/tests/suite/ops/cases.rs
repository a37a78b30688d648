//! A case: a function of variables, inputs inside its smooth domain, and the layouts that the inputs come in.

use std::collections::BTreeSet;

use tensor::{Gradcheck, Shape, Slice, Step, StepKind, Tape, Tensor, Var, rng};

type Function = Box<dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>;

/// A differentiable function and where it is checked.
pub(crate) struct Case {
    pub(crate) name: String,
    f: Function,
    inputs: Vec<Tensor<f64>>,
    layouts: &'static [Layout],
}

/// A case that is checked on every layout of its inputs.
pub(crate) fn case(
    name: impl Into<String>,
    inputs: impl IntoIterator<Item = Tensor<f64>>,
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'static,
) -> Case {
    Case { name: name.into(), f: Box::new(f), inputs: inputs.into_iter().collect(), layouts: &Layout::ALL }
}

impl Case {
    /// Not on inputs of stride 0, whose equal elements would put the function on a kink.
    pub(crate) fn distinct(self) -> Case {
        Case { layouts: &Layout::DISTINCT, ..self }
    }

    /// Checks gradients of first and second order on every layout, and returns what fails.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures_in_turn().collect()
    }

    /// [`failures`](Case::failures), each layout checked when it is asked for.
    pub(crate) fn failures_in_turn(&self) -> impl Iterator<Item = String> {
        self.layouts.iter().filter_map(|layout| {
            let inputs: Vec<_> = self.inputs.iter().map(|x| layout.of(x)).collect();
            let error = Gradcheck::default().check(&*self.f, &inputs).err()?;
            Some(format!("{} ({layout:?}): {error}", self.name))
        })
    }

    /// The largest difference between the eager and the recorded gradient, relative to the larger of 1 and the largest
    /// element; 0 where all bits agree.
    pub(crate) fn eager_against_recorded(&self) -> f64 {
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = (self.f)(&x);
        let seed = Tensor::randn(y.shape(), &mut rng(5, 0));
        let eager = y.vjp_retain(seed.clone());
        let recorded = tape.vjp(y, tape.constant(seed), &x);
        let difference = |(&x, recorded): (&Var<'_, f64>, &Var<'_, f64>)| {
            let recorded = recorded.value();
            let eager = eager.get(x).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()));
            let size = recorded.to_vec().iter().fold(1.0f64, |size, x| size.max(x.abs()));
            let pairs = eager.to_vec().into_iter().zip(recorded.to_vec());
            pairs.map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max)
        };
        x.iter().zip(&recorded).map(difference).fold(0.0, f64::max)
    }

    /// The names of the function's own ops, without those of its gradient.
    #[cfg(feature = "mutation")]
    pub(crate) fn own_ops(&self) -> BTreeSet<&'static str> {
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        (self.f)(&x);
        tape.ops().into_iter().collect()
    }

    /// The names of the ops that [`failures`](Case::failures) puts to the numerical test: those of the function, and of
    /// its recorded gradient, which is what the second order differentiates.
    pub(crate) fn checked_ops(&self) -> BTreeSet<&'static str> {
        self.with_gradient().ops().into_iter().collect()
    }

    /// The names of the ops, of the function and of its gradient, that do not say what they were built with.
    pub(crate) fn silent_ops(&self) -> BTreeSet<&'static str> {
        let silent = |step: Step<f64>| match step.kind {
            StepKind::Op { name, attributes: None, .. } => Some(name),
            _ => None,
        };
        self.with_gradient().steps().into_iter().filter_map(silent).collect()
    }

    /// A tape with the function and its recorded gradient.
    fn with_gradient(&self) -> Tape<f64> {
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = (self.f)(&x);
        tape.vjp(y, tape.constant(Tensor::ones(y.shape())), &x);
        tape
    }
}

/// Panics with every failure of every case.
pub(crate) fn check_all(cases: &[Case]) {
    let failures: Vec<_> = cases.iter().flat_map(Case::failures).collect();
    assert!(failures.is_empty(), "{} checks fail:\n{}", failures.len(), failures.join("\n"));
}

/// How the elements of an input lie in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    /// Row-major.
    Contiguous,
    /// Column-major.
    Transposed,
    /// Every other element of a larger array, from the second on.
    Stepped,
    /// One position of the first axis, repeated with stride 0.
    Broadcast,
}

impl Layout {
    pub(crate) const ALL: [Layout; 4] = [Layout::Contiguous, Layout::Transposed, Layout::Stepped, Layout::Broadcast];
    const DISTINCT: [Layout; 3] = [Layout::Contiguous, Layout::Transposed, Layout::Stepped];

    /// `x` in this layout; the same values, but for [`Layout::Broadcast`], which repeats the first.
    pub(crate) fn of(self, x: &Tensor<f64>) -> Tensor<f64> {
        match self {
            Layout::Contiguous => x.contiguous(),
            Layout::Transposed => {
                let reversed: Vec<isize> = (0..x.rank() as isize).rev().collect();
                x.permute(&reversed).contiguous().permute(&reversed)
            }
            Layout::Stepped => {
                let larger: Vec<usize> = x.shape().iter().map(|size| 2 * size + 1).collect();
                let odd = |i: &[usize]| i.iter().map(|i| (i % 2 == 1).then_some(i / 2)).collect::<Option<Vec<_>>>();
                let larger = Tensor::from_fn(larger, |i| odd(i).and_then(|i| x.get(&i)).unwrap_or(f64::NAN));
                larger.slice(vec![Slice::from(1..).step(2); x.rank()])
            }
            Layout::Broadcast if x.rank() > 0 && x.shape()[0] > 0 => x.narrow(0, 0, 1).broadcast_to(x.shape()),
            Layout::Broadcast => x.clone(),
        }
    }
}

/// Draws from [low, high).
pub(crate) fn uniform(shape: impl Into<Shape>, low: f64, high: f64) -> Tensor<f64> {
    let shape = shape.into();
    Tensor::uniform(&shape, low, high, &mut rng(17, shape.iter().fold(0, |seed, &size| 10 * seed + size as u64)))
}

/// Numbers of either sign.
pub(crate) fn any(shape: impl Into<Shape>) -> Tensor<f64> {
    uniform(shape, -1.5, 1.5)
}

/// Numbers well above 0.
pub(crate) fn positive(shape: impl Into<Shape>) -> Tensor<f64> {
    uniform(shape, 0.4, 2.0)
}

/// Numbers of either sign, none near 0.
pub(crate) fn nonzero(shape: impl Into<Shape>) -> Tensor<f64> {
    any(shape).map_elements(|x| x + 0.5 * x.signum())
}

/// Numbers of either sign with none near 0 or a half: between kinks.
pub(crate) fn off_kinks(shape: impl Into<Shape>) -> Tensor<f64> {
    any(shape).map_elements(|x| {
        let nearest = (2.0 * x).round() / 2.0;
        if (x - nearest).abs() < 0.05 { nearest + 0.1 } else { x }
    })
}

/// Up to 31 numbers that are at least 0.1 apart, in no order.
pub(crate) fn spread(shape: impl Into<Shape>) -> Tensor<f64> {
    let mut k = 0;
    Tensor::from_fn(shape, |_| {
        k = (k + 12) % 31;
        0.1 * f64::from(k) - 1.42
    })
}
