//! Charts with two axes.

mod axis;
mod series;
mod thin;
mod ticks;

use std::path::Path;

pub use axis::Axis;
use axis::Span;
use series::{Marks, Series};
use ticks::Tick;

use crate::svg::{Anchor, Svg, px};
use crate::{Color, Error, Picture, text};

/// Series of points on two axes: lines, dots, bands, bars and words, with a legend above them, where it hides nothing.
///
/// Values that cannot be drawn (NaN, infinities, and what is not positive on a logarithmic axis) are left out, and a line
/// has a gap there. Any number of points will do: those that no one could see are not written, and no peak is lost.
///
/// ```
/// use report::{Axis, Chart};
/// let cost = [(1.0, 0.9), (2.0, 0.3), (3.0, f64::NAN), (4.0, 0.05)];
/// let chart = Chart::new("Learning", Axis::whole("epoch"), Axis::log("cost, nats")).line("training", cost);
/// assert!(chart.picture().svg().contains("cost, nats"));
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    size: (f64, f64),
    series: Vec<Series>,
}

const TEXT: f64 = 13.0;
const LEGEND: f64 = 14.0;
const TITLE: f64 = 17.0;
const MARGIN: f64 = 14.0;
const EDGE: f64 = 4.0;

impl Chart {
    /// A chart of 760 × 440 pixels without series.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Chart {
        Chart { title: title.into(), x, y, size: (760.0, 440.0), series: Vec::new() }
    }

    /// Of another size, in pixels; at least 240 × 180.
    pub fn size(mut self, width: f64, height: f64) -> Chart {
        self.size = (width.clamp(240.0, 1e4), height.clamp(180.0, 1e4));
        self
    }

    fn with(mut self, name: impl Into<String>, marks: Marks) -> Chart {
        let color = Color::nth(self.series.len());
        self.series.push(Series { name: name.into(), color, dashed: false, marks });
        self
    }

    /// With a line through these points. A series without a name is not in the legend.
    pub fn line(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Chart {
        self.with(name, Marks::Line(points.into_iter().collect()))
    }

    /// With a dot at each of these points.
    pub fn dots(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Chart {
        self.with(name, Marks::Dots(points.into_iter().collect()))
    }

    /// With a band: for each x a lower and an upper edge.
    pub fn band(self, name: impl Into<String>, edges: impl IntoIterator<Item = (f64, f64, f64)>) -> Chart {
        self.with(name, Marks::Band(edges.into_iter().collect()))
    }

    /// With bars that stand on zero: left edge, right edge and height of each.
    pub fn bars(self, name: impl Into<String>, bars: impl IntoIterator<Item = (f64, f64, f64)>) -> Chart {
        self.with(name, Marks::Bars(bars.into_iter().collect()))
    }

    /// With the course of how values are spread: all of them in a light band, nine tenths in a darker one, half in the
    /// darkest, and their median as a line, which has the name. Each step has its [`Histogram::percentiles`](crate::Histogram::percentiles).
    pub fn spread(self, name: impl Into<String>, steps: impl IntoIterator<Item = (f64, [f64; 7])>) -> Chart {
        let (color, steps) = (Color::nth(self.series.len()), steps.into_iter().collect::<Vec<_>>());
        let band = |chart: Chart, tail: usize| {
            let edges = steps.iter().map(|(step, values)| (*step, values[tail], values[6 - tail]));
            chart.band("", edges).color(color)
        };
        let median = steps.iter().map(|(step, values)| (*step, values[3]));
        (0..3).fold(self, band).line(name, median).color(color)
    }

    /// With a word centred at each of these points.
    pub fn words<S: Into<String>>(
        self,
        name: impl Into<String>,
        words: impl IntoIterator<Item = (f64, f64, S)>,
    ) -> Chart {
        self.with(name, Marks::Words(words.into_iter().map(|(x, y, word)| (x, y, word.into())).collect()))
    }

    /// Draws the series that was added last in another colour.
    ///
    /// # Panics
    /// Without a series.
    #[track_caller]
    pub fn color(mut self, color: Color) -> Chart {
        self.series.last_mut().expect("a series to colour").color = color;
        self
    }

    /// Draws the line that was added last with dashes.
    ///
    /// # Panics
    /// Without a series.
    #[track_caller]
    pub fn dashed(mut self) -> Chart {
        self.series.last_mut().expect("a line to dash").dashed = true;
        self
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Draws the chart.
    pub fn picture(&self) -> Picture {
        let mut svg = Svg::default();
        let top = self.heading(&mut svg);
        let plot = self.plot(top);
        let [across, up] = plot.ticks(self);
        plot.grid(&mut svg, &across, &up);
        plot.clipped(&mut svg, |svg| {
            for series in &self.series {
                series.draw(svg, &plot);
            }
        });
        plot.frame(&mut svg, self, &across, &up);
        Picture::new(self.size.0, self.size.1, svg)
    }

    /// Draws the chart to a file, see [`Picture::save`].
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture().save(path)
    }

    /// Title and legend; returns the height they take.
    fn heading(&self, svg: &mut Svg) -> f64 {
        let mut y = 12.0;
        for line in text::wrapped(&self.title, TITLE, self.size.0 - 2.0 * MARGIN) {
            y += TITLE;
            svg.text((MARGIN, y), TITLE, Anchor::Start, "", &line);
            y += 4.0;
        }
        let mut x = MARGIN;
        let named: Vec<&Series> = self.series.iter().filter(|series| !series.name.is_empty()).collect();
        if !named.is_empty() {
            y += 18.0;
        }
        for series in named {
            let width = 30.0 + text::width(&series.name, LEGEND) + 16.0;
            if x > MARGIN && x + width > self.size.0 {
                (x, y) = (MARGIN, y + 20.0);
            }
            series.sign(svg, (x + 12.0, y - 4.0));
            svg.text((x + 30.0, y), LEGEND, Anchor::Start, "", &series.name);
            x += width;
        }
        y + 12.0
    }

    /// The room for the series, below the heading and beside the labels.
    fn plot(&self, top: f64) -> Plot {
        let lines_alone = self.series.iter().all(|series| matches!(series.marks, Marks::Line(_) | Marks::Band(_)));
        let x = self.x.span(self.series.iter().flat_map(Series::xs), if lines_alone { 0.0 } else { 0.03 });
        let y = self.y.span(self.series.iter().flat_map(Series::ys), 0.05);
        let bottom = self.size.1 - if self.x.name.is_empty() { 30.0 } else { 50.0 };
        let labels = self.y.marks(y, Plot::rows(bottom - top));
        let widest = labels.iter().map(|tick| text::width(&tick.label, TEXT)).fold(0.0, f64::max);
        let left = widest + 14.0 + if self.y.name.is_empty() { 4.0 } else { 24.0 };
        let size = ((self.size.0 - left - 24.0).max(40.0), (bottom - top).max(40.0));
        Plot { corner: (left, top), size, axes: [self.x.clone(), self.y.clone()], spans: [x, y] }
    }
}

/// The rectangle in which series are drawn.
pub(crate) struct Plot {
    corner: (f64, f64),
    size: (f64, f64),
    axes: [Axis; 2],
    spans: [Span; 2],
}

impl Plot {
    /// Where a point is in the rectangle, in pixels from its corner; far outside it is no place.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = (self.spans[0].share(self.axes[0].place(x)?), self.spans[1].share(self.axes[1].place(y)?));
        let (x, y) = (x * self.size.0, (1.0 - y) * self.size.1);
        (x.abs() < 1e6 && y.abs() < 1e6).then_some((x, y))
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.size.1
    }

    /// For how many labels there is room from bottom to top.
    fn rows(height: f64) -> usize {
        (height / 36.0).clamp(2.0, 12.0) as usize
    }

    /// Marks along x and y. Along x there are fewer of them until no label touches the next.
    fn ticks(&self, chart: &Chart) -> [Vec<Tick>; 2] {
        let fits = |ticks: &[Tick], room: usize| {
            let widest = ticks.iter().map(|tick| text::width(&tick.label, TEXT)).fold(0.0, f64::max);
            let labels = ticks.iter().filter(|tick| !tick.label.is_empty()).count();
            room <= 2 || labels as f64 * (widest + 10.0) <= self.size.0
        };
        let rooms = (2..=12).rev().map(|room| (room, chart.x.marks(self.spans[0], room)));
        let across = rooms.into_iter().find(|(room, ticks)| fits(ticks, *room)).map_or(Vec::new(), |found| found.1);
        [across, chart.y.marks(self.spans[1], Plot::rows(self.size.1))]
    }

    fn x(&self, tick: &Tick) -> f64 {
        self.corner.0 + self.spans[0].share(tick.place) * self.size.0
    }

    fn y(&self, tick: &Tick) -> f64 {
        self.corner.1 + (1.0 - self.spans[1].share(tick.place)) * self.size.1
    }

    fn grid(&self, svg: &mut Svg, across: &[Tick], up: &[Tick]) {
        let (left, top) = self.corner;
        let class = |tick: &Tick| if tick.label.is_empty() { "fine" } else { "grid" };
        for tick in across {
            svg.line((self.x(tick), top), (self.x(tick), top + self.size.1), class(tick));
        }
        for tick in up {
            svg.line((left, self.y(tick)), (left + self.size.0, self.y(tick)), class(tick));
        }
    }

    /// What is drawn in the rectangle, and nothing of it outside, but for the halves of dots on its edge.
    fn clipped(&self, svg: &mut Svg, draw: impl FnOnce(&mut Svg)) {
        let [x, y, width, height] =
            [self.corner.0 - EDGE, self.corner.1 - EDGE, self.size.0 + 2.0 * EDGE, self.size.1 + 2.0 * EDGE].map(px);
        svg.raw(&format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" viewBox=\"-{EDGE} -{EDGE} {width} {height}\">\n"
        ));
        draw(svg);
        svg.raw("</svg>\n");
    }

    /// The two lines at the left and at the bottom, with labels and names.
    fn frame(&self, svg: &mut Svg, chart: &Chart, across: &[Tick], up: &[Tick]) {
        let ((left, top), (right, bottom)) = (self.corner, (self.corner.0 + self.size.0, self.corner.1 + self.size.1));
        svg.line((left, top), (left, bottom), "frame");
        svg.line((left, bottom), (right, bottom), "frame");
        for tick in across.iter().filter(|tick| !tick.label.is_empty()) {
            svg.line((self.x(tick), bottom), (self.x(tick), bottom + 4.0), "frame");
            svg.text((self.x(tick), bottom + 18.0), TEXT, Anchor::Middle, "", &tick.label);
        }
        for tick in up.iter().filter(|tick| !tick.label.is_empty()) {
            svg.line((left - 4.0, self.y(tick)), (left, self.y(tick)), "frame");
            svg.text((left - 8.0, self.y(tick) + 4.5), TEXT, Anchor::End, "", &tick.label);
        }
        svg.text((0.5 * (left + right), bottom + 40.0), LEGEND, Anchor::Middle, "", &chart.x.name);
        svg.upright((18.0, 0.5 * (top + bottom)), LEGEND, &chart.y.name);
    }
}
