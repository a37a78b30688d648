//! A step along a direction for which the strong Wolfe conditions hold.

use std::mem;

use tensor::{Float, Gradients, Module, Tensor};

use super::Add;
use super::problem::{Point, Problem};
use crate::Error;

/// How much of the first slope's promise a step must keep.
const DECREASE: f64 = 1e-4;
/// How much of the first slope may be left.
const CURVATURE: f64 = 0.9;
/// Relative differences between costs that may be rounding, in units of the element type's precision: a cost is a sum of
/// many numbers.
const NOISE: f64 = 1e3;
/// Trials before the best so far is taken.
const TRIALS: usize = 40;

/// A direction from a point.
pub(super) struct Line<'a, T: Float> {
    pub(super) from: &'a Point<T>,
    pub(super) direction: &'a Tensor<T>,
}

/// A point on the line.
struct Trial<T: Float> {
    /// How far along, in units of the direction.
    at: f64,
    cost: f64,
    slope: f64,
    /// `None` for the line's start.
    point: Option<Point<T>>,
}

/// What a step has to do.
struct Wolfe {
    cost: f64,
    slope: f64,
    /// Differences between costs that are rounding.
    noise: f64,
}

impl Wolfe {
    fn decreases<T: Float>(&self, trial: &Trial<T>) -> bool {
        trial.cost <= self.cost + DECREASE * trial.at * self.slope
    }

    /// The strong Wolfe conditions. Where the costs differ by no more than rounding, the slope says whether the cost has
    /// decreased (Hager and Zhang, 2005).
    fn holds<T: Float>(&self, trial: &Trial<T>) -> bool {
        let by_slope = trial.cost <= self.cost + self.noise && trial.slope <= (2.0 * DECREASE - 1.0) * self.slope;
        trial.slope.abs() <= -CURVATURE * self.slope && (self.decreases(trial) || by_slope)
    }
}

/// The point that a step leads to, beginning with a trial of the step `first`; `None` where no step decreases the cost.
pub(super) fn search<T: Float, M: Module<T> + ?Sized, F: FnMut(&M) -> (T, Gradients<T>)>(
    line: &Line<'_, T>,
    first: f64,
    problem: &mut Problem<'_, M, F>,
) -> Result<Option<Point<T>>, Error> {
    let (cost, slope) = (line.from.cost, line.from.slope(line.direction));
    if slope.is_nan() || slope >= 0.0 {
        return Ok(None);
    }
    let wolfe = Wolfe { cost, slope, noise: NOISE * T::EPSILON.to_f64() * cost.abs() };
    let mut low = Trial { at: 0.0, cost, slope, point: None };
    // The other end of an interval that holds a good step, once there is one.
    let mut high: Option<Trial<T>> = None;
    for _ in 0..TRIALS {
        let at = match &high {
            Some(high) => between(&low, high),
            None if low.at == 0.0 => first,
            None => 2.0 * low.at,
        };
        let trial = line.at(at, problem)?;
        if wolfe.holds(&trial) {
            return Ok(trial.point);
        }
        // So that a cost that is NaN is too far, too.
        let is_better = wolfe.decreases(&trial) && trial.cost < low.cost;
        if !is_better {
            high = Some(trial);
        } else {
            let end = high.as_ref().map_or(f64::INFINITY, |high| high.at);
            let passed = if end < low.at { trial.slope < 0.0 } else { trial.slope >= 0.0 };
            let before = mem::replace(&mut low, trial);
            // The cost rises again towards the old end, so the good steps lie on the other side.
            high = if passed { Some(before) } else { high };
        }
    }
    Ok(low.point)
}

impl<T: Float> Line<'_, T> {
    fn at<M: Module<T> + ?Sized, F: FnMut(&M) -> (T, Gradients<T>)>(
        &self,
        at: f64,
        problem: &mut Problem<'_, M, F>,
    ) -> Result<Trial<T>, Error> {
        let mut x = self.from.x.clone();
        x.update(Add(at), self.direction, []);
        let point = problem.evaluate(x)?;
        let (cost, slope) = (point.cost, point.slope(self.direction));
        Ok(Trial { at, cost, slope, point: Some(point) })
    }
}

/// The minimum of the cubic through costs and slopes of two trials (Nocedal and Wright, equation 3.59), or the middle
/// where that is no number; at least a tenth of the interval away from its ends.
fn between<T: Float>(low: &Trial<T>, high: &Trial<T>) -> f64 {
    let width = high.at - low.at;
    let d1 = low.slope + high.slope - 3.0 * (low.cost - high.cost) / (low.at - high.at);
    let d2 = width.signum() * (d1 * d1 - low.slope * high.slope).sqrt();
    let part = 1.0 - (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let part = if part.is_finite() { part.clamp(0.1, 0.9) } else { 0.5 };
    low.at + part * width
}
