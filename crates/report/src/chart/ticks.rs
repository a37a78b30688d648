//! Where an axis has marks, and what is written at them.

use super::axis::Span;

/// A mark on an axis; one without a label is a fine line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) place: f64,
    pub(crate) label: String,
}

/// Marks at multiples of 1, 2 or 5 times a power of ten, which is no smaller than `apart`.
pub(crate) fn linear(span: Span, room: usize, apart: f64) -> Vec<Tick> {
    let step = step(((span.high - span.low) / room.max(1) as f64).max(apart));
    let (first, last) = ((span.low / step - 1e-9).ceil(), (span.high / step + 1e-9).floor());
    let count = (last - first).clamp(0.0, 1000.0) as usize;
    let largest = span.low.abs().max(span.high.abs());
    let at = |i: usize| (first + i as f64) * step;
    (0..=count).map(|i| Tick { place: at(i), label: label(at(i), step, largest) }).collect()
}

/// The smallest of 1, 2 and 5 times a power of ten that is no smaller than this.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A multiple of a step with the digits that tell it from the next, very large and very small ones with their power of ten.
fn label(value: f64, step: f64, largest: f64) -> String {
    let power = largest.log10().floor();
    if (-4.0..6.0).contains(&power) {
        return fixed(value, step);
    }
    let unit = 10f64.powf(power);
    match value / step {
        x if x.round() == 0.0 => "0".into(),
        _ => format!("{}·10{}", fixed(value / unit, step / unit), superscript(power as i32)),
    }
}

fn fixed(value: f64, step: f64) -> String {
    let digits = (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
    // Adding zero makes −0 a 0.
    let text = format!("{:.digits$}", if (value / step).round() == 0.0 { 0.0 } else { value });
    text.replace('-', "−")
}

/// Marks at powers of ten, with labels as far as there is room; with few of them, also at twice and five times those.
pub(crate) fn logarithmic(span: Span, room: usize) -> Vec<Tick> {
    let (first, last) = (span.low.floor() as i32, span.high.ceil() as i32);
    let decades = span.high - span.low;
    let stride = (decades / room.max(1) as f64).ceil().max(1.0) as i32;
    let labelled: &[u32] = match decades {
        few if few < 0.7 => &[1, 2, 3, 4, 5, 6, 7, 8, 9],
        few if few < 2.2 => &[1, 2, 5],
        _ => &[1],
    };
    let drawn = if decades > 8.0 { 1..=1 } else { 1..=9u32 };
    let mut ticks = Vec::new();
    for power in (first..=last).filter(|power| stride == 1 || power.rem_euclid(stride) == 0) {
        for factor in drawn.clone() {
            let label = if labelled.contains(&factor) { decimal(factor, power) } else { String::new() };
            ticks.push(Tick { place: f64::from(factor).log10() + f64::from(power), label });
        }
    }
    ticks.retain(|tick| span.contains(tick.place));
    ticks
}

/// A digit times a power of ten: in full as long as that is short.
fn decimal(factor: u32, power: i32) -> String {
    match power {
        0..=4 => format!("{}", u64::from(factor) * 10u64.pow(power as u32)),
        -3..=-1 => format!("{:.*}", power.unsigned_abs() as usize, f64::from(factor) * 10f64.powi(power)),
        _ if factor == 1 => format!("10{}", superscript(power)),
        _ => format!("{factor}·10{}", superscript(power)),
    }
}

fn superscript(power: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).expect("a digit has a superscript"),
    };
    power.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn linear_marks_are_round() {
        assert_eq!(labels(linear(Span { low: 0.0, high: 1.0 }, 5, 0.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(linear(Span { low: -1.3, high: 1.7 }, 4, 0.0)), ["−1", "0", "1"]);
        assert_eq!(labels(linear(Span { low: 0.0, high: 3e7 }, 3, 0.0)), ["0", "1·10⁷", "2·10⁷", "3·10⁷"]);
        assert_eq!(labels(linear(Span { low: 0.0, high: 2e-7 }, 2, 0.0)), ["0", "1·10⁻⁷", "2·10⁻⁷"]);
        assert_eq!(labels(linear(Span { low: 99.5, high: 100.0 }, 3, 0.0)), ["99.6", "99.8", "100.0"]);
        assert_eq!(labels(linear(Span { low: 0.5, high: 2.5 }, 9, 1.0)), ["1", "2"]);
        assert_eq!(labels(linear(Span { low: 0.0, high: 40.0 }, 5, 1.0)), ["0", "10", "20", "30", "40"]);
    }

    #[test]
    fn logarithmic_marks_are_powers_of_ten() {
        assert_eq!(labels(logarithmic(Span { low: -0.8, high: 0.8 }, 8)), ["0.2", "0.5", "1", "2", "5"]);
        assert_eq!(labels(logarithmic(Span { low: -2.0, high: 1.0 }, 8)), ["0.01", "0.1", "1", "10"]);
        assert_eq!(labels(logarithmic(Span { low: -9.0, high: 3.0 }, 4)), ["10⁻⁹", "10⁻⁶", "0.001", "1", "1000"]);
        assert_eq!(labels(logarithmic(Span { low: 0.0, high: 1.0 }, 8)), ["1", "2", "5", "10"]);
        assert_eq!(labels(logarithmic(Span { low: 6.0, high: 6.4 }, 8)), ["10⁶", "2·10⁶"]);
    }
}
