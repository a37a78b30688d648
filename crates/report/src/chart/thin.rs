//! Fewer points that look the same.

use std::collections::HashSet;

/// A line without the points that no one could see: of neighbours in one column of a pixel, the first, the lowest, the
/// highest and the last remain, so that no peak is lost.
pub(crate) fn line(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let by_height = |&a: &usize, &b: &usize| column[a].1.total_cmp(&column[b].1);
        let lowest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut picked = vec![0, lowest, highest, column.len() - 1];
        picked.sort_unstable();
        picked.dedup();
        kept.extend(picked.into_iter().map(|i| column[i]));
    }
    kept
}

/// Dots without those that lie on another one, to half a pixel.
pub(crate) fn dots(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut seen = HashSet::new();
    let cell = |&(x, y): &(f64, f64)| ((2.0 * x).round() as i64, (2.0 * y).round() as i64);
    points.iter().filter(|point| seen.insert(cell(point))).copied().collect()
}
