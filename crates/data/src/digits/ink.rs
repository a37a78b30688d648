//! From polylines to bytes: a pen of varying width, smooth edges and the grain of a scan.

use chacha20::ChaCha8Rng;

use super::SIDE;
use super::pen::Point;
use crate::random::{bell, between};

/// Width in pixels over which an edge goes from full ink to none.
const EDGE: f32 = 1.3;
/// Standard deviation of the noise on inked pixels, in grey levels.
const GRAIN: f32 = 8.0;

/// A digit in grey levels, 255 for full ink, row by row.
pub(super) fn render(strokes: &[Vec<Point>], rng: &mut ChaCha8Rng) -> [u8; SIDE * SIDE] {
    let radius = between(rng, 0.65, 1.75);
    let mut ink = [0.0; SIDE * SIDE];
    for stroke in strokes {
        let pressure = [(); 3].map(|()| radius * (1.0 + 0.13 * bell(rng)));
        let segments = (stroke.len() - 1).max(1) as f32;
        for (i, pair) in stroke.windows(2).enumerate() {
            ink_segment(&mut ink, pair[0], pair[1], along(pressure, i as f32 / segments));
        }
    }
    let full = between(rng, 225.0, 255.0);
    ink.map(|coverage| match coverage {
        0.0 => 0,
        coverage => (coverage * full + GRAIN * bell(rng)).clamp(0.0, 255.0) as u8,
    })
}

/// The value at `t` from 0 to 1 on the line through start, middle and end.
fn along([start, middle, end]: [f32; 3], t: f32) -> f32 {
    match t < 0.5 {
        true => start + (middle - start) * 2.0 * t,
        false => middle + (end - middle) * (2.0 * t - 1.0),
    }
}

/// Covers the pixels near the segment from `a` to `b`; where strokes cross, the darker counts.
fn ink_segment(ink: &mut [f32; SIDE * SIDE], a: Point, b: Point, radius: f32) {
    let reach = radius + EDGE;
    let [columns, rows] = [0, 1].map(|axis| {
        let (low, high) = (a[axis].min(b[axis]) - reach, a[axis].max(b[axis]) + reach);
        // Conversion saturates: what lies left of the image or above it starts at 0.
        low as usize..((high + 1.0) as usize).min(SIDE)
    });
    for row in rows {
        for column in columns.clone() {
            let distance = distance([column as f32 + 0.5, row as f32 + 0.5], a, b);
            let coverage = ((radius - distance) / EDGE + 0.5).clamp(0.0, 1.0);
            let pixel = &mut ink[row * SIDE + column];
            *pixel = pixel.max(coverage);
        }
    }
}

/// From a point to the nearest of the segment from `a` to `b`.
fn distance(point: Point, a: Point, b: Point) -> f32 {
    let to = |p: Point| [p[0] - a[0], p[1] - a[1]];
    let ([px, py], [dx, dy]) = (to(point), to(b));
    let length = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
    let t = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
    let (x, y) = (px - t * dx, py - t * dy);
    (x * x + y * y).sqrt()
}
