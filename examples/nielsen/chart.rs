//! Curves as an SVG, with the legend above them, where it hides nothing.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use super::training::Epoch;

const SIZE: (u32, u32) = (800, 480);
const LEGEND: u32 = 58;
const COLORS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(90, 90, 90),
];

pub(crate) struct Chart {
    pub(crate) title: String,
    x: Axis,
    y: Axis,
    curves: Vec<Curve>,
}

pub(crate) struct Axis {
    name: &'static str,
    log: bool,
}

struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    line: bool,
}

impl Axis {
    pub(crate) const fn linear(name: &'static str) -> Axis {
        Axis { name, log: false }
    }

    pub(crate) const fn log(name: &'static str) -> Axis {
        Axis { name, log: true }
    }

    /// Where a value is drawn.
    fn place(&self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }

    /// From the smallest value to the largest; a logarithmic axis spans whole powers of ten.
    fn range(&self, values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
        let places = values.map(|value| self.place(value)).filter(|place| place.is_finite());
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        match (low <= high, self.log) {
            (false, _) => 0.0..1.0,
            (_, true) => (low + 0.01).floor()..(high - 0.01).ceil().max(low.floor() + 1.0),
            (_, false) => {
                let margin = ((high - low) * margin).max(if high > low { 0.0 } else { 0.5 });
                low - margin..high + margin
            }
        }
    }

    /// How many labels there may be: on a logarithmic axis one for each power of ten.
    fn labels(&self, span: f64, most: usize) -> usize {
        if self.log { span.round() as usize + 1 } else { most }
    }

    /// The label at a place; a logarithmic axis has labels at powers of ten alone.
    fn label(&self, place: f64, span: f64) -> String {
        match self.log {
            true if (place - place.round()).abs() > 1e-6 => String::new(),
            true => format!("{}", 10f64.powi(place.round() as i32)),
            false => format!("{place:.*}", (1.0 - span.log10()).ceil().clamp(0.0, 6.0) as usize),
        }
    }
}

impl Chart {
    pub(crate) fn new(title: impl Into<String>, x: Axis, y: Axis) -> Chart {
        Chart { title: title.into(), x, y, curves: Vec::new() }
    }

    /// With a curve through these points.
    pub(crate) fn line(mut self, name: impl Into<String>, points: Vec<(f64, f64)>) -> Chart {
        self.curves.push(Curve { name: name.into(), points, line: true });
        self
    }

    /// With these points.
    pub(crate) fn dots(mut self, name: impl Into<String>, points: Vec<(f64, f64)>) -> Chart {
        self.curves.push(Curve { name: name.into(), points, line: false });
        self
    }

    /// With a curve by epoch.
    pub(crate) fn history(self, name: impl Into<String>, history: &[Epoch], value: fn(&Epoch) -> f64) -> Chart {
        self.line(name, history.iter().map(|epoch| (epoch.number as f64, value(epoch))).collect())
    }

    pub(crate) fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (top, plot) = root.split_vertically(LEGEND);
        self.draw_legend(&top)?;
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let x = self.x.range(points().map(|point| point.0), 0.0);
        let y = self.y.range(points().map(|point| point.1), 0.05);
        let (x_span, y_span) = (x.end - x.start, y.end - y.start);
        let mut chart = ChartBuilder::on(&plot)
            .margin(12)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(76)
            .build_cartesian_2d(x, y)?;
        let style = ("sans-serif", 15);
        chart
            .configure_mesh()
            .x_desc(self.x.name)
            .y_desc(self.y.name)
            .x_labels(self.x.labels(x_span, 11))
            .y_labels(self.y.labels(y_span, 9))
            .x_label_formatter(&|x| self.x.label(*x, x_span))
            .y_label_formatter(&|y| self.y.label(*y, y_span))
            .label_style(style)
            .axis_desc_style(style)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (curve, color) in self.curves.iter().zip(COLORS.into_iter().cycle()) {
            let points = curve.points.iter().map(|&(x, y)| (self.x.place(x), self.y.place(y)));
            let points: Vec<(f64, f64)> = points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
            let size = if curve.line { 2 } else { 4 };
            if !curve.line || points.len() <= 40 {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, size, color.filled())))?;
            }
            if curve.line {
                chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
            }
        }
        Ok(root.present()?)
    }

    /// Title, and below it the curves' names in their colours.
    fn draw_legend(&self, area: &DrawingArea<SVGBackend, plotters::coord::Shift>) -> Result<(), Box<dyn Error>> {
        area.draw(&Text::new(self.title.clone(), (88, 8), ("sans-serif", 20)))?;
        let mut x = 88;
        for (curve, color) in self.curves.iter().zip(COLORS.into_iter().cycle()) {
            match curve.line {
                true => area.draw(&PathElement::new([(x, 45), (x + 22, 45)], color.stroke_width(3)))?,
                false => area.draw(&Circle::new((x + 11, 45), 4, color.filled()))?,
            }
            area.draw(&Text::new(curve.name.clone(), (x + 28, 37), ("sans-serif", 15)))?;
            // The backend does not measure text; nine pixels for a letter are plenty.
            x += 46 + 9 * curve.name.chars().count() as i32;
        }
        Ok(())
    }
}
