//! Rules that are wrong on purpose: `gradcheck` must find each of them, and say which law it breaks.

use std::cell::Cell;

use tensor::{
    Adjoints, Array, Elementwise, Gradcheck, GradcheckError, Grads, Op, Result, Scalar, Tensor, Var, gradcheck,
};

fn inputs() -> [Tensor<f64>; 2] {
    [Tensor::from([0.5, -1.2, 0.8]), Tensor::from([1.5, 0.4, -0.9])]
}

/// The error of checking `f`, as text.
fn error(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>) -> GradcheckError {
    gradcheck(f, &inputs()).expect_err("the rule is wrong")
}

/// The name of the law that a check finds broken, and the order at which it does.
fn law(error: GradcheckError) -> (usize, &'static str) {
    match error {
        GradcheckError::Law { order, law, .. } => (order, law),
        other => panic!("expected a broken law, got: {other}"),
    }
}

/// The order and the input of a gradient that differs from the numerical one.
fn numeric(error: GradcheckError) -> (usize, usize) {
    match error {
        GradcheckError::Numeric { order, input, .. } => (order, input),
        other => panic!("expected a numerical difference, got: {other}"),
    }
}

/// a·sin(b), with derivatives that are multiplied with the given factors.
#[derive(Clone, Copy)]
struct Factors(f64, f64);

impl Elementwise<2> for Factors {
    const NAME: &'static str = "factors";
    fn eval<A: Scalar>(self, [a, b]: [A; 2]) -> A {
        a * b.sin()
    }
    fn partials<A: Scalar>(self, [a, b]: [A; 2], _y: A) -> [A; 2] {
        [a.lit(self.0) * b.sin(), a.lit(self.1) * (a * b.cos())]
    }
}

#[test]
fn a_right_rule_passes() {
    gradcheck(|x| Var::map(Factors(1.0, 1.0), [x[0], x[1]]), &inputs()).expect("the rule is right");
}

#[test]
fn a_flipped_sign() {
    assert_eq!(numeric(error(|x| Var::map(Factors(-1.0, 1.0), [x[0], x[1]]))), (1, 0));
    assert_eq!(numeric(error(|x| Var::map(Factors(1.0, -1.0), [x[0], x[1]]))), (1, 1));
}

#[test]
fn a_factor_however_close_to_one() {
    for factor in [0.5, 2.0, 1.00001] {
        assert_eq!(numeric(error(|x| Var::map(Factors(factor, 1.0), [x[0], x[1]]))), (1, 0));
    }
}

#[test]
fn a_missing_term() {
    assert_eq!(numeric(error(|x| Var::map(Factors(1.0, 0.0), [x[0], x[1]]))), (1, 1));
}

#[test]
fn the_message_names_the_place_and_both_values() {
    let message = error(|x| Var::map(Factors(1.0, 0.0), [x[0], x[1]])).to_string();
    assert!(
        message.starts_with("order 1: input 1, element 0: the gradient is 0, numerical differentiation gives "),
        "{message}"
    );
}

/// x², with a gradient by the given formula of (g, x).
struct Square<F>(F);

/// How a broken gradient is computed; generic over the reading, as a rule is.
trait Formula: 'static {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A;
    /// Replaces the eager reading, where it is another one.
    fn eager(&self, _g: &Tensor<f64>, _x: &Tensor<f64>) -> Option<Tensor<f64>> {
        None
    }
}

impl<F: Formula> Op<f64> for Square<F> {
    const NAME: &'static str = "square of its own";
    fn forward(&self, x: &[&Tensor<f64>]) -> Result<Tensor<f64>> {
        Ok(x[0].square())
    }
    fn vjp<A: Array<f64>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        [Some(self.0.vjp(g, x[0]))].into_iter().collect()
    }
    fn backward(&self, g: Tensor<f64>, x: &[&Tensor<f64>], _y: &Tensor<f64>, into: &mut Adjoints<'_, f64>) {
        let grad = self.0.eager(&g, x[0]).unwrap_or_else(|| self.0.vjp(g, x[0]));
        into.add(0, grad);
    }
}

/// The derivative as a number that does not depend on x: right once, wrong when differentiated again.
struct Detached;
impl Formula for Detached {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        g.mul(&x.constant(x.value() * 2.0))
    }
}

#[test]
fn a_wrong_second_order() {
    assert_eq!(numeric(error(|x| Var::apply(Square(Detached), &x[..1]))), (2, 0));
    let first = Gradcheck::first_order().check(|x| Var::apply(Square(Detached), &x[..1]), &inputs());
    first.expect("the first order is right");
}

/// The incoming gradient as a number: the recorded gradient cannot be differentiated towards it.
struct DetachedGradient;
impl Formula for DetachedGradient {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        x.scale(2.0).mul(&g.constant(g.value()))
    }
}

#[test]
fn a_gradient_without_its_adjoint() {
    assert_eq!(law(error(|x| Var::apply(Square(DetachedGradient), &x[..1]))), (1, "jvp is adjoint to vjp"));
}

/// A fast path that is off by one part in a billion.
struct OtherEager;
impl Formula for OtherEager {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        g.mul(&x.scale(2.0))
    }
    fn eager(&self, g: &Tensor<f64>, x: &Tensor<f64>) -> Option<Tensor<f64>> {
        Some(g * x * (2.0 + 1e-9))
    }
}

#[test]
fn an_eager_gradient_that_is_not_the_recorded_one() {
    assert_eq!(law(error(|x| Var::apply(Square(OtherEager), &x[..1]))), (1, "eager equals recorded"));
}

/// A gradient that changes from call to call.
struct Drifting;
impl Formula for Drifting {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        thread_local!(static CALLS: Cell<f64> = const { Cell::new(0.0) });
        CALLS.set(CALLS.get() + 1.0);
        g.mul(&x.scale(2.0 + CALLS.get() * 1e-15))
    }
}

#[test]
fn a_gradient_that_is_not_deterministic() {
    assert_eq!(law(error(|x| Var::apply(Square(Drifting), &x[..1]))), (1, "twice gives the same bits"));
}

/// A gradient with a part that does not come from the incoming one.
struct Offset;
impl Formula for Offset {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        g.mul(&x.scale(2.0)).add(&x.scale(1e-6))
    }
}

#[test]
fn a_gradient_out_of_nothing() {
    assert_eq!(law(error(|x| Var::apply(Square(Offset), &x[..1]))), (1, "a zero incoming gradient gives zero"));
}

/// A gradient that grows with the square of the incoming one.
struct Nonlinear;
impl Formula for Nonlinear {
    fn vjp<A: Array<f64>>(&self, g: A, x: &A) -> A {
        g.mul(&g).mul(&x.scale(2.0))
    }
}

#[test]
fn a_gradient_that_is_not_linear() {
    assert_eq!(law(error(|x| Var::apply(Square(Nonlinear), &x[..1]))), (1, "linear in the incoming gradient"));
}

#[test]
fn gradients_that_are_not_finite() {
    let error = |f: for<'t> fn(Var<'t, f64>) -> Var<'t, f64>, x: f64| {
        gradcheck(|x| f(x[0]), &[Tensor::from([1.0, x])]).expect_err("not finite").to_string()
    };
    assert_eq!(error(|x| x.ln(), -1.0), "order 1: the function is not finite");
    assert_eq!(error(|x| x.sqrt(), 0.0), "order 1: the gradient of input 0 is not finite");
}

/// A function whose difference quotients are NaN beside a point where it is finite itself.
#[test]
fn a_domain_that_ends_at_the_point() {
    let error = gradcheck(|x| x[0].powf(2.5), &[Tensor::from([1e-4])]).expect_err("NaN for negative numbers");
    assert!(matches!(error, GradcheckError::Numeric { numeric, .. } if numeric.is_nan()), "{error}");
}

#[test]
fn a_large_input_is_checked_along_random_directions() {
    let large = Tensor::<f64>::full([300], 0.7);
    let report = gradcheck(|x| x[0].tanh(), std::slice::from_ref(&large)).expect("tanh is right");
    assert_eq!(report.compared, 2 * Gradcheck::default().coordinates);
    let wrong = gradcheck(|x| Var::map(Factors(1.0001, 1.0), [x[0], x[0]]), &[large]).expect_err("the rule is wrong");
    assert!(wrong.to_string().starts_with("order 1: input 0, random direction 0: "), "{wrong}");
}
