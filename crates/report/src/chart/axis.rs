use super::ticks::{self, Tick};

/// One axis of a [`Chart`](super::Chart): its name, which says the unit, its scale and its range.
#[derive(Clone, Debug)]
pub struct Axis {
    pub(crate) name: String,
    log: bool,
    /// How far labels are from each other, at least.
    apart: f64,
    low: Option<f64>,
    high: Option<f64>,
    ticks: Option<Vec<(f64, String)>>,
}

/// What part of an axis is drawn, as places: values, or their logarithms to base ten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Axis {
    /// An axis with a name such as `"time, s"`.
    pub fn linear(name: impl Into<String>) -> Axis {
        Axis { name: name.into(), log: false, apart: 0.0, low: None, high: None, ticks: None }
    }

    /// An axis of whole numbers, such as epochs: there are no labels in between.
    pub fn whole(name: impl Into<String>) -> Axis {
        Axis { apart: 1.0, ..Axis::linear(name) }
    }

    /// A logarithmic axis, on which there is room for nothing but positive values: others are not drawn.
    pub fn log(name: impl Into<String>) -> Axis {
        Axis { log: true, ..Axis::linear(name) }
    }

    /// Begins at a value instead of the smallest one.
    ///
    /// # Panics
    /// If it is not finite, or not positive on a logarithmic axis.
    #[track_caller]
    pub fn from(self, low: f64) -> Axis {
        self.check(low);
        Axis { low: Some(low), ..self }
    }

    /// Ends at a value instead of the largest one.
    ///
    /// # Panics
    /// If it is not finite, or not positive on a logarithmic axis.
    #[track_caller]
    pub fn to(self, high: f64) -> Axis {
        self.check(high);
        Axis { high: Some(high), ..self }
    }

    #[track_caller]
    fn check(&self, end: f64) {
        assert!(self.place(end).is_some(), "the axis `{}` cannot end at {end}", self.name);
    }

    /// Has labels at these values and nowhere else: names of categories, for example.
    pub fn ticks<S: Into<String>>(self, ticks: impl IntoIterator<Item = (f64, S)>) -> Axis {
        Axis { ticks: Some(ticks.into_iter().map(|(at, label)| (at, label.into())).collect()), ..self }
    }

    /// Where a value is, if it can be drawn.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log { value.log10() } else { value };
        // Differences and sums of places must stay finite too.
        (place.abs() < 1e300).then_some(place)
    }

    /// From the smallest value to the largest, with a margin of so many spans at each end that was not set.
    pub(crate) fn span(&self, values: impl Iterator<Item = f64>, margin: f64) -> Span {
        let places = values.filter_map(|value| self.place(value));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let [from, to] = [self.low, self.high].map(|end| end.and_then(|end| self.place(end)));
        let (low, high) = (from.unwrap_or(low), to.unwrap_or(high));
        // A single value lies in the middle of its surroundings.
        let around = if high > low { margin * (high - low) } else { 0.5 * low.abs().clamp(1e-9, 1.0) };
        let (low, high) = (from.unwrap_or(low - around), to.unwrap_or(high + around));
        if high > low { Span { low, high } } else { Span { low, high: low + low.abs().max(1.0) } }
    }

    /// The marks on the axis where there is room for about so many labels.
    pub(crate) fn marks(&self, span: Span, room: usize) -> Vec<Tick> {
        let given = self.ticks.iter().flatten();
        match (&self.ticks, self.log) {
            (Some(_), _) => {
                let at =
                    |(value, label): &(f64, String)| Some(Tick { place: self.place(*value)?, label: label.clone() });
                given.filter_map(at).filter(|tick| span.contains(tick.place)).collect()
            }
            (None, true) => ticks::logarithmic(span, room),
            (None, false) => ticks::linear(span, room, self.apart),
        }
    }
}

impl Span {
    pub(crate) fn contains(self, place: f64) -> bool {
        let slack = 1e-9 * (self.high - self.low);
        (self.low - slack..=self.high + slack).contains(&place)
    }

    /// How far a place is from the low end to the high one, from 0 to 1.
    pub(crate) fn share(self, place: f64) -> f64 {
        (place - self.low) / (self.high - self.low)
    }
}
