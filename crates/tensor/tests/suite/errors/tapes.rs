//! Tapes, gradients and parameters that are used where they cannot be.

use tensor::{Array, Grads, Op, Param, Result, Tape, Tensor, Var};

use crate::errors::panics;

#[test]
fn inputs_on_different_tapes() {
    let (one, other) = (Tape::<f64>::new(), Tape::new());
    let (a, b) = (one.leaf(1.0), other.leaf(2.0));
    panics("add: inputs are on different tapes; expected one", || drop((a + b).value()));
    panics("matmul: inputs are on different tapes; expected one", || {
        a.reshape([1, 1]).matmul(b.reshape([1, 1]));
    });
    panics("grad: variables are on another tape; expected all on this one", || drop(one.grad(a * a, &[b])));
    panics("grad: variables are on another tape; expected all on this one", || drop(other.grad(a * a, &[a])));
}

#[test]
fn backward_from_more_than_one_element() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from([1.0, 2.0]));
    let expected = "expected a cost of one element (reduce it with `mean(..)` or `sum(..)`), got shape [2]";
    panics(&format!("backward: {expected}"), || drop(x.square().backward()));
    panics(&format!("backward: {expected}"), || drop(x.square().backward_retain()));
    panics(&format!("grad: {expected}"), || drop(tape.grad(x.square(), &[x])));
    let nothing = tape.leaf(Tensor::zeros([0]));
    panics(&format!("backward: {}", expected.replace("[2]", "[0]")), || drop(nothing.exp().backward()));
    // One element is enough, whatever the rank.
    assert_eq!(x.sum_keepdim(0).unsqueeze(0).backward().wrt(x), &Tensor::ones([2]));
}

#[test]
fn incoming_gradients_of_another_shape() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from([1.0, 2.0]));
    let expected = "expected an incoming gradient of shape [2], got shape [1]";
    panics(&format!("backward: {expected}"), || drop(x.exp().vjp_retain(Tensor::ones([1]))));
    panics(&format!("vjp: {expected}"), || drop(tape.vjp(x.exp(), tape.constant(Tensor::ones([1])), &[x])));
}

#[test]
fn gradients_that_are_not_there() {
    let mut tape = Tape::<f64>::new();
    let (x, unused) = (tape.leaf(1.0), tape.leaf(Tensor::ones([2, 3])));
    let c = tape.constant(2.0);
    let param = Param::new("weight", Tensor::ones([4]));
    let grads = (x * c).backward();
    let missing = |what: &str| {
        format!(
            "no gradient for {what}: the cost does not depend on it, or it is not a leaf of the tape that the cost was \
             recorded on"
        )
    };
    panics(&missing("this variable of shape [2, 3]"), || drop(grads.wrt(unused).clone()));
    panics(&missing("this variable of shape []"), || drop(grads.wrt(c).clone()));
    panics(&missing("parameter `weight` of shape [4]"), || drop(grads.wrt(&param).clone()));
    assert!(grads.get(unused).is_none() && grads.get(&param).is_none());
    let message = "grad: variable 1 is a constant, which no gradient reaches; make it a `leaf`";
    panics(message, || drop(tape.grad(x * c, &[x, c])));
    // What the cost does not depend on has a recorded gradient of zeros.
    assert_eq!(tape.grad(x * c, &[unused])[0].value(), Tensor::zeros([2, 3]));

    // A variable of another tape, or of an earlier life of this one, at the same position.
    let other = Tape::<f64>::new();
    assert!(grads.get(other.leaf(1.0)).is_none());
    tape.reset();
    assert!(grads.get(tape.leaf(1.0)).is_none());
}

#[test]
fn a_parameter_that_backward_has_let_go_of() {
    let param = Param::new("weight", Tensor::<f64>::ones([2, 3]));
    let tape = Tape::new();
    let w = tape.param(&param);
    let view = w.t();
    let cost = (view * 2.0).sum(..);
    cost.backward_retain();
    cost.backward();
    let gone = |what: &str| {
        format!("the value of {what} has been let go by `backward`; use `backward_retain` to go on using the tape")
    };
    let weight = gone("parameter `weight`");
    panics(&weight, || drop(w.value()));
    panics(&gone("a view of a parameter"), || drop(view.value()));
    panics(&format!("neg: {weight}"), || drop((-w).value()));
    panics(&format!("mul_scalar: {weight}"), || drop((w * 2.0).value()));
    panics(&format!("scalar_sub: {weight}"), || drop((1.0 - w).value()));
    panics(&format!("tanh: {weight}"), || drop(w.tanh().value()));
    panics(&format!("add: {weight}"), || drop((w + w).value()));
    panics(&format!("reshape: {weight}"), || drop(w.flatten().value()));
    panics(&format!("sum: {weight}"), || drop(w.sum(0).value()));
    panics(&format!("softmax: {weight}"), || drop(w.softmax(0).value()));
    let message =
        "backward: an earlier `backward` let go of the parameters; use `backward_retain` for all but the last";
    panics(message, || drop(cost.backward()));
    // Shapes, and values that are not the parameter's, stay.
    assert_eq!((w.shape().to_vec(), cost.item()), (vec![2, 3], 12.0));
}

#[test]
fn backward_twice_without_parameters_gives_the_same() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(3.0);
    let y = x * x;
    assert_eq!(y.backward().wrt(x), y.backward().wrt(x));
}

/// The identity, with a gradient of a shape that has nothing to do with the input's.
struct Misshapen;

impl Op<f64> for Misshapen {
    const NAME: &'static str = "misshapen";
    fn forward(&self, x: &[&Tensor<f64>]) -> Result<Tensor<f64>> {
        Ok(x[0].clone())
    }
    fn vjp<A: Array<f64>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        [Some(g.reshape([6]))].into_iter().collect()
    }
}

#[test]
fn an_op_whose_gradient_has_the_wrong_shape() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::ones([2, 3]));
    let y = Var::apply(Misshapen, &[x]).sum(..);
    let eager = crate::errors::panic_of(|| drop(y.backward_retain()));
    assert_eq!(eager.message, "backward: expected a gradient of the input's shape [2, 3], got shape [6]");
    let recorded = crate::errors::panic_of(|| drop(tape.grad(y, &[x])));
    assert_eq!(recorded.message, "sum_to: shapes [2, 3] and [6] do not broadcast");
}

#[test]
fn an_op_without_inputs() {
    let none: [Var<'_, f64>; 0] = [];
    panics("misshapen: expected at least one input, got none", || drop(Var::apply(Misshapen, &none).value()));
}
