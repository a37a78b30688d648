use tensor::{Float, Tensor};

/// How values are spread: counts in bins of equal width, and what their sums are.
///
/// ```
/// use report::{Axis, Chart, Histogram};
/// use tensor::{Tensor, rng};
/// let weights = Tensor::<f32>::randn([1000], &mut rng(0, 0));
/// let chart = Chart::new("Weights", Axis::linear("weight"), Axis::linear("count"));
/// let chart = chart.bars("", Histogram::of(&weights, 30).bars());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The smallest value; 0 without values.
    pub min: f64,
    /// The largest value; 0 without values.
    pub max: f64,
    /// The sum of all values.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
    /// How many values are in each bin, from the smallest to the largest.
    pub counts: Vec<u64>,
    /// How many values are NaN or infinite; they are in no bin and no sum.
    pub not_finite: u64,
}

impl Histogram {
    /// Counts the elements of a tensor of any shape in so many bins, at least one, between the smallest and the largest.
    pub fn of<T: Float>(values: &Tensor<T>, bins: usize) -> Histogram {
        Histogram::new(values.to_vec().into_iter().map(|value| value.to_f64()), bins)
    }

    /// Counts values in so many bins, at least one, between the smallest and the largest.
    pub fn new(values: impl IntoIterator<Item = f64>, bins: usize) -> Histogram {
        let all: Vec<f64> = values.into_iter().collect();
        let finite = || all.iter().copied().filter(|value| value.is_finite());
        let (min, max) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (min, max) = if min <= max { (min, max) } else { (0.0, 0.0) };
        let mut counts = vec![0; bins.max(1)];
        let last = counts.len() - 1;
        for value in finite() {
            // Halves, since the difference of two large values may be infinite.
            let share = if max > min { (0.5 * value - 0.5 * min) / (0.5 * max - 0.5 * min) } else { 0.5 };
            let bin = (share * counts.len() as f64) as usize;
            counts[bin.min(last)] += 1;
        }
        let not_finite = all.len() as u64 - counts.iter().sum::<u64>();
        let (sum, sum_squares) = (finite().sum(), finite().map(|value| value * value).sum());
        Histogram { min, max, sum, sum_squares, counts, not_finite }
    }

    /// How many values are counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The edge before bin `i`; the last bin ends at edge `counts.len()`. A single value is in the middle
    /// of a unit.
    pub fn edge(&self, i: usize) -> f64 {
        let (low, high) = if self.max > self.min { (self.min, self.max) } else { (self.min - 0.5, self.max + 0.5) };
        let share = i as f64 / self.counts.len() as f64;
        low * (1.0 - share) + high * share
    }

    /// The value below which this share of all values lies, as exact as the bins are; NaN without values.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut rest = share.clamp(0.0, 1.0) * self.count() as f64;
        for (i, &count) in self.counts.iter().enumerate().filter(|bin| *bin.1 > 0) {
            if rest <= count as f64 {
                let within = rest / count as f64;
                return (self.edge(i) * (1.0 - within) + self.edge(i + 1) * within).clamp(self.min, self.max);
            }
            rest -= count as f64;
        }
        if self.count() == 0 { f64::NAN } else { self.max }
    }

    /// The values below which 0, 5, 25, 50, 75, 95 and 100 % of all lie: see [`quantile`](Histogram::quantile).
    pub fn percentiles(&self) -> [f64; 7] {
        [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|share| self.quantile(share))
    }

    /// Bars for [`Chart::bars`](crate::Chart::bars).
    pub fn bars(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.counts.iter().enumerate().map(|(i, &count)| (self.edge(i), self.edge(i + 1), count as f64))
    }
}
