//! Parameters among the inputs: what `backward` lets go of, and what stays.

use tensor::{Param, Tape, Tensor};

use super::{COLS, SHAPE, near, panic_of, random, same};

#[test]
fn values_stay_when_parameters_are_let_go() {
    let (x0, w0, b0): (Tensor<f64>, Tensor<f64>, Tensor<f64>) = (random(SHAPE, 1), random(SHAPE, 2), random([COLS], 3));
    let (w, b) = (Param::new("w", w0.clone()), Param::new("b", b0.clone()));
    let tape = Tape::new();
    let x = tape.leaf(x0.clone());
    let (w_var, b_var) = (tape.param(&w), tape.param(&b));
    let view = tape.param(&w).t().t();
    let product = x * w_var;
    let sum = product + b_var;
    let cost = sum.tanh().square().mean(..);
    // Not a part of the cost, read by nobody, and of a view.
    let (aside, of_view) = (w_var.exp().sin(), view.cos() * 2.0);
    let grads = cost.backward();
    same(&product.value(), &(&x0 * &w0), "product");
    same(&sum.value(), &(&x0 * &w0 + &b0), "sum");
    same(&aside.value(), &w0.exp().sin(), "aside");
    same(&of_view.value(), &(w0.cos() * 2.0), "of a view");
    same(&cost.value(), &(&x0 * &w0 + &b0).tanh().square().mean(..), "cost");
    assert_eq!(grads.len(), 3);
    let let_go = |what: &str| format!("the value of {what} has been let go by `backward`");
    assert!(panic_of(|| drop(w_var.value())).starts_with(&let_go("parameter `w`")));
    assert!(panic_of(|| drop(view.value())).starts_with(&let_go("a view of a parameter")));
    let message = x.try_mul(w_var).unwrap_err().to_string();
    assert!(message.contains(&let_go("parameter `w`")), "{message}");
    let again = panic_of(|| drop(cost.backward()));
    assert!(again.starts_with("backward: an earlier `backward` let go of the parameters"), "{again}");
}

/// Updated in place: the optimizer finds the only reference, though arrays that depend on it are still deferred.
#[test]
fn parameters_are_updated_in_place() {
    let x0: Tensor<f32> = random(SHAPE, 4);
    let mut params =
        [Param::new("w", random::<f32>(SHAPE, 5)), Param::new("b", random([COLS], 6)), Param::new("c", 0.5)];
    let mut tape = Tape::new();
    for _ in 0..3 {
        let before = params.each_ref().map(|p| p.value().clone().to_vec());
        let at = params.each_ref().map(|p| p.value().as_slice().expect("flat").as_ptr());
        let x = tape.constant(x0.clone());
        let [w, b, c] = params.each_ref().map(|p| tape.param(p));
        let deep = ((x * w + b).tanh() * c).square();
        let grads = deep.mean(..).backward();
        for param in &mut params {
            let grad = grads.wrt(&*param).clone();
            let value = param.value_mut().as_mut_slice();
            value.iter_mut().zip(grad.to_vec()).for_each(|(w, g)| *w -= 100.0 * g);
        }
        let now = params.each_ref().map(|p| p.value().as_slice().expect("flat").as_ptr());
        assert_eq!(now[..2], at[..2], "the buffers that stay where they are");
        // The results are those of the parameters as they were.
        let [w, b, c] = [&SHAPE[..], &[COLS], &[]].map(|shape| shape.to_vec());
        let [w0, b0, c0] =
            [(0, w), (1, b), (2, c)].map(|(i, shape)| Tensor::from_slice(&before[i], shape).expect("whole"));
        same(&deep.value(), &((&x0 * &w0 + &b0).tanh() * &c0).square(), "before the update");
        tape.reset();
    }
}

/// `backward_retain` lets go of nothing: an update copies, and what is still deferred reads the old numbers.
#[test]
fn an_update_leaves_retained_results_alone() {
    let w0: Tensor<f64> = random(SHAPE, 7);
    let mut w = Param::new("w", w0.clone());
    let tape = Tape::new();
    let y = tape.param(&w).sin();
    let cost = y.square().sum(..);
    let first = cost.backward_retain();
    w.value_mut().as_mut_slice().fill(3.0);
    same(&y.value(), &w0.sin(), "the result");
    same(cost.backward_retain().wrt(&w), first.wrt(&w), "the gradient");
    same(&cost.value(), &w0.sin().square().sum(..), "the cost");
    near(first.wrt(&w), &(2.0 * w0.sin() * w0.cos()), 1e-15, "the slope");
}

/// The same for tensors that the user goes on to change.
#[test]
fn a_leaf_changed_by_its_owner() {
    let mut x0: Tensor<f64> = random(SHAPE, 8);
    let want = x0.exp();
    let tape = Tape::new();
    let y = tape.leaf(x0.clone()).exp();
    x0.as_mut_slice().fill(0.0);
    same(&y.value(), &want, "the result");
}
