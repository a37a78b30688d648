use super::Plot;
use super::thin;
use crate::Color;
use crate::svg::{Anchor, Svg};

/// What is drawn for a name in the legend.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) color: Color,
    pub(crate) dashed: bool,
    pub(crate) marks: Marks,
}

#[derive(Clone, Debug)]
pub(crate) enum Marks {
    Line(Vec<(f64, f64)>),
    Dots(Vec<(f64, f64)>),
    /// x, the lower edge and the upper one.
    Band(Vec<(f64, f64, f64)>),
    /// Left edge, right edge and height.
    Bars(Vec<(f64, f64, f64)>),
    Words(Vec<(f64, f64, String)>),
}

/// A dot on a line is drawn as long as the line has no more points than this.
const DOTTED: usize = 24;

impl Series {
    /// All values along x.
    pub(crate) fn xs(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match &self.marks {
            Marks::Line(points) | Marks::Dots(points) => Box::new(points.iter().map(|point| point.0)),
            Marks::Band(points) => Box::new(points.iter().map(|point| point.0)),
            Marks::Bars(bars) => Box::new(bars.iter().flat_map(|bar| [bar.0, bar.1])),
            Marks::Words(words) => Box::new(words.iter().map(|word| word.0)),
        }
    }

    /// All values along y.
    pub(crate) fn ys(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match &self.marks {
            Marks::Line(points) | Marks::Dots(points) => Box::new(points.iter().map(|point| point.1)),
            Marks::Band(points) => Box::new(points.iter().flat_map(|point| [point.1, point.2])),
            Marks::Bars(bars) => Box::new(bars.iter().map(|bar| bar.2).chain([0.0])),
            Marks::Words(words) => Box::new(words.iter().map(|word| word.1)),
        }
    }

    pub(crate) fn draw(&self, svg: &mut Svg, plot: &Plot) {
        match &self.marks {
            Marks::Line(points) => self.line(svg, plot, points),
            Marks::Dots(points) => {
                let points: Vec<_> = points.iter().filter_map(|&point| plot.at(point)).collect();
                let radius = if points.len() > 300 { 2.0 } else { 3.0 };
                svg.dots(&thin::dots(&points), self.color, radius);
            }
            Marks::Band(points) => self.band(svg, plot, points),
            Marks::Bars(bars) => self.bars(svg, plot, bars),
            Marks::Words(words) => self.words(svg, plot, words),
        }
    }

    /// A line has a gap where a value cannot be drawn; a point between two gaps is a dot.
    fn line(&self, svg: &mut Svg, plot: &Plot, points: &[(f64, f64)]) {
        let places: Vec<_> = points.iter().map(|&point| plot.at(point)).collect();
        let mut alone = Vec::new();
        for piece in places.split(Option::is_none) {
            let piece: Vec<_> = piece.iter().flatten().copied().collect();
            match piece[..] {
                [] => {}
                [point] => alone.push(point),
                _ => svg.polyline(&thin::line(&piece), self.color, 2.0, self.dashed),
            }
        }
        let few = places.len() <= DOTTED && !self.dashed;
        let dots = if few { places.into_iter().flatten().collect() } else { thin::dots(&alone) };
        svg.dots(&dots, self.color, 3.0);
    }

    fn band(&self, svg: &mut Svg, plot: &Plot, points: &[(f64, f64, f64)]) {
        let edges: Vec<_> =
            points.iter().map(|&(x, low, high)| Some((plot.at((x, low))?, plot.at((x, high))?))).collect();
        for piece in edges.split(Option::is_none).filter(|piece| piece.len() > 1) {
            let lower: Vec<_> = piece.iter().flatten().map(|edges| edges.0).collect();
            let upper: Vec<_> = piece.iter().flatten().map(|edges| edges.1).collect();
            let mut outline = thin::line(&lower);
            outline.extend(thin::line(&upper).into_iter().rev());
            svg.polygon(&outline, self.color, 0.18);
        }
    }

    fn bars(&self, svg: &mut Svg, plot: &Plot, bars: &[(f64, f64, f64)]) {
        let rest = format!(r#"fill="{}" fill-opacity="0.75""#, self.color);
        for &(from, to, height) in bars {
            // On a logarithmic axis there is no zero to stand on.
            let foot = plot.at((from, 0.0)).map_or(plot.bottom(), |foot| foot.1);
            if let (Some((left, top)), Some((right, _))) = (plot.at((from, height)), plot.at((to, height))) {
                let width = (right - left).abs();
                let gap = if width > 4.0 { 1.0 } else { 0.0 };
                svg.rect((left.min(right), top.min(foot)), (width - gap, (foot - top).abs()), &rest);
            }
        }
    }

    fn words(&self, svg: &mut Svg, plot: &Plot, words: &[(f64, f64, String)]) {
        svg.raw(&format!("<g style=\"fill:{}\">\n", self.color));
        for (x, y, word) in words {
            if let Some((x, y)) = plot.at((*x, *y)) {
                svg.text((x, y + 4.0), 12.0, Anchor::Middle, r#" class="as""#, word);
            }
        }
        svg.raw("</g>\n");
    }

    /// Its sign in the legend, centred at a place and 24 pixels wide.
    pub(crate) fn sign(&self, svg: &mut Svg, (x, y): (f64, f64)) {
        let fill = |opacity| format!(r#"fill="{}" fill-opacity="{opacity}""#, self.color);
        match &self.marks {
            Marks::Line(_) => svg.polyline(&[(x - 12.0, y), (x + 12.0, y)], self.color, 2.0, self.dashed),
            Marks::Dots(_) => svg.dots(&[(x, y)], self.color, 4.0),
            Marks::Band(_) => svg.rect((x - 12.0, y - 6.0), (24.0, 12.0), &fill(0.18)),
            Marks::Bars(_) => svg.rect((x - 12.0, y - 6.0), (24.0, 12.0), &fill(0.75)),
            Marks::Words(words) => {
                let word = words.first().map_or("", |word| &word.2);
                let style = format!(r#" style="fill:{}""#, self.color);
                svg.text((x, y + 4.0), 12.0, Anchor::Middle, &style, word);
            }
        }
    }
}
