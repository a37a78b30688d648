//! Derivatives of functions, against closed forms, and nested.

use tensor::transform::{self, nested};
use tensor::{Tape, Tensor, Var, rng};

fn close(got: &Tensor<f64>, expected: &Tensor<f64>, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape());
    for (got, expected) in got.to_vec().into_iter().zip(expected.to_vec()) {
        assert!((got - expected).abs() <= tolerance * expected.abs().max(1.0), "{got} instead of {expected}");
    }
}

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, &mut rng(seed, 0))
}

/// Something smooth of two inputs with four results.
fn f<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
    (x[0].matmul(x[1]).tanh() * x[1].sum(0)).exp().flatten()
}

fn inputs() -> [Tensor<f64>; 2] {
    [randn(&[2, 3], 1) * 0.5, randn(&[3, 2], 2) * 0.5]
}

/// ∂f/∂xₖ by central differences, as rows of a matrix.
fn numeric(x: &[Tensor<f64>; 2], k: usize) -> Tensor<f64> {
    let at = |j: usize, by: f64| {
        let mut x = x.clone();
        x[k].as_mut_slice()[j] += by;
        let tape = Tape::inference();
        f(&x.map(|x| tape.constant(x))).value()
    };
    let h = 1e-5;
    let columns: Vec<_> = (0..x[k].numel()).map(|j| (at(j, h) - at(j, -h)) / (2.0 * h)).collect();
    Tensor::stack(&columns, 1)
}

#[test]
fn jacobians_products_and_directions_agree() {
    let x = inputs();
    let jacobian = transform::jacobian(f, &x);
    for (k, jacobian) in jacobian.iter().enumerate() {
        let mut shape = vec![4];
        shape.extend_from_slice(x[k].shape());
        close(jacobian, &numeric(&x, k).reshape(shape), 1e-8);
    }
    let v = randn(&[4], 3);
    let (y, pulled) = transform::vjp(f, &x, &v);
    for (pulled, jacobian) in pulled.iter().zip(&jacobian) {
        let rows = jacobian.reshape([4, 6]);
        close(&pulled.flatten(), &v.matmul(&rows), 1e-13);
    }
    let u = [randn(&[2, 3], 4), randn(&[3, 2], 5)];
    let (same, pushed) = transform::jvp(f, &x, &u);
    assert_eq!(y, same);
    let expected = (0..2).map(|k| jacobian[k].reshape([4, 6]).matmul(u[k].flatten()));
    close(&pushed, &expected.reduce(|a, b| a + b).unwrap(), 1e-13);
}

fn wide_sine(x: Var<'_, f64>) -> Var<'_, f64> {
    x.unsqueeze(1).broadcast_to([2, 3]).powi(2).sin().unsqueeze(0)
}

#[test]
fn a_jacobian_with_fewer_columns_than_rows() {
    let x = randn(&[2], 6);
    let jacobian = &transform::jacobian(|x| wide_sine(x[0]), std::slice::from_ref(&x))[0];
    let expected = Tensor::from_fn([1, 2, 3, 2], |i| {
        let x = x[[i[1]]];
        if i[1] == i[3] { 2.0 * x * (x * x).cos() } else { 0.0 }
    });
    close(jacobian, &expected, 1e-14);
}

#[test]
fn jacobians_of_nothing_and_of_constants() {
    let zeros = transform::jacobian(|x| x[0].narrow(0, 0, 0), &[randn(&[3], 1)]);
    assert_eq!(zeros[0].shape().to_string(), "[0, 3]");
    let constant = transform::jacobian(|x| x[0].tape().constant(Tensor::from([1.0, 2.0])), &[randn(&[3], 1)]);
    assert_eq!(constant[0], Tensor::zeros([2, 3]));
    let of_nothing = transform::jacobian(|x| x[0].sum_keepdim(..), &[Tensor::<f64>::zeros([0])]);
    assert_eq!(of_nothing[0].shape().to_string(), "[1, 0]");
}

#[test]
fn the_hessian_of_a_quadratic_is_its_matrix() {
    let a = randn(&[5, 5], 7);
    let quadratic =
        transform::hessian(|v| 0.5 * v[0].matmul(v[0].tape().constant(a.clone())).matmul(v[0]), &[randn(&[5], 8)]);
    let hessian = &quadratic[0][0];
    close(hessian, &((&a + a.t()) * 0.5), 1e-14);
    close(hessian, &hessian.t(), 1e-12);
}

/// Σ ln(1 + e^(−yᵢ·xᵢ·w)) + ½‖w‖² has the Hessian Xᵀ·diag(σ(z)·(1 − σ(z)))·X + I.
#[test]
fn the_hessian_of_logistic_regression() {
    let (x, w) = (randn(&[20, 4], 9), randn(&[4], 10));
    let labels = randn(&[20], 11).sign();
    let hessian = transform::hessian(
        |v| {
            let tape = v[0].tape();
            let (x, y) = (tape.constant(x.clone()), tape.constant(labels.clone()));
            (-(y * x.matmul(v[0]))).softplus().sum(..) + 0.5 * v[0].square().sum(..)
        },
        std::slice::from_ref(&w),
    );
    let hessian = &hessian[0][0];
    let s = (&labels * x.matmul(&w)).sigmoid();
    let weights = &s * (1.0 - &s);
    let expected = x.t().matmul(weights.unsqueeze(1) * &x) + Tensor::from_fn([4, 4], |i| f64::from(i[0] == i[1]));
    close(hessian, &expected, 1e-13);
    close(hessian, &hessian.t(), 1e-12);
}

fn rosenbrock<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    let (x, y) = (v[0].narrow(0, 0, 4), v[0].narrow(0, 1, 4));
    (100.0 * (y - x.square()).square() + (1.0 - x).square()).sum(..)
}

#[test]
fn the_hessian_of_rosenbrocks_function() {
    let at = randn(&[5], 12);
    let hessian = &transform::hessian(rosenbrock, std::slice::from_ref(&at))[0][0];
    let x = at.to_vec();
    let expected = Tensor::from_fn([5, 5], |i| {
        let (i, j) = (i[0].min(i[1]), i[0].max(i[1]));
        let from_left = if i > 0 { 200.0 } else { 0.0 };
        match j - i {
            0 if i < 4 => from_left + 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0,
            0 => from_left,
            1 => -400.0 * x[i],
            _ => 0.0,
        }
    });
    close(hessian, &expected, 1e-13);
    close(hessian, &hessian.t(), 1e-12);
    let v = randn(&[5], 13);
    let (gradient, product) = transform::hvp(rosenbrock, std::slice::from_ref(&at), std::slice::from_ref(&v));
    close(&product[0], &expected.matmul(&v), 1e-12);
    close(&gradient[0], &transform::grad(rosenbrock, &[at])[0], 1e-14);
}

fn cost<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    f(v).square().sum(..)
}

#[test]
fn the_blocks_of_a_hessian_are_each_others_transposes() {
    let x = inputs();
    let hessian = transform::hessian(cost, &x);
    let block = |a: usize, b: usize| hessian[a][b].reshape([6, 6]);
    for (a, b) in [(0, 0), (0, 1), (1, 1)] {
        close(&block(a, b), &block(b, a).t(), 1e-12);
    }
}

#[test]
fn value_and_auxiliary_results() {
    let (value, grads) = transform::value_and_grad(|x| (x[0] * x[1]).sum(..), &[randn(&[3], 1), randn(&[3], 2)]);
    assert_eq!(value, (randn(&[3], 1) * randn(&[3], 2)).sum(..).item());
    assert_eq!(grads, [randn(&[3], 2), randn(&[3], 1)]);
    let (_, norm, _) = transform::value_and_grad_with(|x| (x[0].sum(..), x[0].norm(..).item()), &[randn(&[3], 1)]);
    assert_eq!(norm, randn(&[3], 1).norm(..).item());
}

/// What the closure captures is constant to the inner derivative, and not to the outer one.
#[test]
fn derivatives_nest_without_confusion() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from(3.0f64));
    // d/dx [x · d/dy (x + y)] = d/dx [x · 1] = 1
    let outer = nested::grad(|x| x[0] * nested::grad(|y| x[0] + y[0], &[x[0]])[0], &[x]);
    assert_eq!(outer[0].item(), 1.0);
    // Four levels of x⁵.
    let fourth =
        nested::grad(|x| nested::grad(|x| nested::grad(|x| nested::grad(|x| x[0].powi(5), x)[0], x)[0], x)[0], &[x]);
    assert_eq!(fourth[0].item(), 120.0 * 3.0);
    // And a constant can be differentiated by.
    let by_constant = nested::grad(|x| x[0].square(), &[tape.constant(Tensor::from(2.0))]);
    assert_eq!(by_constant[0].item(), 4.0);
}

#[test]
fn nested_transforms_agree_with_those_of_tensors() {
    let x = inputs();
    let tape = Tape::new();
    let v: Vec<_> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let u = [randn(&[2, 3], 4), randn(&[3, 2], 5)];
    let uv: Vec<_> = u.iter().map(|u| tape.constant(u.clone())).collect();
    let same = |nested: &[Var<'_, f64>], plain: &[Tensor<f64>]| {
        nested.iter().zip(plain).for_each(|(nested, plain)| close(&nested.value(), plain, 1e-13));
    };
    same(&nested::grad(cost, &v), &transform::grad(cost, &x));
    same(&nested::jacobian(f, &v), &transform::jacobian(f, &x));
    same(&[nested::jvp(f, &v, &uv).1], &[transform::jvp(f, &x, &u).1]);
    same(&nested::hvp(cost, &v, &uv).1, &transform::hvp(cost, &x, &u).1);
    let weights = randn(&[4], 3);
    same(&nested::vjp(f, &v, tape.constant(weights.clone())).1, &transform::vjp(f, &x, &weights).1);
    let (hessian, plain) = (nested::hessian(cost, &v), transform::hessian(cost, &x));
    hessian.iter().zip(&plain).for_each(|(nested, plain)| same(nested, plain));
    // A Jacobian is recorded: its own gradient is the Hessian's.
    let trace = nested::grad(|v| nested::grad(cost, v)[0].sum(..), &v);
    close(&trace[0].value().flatten(), &plain[0][0].reshape([6, 6]).sum(0), 1e-12);
}

/// A gradient penalty (Gulrajani et al., 2017): the gradient of (‖∇ₓf‖ − 1)² towards the weights, against differences.
#[test]
fn a_gradient_penalty_is_differentiated() {
    tensor::gradcheck(
        |v| {
            let slope = nested::grad(|x| x[0].matmul(v[1]).tanh().sum(..), &v[..1])[0];
            (slope.norm(1) - 1.0).square().mean(..)
        },
        &inputs(),
    )
    .unwrap();
}

#[test]
#[should_panic(expected = "jvp: expected a direction of shape [2, 3] for input 0, got shape [3, 2]")]
fn a_direction_of_another_shape() {
    let [a, b] = inputs();
    transform::jvp(f, &[a.clone(), b.clone()], &[b, a]);
}

#[test]
#[should_panic(expected = "hvp: expected a direction for each of 2 inputs, at least one, got 1")]
fn a_missing_direction() {
    let [a, b] = inputs();
    transform::hvp(|v| f(v).sum(..), &[a.clone(), b], &[a]);
}

#[test]
#[should_panic(expected = "expected a cost of one element")]
fn a_hessian_needs_a_number() {
    transform::hessian(f, &inputs());
}
