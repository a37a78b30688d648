//! Layer normalisation and its uncentred form, in one pass over each row.

use super::Op;
use super::elementwise::Rsqrt;
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::chain::Fill;
use crate::kernel::rows;
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads, Var};
use crate::tensor::Tensor;

/// y = x̂·γ + β, with x̂ = (x − mean)/√(var + ε) over the last axes: `layer_norm`, or without the mean `rms_norm`.
/// The inputs are x, and γ and β where they are there.
struct Norm<const CENTRED: bool> {
    axes: usize,
    weight: bool,
    bias: bool,
    eps: f64,
}

impl<const CENTRED: bool> Norm<CENTRED> {
    /// The rows that are normalised, and their length.
    fn sizes(&self, x: &Shape) -> [usize; 2] {
        let (outer, inner) = x.split_at(x.rank() - self.axes);
        [outer.iter().product(), inner.iter().product()]
    }

    /// Input `i` in the order x, γ, β.
    fn input<'a, A>(&self, x: &[&'a A], i: usize) -> Option<&'a A> {
        match i {
            1 => self.weight.then(|| x[1]),
            _ => self.bias.then(|| x[x.len() - 1]),
        }
    }

    /// γ or β as one number for each column; `value` where there is none.
    fn column<T: Float>(&self, x: &[&Tensor<T>], i: usize, value: T) -> Tensor<T> {
        match self.input(x, i) {
            Some(column) => column.contiguous(),
            None => Tensor::full([self.sizes(x[0].shape())[1]], value),
        }
    }

    /// Calls `f` with what the kernel has to know.
    fn kernel<T: Float, R>(&self, x: &[&Tensor<T>], f: impl FnOnce(rows::Norm<'_, T>) -> R) -> R {
        let (weight, bias) = (self.column(x, 1, T::ONE), self.column(x, 2, T::ZERO));
        f(rows::Norm {
            centred: CENTRED,
            eps: T::from_f64(self.eps),
            weight: weight.as_slice().expect("contiguous"),
            bias: bias.as_slice().expect("contiguous"),
        })
    }

    /// The gradients in their order, those of γ and β only where these are inputs.
    fn grads<A>(&self, [input, weight, bias]: [Option<A>; 3]) -> Grads<A> {
        let parameters = [(self.weight, weight), (self.bias, bias)];
        let parameters = parameters.into_iter().filter_map(|(there, grad)| there.then_some(grad));
        std::iter::once(input).chain(parameters).collect()
    }
}

impl<T: Float, const CENTRED: bool> Op<T> for Norm<CENTRED> {
    const NAME: &'static str = if CENTRED { "layer_norm" } else { "rms_norm" };

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (input, n) = (x[0].contiguous(), self.sizes(x[0].shape())[1]);
        let input = input.as_slice().expect("contiguous");
        Ok(self.kernel(x, |norm| Tensor::build(x[0].shape(), |out| rows::norm(norm, input, out, n))))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![
            ("axes", self.axes.into()),
            ("eps", self.eps.into()),
            ("weight", self.weight.into()),
            ("bias", self.bias.into()),
        ])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let (shape, [rows, n]) = (x[0].shape(), self.sizes(&x[0].shape()));
        let flat = |a: &A| a.reshape([rows, n]);
        let mean = |a: &A| a.sum_axis_keepdim(1).scale(1.0 / n as f64);
        let (x2, eps) = (flat(x[0]), g.constant(Tensor::from(T::from_f64(self.eps))));
        let centred = if CENTRED { x2.sub(&mean(&x2)) } else { x2 };
        let scale = A::rule(Rsqrt, [&mean(&centred.mul(&centred)).add(&eps)]);
        let unit = centred.mul(&scale);
        let input = needs[0].then(|| {
            let h = flat(&self.input(x, 1).map_or_else(|| g.clone(), |weight| g.mul(weight)));
            let along = unit.mul(&mean(&h.mul(&unit)));
            let h = if CENTRED { h.sub(&mean(&h)) } else { h };
            h.sub(&along).mul(&scale).reshape(shape.clone())
        });
        // Those of γ and β are summed over the rows by the caller.
        let weight = (self.weight && needs[1]).then(|| g.mul(&unit.reshape(shape)));
        self.grads([input, weight, (self.bias && needs[needs.len() - 1]).then_some(g)])
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        self.backward_by_parts(g, &|_, _| (), x, y, into);
    }

    fn takes_parts(&self, _y: &Tensor<T>) -> bool {
        true
    }

    fn backward_by_parts(
        &self,
        g: Tensor<T>,
        fill: &Fill<'_, T>,
        x: &[&Tensor<T>],
        _y: &Tensor<T>,
        into: &mut Adjoints<'_, T>,
    ) {
        let [rows, n] = self.sizes(x[0].shape());
        let columns_too = into.needs()[1..].contains(&true);
        let (x0, mut input) = (x[0].contiguous(), g);
        let x0 = x0.as_slice().expect("contiguous");
        let groups = rows::norm_groups(if columns_too { rows } else { 0 }, n);
        let mut sums = Tensor::build([groups, 2 * n], |_| ());
        // The incoming gradient's buffer becomes that of the outgoing one, unless it is shared.
        self.kernel(x, |norm| rows::norm_vjp(norm, input.as_mut_slice(), fill, x0, sums.as_mut_slice(), n));
        let sums = columns_too.then(|| Array::sum_axis(&sums, 0));
        let column =
            |half: usize, like: &Tensor<T>| sums.as_ref().map(|sums| sums.narrow(0, half * n, n).reshape(like.shape()));
        let [weight, bias] = [1, 2].map(|i| self.input(x, i).and_then(|like| column(i - 1, like)));
        for (i, grad) in self.grads([Some(input), weight, bias]).into_iter().enumerate() {
            if let (Some(grad), true) = (grad, into.needs()[i]) {
                into.add(i, grad);
            }
        }
    }
}

fn named(shape: &Shape, name: Option<&str>) -> String {
    name.map_or(shape.to_string(), |name| format!("`{name}` {shape}"))
}

/// How many axes are normalised: those of γ, or of β, which must be the last ones of x; without them the last one.
fn axes(op: &'static str, x: &Shape, params: [Option<&Shape>; 2], names: [Option<&'static str>; 2]) -> Result<usize> {
    let Some(shape) = params[0].or(params[1]) else {
        return x.axis(op, -1).map(|_| 1);
    };
    let name = if params[0].is_some() { names[0] } else { names[1] };
    if !x.ends_with(shape) {
        let expected = format!("an input whose last axes are {}", named(shape, name));
        return Err(Error::Shape { op, expected, got: x.clone() });
    }
    match params[1].filter(|&bias| bias != shape) {
        Some(bias) => {
            let expected = format!("a bias of the weight's shape {}", named(shape, name));
            let expected = names[1].map_or(expected.clone(), |name| format!("{expected} as `{name}`"));
            Err(Error::Shape { op, expected, got: bias.clone() })
        }
        None => Ok(shape.rank()),
    }
}

/// The op applied to x and what there is of γ and β.
#[track_caller]
fn apply<T: Float, A: Array<T>, const CENTRED: bool>(
    x: &A,
    params: [Option<&A>; 2],
    eps: f64,
    names: [Option<&'static str>; 2],
) -> Result<A> {
    let shapes = params.map(|param| param.map(|param| param.shape()));
    let name = <Norm<CENTRED> as Op<T>>::NAME;
    let axes = axes(name, &x.shape(), shapes.each_ref().map(Option::as_ref), names)?;
    let op = Norm::<CENTRED> { axes, weight: params[0].is_some(), bias: params[1].is_some(), eps };
    match params {
        [Some(weight), Some(bias)] => A::try_apply(op, &[x, weight, bias]),
        [Some(param), None] | [None, Some(param)] => A::try_apply(op, &[x, param]),
        [None, None] => A::try_apply(op, &[x]),
    }
}

impl<T: Float> Tensor<T> {
    /// Layer normalisation y = (x − mean)/√(var + `eps`)·γ + β over the last axes, those of γ, where var is
    /// Σ(x − mean)²/n. Without a weight γ is 1, without a bias β is 0, and without either it goes over the last axis.
    ///
    /// # Panics
    /// If the input's last axes are not those of the weight and the bias, or a scalar has neither.
    #[track_caller]
    pub fn layer_norm(&self, weight: Option<&Tensor<T>>, bias: Option<&Tensor<T>>, eps: f64) -> Tensor<T> {
        unwrap(self.try_layer_norm(weight, bias, eps))
    }

    /// [`layer_norm`](Tensor::layer_norm), returning the error.
    #[track_caller]
    pub fn try_layer_norm(&self, weight: Option<&Tensor<T>>, bias: Option<&Tensor<T>>, eps: f64) -> Result<Tensor<T>> {
        apply::<T, _, true>(self, [weight, bias], eps, [None; 2])
    }

    /// x/√(mean x² + `eps`)·γ over the last axes, those of γ; without a weight γ is 1, and it goes over the last axis.
    ///
    /// # Panics
    /// If the input's last axes are not those of the weight, or a scalar has none.
    #[track_caller]
    pub fn rms_norm(&self, weight: Option<&Tensor<T>>, eps: f64) -> Tensor<T> {
        unwrap(self.try_rms_norm(weight, eps))
    }

    /// [`rms_norm`](Tensor::rms_norm), returning the error.
    #[track_caller]
    pub fn try_rms_norm(&self, weight: Option<&Tensor<T>>, eps: f64) -> Result<Tensor<T>> {
        apply::<T, _, false>(self, [weight, None], eps, [None; 2])
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Layer normalisation y = x̂·γ + β with x̂ = (x − mean)/√(var + `eps`) over the last axes, those of γ, where var is
    /// Σ(x − mean)²/n. Without a weight γ is 1, without a bias β is 0, and without either it goes over the last axis.
    ///
    /// With h = g·γ the gradient of x is (h − mean h − x̂·mean(h·x̂))/√(var + `eps`); those of γ and β are the sums of
    /// g·x̂ and of g over all rows.
    ///
    /// ```
    /// # use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([[1.0f64, 2.0, 3.0], [5.0, 5.0, 8.0]]));
    /// let gamma = tape.leaf(Tensor::from([1.0, 1.0, 2.0]));
    /// let y = x.layer_norm(Some(gamma), None, 0.0);
    /// assert!((y.value()[[0, 2]] - 2.0 * 1.5f64.sqrt()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the input's last axes are not those of the weight and the bias, or a scalar has neither.
    #[track_caller]
    pub fn layer_norm(&self, weight: Option<Var<'t, T>>, bias: Option<Var<'t, T>>, eps: f64) -> Var<'t, T> {
        unwrap(self.try_layer_norm(weight, bias, eps))
    }

    /// [`layer_norm`](Var::layer_norm), returning the error.
    #[track_caller]
    pub fn try_layer_norm(&self, weight: Option<Var<'t, T>>, bias: Option<Var<'t, T>>, eps: f64) -> Result<Var<'t, T>> {
        let names = [weight, bias].map(|param| param.and_then(Var::param_name));
        apply::<T, _, true>(self, [weight.as_ref(), bias.as_ref()], eps, names)
    }

    /// x/√(mean x² + `eps`)·γ over the last axes, those of γ; without a weight γ is 1, and it goes over the last axis.
    /// The gradients are those of [`layer_norm`](Var::layer_norm) without the means of x and of h.
    ///
    /// # Panics
    /// If the input's last axes are not those of the weight, or a scalar has none.
    #[track_caller]
    pub fn rms_norm(&self, weight: Option<Var<'t, T>>, eps: f64) -> Var<'t, T> {
        unwrap(self.try_rms_norm(weight, eps))
    }

    /// [`rms_norm`](Var::rms_norm), returning the error.
    #[track_caller]
    pub fn try_rms_norm(&self, weight: Option<Var<'t, T>>, eps: f64) -> Result<Var<'t, T>> {
        apply::<T, _, false>(self, [weight.as_ref(), None], eps, [weight.and_then(Var::param_name), None])
    }
}
