//! Third derivatives: the gradient of a recorded gradient, as a function that is checked at order 2 itself.

use tensor::Var;

use crate::ops::cases::{Case, any, case, check_all, positive};

/// The case of the gradient of Σ f towards the first input.
fn slope(
    name: &str,
    inputs: Vec<tensor::Tensor<f64>>,
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'static,
) -> Case {
    case(name, inputs, move |x| x[0].tape().grad(f(x).sum(..), &x[..1])[0])
}

#[test]
fn third_derivatives() {
    check_all(&[
        slope("exp·sin", vec![any([2, 3])], |x| x[0].exp() * x[0].sin()),
        slope("tanh", vec![any([2, 3])], |x| x[0].tanh()),
        slope("gelu", vec![any([2, 3])], |x| x[0].gelu()),
        slope("div", vec![positive([2, 3]), positive([3])], |x| x[1] / x[0]),
        slope("pow", vec![positive([2, 3]), any([3])], |x| x[0].pow(x[1])),
        slope("softmax", vec![any([2, 3])], |x| x[0].softmax(1).square()),
        slope("log_softmax", vec![any([2, 3])], |x| x[0].log_softmax(0).square()),
        slope("logsumexp", vec![any([2, 3])], |x| x[0].logsumexp(1)),
        slope("norm", vec![positive([2, 3])], |x| x[0].norm(1)),
        slope("prod", vec![any([5])], |x| x[0].prod(..)),
        slope("attention", vec![any([2, 2]), any([3, 2]), any([3, 2])], |x| x[0].attention(x[1], x[2], None, true)),
        slope("einsum", vec![any([2, 2]), any([2, 2])], |x| {
            tensor::Var::einsum("ij,jk,ki->j", &[x[0], x[1], x[0]]).exp()
        }),
        slope("atan2", vec![positive([2, 3]), positive([3])], |x| x[0].atan2(x[1])),
        slope("hypot", vec![positive([2, 3]), positive([3])], |x| x[0].hypot(x[1])),
        slope("mish", vec![any([2, 3])], |x| x[0].mish()),
        slope("matmul", vec![any([2, 2])], |x| x[0].matmul(x[0]).matmul(x[0])),
        slope("linear", vec![any([2, 2]), any([3, 2]), any([3])], |x| x[0].linear(x[1], Some(x[2])).tanh()),
    ]);
}

#[test]
fn the_fifth_derivative_of_a_power_is_its_factorial() {
    let tape = tensor::Tape::new();
    let x = tape.leaf(any([3]));
    let mut y = x.powi(5);
    for _ in 0..5 {
        y = tape.grad(y.sum(..), &[x])[0];
    }
    assert_eq!(y.value(), tensor::Tensor::full([3], 120.0));
}
