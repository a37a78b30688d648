//! The elementwise ops: rules that build on those of [`rules`](crate::rules), and the methods of both.
//!
//! How to read the table is written there.

use std::borrow::Borrow;

use super::{Op, methods};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::chain::Pointwise;
use crate::kernel::{map, split};
use crate::scalar::rules::*;
use crate::scalar::{Elementwise, Scalar};
use crate::tape::{Grads, Var};
use crate::tensor::Tensor;

/// An elementwise rule as an [`Op`].
pub(crate) struct Map<R, const N: usize>(pub(crate) R);

impl<T: Float, R: Elementwise<N>, const N: usize> Op<T> for Map<R, N> {
    const NAME: &'static str = R::NAME;

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let x: [&Tensor<T>; N] = x.try_into().expect("as many inputs as the rule has");
        evaluated(self, R::NAME, x)
    }

    fn attributes(&self) -> Option<Attributes> {
        self.0.attributes()
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, needs: &[bool]) -> Grads<A> {
        let x: [&A; N] = x.try_into().expect("as many inputs as the rule has");
        A::rule_vjp(self.0, &g, x, y, needs)
    }

    fn pointwise(&self) -> Option<&dyn Pointwise<T>> {
        Some(self)
    }
}

impl<T: Float, R: Elementwise<N>, const N: usize> Pointwise<T> for Map<R, N> {
    fn eval(&self, x: &[&[T]], out: &mut [T]) {
        map::forward(self.0, x.try_into().expect("as many inputs as the rule has"), out);
    }

    fn vjp(&self, g: &[T], x: &[&[T]], y: &[T], out: &mut [&mut [T]]) {
        let x = x.try_into().expect("as many inputs as the rule has");
        map::backward(self.0, g, x, y, out);
    }

    fn eval_numbers(&self, x: &[T]) -> T {
        map::number(self.0, x.try_into().expect("as many inputs as the rule has"))
    }

    fn vjp_numbers(&self, g: T, x: &[T], y: T, out: &mut [T]) {
        let x = x.try_into().expect("as many inputs as the rule has");
        out.copy_from_slice(&map::number_vjp(self.0, g, x, y));
    }

    fn eval_vjp(&self, g: &[T], x: &[&[T]], y: &mut [T], out: &mut [&mut [T]]) {
        map::forward_backward(self.0, g, x.try_into().expect("as many inputs as the rule has"), y, out);
    }
}

/// rule(x), with broadcasting. Compiled for a number of inputs, not for a rule.
pub(super) fn evaluated<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    name: &'static str,
    x: [&Tensor<T>; N],
) -> Result<Tensor<T>> {
    if let Some((numbers, widest)) = numbers(x) {
        return Ok(widest.number_like(rule.eval_numbers(&numbers)));
    }
    if x[1..].iter().all(|other| other.shape() == x[0].shape()) {
        return Ok(Tensor::build_like(x[0], |out| map::map(rule, x.map(Tensor::strided), out)));
    }
    let mut shape = x[0].shape().clone();
    for x in &x[1..] {
        shape = shape.broadcast(x.shape(), name)?;
    }
    let wide = x.map(|x| x.broadcast_to(&shape));
    Ok(Tensor::build(shape, |out| map::map(rule, wide.each_ref().map(Tensor::strided), out)))
}

/// g·∂rule/∂xᵢ for each input that needs it, of the shape of `y`. Compiled as [`evaluated`].
pub(crate) fn gradients<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    g: &Tensor<T>,
    x: [&Tensor<T>; N],
    y: &Tensor<T>,
    needs: &[bool],
) -> Grads<Tensor<T>> {
    let shape = y.shape();
    // A small step is made of activations, and what leads a rule to their elements.
    if let ([true], [x]) = (needs, &x[..])
        && let Some([g, x, slice]) = slices([g, x, y])
        && stays_here(y)
    {
        let mut grad = Tensor::build_like(y, |_| ());
        rule.vjp(g, &[x], slice, &mut [grad.as_mut_slice()]);
        return Grads::from_buf_and_len([Some(grad), None, None], 1);
    }
    let mut wide = [const { None }; N];
    for i in 0..N {
        wide[i] = (x[i].shape() != shape).then(|| x[i].broadcast_to(shape));
    }
    let x: [_; N] = std::array::from_fn(|i| wide[i].as_ref().unwrap_or(x[i]).strided());
    let incoming = map::Incoming { g: g.strided(), x, y: y.strided() };
    written(y, needs, |out| map::vjp(rule, incoming, y.numel(), out))
}

/// The gradients that are needed, in the shape of `like`, once `write` has written them.
#[inline]
pub(super) fn written<T: Float, const N: usize>(
    like: &Tensor<T>,
    needs: &[bool],
    write: impl FnOnce([Option<&mut [T]>; N]),
) -> Grads<Tensor<T>> {
    // By loops: the functions of arrays are not inlined where there is this much in one.
    let (mut grads, mut out) = ([const { None }; N], [const { None }; N]);
    for i in 0..N {
        grads[i] = needs[i].then(|| Tensor::build_like(like, |_| ()));
    }
    for (out, grad) in out.iter_mut().zip(&mut grads) {
        *out = grad.as_mut().map(Tensor::as_mut_slice);
    }
    write(out);
    let mut sent = Grads::new();
    for grad in grads {
        sent.push(grad);
    }
    sent
}

/// The elements of arrays of one shape, where all are contiguous.
#[inline]
pub(super) fn slices<T: Float, const N: usize>(x: [&Tensor<T>; N]) -> Option<[&[T]; N]> {
    let mut slices: [&[T]; N] = [&[]; N];
    for (slice, x_k) in slices.iter_mut().zip(x) {
        *slice = x_k.as_slice().filter(|_| x_k.shape() == x[0].shape())?;
    }
    Some(slices)
}

/// Whether an array is too small for threads to share it.
#[inline]
fn stays_here<T: Float>(x: &Tensor<T>) -> bool {
    x.numel() / split::RATE < split::SHARED
}

/// The elements of tensors that have one each, and the tensor whose shape they broadcast to.
#[inline]
fn numbers<T: Float, const N: usize>(x: [&Tensor<T>; N]) -> Option<([T; N], &Tensor<T>)> {
    let (mut numbers, mut widest) = ([T::ZERO; N], x[0]);
    for (number, x) in numbers.iter_mut().zip(x) {
        *number = x.number()?;
        widest = if x.rank() > widest.rank() { x } else { widest };
    }
    Some((numbers, widest))
}

/// 1/√(2π), the height of the normal density.
const DENSITY: f64 = 0.398_942_280_401_432_7;
/// √(2/π) and the cubic coefficient of gelu's approximation by tanh (Hendrycks and Gimpel, 2016).
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
const GELU_CUBIC: f64 = 0.044_715;
/// The constants that make activations self-normalising (Klambauer et al., 2017).
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

table! {
    Sign "sign" [x] -> y => by_sign(x, x.lit(-1.0), select_positive(x, x.lit(1.0), x)), vjp(g) [g.lit(0.0)];
    // The root that ends a norm: its gradient at 0 is 0, the subgradient of least norm.
    NormRoot "norm_root" [x] -> y => x.sqrt(), vjp(g) [or_zero_at(y, g.chain(y.lit(0.5) / y))];
    Rsqrt "rsqrt" [x] -> y => x.sqrt().recip(), d [y.lit(-0.5) * y * y * y];
    Recip "recip" [x] -> y => x.recip(), d [-(y * y)];
    Square "square" [x] -> y => x * x, d [x.lit(2.0) * x];
    LogSigmoid "log_sigmoid" [x] -> y => x.minimum(x.lit(0.0)) - (-x.abs()).exp().ln_1p(), d [(-x).sigmoid()];
    Relu "relu" [x] -> y => A::select(x.le(x.lit(0.0)), x.lit(0.0), x), vjp(g) [select_positive(x, g, g.lit(0.0))];
    LeakyRelu { slope: f64 } "leaky_relu" [x] -> y => select_positive(x, x, x.lit(slope) * x),
        vjp(g) [select_positive(x, g, g.lit(slope) * g)];
    Elu { alpha: f64 } "elu" [x] -> y => select_positive(x, x, x.lit(alpha) * x.exp_m1()),
        vjp(g) [select_positive(x, g, g.chain(y + y.lit(alpha)))];
    Selu "selu" [x] -> y
        => select_positive(x, x.lit(SELU_SCALE) * x, x.lit(SELU_SCALE * SELU_ALPHA) * x.exp_m1()),
        vjp(g) [select_positive(x, g.lit(SELU_SCALE) * g, g.chain(y + y.lit(SELU_SCALE * SELU_ALPHA)))];
    Silu "silu" [x] -> y => x * x.sigmoid(), d [{ let s = x.sigmoid(); s + y * (s.lit(1.0) - s) }];
    Mish "mish" [x] -> y => x * x.softplus().tanh(),
        d [{ let t = x.softplus().tanh(); t + x * ((t.lit(1.0) - t * t) * x.sigmoid()) }];
    Gelu "gelu" [x] -> y => x * normal_cdf(x),
        d [normal_cdf(x) + x * (x.lit(DENSITY) * (x.lit(-0.5) * x * x).exp())];
    GeluTanh "gelu_tanh" [x] -> y => {
        let t = (x.lit(GELU_SCALE) * (x + x.lit(GELU_CUBIC) * x * x * x)).tanh();
        x.lit(0.5) * x * (x.lit(1.0) + t)
    }, d [{
        let t = (x.lit(GELU_SCALE) * (x + x.lit(GELU_CUBIC) * x * x * x)).tanh();
        let inner = x.lit(GELU_SCALE) + x.lit(3.0 * GELU_SCALE * GELU_CUBIC) * x * x;
        x.lit(0.5) * (x.lit(1.0) + t) + x.lit(0.5) * x * (x.lit(1.0) - t * t) * inner
    }];
    Powf { p: f64 } "powf" [x] -> y => x.pow(x.lit(p)),
        d [if p == 0.0 { x.lit(0.0) } else { x.lit(p) * x.pow(x.lit(p - 1.0)) }];
    Clamp { min: f64, max: f64 } "clamp" [x] -> y => {
        let (low, high) = (x.lit(min), x.lit(max));
        let raised = A::select(x.lt(low), low, x);
        A::select(high.lt(raised), high, raised)
    }, vjp(g) [A::select(x.lt(x.lit(min)), g.lit(0.0), A::select(x.lit(max).lt(x), g.lit(0.0), g))];
    Shift { by: f64 } "add_scalar" [x] -> y => x + x.lit(by), vjp(g) [g];
    ShiftFrom { from: f64 } "scalar_sub" [x] -> y => x.lit(from) - x, vjp(g) [-g];
    Scale { factor: f64 } "mul_scalar" [x] -> y => x * x.lit(factor), d [x.lit(factor)];
    Divide { by: f64 } "div_scalar" [x] -> y => x / x.lit(by), d [x.lit(1.0) / x.lit(by)];
    DivideInto { over: f64 } "scalar_div" [x] -> y => x.lit(over) / x, d [-(y / x)];
}

/// Φ(x), the distribution function of N(0, 1).
#[inline(always)]
fn normal_cdf<A: Scalar>(x: A) -> A {
    x.lit(0.5) * (x.lit(1.0) + (x * x.lit(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $(($($arg:ident: $Arg:ty),*))? => $rule:expr;)*) => {
        methods! {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self $($(, $arg: $Arg)*)?) -> Self {
                Array::rule($rule, [self])
            }
        )*}
    };
}

unary! {
    /// |x|; the gradient is sign(x), 0 at 0.
    abs => Abs;
    /// −1, 0 or 1; the gradient is 0.
    sign => Sign;
    /// eˣ; the gradient is eˣ.
    exp => Exp;
    /// eˣ − 1, exact near 0; the gradient is eˣ.
    expm1 => Expm1;
    /// The natural logarithm; the gradient is 1/x.
    ln => Ln;
    /// ln(1 + x), exact near 0; the gradient is 1/(1 + x).
    log1p => Log1p;
    /// √x; the gradient is 1/(2√x), infinite at 0.
    sqrt => Sqrt;
    /// 1/√x; the gradient is −½·x^(−3/2).
    rsqrt => Rsqrt;
    /// 1/x; the gradient is −1/x².
    recip => Recip;
    /// x²; the gradient is 2x.
    square => Square;
    /// The sine; the gradient is cos x.
    sin => Sin;
    /// The cosine; the gradient is −sin x.
    cos => Cos;
    /// The tangent; the gradient is 1 + tan² x.
    tan => Tan;
    /// The angle between −π/2 and π/2 whose sine is x, NaN beyond ±1; the gradient is 1/√(1 − x²), infinite at ±1.
    asin => Asin;
    /// The angle between 0 and π whose cosine is x, NaN beyond ±1; the gradient is −1/√(1 − x²), infinite at ±1.
    acos => Acos;
    /// The angle between −π/2 and π/2 whose tangent is x; the gradient is 1/(1 + x²).
    atan => Atan;
    /// The hyperbolic sine; the gradient is cosh x.
    sinh => Sinh;
    /// The hyperbolic cosine; the gradient is sinh x.
    cosh => Cosh;
    /// The number whose hyperbolic sine is x; the gradient is 1/√(x² + 1).
    asinh => Asinh;
    /// The number from 0 on whose hyperbolic cosine is x, NaN below 1; the gradient is 1/√(x² − 1), infinite at 1.
    acosh => Acosh;
    /// The number whose hyperbolic tangent is x, infinite at ±1 and NaN beyond; the gradient is 1/(1 − x²).
    atanh => Atanh;
    /// The largest integer that is at most x; the gradient is 0.
    floor => Floor;
    /// The smallest integer that is at least x; the gradient is 0.
    ceil => Ceil;
    /// The integer part of x, rounded towards 0; the gradient is 0.
    trunc => Trunc;
    /// The nearest integer, of two the even one; the gradient is 0.
    round => Round;
    /// The hyperbolic tangent; the gradient is 1 − tanh² x.
    tanh => Tanh;
    /// The logistic function σ(x) = 1/(1 + e⁻ˣ); the gradient is σ(x)·(1 − σ(x)).
    sigmoid => Sigmoid;
    /// ln σ(x), stable; the gradient is σ(−x).
    log_sigmoid => LogSigmoid;
    /// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|); the gradient is σ(x).
    softplus => Softplus;
    /// The error function; the gradient is 2/√π·e^(−x²).
    erf => Erf;
    /// max(x, 0); the gradient is 1 for x > 0, else 0.
    relu => Relu;
    /// x for x > 0, else slope·x; the gradient is 1 or slope.
    leaky_relu(slope: f64) => LeakyRelu { slope };
    /// x for x > 0, else α·(eˣ − 1); the gradient is 1 or α·eˣ.
    elu(alpha: f64) => Elu { alpha };
    /// The self-normalising λ·elu(x, α) with λ ≈ 1.0507 and α ≈ 1.6733 (Klambauer et al., 2017).
    selu => Selu;
    /// x·σ(x), also called swish; the gradient is σ(x) + x·σ(x)·(1 − σ(x)).
    silu => Silu;
    /// x·tanh(ln(1 + eˣ)) (Misra, 2019); the gradient is t + x·(1 − t²)·σ(x), where t is the tanh.
    mish => Mish;
    /// x·Φ(x) with the normal distribution function Φ; the gradient is Φ(x) + x·φ(x).
    gelu => Gelu;
    /// [`gelu`](Self::gelu) by its approximation with tanh: ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
    gelu_tanh => GeluTanh;
    /// xⁿ for an integer n; the gradient is n·xⁿ⁻¹, and 0 for n = 0.
    powi(n: i32) => Powi { n };
    /// xᵖ for a constant p; the gradient is p·xᵖ⁻¹, and 0 for p = 0.
    powf(p: f64) => Powf { p };
    /// x held between two bounds, of which the upper one wins where they cross; the gradient is 1 inside and at the
    /// bounds, else 0. NaN stays.
    clamp(min: f64, max: f64) => Clamp { min, max };
    /// √x with gradient 0 at 0: the last step of a norm.
    norm_root => NormRoot;
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $try_name:ident $rule:expr;)*) => {
        methods! {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, other: impl Borrow<Self>) -> Self {
                unwrap(self.$try_name(other))
            }

            #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), "), returning the error.")]
            #[track_caller]
            pub fn $try_name(&self, other: impl Borrow<Self>) -> Result<Self> {
                Array::try_apply(Map($rule), &[self, other.borrow()])
            }
        )*}
    };
}

binary! {
    /// a + b, with broadcasting; the gradients are g and g.
    add try_add Add;
    /// a − b, with broadcasting; the gradients are g and −g.
    sub try_sub Sub;
    /// a·b, elementwise with broadcasting; the gradients are g·b and g·a.
    mul try_mul Mul;
    /// a/b, elementwise with broadcasting; the gradients are g/b and −g·a/b².
    div try_div Div;
    /// aᵇ, elementwise with broadcasting; the gradients are g·b·aᵇ⁻¹ (0 for b = 0) and g·aᵇ·ln a (0 for a = 0 ≤ b).
    pow try_pow Pow;
    /// The angle of the point (b, a), between −π and π, with the signs of zeros and infinities that C gives; the gradients
    /// are g·b/(a² + b²) and −g·a/(a² + b²), and 0 at the origin.
    atan2 try_atan2 Atan2;
    /// √(a² + b²), which overflows only where the result does; the gradients are g·a/y and g·b/y, and 0 at the origin.
    hypot try_hypot Hypot;
    /// The larger of a and b, NaN if either is; the gradient goes to the larger, and half to each at a tie.
    maximum try_maximum Maximum;
    /// The smaller of a and b, NaN if either is; the gradient goes to the smaller, and half to each at a tie.
    minimum try_minimum Minimum;
}

methods! {
    /// `self` where the mask holds, else `other`, with broadcasting. The gradient goes to the branch taken, and what the
    /// other one holds, NaN included, has no effect on it.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn select(&self, mask: &Tensor<bool>, other: impl Borrow<Self>) -> Self {
        unwrap(self.try_select(mask, other))
    }

    /// [`select`](Self::select), returning the error.
    #[track_caller]
    pub fn try_select(&self, mask: &Tensor<bool>, other: impl Borrow<Self>) -> Result<Self> {
        let mask = self.constant(mask.map_elements(|yes| if yes { T::ONE } else { T::ZERO }));
        Array::try_apply(Map(Select), &[&mask, self, other.borrow()])
    }
}

impl<T: Float> Var<'_, T> {
    /// Where `self < other`, with broadcasting; a mask, through which no gradient flows.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn lt(&self, other: impl Borrow<Self>) -> Tensor<bool> {
        self.value().lt(&other.borrow().value())
    }

    /// Where `self ≤ other`, with broadcasting.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn le(&self, other: impl Borrow<Self>) -> Tensor<bool> {
        self.value().le(&other.borrow().value())
    }

    /// Where `self > other`, with broadcasting.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn gt(&self, other: impl Borrow<Self>) -> Tensor<bool> {
        self.value().gt(&other.borrow().value())
    }

    /// Where `self ≥ other`, with broadcasting.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn ge(&self, other: impl Borrow<Self>) -> Tensor<bool> {
        self.value().ge(&other.borrow().value())
    }
}
