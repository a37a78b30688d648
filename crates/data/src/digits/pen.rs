//! From a glyph to polylines in pixels: a hand that never writes the same curve twice.

use chacha20::ChaCha8Rng;

use super::SIDE;
use super::glyphs::{Glyph, Stroke};
use crate::random::{bell, between};

/// Standard deviation of a control point's displacement.
const UNSTEADINESS: f32 = 0.037;
/// Line segments for each span between two control points.
const SEGMENTS: usize = 6;
/// Nodes of the elastic displacement field along each axis.
const NODES: usize = 4;
/// Standard deviation of a node's displacement.
const ELASTICITY: f32 = 0.067;
/// The side of the box, in pixels, that the longer side of a digit fills.
const BOX: f32 = 18.5;
/// The least distance, in pixels, of a stroke from the rim of the image.
const MARGIN: f32 = 3.0;

/// A point: x to the right, y down.
pub(super) type Point = [f32; 2];

/// The strokes of `glyph` as polylines in pixels, written by the hand that `rng` describes.
pub(super) fn write(glyph: Glyph, rng: &mut ChaCha8Rng) -> Vec<Vec<Point>> {
    let mut strokes: Vec<_> = glyph.iter().map(|stroke| curve(&unsteady(stroke, rng))).collect();
    let (field, slant) = (Field::draw(rng), Affine::draw(rng));
    for point in strokes.iter_mut().flatten() {
        *point = slant.apply(field.apply(*point));
    }
    fit(&mut strokes, rng);
    strokes
}

/// Moves the control points; the two of a corner move together.
fn unsteady(stroke: Stroke, rng: &mut ChaCha8Rng) -> Vec<Point> {
    let mut shift = [0.0; 2];
    let mut last = None;
    let mut moved = Vec::with_capacity(stroke.len());
    for &(x, y) in stroke {
        if last != Some((x, y)) {
            shift = [UNSTEADINESS * bell(rng), UNSTEADINESS * bell(rng)];
        }
        last = Some((x, y));
        moved.push([x + shift[0], y + shift[1]]);
    }
    moved
}

/// The Catmull–Rom spline through `points`.
fn curve(points: &[Point]) -> Vec<Point> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut line = vec![points[0]];
    for i in 0..points.len() as isize - 1 {
        let p = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        if p[1] == p[2] {
            continue;
        }
        let steps = (1..=SEGMENTS).map(|step| step as f32 / SEGMENTS as f32);
        line.extend(steps.map(|t| [0, 1].map(|axis| catmull_rom(p.map(|point| point[axis]), t))));
    }
    line
}

fn catmull_rom([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    let cubic = 3.0 * (b - c) + d - a;
    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
    b + 0.5 * t * ((c - a) + t * (square + t * cubic))
}

/// A smooth random displacement of the plane, given at nodes.
struct Field([[Point; NODES]; NODES]);

impl Field {
    fn draw(rng: &mut ChaCha8Rng) -> Field {
        Field([(); NODES].map(|()| [(); NODES].map(|()| [ELASTICITY * bell(rng), ELASTICITY * bell(rng)])))
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let ((column, u), (row, v)) = (cell(x), cell(y));
        let blend = |axis: usize| {
            let side = |r: usize| mix(self.0[r][column][axis], self.0[r][column + 1][axis], u);
            mix(side(row), side(row + 1), v)
        };
        [x + blend(0), y + blend(1)]
    }
}

/// The node before a coordinate, and how far on to the next one, eased so that the field has no creases.
fn cell(coordinate: f32) -> (usize, f32) {
    let scaled = coordinate.clamp(0.0, 1.0) * (NODES - 1) as f32;
    let node = (scaled as usize).min(NODES - 2);
    let t = scaled - node as f32;
    (node, t * t * (3.0 - 2.0 * t))
}

fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// A linear map about the middle of the unit square: width, slant, rotation.
struct Affine([[f32; 2]; 2]);

impl Affine {
    fn draw(rng: &mut ChaCha8Rng) -> Affine {
        let (width, slant) = (between(rng, 0.65, 1.2), 0.22 * bell(rng) - 0.1);
        // Sine and cosine from the tangent of half the angle: exact arithmetic, the same on every platform.
        let half = 0.08 * bell(rng);
        let (cos, sin) = ((1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half));
        Affine([[cos * width, cos * slant - sin], [sin * width, sin * slant + cos]])
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        self.0.map(|[to_x, to_y]| to_x * x + to_y * y)
    }
}

/// Scales the longer side of the digit to about [`BOX`] and brings its ink to about the middle of the image.
fn fit(strokes: &mut [Vec<Point>], rng: &mut ChaCha8Rng) {
    let extents = [0, 1].map(|axis| extent(strokes, axis));
    let longer = extents.map(|[low, high]| high - low).into_iter().fold(0.0, f32::max);
    let scale = BOX * between(rng, 0.88, 1.04) / longer;
    let centre = centroid(strokes);
    let shift = [0, 1].map(|axis| {
        let wanted = SIDE as f32 / 2.0 + 0.6 * bell(rng) - scale * centre[axis];
        let [low, high] = extents[axis].map(|end| scale * end);
        wanted.clamp(MARGIN - low, SIDE as f32 - MARGIN - high)
    });
    for point in strokes.iter_mut().flatten() {
        *point = [0, 1].map(|axis| scale * point[axis] + shift[axis]);
    }
}

/// The least and the greatest coordinate along an axis.
fn extent(strokes: &[Vec<Point>], axis: usize) -> [f32; 2] {
    let coordinates = strokes.iter().flatten().map(|point| point[axis]);
    coordinates.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], x| [low.min(x), high.max(x)])
}

/// The mean of the strokes' points, each weighted by the length of line around it.
fn centroid(strokes: &[Vec<Point>]) -> Point {
    let (mut sum, mut total) = ([0.0; 2], 0.0);
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let [a, b] = [pair[0], pair[1]];
        let length = ((b[0] - a[0]) * (b[0] - a[0]) + (b[1] - a[1]) * (b[1] - a[1])).sqrt();
        total += length;
        sum = [0, 1].map(|axis| sum[axis] + length * 0.5 * (a[axis] + b[axis]));
    }
    sum.map(|axis| axis / total)
}
