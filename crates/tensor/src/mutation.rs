//! Broken gradient rules, on purpose: the test of the tests.
//!
//! A rule is written once and read in several worlds. This module adds a world in which one operation of the rule goes
//! wrong, so that every operation of every rule can be broken in turn, without touching a source file. Only compiled with
//! the feature `mutation`.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::{Array, OfVars};
use crate::error::Result;
use crate::float::Float;
use crate::ops::Op;
use crate::scalar::{Elementwise, Scalar};
use crate::shape::Shape;
use crate::tape::{Grads, Var};
use crate::tensor::Tensor;

mod tally;

pub use tally::{Check, Tally, operations};

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The result's sign is flipped.
    Sign,
    /// The result is multiplied with 1.5.
    Factor,
    /// The result is 0: a term that is dropped.
    Zero,
    /// The first operand instead of the result: an operation that is forgotten.
    First,
    /// The operands, or the branches of a selection, are swapped.
    Swap,
    /// The result is cut from the tape: a gradient that cannot be differentiated further.
    Detach,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 6] = [Fault::Sign, Fault::Factor, Fault::Zero, Fault::First, Fault::Swap, Fault::Detach];
}

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The operation of this number, in the order in which the rule evaluates them.
    Operation(usize),
    /// What the eager pass, fused or not, adds to the gradient of this input.
    Input(usize),
}

/// What a run with a broken rule has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The number of operations of the longest reading of the rule.
    pub operations: usize,
    /// Whether the fault is one that the operation can have: a unary one has no operands to swap.
    pub applied: bool,
    /// Whether the fault has changed a gradient.
    pub changed: bool,
}

struct State {
    op: String,
    place: Place,
    fault: Fault,
    count: usize,
    /// Where the count stands when the reading of an elementwise rule begins.
    base: usize,
    /// Whether the op's eager pass is under way.
    running: bool,
    seen: Seen,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs `f` while one op's gradient rule is broken at one place.
pub fn broken<R>(op: &str, place: Place, fault: Fault, f: impl FnOnce() -> R) -> (R, Seen) {
    /// Mends the rule, also after a panic.
    struct Mend;
    impl Drop for Mend {
        fn drop(&mut self) {
            STATE.set(None);
        }
    }
    STATE.set(Some(State { op: op.into(), place, fault, count: 0, base: 0, running: false, seen: Seen::default() }));
    let mend = Mend;
    let result = f();
    let seen = STATE.with_borrow(|state| state.as_ref().map_or(Seen::default(), |state| state.seen));
    drop(mend);
    (result, seen)
}

fn with<R>(f: impl FnOnce(&mut State) -> R) -> Option<R> {
    STATE.with_borrow_mut(|state| state.as_mut().map(f))
}

/// Whether the rule of an op is broken.
pub(crate) fn aims_at(op: &str) -> bool {
    with(|state| state.op == op).unwrap_or(false)
}

/// What goes wrong with the operation that comes now.
fn next() -> Option<Fault> {
    with(|state| {
        let now = state.count;
        state.count += 1;
        state.seen.operations = state.seen.operations.max(state.count);
        (state.place == Place::Operation(now)).then_some(state.fault)
    })
    .flatten()
}

fn restart() {
    with(|state| (state.count, state.base) = (0, 0));
}

fn note_fault() {
    with(|state| state.seen.applied = true);
}

fn note_change(changed: bool) {
    with(|state| state.seen.changed |= changed);
}

/// An array in the world where something goes wrong.
#[derive(Clone)]
struct Faulty<A>(A);

impl<A> Faulty<A> {
    fn wrong<T: Float>(self, fault: Option<Fault>) -> Self
    where
        A: Array<T>,
    {
        if matches!(fault, Some(Fault::Sign | Fault::Factor | Fault::Zero | Fault::Detach)) {
            note_fault();
        }
        Faulty(match fault {
            Some(Fault::Sign) => self.0.scale(-1.0),
            Some(Fault::Factor) => self.0.scale(1.5),
            Some(Fault::Zero) => self.0.scale(0.0),
            Some(Fault::Detach) => self.0.constant(self.0.value()),
            _ => self.0,
        })
    }
}

impl<T: Float, A: Array<T>> Array<T> for Faulty<A> {
    fn try_apply<O: Op<T>>(op: O, x: &[&Self]) -> Result<Self> {
        let fault = next();
        let mut x: Vec<&A> = x.iter().map(|x| &x.0).collect();
        if fault == Some(Fault::Swap) && x.len() >= 2 {
            let last = x.len() - 1;
            if x[last].shape() == x[last - 1].shape() {
                x.swap(last - 1, last);
                note_fault();
            }
        }
        let y = A::try_apply(op, &x)?;
        if fault == Some(Fault::First) && x[0].shape() == y.shape() {
            note_fault();
            return Ok(Faulty(x[0].clone()));
        }
        Ok(Faulty(y).wrong(fault))
    }

    fn rule_vjp<R: Elementwise<N>, const N: usize>(
        rule: R,
        g: &Self,
        x: [&Self; N],
        y: &Self,
        needs: &[bool],
    ) -> Grads<Self> {
        with(|state| state.base = state.count);
        let grads = A::rule_vjp(FaultyRule(rule), &g.0, x.map(|x| &x.0), &y.0, needs);
        grads.into_iter().map(|grad| grad.map(Faulty)).collect()
    }

    fn with_vars(x: &[&Self], f: &OfVars<'_, T>) -> Grads<Self> {
        let x: Vec<&A> = x.iter().map(|x| &x.0).collect();
        A::with_vars(&x, f).into_iter().map(|grad| grad.map(Faulty)).collect()
    }

    fn value(&self) -> Tensor<T> {
        self.0.value()
    }

    fn constant(&self, value: Tensor<T>) -> Self {
        let fault = next().filter(|&fault| fault != Fault::Detach);
        Faulty(self.0.constant(value)).wrong(fault)
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }
}

fn faulty_vjp<T: Float, O: Op<T> + ?Sized, A: Array<T>>(op: &O, g: A, x: &[&A], y: &A, needs: &[bool]) -> Grads<A> {
    restart();
    let x: Vec<_> = x.iter().map(|&x| Faulty(x.clone())).collect();
    let x: Vec<_> = x.iter().collect();
    let grads = op.vjp(Faulty(g), &x, &Faulty(y.clone()), needs);
    grads.into_iter().map(|grad| grad.map(|grad| grad.0)).collect()
}

/// The eager gradient by a broken rule.
pub(crate) fn eager<T: Float, O: Op<T> + ?Sized>(
    op: &O,
    g: Tensor<T>,
    x: &[&Tensor<T>],
    y: &Tensor<T>,
    needs: &[bool],
) -> Grads<Tensor<T>> {
    let right = op.vjp(g.clone(), x, y, needs);
    let wrong = faulty_vjp(op, g, x, y, needs);
    note_change(differ(&right, &wrong));
    wrong
}

/// The recorded gradient by a broken rule.
pub(crate) fn recorded<'t, T: Float, O: Op<T>>(
    op: &O,
    g: Var<'t, T>,
    x: &[&Var<'t, T>],
    y: &Var<'t, T>,
    needs: &[bool],
) -> Grads<Var<'t, T>> {
    let values: Vec<_> = x.iter().map(|x| x.value()).collect();
    let values: Vec<_> = values.iter().collect();
    let right = op.vjp(g.value(), &values, &y.value(), needs);
    let wrong = faulty_vjp(op, g, x, y, needs);
    let detached = || {
        let fault = with(|state| state.fault == Fault::Detach).unwrap_or(false);
        let tracked = |grads: &Grads<Var<'t, T>>| grads.iter().flatten().filter(|grad| grad.tracked()).count();
        fault && tracked(&op.vjp(g, x, y, needs)) != tracked(&wrong)
    };
    let numbers = wrong.iter().map(|grad| grad.as_ref().map(|grad| grad.value())).collect();
    note_change(differ(&right, &numbers) || detached());
    wrong
}

/// Runs an op's eager pass.
pub(crate) fn running(op: &str, backward: impl FnOnce()) {
    with(|state| state.running = state.op == op);
    backward();
    with(|state| state.running = false);
}

/// What is added to the gradient of input `i` by the eager pass of an op that is broken there.
pub(crate) fn sent<T: Float>(i: usize, grad: Tensor<T>) -> Tensor<T> {
    let here = |state: &mut State| (state.running && state.place == Place::Input(i)).then_some(state.fault);
    let Some(fault) = with(here).flatten() else { return grad };
    let wrong = Faulty(grad.clone()).wrong(Some(fault)).0;
    note_change(differ(&Grads::from_iter([Some(grad)]), &Grads::from_iter([Some(wrong.clone())])));
    wrong
}

fn differ<T: Float>(a: &Grads<Tensor<T>>, b: &Grads<Tensor<T>>) -> bool {
    let apart = |(a, b): (T, T)| {
        let (a, b) = (a.to_f64(), b.to_f64());
        !(a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6 * a.abs().max(b.abs()).max(1e-3))
    };
    a.iter().zip(b).any(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => a.shape() != b.shape() || a.to_vec().into_iter().zip(b.to_vec()).any(apart),
        (None, None) => false,
        _ => true,
    })
}

/// An elementwise rule in whose gradient something goes wrong.
#[derive(Clone, Copy)]
struct FaultyRule<R>(R);

impl<R: Elementwise<N>, const N: usize> Elementwise<N> for FaultyRule<R> {
    const NAME: &'static str = R::NAME;

    fn eval<A: Scalar>(self, x: [A; N]) -> A {
        self.0.eval(x)
    }

    fn vjp<A: Scalar>(self, g: A, x: [A; N], y: A) -> [A; N] {
        with(|state| state.count = state.base);
        self.0.vjp(Broken(g), x.map(Broken), Broken(y)).map(|grad| grad.0)
    }
}

/// A number in the world where something goes wrong.
#[derive(Clone, Copy)]
struct Broken<A>(A);

/// The result of an operation that may go wrong.
fn faulty<A: Scalar>(first: A, second: A, operation: impl Fn(A, A) -> A) -> Broken<A> {
    let y = operation(first, second);
    let fault = next();
    if fault.is_some_and(|fault| fault != Fault::Detach) {
        note_fault();
    }
    Broken(match fault {
        Some(Fault::Sign) => -y,
        Some(Fault::Factor) => y.lit(1.5) * y,
        Some(Fault::Zero) => y.lit(0.0),
        Some(Fault::First) => first,
        Some(Fault::Swap) => operation(second, first),
        Some(Fault::Detach) | None => y,
    })
}

/// Whether the operands of a comparison are swapped.
fn swapped() -> bool {
    let swapped = next() == Some(Fault::Swap);
    if swapped {
        note_fault();
    }
    swapped
}

macro_rules! broken_operator {
    ($($Trait:ident $method:ident)*) => {$(
        impl<A: Scalar> $Trait for Broken<A> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                faulty(self.0, other.0, |a, b| a.$method(b))
            }
        }
    )*};
}
broken_operator!(Add add Sub sub Mul mul Div div);

impl<A: Scalar> Neg for Broken<A> {
    type Output = Self;
    fn neg(self) -> Self {
        faulty(self.0, self.0, |a, _| -a)
    }
}

impl<A: Scalar> Scalar for Broken<A> {
    type Mask = A::Mask;

    fn lit(self, value: f64) -> Self {
        let fault = next();
        if matches!(fault, Some(Fault::Sign | Fault::Factor | Fault::Zero)) {
            note_fault();
        }
        match fault {
            Some(Fault::Sign) => Broken(self.0.lit(-value)),
            Some(Fault::Factor) => Broken(self.0.lit(if value == 0.0 { 1.5 } else { 1.5 * value })),
            Some(Fault::Zero) => Broken(self.0.lit(0.0)),
            _ => Broken(self.0.lit(value)),
        }
    }

    fn call<R: Elementwise<N>, const N: usize>(rule: R, x: [Self; N]) -> Self {
        let last = N - 1;
        faulty(x[0].0, x[last].0, |first, second| {
            let mut x = x.map(|x| x.0);
            (x[0], x[last]) = (first, if N == 1 { first } else { second });
            A::call(rule, x)
        })
    }

    fn lt(self, other: Self) -> A::Mask {
        if swapped() { other.0.lt(self.0) } else { self.0.lt(other.0) }
    }

    fn le(self, other: Self) -> A::Mask {
        if swapped() { other.0.le(self.0) } else { self.0.le(other.0) }
    }

    fn eq(self, other: Self) -> A::Mask {
        next();
        self.0.eq(other.0)
    }

    fn select(mask: A::Mask, yes: Self, no: Self) -> Self {
        faulty(yes.0, no.0, |yes, no| A::select(mask, yes, no))
    }
}
