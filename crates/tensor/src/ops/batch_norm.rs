//! Normalisation of each channel over a batch, and by statistics that are given.

use smallvec::SmallVec;

use super::Op;
use super::elementwise::{Map, Rsqrt};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::Float;
use crate::kernel::channels::{self, Channels};
use crate::scalar::{Elementwise, Scalar};
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads, Var};
use crate::tensor::Tensor;

/// The mean of each channel and its variance Σ(x − mean)²/n, of shape `[channels]` each. They are plain values, through
/// which no gradient flows.
#[derive(Clone, Debug)]
pub struct Moments<T: Float = f32> {
    /// The means.
    pub mean: Tensor<T>,
    /// The variances.
    pub var: Tensor<T>,
}

/// All axes but the first two as one.
fn sizes(x: &Shape) -> Channels {
    Channels { n: x[0], c: x[1], m: x[2..].iter().product() }
}

/// 1 over the number of elements of a channel.
fn share(Channels { n, m, .. }: Channels) -> f64 {
    1.0 / (n as f64 * m as f64)
}

fn slice<T: Float>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("contiguous")
}

impl<T: Float> Moments<T> {
    /// Those of a batch `[n, channels, …]`, in two passes.
    fn of(x: &Tensor<T>) -> Moments<T> {
        let (x, sizes) = (x.contiguous(), sizes(x.shape()));
        let mean = Tensor::build([sizes.c], |out| channels::sums(sizes, slice(&x), out));
        let mean = Array::scale(&mean, share(sizes));
        let var = Tensor::build([sizes.c], |out| channels::squares(sizes, slice(&x), slice(&mean), out));
        Moments { mean, var: Array::scale(&var, share(sizes)) }
    }

    /// 1/√(var + ε).
    fn scale(&self, eps: f64) -> Tensor<T> {
        Tensor::map(Rsqrt, [&self.var + T::from_f64(eps)])
    }
}

/// y = x̂·γ + β with x̂ = (x − mean)/√(var + ε), over all axes but the second. The inputs are x, and γ and β where they
/// are there; the moments are those of x.
struct BatchNorm<T: Float> {
    moments: Moments<T>,
    weight: bool,
    bias: bool,
    eps: f64,
}

impl<T: Float> BatchNorm<T> {
    fn weight<'a, A>(&self, x: &[&'a A]) -> Option<&'a A> {
        self.weight.then(|| x[1])
    }

    /// The gradients in their order, those of γ and β only where these are inputs.
    fn grads<A>(&self, [input, weight, bias]: [Option<A>; 3]) -> Grads<A> {
        let parameters = [(self.weight, weight), (self.bias, bias)];
        let parameters = parameters.into_iter().filter_map(|(there, grad)| there.then_some(grad));
        std::iter::once(input).chain(parameters).collect()
    }

    /// Whether γ and β need a gradient.
    fn needs(&self, needs: &[bool]) -> [bool; 2] {
        [self.weight && needs[1], self.bias && needs[needs.len() - 1]]
    }

    /// γ/√(var + ε).
    fn factor(&self, scale: &Tensor<T>, x: &[&Tensor<T>]) -> Tensor<T> {
        self.weight(x).map_or_else(|| scale.clone(), |weight| scale * weight).contiguous()
    }
}

impl<T: Float> Op<T> for BatchNorm<T> {
    const NAME: &'static str = "batch_norm";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let (input, sizes, mean) = (x[0].contiguous(), sizes(x[0].shape()), &self.moments.mean);
        let factor = self.factor(&self.moments.scale(self.eps), x);
        let bias = if self.bias { x[x.len() - 1].contiguous() } else { Tensor::zeros([sizes.c]) };
        let numbers = [mean, &factor, &bias].map(slice);
        Ok(Tensor::build(x[0].shape(), |out| channels::affine(sizes, slice(&input), numbers, out)))
    }

    fn mixes_examples(&self) -> bool {
        true
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("eps", self.eps.into()), ("weight", self.weight.into()), ("bias", self.bias.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let shape = x[0].shape();
        let Channels { n, c, m } = sizes(&shape);
        let (line, column) = ([n, c, m], Shape::from([1, c, 1]));
        let sum = |a: &A| a.sum_to(&Shape::from([n, c, 1])).sum_to(&column);
        let mean = |a: &A| sum(a).scale(share(sizes(&shape)));
        let (x3, g) = (x[0].reshape(line), g.reshape(line));
        let centred = x3.sub(&mean(&x3));
        let eps = g.constant(Tensor::from(T::from_f64(self.eps)));
        let scale = A::rule(Rsqrt, [&mean(&centred.mul(&centred)).add(&eps)]);
        let unit = centred.mul(&scale);
        let input = needs[0].then(|| {
            let h = self.weight(x).map_or_else(|| g.clone(), |weight| g.mul(&weight.reshape(&column)));
            let along = unit.mul(&mean(&h.mul(&unit)));
            h.sub(&mean(&h)).sub(&along).mul(&scale).reshape(&shape)
        });
        let [weight, bias] = self.needs(needs);
        let weight = weight.then(|| sum(&g.mul(&unit)).reshape([c]));
        self.grads([input, weight, bias.then(|| sum(&g).reshape([c]))])
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], _y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        let (input, sizes, mut g) = (x[0].contiguous(), sizes(x[0].shape()), g.contiguous());
        let (mean, scale) = (&self.moments.mean, self.moments.scale(self.eps));
        let numbers = [mean, &scale].map(slice);
        let sums = Tensor::build([2, sizes.c], |out| channels::dots(sizes, slice(&input), slice(&g), numbers, out));
        let [of_bias, of_weight] = [0, 1].map(|k| sums.narrow(0, k, 1).reshape([sizes.c]));
        if into.needs()[0] {
            let means = Array::scale(&sums, share(sizes));
            let (sum, dot) = slice(&means).split_at(sizes.c);
            let factor = self.factor(&scale, x);
            let numbers = [slice(mean), slice(&scale), sum, dot, slice(&factor)];
            channels::slopes(sizes, slice(&input), numbers, g.as_mut_slice());
        }
        for (i, grad) in self.grads([Some(g), Some(of_weight), Some(of_bias)]).into_iter().enumerate() {
            if let (Some(grad), true) = (grad, into.needs()[i]) {
                into.add(i, grad);
            }
        }
    }
}

/// (x − mean)·factor + bias.
#[derive(Clone, Copy)]
struct Rescale;

impl Elementwise<4> for Rescale {
    const NAME: &'static str = "rescale";

    fn attributes(self) -> Option<Attributes> {
        Some(vec![])
    }

    #[inline(always)]
    fn eval<A: Scalar>(self, [x, mean, factor, bias]: [A; 4]) -> A {
        (x - mean) * factor + bias
    }
}

fn named(shape: &Shape, name: Option<&str>) -> String {
    name.map_or(shape.to_string(), |name| format!("`{name}` {shape}"))
}

/// Checks that x has channels, and that there is a number for each of them in all others.
fn check<'a>(x: &Shape, others: impl IntoIterator<Item = (&'a str, Shape, Option<&'static str>)>) -> Result<()> {
    let op = "batch_norm";
    if x.rank() < 2 {
        return Err(Error::Shape { op, expected: "an input of [batch, channels, …]".into(), got: x.clone() });
    }
    for (what, shape, name) in others {
        if *shape != [x[1]] {
            let expected = format!("an input with as many channels as the {what} {}", named(&shape, name));
            return Err(Error::Shape { op, expected, got: x.clone() });
        }
    }
    Ok(())
}

fn shapes<T: Float, A: Array<T>>(
    [weight, bias]: [Option<&A>; 2],
    names: [Option<&'static str>; 2],
) -> impl Iterator<Item = (&'static str, Shape, Option<&'static str>)> {
    let shape = |what, param: Option<&A>, name| param.map(|param| (what, param.shape(), name));
    [shape("weight", weight, names[0]), shape("bias", bias, names[1])].into_iter().flatten()
}

fn batch_norm<T: Float, A: Array<T>>(
    x: &A,
    params: [Option<&A>; 2],
    eps: f64,
    names: [Option<&'static str>; 2],
) -> Result<(A, Moments<T>)> {
    check(&x.shape(), shapes(params, names))?;
    let moments = Moments::of(&x.value());
    let op = BatchNorm { moments: moments.clone(), weight: params[0].is_some(), bias: params[1].is_some(), eps };
    let y = match params {
        [Some(weight), Some(bias)] => A::try_apply(op, &[x, weight, bias]),
        [Some(param), None] | [None, Some(param)] => A::try_apply(op, &[x, param]),
        [None, None] => A::try_apply(op, &[x]),
    };
    Ok((y?, moments))
}

fn batch_norm_by<T: Float, A: Array<T>>(
    x: &A,
    moments: &Moments<T>,
    params: [Option<&A>; 2],
    eps: f64,
    names: [Option<&'static str>; 2],
) -> Result<A> {
    let given = [("mean", &moments.mean), ("variance", &moments.var)];
    let given = given.map(|(what, tensor)| (what, tensor.shape().clone(), None));
    check(&x.shape(), shapes(params, names).chain(given))?;
    let mut column = Shape(SmallVec::from_elem(1, x.shape().rank() - 1));
    column.0[0] = x.shape()[1];
    let constant = |value: &Tensor<T>| x.constant(value.reshape(&column));
    let (mean, scale) = (constant(&moments.mean), constant(&moments.scale(eps)));
    let factor = params[0].map_or(scale.clone(), |weight| scale.mul(&weight.reshape(&column)));
    let bias = params[1].map_or_else(|| x.constant(Tensor::from(T::ZERO)), |bias| bias.reshape(&column));
    A::try_apply(Map(Rescale), &[x, &mean, &factor, &bias])
}

impl<T: Float> Tensor<T> {
    /// Batch normalisation y = (x − mean)/√(var + `eps`)·γ + β of `[n, channels, …]`, over all axes but the second, with
    /// the moments that it has normalised by. γ and β have shape `[channels]`; without a weight γ is 1, without a bias
    /// β is 0. Of an empty batch the moments are NaN.
    ///
    /// # Panics
    /// If the rank is less than 2, or the weight or the bias has another shape.
    #[track_caller]
    pub fn batch_norm(
        &self,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> (Tensor<T>, Moments<T>) {
        unwrap(self.try_batch_norm(weight, bias, eps))
    }

    /// [`batch_norm`](Tensor::batch_norm), returning the error.
    pub fn try_batch_norm(
        &self,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Result<(Tensor<T>, Moments<T>)> {
        batch_norm(self, [weight, bias], eps, [None; 2])
    }

    /// [`batch_norm`](Tensor::batch_norm) by given moments, as in an evaluation.
    ///
    /// # Panics
    /// If the rank is less than 2, or the weight, the bias or a moment has another shape.
    #[track_caller]
    pub fn batch_norm_by(
        &self,
        moments: &Moments<T>,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Tensor<T> {
        unwrap(self.try_batch_norm_by(moments, weight, bias, eps))
    }

    /// [`batch_norm_by`](Tensor::batch_norm_by), returning the error.
    pub fn try_batch_norm_by(
        &self,
        moments: &Moments<T>,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Result<Tensor<T>> {
        batch_norm_by(self, moments, [weight, bias], eps, [None; 2])
    }
}

fn names<T: Float>(params: [Option<Var<'_, T>>; 2]) -> [Option<&'static str>; 2] {
    params.map(|param| param.and_then(Var::param_name))
}

impl<'t, T: Float> Var<'t, T> {
    /// Batch normalisation y = x̂·γ + β with x̂ = (x − mean)/√(var + `eps`) of `[n, channels, …]`, over all axes but the
    /// second, with the moments that it has normalised by. γ and β have shape `[channels]`; without a weight γ is 1,
    /// without a bias β is 0. Of an empty batch the moments are NaN.
    ///
    /// With h = g·γ the gradient of x is (h − mean h − x̂·mean(h·x̂))/√(var + `eps`), with means over each channel; those
    /// of γ and β are the sums of g·x̂ and of g over each channel. None flows through the moments that are returned.
    ///
    /// ```
    /// # use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([[1.0f64, 2.0], [5.0, 2.0]]));
    /// let (y, moments) = x.batch_norm(None, None, 1e-5);
    /// assert_eq!(moments.mean, Tensor::from([3.0, 2.0]));
    /// assert_eq!(moments.var, Tensor::from([4.0, 0.0]));
    /// assert!((y.value()[[1, 0]] - 1.0).abs() < 1e-5);
    /// ```
    ///
    /// # Panics
    /// If the rank is less than 2, or the weight or the bias has another shape.
    #[track_caller]
    pub fn batch_norm(
        &self,
        weight: Option<Var<'t, T>>,
        bias: Option<Var<'t, T>>,
        eps: f64,
    ) -> (Var<'t, T>, Moments<T>) {
        unwrap(self.try_batch_norm(weight, bias, eps))
    }

    /// [`batch_norm`](Var::batch_norm), returning the error.
    pub fn try_batch_norm(
        &self,
        weight: Option<Var<'t, T>>,
        bias: Option<Var<'t, T>>,
        eps: f64,
    ) -> Result<(Var<'t, T>, Moments<T>)> {
        batch_norm(self, [weight.as_ref(), bias.as_ref()], eps, names([weight, bias]))
    }

    /// [`batch_norm`](Var::batch_norm) by given moments, as in an evaluation. The gradients are g·γ/√(var + `eps`), and
    /// for γ and β the sums of g·x̂ and of g over each channel.
    ///
    /// # Panics
    /// If the rank is less than 2, or the weight, the bias or a moment has another shape.
    #[track_caller]
    pub fn batch_norm_by(
        &self,
        moments: &Moments<T>,
        weight: Option<Var<'t, T>>,
        bias: Option<Var<'t, T>>,
        eps: f64,
    ) -> Var<'t, T> {
        unwrap(self.try_batch_norm_by(moments, weight, bias, eps))
    }

    /// [`batch_norm_by`](Var::batch_norm_by), returning the error.
    pub fn try_batch_norm_by(
        &self,
        moments: &Moments<T>,
        weight: Option<Var<'t, T>>,
        bias: Option<Var<'t, T>>,
        eps: f64,
    ) -> Result<Var<'t, T>> {
        batch_norm_by(self, moments, [weight.as_ref(), bias.as_ref()], eps, names([weight, bias]))
    }
}
