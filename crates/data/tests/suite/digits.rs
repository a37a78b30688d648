//! The generated digits: reproducible to the byte, and digits.

use data::{Images, digits};

/// FNV-1a.
fn fingerprint(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn bytes(digits: &Images) -> impl Iterator<Item = u8> {
    (0..digits.len()).flat_map(|i| digits.image(i).iter().copied().chain([digits.label(i)]))
}

fn squared_distance(a: &[u8], b: &[u8]) -> u64 {
    a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum()
}

/// The share of `test` whose nearest row in `train` has the same label.
fn nearest_neighbour_accuracy(train: &Images, test: &Images) -> f64 {
    let nearest = |image| (0..train.len()).min_by_key(|&i| squared_distance(train.image(i), image)).unwrap();
    let right = (0..test.len()).filter(|&i| train.label(nearest(test.image(i))) == test.label(i)).count();
    right as f64 / test.len() as f64
}

/// The mean image of each class, in the order of the labels.
fn class_means(digits: &Images) -> Images {
    let mean = |class: u8| {
        let rows: Vec<_> = (0..digits.len()).filter(|&i| digits.label(i) == class).collect();
        let pixel = |at: usize| rows.iter().map(|&i| usize::from(digits.image(i)[at])).sum::<usize>() / rows.len();
        (0..784).map(|at| pixel(at) as u8).collect::<Vec<_>>()
    };
    Images::new((0..10).flat_map(mean).collect(), 784, (0..10).collect()).unwrap()
}

#[test]
fn values_are_pinned() {
    assert_eq!(fingerprint(bytes(&digits::generate(500, 0))), 0x1e4c_4e3a_05d5_4d1a);
}

#[test]
fn a_shorter_set_is_the_beginning_of_a_longer_one() {
    assert!(bytes(&digits::generate(120, 8)).eq(bytes(&digits::generate(300, 8).split(120).0)));
    assert!(!bytes(&digits::generate(120, 8)).eq(bytes(&digits::generate(120, 9))));
    assert!(digits::generate(0, 8).is_empty());
}

#[test]
fn classes_are_equally_likely() {
    // 1,000 of each expected, standard deviation 30.
    let digits = digits::generate(10_000, 2);
    let mut counts = [0; 10];
    digits.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn every_image_has_ink_in_the_middle_and_an_empty_rim() {
    let digits = digits::generate(5000, 3);
    let (mut rims, mut ink) = (0, 0);
    for i in 0..digits.len() {
        let image = digits.image(i);
        let inked = image.iter().filter(|&&pixel| pixel > 127).count();
        assert!((15..400).contains(&inked), "image {i} has {inked} bright pixels");
        rims += usize::from(image[..28].iter().chain(&image[756..]).any(|&pixel| pixel > 127));
        ink += inked;
    }
    assert!(rims < digits.len() / 100, "{rims} of 5,000 digits are cut off");
    // MNIST has 101.
    assert!((80..130).contains(&(ink / digits.len())), "{} bright pixels on average", ink / digits.len());
}

#[test]
fn digits_are_distinguishable_but_not_trivial() {
    let (train, test) = digits::generate(4000, 4).split(3500);
    let (neighbours, means) =
        (nearest_neighbour_accuracy(&train, &test), nearest_neighbour_accuracy(&class_means(&train), &test));
    // The first 3,500 images of MNIST give 0.89 and 0.75 on its first 2,000 test images.
    assert!((0.82..0.95).contains(&neighbours), "nearest neighbour: {neighbours}");
    assert!((0.65..0.85).contains(&means), "nearest class mean: {means}");
}
