//! Printing as NumPy does: aligned columns, nested brackets, long axes cut in the middle.

use std::fmt;

use super::Tensor;
use crate::float::Element;

/// Tensors with more elements than this are cut.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of an axis that is cut.
const EDGE: usize = 3;
/// Digits after the point, unless the format says otherwise.
const PRECISION: usize = 4;

impl<T: Element> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.numel() > THRESHOLD;
        let style = Style::of(self, cut, f.precision());
        let width = shown(self, cut).iter().map(|&x| style.text(x).len()).max().unwrap_or(0);
        write_axis(self, f, &style, width, cut, 1)
    }
}

/// How numbers are written: integers plain, floats with a fixed number of digits or in scientific notation.
struct Style {
    precision: Option<usize>,
    scientific: bool,
}

impl Style {
    fn of<T: Element>(x: &Tensor<T>, cut: bool, precision: Option<usize>) -> Style {
        if !T::DTYPE.starts_with('f') {
            return Style { precision: None, scientific: false };
        }
        let sizes = shown(x, cut).into_iter().filter_map(|x| x.to_string().parse::<f64>().ok()).map(f64::abs);
        let sizes: Vec<f64> = sizes.filter(|x| x.is_finite() && *x > 0.0).collect();
        let (low, high) = (sizes.iter().copied().fold(f64::MAX, f64::min), sizes.iter().copied().fold(0.0, f64::max));
        let scientific = !sizes.is_empty() && (high >= 1e8 || low < 1e-4 || high / low > 1e6);
        let precision = precision.unwrap_or(PRECISION);
        if scientific || precision == 0 {
            return Style { precision: Some(precision), scientific };
        }
        Style { precision: Some(Style::digits(&sizes, precision)), scientific }
    }

    /// The digits after the point that the numbers need, at most `most`.
    fn digits(sizes: &[f64], most: usize) -> usize {
        let needed = |x: &f64| {
            let text = format!("{x:.most$}");
            text.trim_end_matches('0').len() - text.find('.').unwrap_or(0) - 1
        };
        sizes.iter().map(needed).max().unwrap_or(1).max(1)
    }

    fn text<T: Element>(&self, x: T) -> String {
        let Some(precision) = self.precision else { return x.to_string() };
        let Ok(x) = x.to_string().parse::<f64>() else { return x.to_string() };
        match (x.is_finite(), self.scientific) {
            (false, _) => x.to_string(),
            (true, true) => format!("{x:.precision$e}"),
            (true, false) => format!("{x:.precision$}"),
        }
    }
}

/// The elements that are printed.
fn shown<T: Element>(x: &Tensor<T>, cut: bool) -> Vec<T> {
    let Some(&len) = x.shape().first() else { return x.to_vec() };
    if !cut {
        return x.to_vec();
    }
    positions(len, cut).into_iter().flatten().flat_map(|i| shown(&x.narrow(0, i, 1).squeeze(0), cut)).collect()
}

/// The positions of an axis that are printed; `None` stands for the gap.
fn positions(len: usize, cut: bool) -> Vec<Option<usize>> {
    if !cut || len <= 2 * EDGE {
        return (0..len).map(Some).collect();
    }
    (0..EDGE).map(Some).chain([None]).chain((len - EDGE..len).map(Some)).collect()
}

fn write_axis<T: Element>(
    x: &Tensor<T>,
    f: &mut fmt::Formatter<'_>,
    style: &Style,
    width: usize,
    cut: bool,
    depth: usize,
) -> fmt::Result {
    let Some(&len) = x.shape().first() else { return write!(f, "{:>width$}", style.text(x.item())) };
    let separator = match x.rank() {
        1 => ", ".to_string(),
        rank => format!(",{}{:depth$}", "\n".repeat(rank - 1), ""),
    };
    f.write_str("[")?;
    for (k, position) in positions(len, cut).into_iter().enumerate() {
        if k > 0 {
            f.write_str(&separator)?;
        }
        match position {
            Some(i) => write_axis(&x.narrow(0, i, 1).squeeze(0), f, style, width, cut, depth + 1)?,
            None => f.write_str("...")?,
        }
    }
    f.write_str("]")
}
