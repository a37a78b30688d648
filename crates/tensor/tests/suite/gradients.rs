//! Gradients that are kept as their factors until somebody asks: nobody can tell by their values.

use tensor::{Float, Gradient, Gradients, Param, Scalar, Tape, Tensor, Update, Var, rng};

/// p ← p − ½g, and the state counts what has been descended.
#[derive(Clone, Copy)]
struct Descend;

impl Update<1> for Descend {
    #[inline(always)]
    fn update<A: Scalar>(self, p: A, g: A, [sum]: [A; 1]) -> (A, [A; 1]) {
        (p - p.lit(0.5) * g, [sum + g])
    }
}

/// A dense layer and a batch for it.
struct Layer<T: Float> {
    weight: Param<T>,
    x: Tensor<T>,
}

impl<T: Float> Layer<T> {
    fn new([rows, inputs, outputs]: [usize; 3]) -> Layer<T> {
        let mut rng = rng(7, 1);
        let weight = Param::new("weight", Tensor::randn([outputs, inputs], &mut rng));
        Layer { weight, x: Tensor::randn([rows, inputs], &mut rng) }
    }

    fn cost<'t>(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(self.x.clone()).linear(tape.param(&self.weight), None).tanh().square().sum(..)
    }

    fn gradients(&self) -> Gradients<T> {
        self.cost(&Tape::new()).backward()
    }

    /// The gradient of the weight by the recorded pass, which works out each product at once.
    fn recorded(&self) -> Tensor<T> {
        let tape = Tape::new();
        let w = tape.leaf(self.weight.value().clone());
        let y = tape.constant(self.x.clone()).linear(w, None).tanh().square().sum(..);
        tape.grad(y, &[w])[0].value()
    }

    /// The parameter and the state after a step.
    fn step(&self, grad: Gradient<'_, T>) -> [Tensor<T>; 2] {
        let (mut p, mut sum) = (self.weight.value().clone(), Tensor::ones(self.weight.value().shape()));
        grad.apply(Descend, &mut p, [&mut sum]);
        [p, sum]
    }
}

/// Few rows, many rows, rows that are too many to be kept, columns that are no whole vectors, and a depth that is worked out
/// in two stretches.
const SIZES: [[usize; 3]; 6] =
    [[10, 784, 30], [100, 300, 200], [300, 90, 70], [12, 517, 33], [20, 65, 200], [600, 1300, 1200]];

fn check_values<T: Float>(tolerance: f64) {
    for size in SIZES {
        let layer = Layer::<T>::new(size);
        let grads = layer.gradients();
        let grad = grads.gradient(&layer.weight).unwrap();
        assert_eq!(grad.shape(), *layer.weight.value().shape());
        let error = (grad.value() - layer.recorded()).abs().max(..).item().to_f64();
        assert!(error <= tolerance * grad.value().abs().max(..).item().to_f64(), "{size:?}: {error:e}");
        assert_eq!(grads.wrt(&layer.weight), grad.value());
        assert_eq!(grads.get(&layer.weight), Some(grad.value()));
        assert!(grads.params().eq([grad.value()]));
        assert_eq!(format!("{grads:?}"), format!("{:?}", [grad.value()]));
    }
}

#[test]
fn values_are_those_of_the_recorded_pass() {
    check_values::<f32>(1e-5);
    check_values::<f64>(1e-13);
}

#[test]
fn a_step_does_not_depend_on_whether_the_gradient_was_read() {
    for size in SIZES {
        let layer = Layer::<f32>::new(size);
        let (untouched, read, other) = (layer.gradients(), layer.gradients(), layer.gradients());
        read.wrt(&layer.weight);
        let want = layer.step(read.gradient(&layer.weight).unwrap());
        assert_eq!(layer.step(untouched.gradient(&layer.weight).unwrap()), want, "{size:?}");
        assert_eq!(layer.step(other.wrt(&layer.weight).into()), want, "{size:?}, of a tensor");
    }
}

/// p + scale·g, by the product of few examples and by blocks of it, and of a gradient that somebody has read.
#[test]
fn plain_descent_does_not_depend_on_whether_the_gradient_was_read() {
    fn check<T: Float>() {
        for size in SIZES {
            let layer = Layer::<T>::new(size);
            let (untouched, read) = (layer.gradients(), layer.gradients());
            let after = |grad: Gradient<'_, T>| {
                let mut p = layer.weight.value().clone();
                grad.add_to(&mut p, -0.3);
                p
            };
            let grad = read.wrt(&layer.weight);
            let want = layer.weight.value() - &(grad * T::from_f64(0.3));
            assert_eq!(after(untouched.gradient(&layer.weight).unwrap()), want, "{size:?}");
            assert_eq!(after(read.gradient(&layer.weight).unwrap()), want, "{size:?}, read");
            assert_eq!(after(grad.into()), want, "{size:?}, of a tensor");
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn what_is_changed_counts() {
    let layer = Layer::<f32>::new([10, 784, 30]);
    let mut grads = layer.gradients();
    grads.params_mut().for_each(|grad| *grad = Tensor::ones(grad.shape()));
    assert_eq!(*grads.wrt(&layer.weight), Tensor::ones([30, 784]));
    let [p, sum] = layer.step(grads.gradient(&layer.weight).unwrap());
    assert_eq!(p, layer.weight.value() - 0.5f32);
    assert_eq!(sum, Tensor::full([30, 784], 2.0));
}

#[test]
fn several_uses_are_summed() {
    let layer = Layer::<f64>::new([10, 300, 40]);
    let once = layer.gradients().wrt(&layer.weight).clone();
    let close = |got: &Tensor<f64>, times: f64| {
        let error = (got - &once * times).abs().max(..).item();
        assert!(error <= 1e-12 * once.abs().max(..).item(), "{times} times: {error:e}");
    };
    // Twice on a tape, by one node and by two, and beside a use that is no product.
    let tape = Tape::new();
    let (w, x) = (tape.param(&layer.weight), tape.constant(layer.x.clone()));
    let cost = |w| x.linear(w, None).tanh().square().sum(..);
    close((cost(w) + cost(w)).backward_retain().wrt(&layer.weight), 2.0);
    close((cost(w) + cost(tape.param(&layer.weight))).backward_retain().wrt(&layer.weight), 2.0);
    let grads = (cost(w) + w.sum(..)).backward_retain();
    close(&(grads.wrt(&layer.weight) - 1.0f64), 1.0);
    let grads = (w.sum(..) + cost(w)).backward_retain();
    close(&(grads.wrt(&layer.weight) - 1.0f64), 1.0);
    // Of several passes.
    let mut grads = layer.gradients();
    grads.accumulate(&layer.gradients());
    grads.accumulate(&layer.gradients());
    close(grads.wrt(&layer.weight), 3.0);
    let mut none = tape.constant(Tensor::from([1.0])).sum(..).backward();
    none.accumulate(&layer.gradients());
    close(none.wrt(&layer.weight), 1.0);
}

#[test]
fn the_tape_may_be_reset_and_the_values_changed_meanwhile() {
    let mut layer = Layer::<f32>::new([10, 784, 30]);
    let want = layer.gradients().wrt(&layer.weight).clone();
    let mut tape = Tape::new();
    let grads = layer.cost(&tape).backward();
    tape.reset();
    layer.x.update(Descend, &Tensor::ones([10, 784]), [&mut Tensor::zeros([10, 784])]);
    *layer.weight.value_mut() = Tensor::zeros([30, 784]);
    let _others = layer.cost(&tape).backward();
    assert_eq!(*grads.wrt(&layer.weight), want);
}

#[test]
fn an_ordinary_product_is_kept_too() {
    let mut rng = rng(3, 0);
    let w = Param::new("w", Tensor::<f64>::randn([200, 50], &mut rng));
    let x = Tensor::randn([8, 200], &mut rng);
    let tape = Tape::new();
    let y = tape.constant(x.clone()).matmul(tape.param(&w));
    let grads = y.sum(..).backward();
    let want = x.t().matmul(Tensor::ones([8, 50]));
    let error = (grads.wrt(&w) - want).abs().max(..).item();
    assert!(error < 1e-12, "{error:e}");
}

/// A factor that is itself a parameter is changed by the same step, and the product is still of what it was.
#[test]
fn a_factor_may_be_a_parameter() {
    let mut rng = rng(4, 0);
    let mut first = Param::new("first", Tensor::<f64>::randn([3, 100], &mut rng));
    let mut second = Param::new("second", Tensor::randn([100, 60], &mut rng));
    let gradients = |first: &Param<f64>, second: &Param<f64>| {
        let tape = Tape::new();
        tape.param(first).matmul(tape.param(second)).square().sum(..).backward()
    };
    let (read, untouched) = (gradients(&first, &second), gradients(&first, &second));
    let want = [&first, &second].map(|param| param.value() - read.wrt(param) * 0.5f64);
    for param in [&mut first, &mut second] {
        let grad = untouched.gradient(&*param).unwrap();
        let mut sum = Tensor::zeros(grad.shape());
        grad.apply(Descend, param.value_mut(), [&mut sum]);
    }
    assert_eq!([first.value(), second.value()], want.each_ref());
}

#[test]
fn watching_changes_no_value() {
    let layer = Layer::<f32>::new([10, 784, 30]);
    let tape = Tape::new();
    tape.set_profiling(true);
    let grads = layer.cost(&tape).backward();
    assert_eq!(grads.wrt(&layer.weight), layer.gradients().wrt(&layer.weight));
}

#[test]
#[should_panic(expected = "update: expected shape [30, 784], got shape [784, 30]")]
fn shapes_must_agree() {
    let layer = Layer::<f32>::new([10, 784, 30]);
    let grads = layer.gradients();
    let grad = grads.gradient(&layer.weight).unwrap();
    grad.apply(Descend, &mut layer.weight.value().clone(), [&mut Tensor::zeros([784, 30])]);
}

#[test]
#[should_panic(expected = "update: expected shape [784, 30], got shape [30, 784]")]
fn shapes_must_agree_to_be_added() {
    let layer = Layer::<f32>::new([10, 784, 30]);
    layer.gradients().gradient(&layer.weight).unwrap().add_to(&mut Tensor::zeros([784, 30]), 1.0);
}
