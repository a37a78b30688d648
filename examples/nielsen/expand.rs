//! More training images: each one shifted.

use wengert::prelude::Images;

/// The side of an image in pixels.
pub(crate) const SIDE: usize = 28;

/// The images, and after them each of them shifted by one pixel up, down, left and right.
pub(crate) fn expand(data: &Images) -> Images {
    let mut images = Vec::with_capacity(5 * data.len() * SIDE * SIDE);
    for (dx, dy) in [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)] {
        (0..data.len()).for_each(|i| images.extend(shifted(data.image(i), dx, dy)));
    }
    let expanded = Images::new(images, SIDE * SIDE, data.labels().repeat(5));
    expanded.expect("five images for each label").with_scale(data.scale()).with_shape([1, SIDE, SIDE])
}

/// The image moved right by `dx` and down by `dy`; what comes in is black.
fn shifted(image: &[u8], dx: isize, dy: isize) -> impl Iterator<Item = u8> {
    (0..SIDE * SIDE).map(move |i| {
        let (x, y) = ((i % SIDE).checked_add_signed(-dx), (i / SIDE).checked_add_signed(-dy));
        match (x, y) {
            (Some(x), Some(y)) if x < SIDE && y < SIDE => image[y * SIDE + x],
            _ => 0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_images_of_one_dot() {
        let mut image = vec![0; SIDE * SIDE];
        image[3 * SIDE + 5] = 200;
        let expanded = expand(&Images::new(image, SIDE * SIDE, vec![7]).unwrap());
        assert_eq!(expanded.labels(), [7; 5]);
        let dot = |i: usize| {
            let at = expanded.image(i).iter().position(|&pixel| pixel == 200).expect("the dot");
            (at % SIDE, at / SIDE)
        };
        assert_eq!([0, 1, 2, 3, 4].map(dot), [(5, 3), (5, 2), (5, 4), (4, 3), (6, 3)]);
    }

    #[test]
    fn what_leaves_does_not_come_back() {
        let expanded = expand(&Images::new(vec![9; SIDE * SIDE], SIDE * SIDE, vec![0]).unwrap());
        for i in 1..5 {
            assert_eq!(expanded.image(i).iter().filter(|&&pixel| pixel == 0).count(), SIDE);
        }
    }
}
