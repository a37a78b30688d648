//! L-BFGS, for costs that are the same function in each evaluation.

mod line_search;
mod problem;

use std::collections::VecDeque;

use tensor::{Float, Gradients, Module, Scalar, Tensor, Update};

use crate::Error;
use crate::saved::{Entries, State};
use line_search::{Line, search};
use problem::{Point, Problem};

/// L-BFGS (Liu and Nocedal, 1989): descent along −H·g, where H is an estimate of the inverse Hessian made of the last few
/// steps and changes of the gradient (the two-loop recursion), with a line search for the strong Wolfe conditions
/// (Nocedal and Wright, *Numerical Optimization*, algorithms 3.5, 3.6 and 7.4).
///
/// It is for costs over all the data at once: every evaluation must be of the same function, so no mini-batches, and no
/// dropout. A closure evaluates the cost and its gradients, which every parameter must have.
///
/// ```
/// use optim::{Lbfgs, Outcome};
/// use tensor::{Param, Tape, Tensor};
///
/// // Rosenbrock's function, whose minimum is 0 at (1, 1).
/// let mut w = Param::new("w", Tensor::from([-1.2f64, 1.0]));
/// let mut tape = Tape::new();
/// let minimum = Lbfgs::new().minimize(&mut w, |w| {
///     let w = tape.param(w);
///     let (x, y) = (w.narrow(0, 0, 1), w.narrow(0, 1, 1));
///     let cost = ((1.0 - x).square() + 100.0 * (y - x.square()).square()).sum(..);
///     let result = (cost.item(), cost.backward());
///     tape.reset();
///     result
/// })?;
/// assert_eq!(minimum.outcome, Outcome::Converged);
/// assert!((w.value() - 1.0).abs().max(..).item() < 1e-6);
/// # Ok::<(), optim::Error>(())
/// ```
pub struct Lbfgs<T: Float = f32> {
    history: usize,
    iterations: u64,
    tolerance: f64,
    pairs: VecDeque<Pair<T>>,
}

/// A step s, and how the gradient changed by it, y.
struct Pair<T: Float> {
    s: Tensor<T>,
    y: Tensor<T>,
    /// s·y, which is positive.
    sy: f64,
}

/// Where a minimisation ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minimum {
    /// The cost there.
    pub cost: f64,
    /// The largest element of the gradient, as an absolute value.
    pub gradient: f64,
    /// How many steps were taken.
    pub iterations: u64,
    /// How many times the cost was evaluated.
    pub evaluations: u64,
    /// Why it ended.
    pub outcome: Outcome,
}

/// Why a minimisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No element of the gradient is larger than the tolerance.
    Converged,
    /// As many steps were taken as are allowed.
    Exhausted,
    /// No step decreases the cost, though the gradient is larger than the tolerance: rounding allows no better, or the
    /// gradient is not that of the cost.
    Stalled,
}

impl<T: Float> Default for Lbfgs<T> {
    fn default() -> Lbfgs<T> {
        Lbfgs::new()
    }
}

impl<T: Float> Lbfgs<T> {
    /// A history of 10 steps, at most 1000 steps, and a tolerance of 1e-7.
    pub const fn new() -> Lbfgs<T> {
        Lbfgs { history: 10, iterations: 1000, tolerance: 1e-7, pairs: VecDeque::new() }
    }

    /// How many steps the estimate of the Hessian is made of; with 0 it is steepest descent.
    pub const fn history(mut self, steps: usize) -> Lbfgs<T> {
        self.history = steps;
        self
    }

    /// How many steps a call of [`minimize`](Lbfgs::minimize) takes at most.
    pub const fn iterations(mut self, steps: u64) -> Lbfgs<T> {
        self.iterations = steps;
        self
    }

    /// The absolute value below which all elements of the gradient count as 0.
    pub const fn tolerance(mut self, tolerance: f64) -> Lbfgs<T> {
        self.tolerance = tolerance;
        self
    }

    /// Goes down to a minimum of the cost that `evaluate` computes, with its gradients, for the model as it is. A further
    /// call goes on with the history there is; the cost must be the same then, and the model where it was left.
    ///
    /// Trial points at which the cost is NaN or infinite count as too far away.
    ///
    /// # Errors
    /// If the cost at the start is no finite number, or it never reached a parameter. The parameters are as at the start
    /// then.
    pub fn minimize<M: Module<T> + ?Sized>(
        &mut self,
        model: &mut M,
        evaluate: impl FnMut(&M) -> (T, Gradients<T>),
    ) -> Result<Minimum, Error> {
        let mut problem = Problem::new(model, evaluate);
        let start = problem.position();
        let result = self.descend(&mut problem, start.clone());
        if result.is_err() {
            problem.place(&start);
        }
        result
    }

    fn descend<M: Module<T> + ?Sized, F: FnMut(&M) -> (T, Gradients<T>)>(
        &mut self,
        problem: &mut Problem<'_, M, F>,
        start: Tensor<T>,
    ) -> Result<Minimum, Error> {
        let mut point = problem.evaluate(start)?;
        if !point.cost.is_finite() {
            return Err(Error::Cost(point.cost));
        }
        let mut iterations = 0;
        let outcome = loop {
            if point.gradient() <= self.tolerance {
                break Outcome::Converged;
            }
            if iterations == self.iterations {
                break Outcome::Exhausted;
            }
            match self.step(problem, &point)? {
                Some(next) => point = next,
                None => break Outcome::Stalled,
            }
            iterations += 1;
        };
        problem.place(&point.x);
        let (cost, gradient) = (point.cost, point.gradient());
        Ok(Minimum { cost, gradient, iterations, evaluations: problem.evaluations, outcome })
    }

    /// The next point; where the history leads nowhere, along the gradient. `None` where that leads nowhere either.
    fn step<M: Module<T> + ?Sized, F: FnMut(&M) -> (T, Gradients<T>)>(
        &mut self,
        problem: &mut Problem<'_, M, F>,
        from: &Point<T>,
    ) -> Result<Option<Point<T>>, Error> {
        loop {
            let steepest = self.pairs.is_empty();
            let direction = self.direction(&from.grad);
            // Nothing is known of the scale at first: no element moves by more than 1 then.
            let first = if steepest { (1.0 / from.grad.abs().sum(..).item().to_f64()).min(1.0) } else { 1.0 };
            match search(&Line { from, direction: &direction }, first, problem)? {
                Some(next) => {
                    self.remember(from, &next);
                    return Ok(Some(next));
                }
                None if steepest => return Ok(None),
                None => self.pairs.clear(),
            }
        }
    }

    /// −H·g by the two-loop recursion.
    fn direction(&self, grad: &Tensor<T>) -> Tensor<T> {
        let mut d = -grad;
        let mut along = vec![0.0; self.pairs.len()];
        for (pair, along) in self.pairs.iter().zip(&mut along).rev() {
            *along = dot(&pair.s, &d) / pair.sy;
            d.update(Add(-*along), &pair.y, []);
        }
        if let Some(last) = self.pairs.back() {
            d = d * T::from_f64(last.sy / dot(&last.y, &last.y));
        }
        for (pair, along) in self.pairs.iter().zip(along) {
            let across = dot(&pair.y, &d) / pair.sy;
            d.update(Add(along - across), &pair.s, []);
        }
        d
    }

    /// Keeps what a step tells of the Hessian, unless it is lost in rounding.
    fn remember(&mut self, from: &Point<T>, to: &Point<T>) {
        let (s, y) = (&to.x - &from.x, &to.grad - &from.grad);
        let sy = dot(&s, &y);
        if sy > T::EPSILON.to_f64() * dot(&y, &y) {
            self.pairs.push_back(Pair { s, y, sy });
        }
        while self.pairs.len() > self.history {
            self.pairs.pop_front();
        }
    }

    /// The history, for another process to go on: the steps `step.0`, … and the changes of the gradient `change.0`, …,
    /// each for all parameters one after the other.
    pub fn state(&self) -> State<T> {
        let mut state = State::new();
        for (i, pair) in self.pairs.iter().enumerate() {
            state.tensors.push((format!("step.{i}"), pair.s.clone()));
            state.tensors.push((format!("change.{i}"), pair.y.clone()));
        }
        state.counts.push(("pairs".into(), self.pairs.len() as u64));
        state
    }

    /// Goes on from a state of a model of the same form. With the model's parameters as they were, the steps that follow
    /// have the bits that they would have had.
    ///
    /// # Errors
    /// If an entry is missing, unexpected or of another shape. Nothing is changed then.
    pub fn load_state(&mut self, model: &(impl Module<T> + ?Sized), state: &State<T>) -> Result<(), Error> {
        let mut entries = Entries::of(state);
        let shape = [problem::size(model)].into();
        let pair = |i| {
            let (s, y) = (entries.tensor(format!("step.{i}"), &shape), entries.tensor(format!("change.{i}"), &shape));
            let (s, y) = (s?, y?);
            let sy = dot(&s, &y);
            Some(Pair { s, y, sy })
        };
        // A count that is too large must not be believed.
        let count = state.counts.iter().find(|(name, _)| name == "pairs").map_or(0, |(_, count)| *count);
        let pairs = (0..count.min(state.tensors.len() as u64)).filter_map(pair).collect();
        entries.count("pairs".into());
        entries.finish()?;
        self.pairs = pairs;
        Ok(())
    }
}

fn dot<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    (a * b).sum(..).item().to_f64()
}

/// x ← x + c·y.
#[derive(Clone, Copy)]
struct Add(f64);

impl Update<0> for Add {
    #[inline(always)]
    fn update<A: Scalar>(self, x: A, y: A, _: [A; 0]) -> (A, [A; 0]) {
        (x + x.lit(self.0) * y, [])
    }
}
