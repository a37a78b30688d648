//! Ops of one's own: a fused elementwise function without a derivative, and an op over arrays with one.
//!
//! ```sh
//! cargo run --example custom_op
//! ```

use wengert::prelude::*;
use wengert::tensor::{Array, Elementwise, Float, Grads, Op, Result, Scalar, gradcheck};

/// A gated cell σ(x)·tanh(a·x + b): one pass over memory forward, one backward, and no derivative by hand.
#[derive(Clone, Copy)]
struct GatedCell;

impl Elementwise<3> for GatedCell {
    const NAME: &'static str = "gated_cell";

    #[inline(always)]
    fn eval<A: Scalar>(self, [x, a, b]: [A; 3]) -> A {
        x.sigmoid() * (a * x + b).tanh()
    }
}

/// xᵀ·A·x for each row x of `[n, d]` and A of `[d, d]`: shape `[n]`.
struct QuadraticForm;

impl<T: Float> Op<T> for QuadraticForm {
    const NAME: &'static str = "quadratic_form";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        x[0].try_matmul(x[1])?.try_mul(x[0])?.try_sum(1, false)
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        let gx = g.unsqueeze(1).mul(x[0]);
        [gx.matmul(&x[1].add(&x[1].t())), x[0].t().matmul(&gx)].map(Some).into_iter().collect()
    }
}

fn main() {
    let mut rng = rng(0, 0);
    let [x, a, b] = [[4, 3], [1, 3], [4, 1]].map(|shape| Tensor::<f64>::randn(shape, &mut rng));
    let report = gradcheck(|v| Var::map(GatedCell, [v[0], v[1], v[2]]), &[x.clone(), a, b]);
    report_on("gated_cell, an elementwise function of three inputs", report);

    let matrix = Tensor::randn([3, 3], &mut rng);
    let report = gradcheck(|v| Var::apply(QuadraticForm, &[v[0], v[1]]), &[x, matrix]);
    report_on("quadratic_form, an op over arrays", report);

    // Both are used like any other op.
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from([[1.0, 2.0], [0.0, -1.0]]));
    let matrix = tape.constant(Tensor::from([[2.0, 0.0], [0.0, 1.0]]));
    let y = Var::apply(QuadraticForm, &[x, matrix]);
    println!("xᵀ·A·x = {}, its gradient {}", y.value(), y.sum(..).backward().wrt(x));
}

fn report_on(what: &str, report: Result<wengert::tensor::Report, wengert::tensor::GradcheckError>) {
    let report = report.unwrap_or_else(|error| panic!("{what}: {error}"));
    println!(
        "{what}: {} numerical derivatives of first and second order agree to {:.0e}",
        report.compared, report.max_error
    );
}
