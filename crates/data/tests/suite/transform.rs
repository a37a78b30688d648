//! Transforms of images against plain references, and what they draw at random.

use std::panic::catch_unwind;
use std::time::Instant;
use std::{env, fs, thread};

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use data::transform::{
    Affine, Crop, Draw, Elastic, Erase, Flip, Image, Normalize, Resize, Shift, Transform, Transforms,
};
use data::{Images, digits};
use proptest::prelude::*;
use tensor::Tensor;

/// An image whose pixels all differ, between 0 and 1.
fn picture(channels: usize, height: usize, width: usize) -> Tensor {
    let mut state = 12345_u32;
    let next = |_: &[usize]| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    Tensor::from_fn([channels, height, width], next)
}

fn apply(transform: impl Transform + 'static, image: &Tensor) -> Tensor {
    Transforms::new().add(transform).apply(image, Draw::new(1, 2, 3))
}

/// The pixel, or 0 outside.
fn pixel(image: &Tensor, channel: usize, y: isize, x: isize) -> f32 {
    let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|&at| at < size);
    match (inside(y, image.shape()[1]), inside(x, image.shape()[2])) {
        (Some(y), Some(x)) => image.get(&[channel, y, x]).unwrap(),
        _ => 0.0,
    }
}

/// The image read at `source(x, y)` for each pixel, in double precision.
fn resampled(image: &Tensor, source: impl Fn(f64, f64) -> [f64; 2]) -> Tensor {
    Tensor::from_fn(image.shape().clone(), |at| {
        let [x, y] = source(at[2] as f64, at[1] as f64);
        let (column, row) = (x.floor(), y.floor());
        let (u, v) = (x - column, y - row);
        let read = |dy: isize, dx: isize| f64::from(pixel(image, at[0], row as isize + dy, column as isize + dx));
        let above = read(0, 0) * (1.0 - u) + read(0, 1) * u;
        let below = read(1, 0) * (1.0 - u) + read(1, 1) * u;
        (above * (1.0 - v) + below * v) as f32
    })
}

#[track_caller]
fn assert_near(a: &Tensor, b: &Tensor, tolerance: f32) {
    assert_eq!(a.shape(), b.shape());
    let furthest = (a - b).abs().to_vec().into_iter().fold(0.0, f32::max);
    assert!(furthest <= tolerance, "differ by {furthest}");
}

/// What step 0 draws, from the documented rule.
fn stream(seed: u64, epoch: u64, index: u64) -> ChaCha8Rng {
    let words = [seed, 3, epoch, index].map(u64::to_le_bytes);
    let mut rng = ChaCha8Rng::from_seed(words.concat().try_into().unwrap());
    rng.set_stream(0);
    rng
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32() >> 8) / f64::from(1 << 24)
}

#[test]
fn a_rotation_by_nothing_changes_nothing() {
    for image in [picture(1, 28, 28), picture(3, 5, 8), picture(2, 1, 1), picture(1, 0, 4), picture(1, 4, 0)] {
        assert_eq!(apply(Affine::new().rotate(0.0).scale(1.0).slant(0.0).shift(0.0, 0.0), &image), image);
        assert_eq!(apply(Elastic::new(4.0, 0.0), &image), image);
        assert_eq!(apply(Shift::by(0, 0), &image), image);
        assert_eq!(apply(Transforms::new(), &image), image);
    }
}

#[test]
fn quarter_turns_are_anticlockwise() {
    let image = picture(2, 7, 7);
    let turned = |degrees: f32| apply(Affine::new().rotate(degrees), &image);
    let quarter = Tensor::from_fn([2, 7, 7], |at| image.get(&[at[0], at[2], 6 - at[1]]).unwrap());
    let half = Tensor::from_fn([2, 7, 7], |at| image.get(&[at[0], 6 - at[1], 6 - at[2]]).unwrap());
    assert_near(&turned(90.0), &quarter, 1e-5);
    assert_near(&turned(-270.0), &quarter, 1e-5);
    assert_near(&turned(180.0), &half, 1e-5);
}

#[test]
fn doubled_pixels_keep_their_centre() {
    let image = Tensor::from([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    let half = [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]];
    assert_eq!(apply(Affine::new().scale(2.0), &image), Tensor::from(half));
    assert_eq!(apply(Affine::new().stretch(2.0, 1.0), &image), Tensor::from([[0.0; 3], [0.5, 1.0, 0.5], [0.0; 3]]));
    let slanted = apply(Affine::new().slant(1.0), &Tensor::from([[0.0, 1.0, 0.0]; 3]));
    assert_eq!(slanted, Tensor::<f32>::eye(3));
}

#[test]
fn an_elastic_distortion_is_smoothed_noise_by_the_book() {
    let (height, width, sigma, alpha) = (11_usize, 14_usize, 1.7_f64, 9.0_f64);
    let image = picture(2, height, width);
    let distorted = Transforms::new().add(Elastic::new(sigma as f32, alpha as f32)).apply(&image, Draw::new(8, 5, 77));

    let mut rng = stream(8, 5, 77);
    let fields = [(); 2].map(|()| {
        let noise: Vec<f64> = (0..height * width).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
        let reach = (4.0 * sigma).ceil() as i32;
        let bell = |d: i32| (-f64::from(d * d) / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-reach..=reach).map(bell).sum();
        let smooth = |x: usize, y: usize| {
            let mut sum = 0.0;
            for (i, noise) in noise.iter().enumerate() {
                let (dx, dy) = ((i % width) as i32 - x as i32, (i / width) as i32 - y as i32);
                if dx.abs() <= reach && dy.abs() <= reach {
                    sum += noise * bell(dx) * bell(dy) / (total * total);
                }
            }
            sum
        };
        (0..height * width).map(|i| alpha * smooth(i % width, i / width)).collect::<Vec<_>>()
    });
    let expected = resampled(&image, |x, y| {
        let at = y as usize * width + x as usize;
        [x + fields[0][at], y + fields[1][at]]
    });
    assert_near(&distorted, &expected, 1e-4);
    assert!((&distorted - &image).abs().max(..).item() > 0.1, "it distorts");
}

#[test]
fn digits_are_distorted_by_the_measure_of_the_paper() {
    // Of a ramp, the change is the displacement: α·(1/√3)·1/(2σ√π) = 1.39 pixels away from the border.
    let ramp = Tensor::from_fn([1, 64, 64], |at| at[2] as f32);
    let transforms = Transforms::new().add(Elastic::new(4.0, 34.0));
    let squares = (0..40).flat_map(|i| {
        let moved = transforms.apply(&ramp, Draw::new(0, 0, i)) - &ramp;
        (20..44).map(move |x| f64::from(moved.get(&[0, 32, x]).unwrap()).powi(2))
    });
    let deviation = (squares.sum::<f64>() / (40.0 * 24.0)).sqrt();
    assert!((1.1..1.7).contains(&deviation), "{deviation}");
}

#[test]
fn whole_shifts_are_all_drawn_equally() {
    let mut dot = vec![0.0; 81];
    dot[40] = 1.0;
    let (dot, mut counts) = (Tensor::new(dot, [1, 9, 9]).unwrap(), [0; 81]);
    let transforms = Transforms::new().add(Shift::within(1));
    for index in 0..9000 {
        let at = transforms.apply(&dot, Draw::new(0, 0, index)).to_vec().iter().position(|&x| x == 1.0).unwrap();
        counts[at] += 1;
    }
    // 1,000 expected in each of 9 places, standard deviation 30.
    let places: Vec<_> = (0..81).filter(|&at| counts[at] > 0).collect();
    assert_eq!(places, [30, 31, 32, 39, 40, 41, 48, 49, 50]);
    assert!(places.iter().all(|&at| (850..1150).contains(&counts[at])), "{counts:?}");
}

#[test]
fn flips_mirror_and_twice_is_nothing() {
    let image = picture(2, 5, 4);
    let mirror =
        |horizontal: bool, at: &[usize]| if horizontal { [at[0], at[1], 3 - at[2]] } else { [at[0], 4 - at[1], at[2]] };
    for (flip, horizontal) in [(Flip::Horizontal, true), (Flip::Vertical, false)] {
        let flipped = apply(flip, &image);
        assert_eq!(flipped, Tensor::from_fn([2, 5, 4], |at| image.get(&mirror(horizontal, at)).unwrap()));
        assert_eq!(apply(flip, &flipped), image);
    }
}

#[test]
fn a_crop_is_a_window_of_the_padded_image() {
    let image = picture(2, 6, 5);
    let transforms = Transforms::new().add(Crop::random(4, 3).padding(2));
    assert_eq!(transforms.shape([2, 6, 5]), [2, 4, 3]);
    let window = |top: isize, left: isize| {
        Tensor::from_fn([2, 4, 3], |at| pixel(&image, at[0], top + at[1] as isize, left + at[2] as isize))
    };
    let mut seen = [[0; 7]; 8];
    let places = |i: usize| (i as isize / 7 - 2, i as isize % 7 - 2);
    for index in 0..2000 {
        let cropped = transforms.apply(&image, Draw::new(0, 0, index));
        let at = (0..56).find(|&i| window(places(i).0, places(i).1) == cropped).expect("a window");
        // The corners without a pixel of the image are all alike, and so counted at the first of them.
        seen[at / 7][at % 7] += 1;
    }
    assert!(seen[2][2] > 10 && seen[6][5] > 10 && seen[1][6] > 10, "{seen:?}");
    assert_eq!(apply(Crop::center(4, 3), &image), window(1, 1));
    assert_eq!(apply(Crop::center(3, 3), &image), window(1, 1).slice(tensor::s![.., ..3, ..]));
}

#[test]
fn an_erased_rectangle_has_area_and_shape_as_asked() {
    let image = Tensor::ones([3, 20, 30]);
    let transforms = Transforms::new().add(Erase::new().area(0.1..=0.2).aspect(0.5, 2.0).value(9.0));
    let mut total = 0.0;
    for index in 0..200 {
        let erased = transforms.apply(&image, Draw::new(0, 0, index));
        let covered: Vec<_> = (0..600).filter(|&i| erased.get(&[0, i / 30, i % 30]) == Some(9.0)).collect();
        let (rows, columns) = (covered.iter().map(|i| i / 30), covered.iter().map(|i| i % 30));
        let height = rows.clone().max().unwrap() - rows.min().unwrap() + 1;
        let width = columns.clone().max().unwrap() - columns.min().unwrap() + 1;
        assert_eq!(covered.len(), height * width, "a rectangle");
        assert!((50..=135).contains(&covered.len()), "{} pixels", covered.len());
        let aspect = height as f64 / width as f64;
        assert!((0.4..2.4).contains(&aspect), "{height} × {width}");
        assert_eq!(erased.to_vec().iter().filter(|&&x| x == 9.0).count(), 3 * covered.len(), "in all channels");
        total += covered.len() as f64 / 600.0;
    }
    assert!((0.14..0.16).contains(&(total / 200.0)), "{total}");
    assert_eq!(apply(Erase::new().area(2.0), &image), image, "what does not fit leaves the image as it is");
}

#[test]
fn normalising_is_by_channel() {
    let image = picture(3, 4, 5);
    let (mean, std) = ([0.5, 0.25, 0.0], [0.5, 2.0, 3.0]);
    let expected = Tensor::from_fn([3, 4, 5], |at| (image.get(at).unwrap() - mean[at[0]]) / std[at[0]]);
    assert_eq!(apply(Normalize::new(&mean, &std), &image), expected);
    let one = Tensor::from_fn([3, 4, 5], |at| (image.get(at).unwrap() - 0.5) / 0.5);
    assert_eq!(apply(Normalize::new(&[0.5], &[0.5]), &image), one);
}

/// From Pillow: `Image.resize(size, BILINEAR)` of single-precision images with pixels y² + 3x.
#[test]
fn another_size_is_as_pillow_has_it() {
    let image = Tensor::from_fn([1, 5, 7], |at| (at[1] * at[1] + 3 * at[2]) as f32);
    let smaller = [4.298_701_3, 10.727_273, 17.155_844, 12.298_701, 18.727_272, 25.155_844];
    let larger = [0.0, 2.0, 4.333_333_5, 6.666_666_5, 0.4375, 2.4375, 4.770_833_5, 7.104_166_5];
    assert_near(&apply(Resize::to(2, 3), &image), &Tensor::new(smaller.to_vec(), [1, 2, 3]).unwrap(), 1e-5);
    let corner = apply(Resize::to(8, 9), &image).slice(tensor::s![.., ..2, ..4]);
    assert_near(&corner, &Tensor::new(larger.to_vec(), [1, 2, 4]).unwrap(), 1e-5);
    let image = picture(3, 6, 4);
    assert_eq!(apply(Resize::to(6, 4), &image), image);
    let flat = Tensor::full([2, 9, 5], 0.75);
    assert_near(&apply(Resize::to(4, 11), &flat), &Tensor::full([2, 4, 11], 0.75), 1e-6);
    assert_eq!(apply(Resize::to(0, 3), &image).shape()[..], [3, 0, 3]);
}

#[test]
fn what_comes_in_is_the_fill() {
    let image = Tensor::zeros([1, 6, 6]);
    let count = |transformed: Tensor| transformed.to_vec().iter().filter(|&&x| x == 7.0).count();
    assert_eq!(count(apply(Shift::by(2, 0).fill(7.0), &image)), 12);
    assert_eq!(count(apply(Affine::new().shift(0.0, -2.0).fill(7.0), &image)), 12);
    assert_eq!(count(apply(Crop::center(8, 8).padding(1).fill(7.0), &image)), 28);
    assert!(count(apply(Elastic::new(2.0, 200.0).fill(7.0), &image)) > 0);
}

fn everything() -> Transforms {
    Transforms::new()
        .add(Affine::new().rotate(-20.0..=20.0).scale(0.8..=1.2).slant(-0.2..=0.2).shift(-2.0..=2.0, -2.0..=2.0))
        .add(Elastic::new(3.0, 10.0..=30.0))
        .sometimes(0.5, Flip::Horizontal)
        .add(Crop::random(28, 28).padding(2))
        .sometimes(0.5, Erase::new())
}

#[test]
fn draws_depend_on_seed_epoch_and_index_alone() {
    let (image, transforms) = (picture(1, 28, 28), everything());
    let draw = |seed, epoch, index| transforms.apply(&image, Draw::new(seed, epoch, index));
    assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
    for other in [draw(0, 2, 3), draw(1, 0, 3), draw(1, 2, 0), draw(2, 1, 3), draw(1, 3, 2)] {
        assert_ne!(draw(1, 2, 3), other);
    }
    let there = thread::spawn(move || transforms.apply(&picture(1, 28, 28), Draw::new(1, 2, 3))).join().unwrap();
    assert_eq!(draw_alone(1, 2, 3), there);
}

fn draw_alone(seed: u64, epoch: u64, index: usize) -> Tensor {
    everything().apply(&picture(1, 28, 28), Draw::new(seed, epoch, index))
}

#[test]
fn a_step_draws_the_same_whatever_comes_before() {
    let image = picture(1, 12, 12);
    let draw = Draw::new(4, 0, 9);
    let second = |first: bool| {
        let nothing = |_: &mut Image, _: &mut tensor::Rng| ();
        let greedy = |_: &mut Image, rng: &mut tensor::Rng| drop((0..100).map(|_| rng.next_u32()).collect::<Vec<_>>());
        let start = if first { Transforms::new().add(greedy) } else { Transforms::new().add(nothing) };
        start.add(Elastic::new(2.0, 20.0)).apply(&image, draw)
    };
    assert_eq!(second(true), second(false));
    let sometimes = Transforms::new().sometimes(0.3, Flip::Vertical);
    let flipped = (0..1000).filter(|&i| sometimes.apply(&image, Draw::new(0, 0, i)) != image).count();
    assert!((240..360).contains(&flipped), "{flipped} of 1,000, expected 300 ± 15");
}

#[test]
fn values_are_pinned() {
    let transforms = Transforms::new().add(Affine::new().rotate(-20.0..=20.0)).add(Elastic::new(4.0, 34.0));
    let distorted = digits::generate(20, 0).transform(&transforms, 1, 2);
    let bytes = (0..20).flat_map(|i| distorted.image(i));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    assert_eq!(hash, 0xb377_65cf_8434_17b6);
}

#[test]
fn rows_are_augmented_alike_in_any_batch() {
    let (digits, transforms) = (digits::generate(50, 3), everything());
    let row = |i: usize| {
        let pixels = digits.image(i).iter().map(|&byte| f32::from(byte) * digits.scale()).collect();
        transforms.apply(&Tensor::new(pixels, [1, 28, 28]).unwrap(), Draw::new(6, 7, i)).to_vec()
    };
    let expected: Vec<f32> = (0..50).flat_map(row).collect();
    for size in [1, 7, 50] {
        let batches = digits.batches(size).augment(&transforms, 6, 7);
        assert_eq!(batches.flat_map(|batch| batch.images.to_vec()).collect::<Vec<_>>(), expected);
    }
    let (mut seen, numbered) = (0, numbered_labels(&digits));
    for batch in numbered.batches(8).augment(&transforms, 6, 7).shuffle(1, 1) {
        for (image, label) in batch.images.to_vec().chunks(784).zip(batch.labels.to_vec()) {
            assert_eq!(image, &expected[label as usize * 784..][..784]);
            seen += 1;
        }
    }
    assert_eq!(seen, 50);
}

/// The same rows, labelled by their index.
fn numbered_labels(digits: &Images) -> Images {
    let images = (0..digits.len()).flat_map(|i| digits.image(i).to_vec()).collect();
    let numbered = Images::new(images, 784, (0..digits.len() as u8).collect()).unwrap();
    numbered.with_shape([1, 28, 28]).with_scale(digits.scale())
}

#[test]
fn an_expanded_set_is_the_set_and_its_copies() {
    let (_, digits) = digits::generate(40, 3).split(27);
    let digits = digits.with_scale(data::NIELSEN_SCALE);
    let transforms = everything();
    let expanded = digits.expand(&transforms, 2, 9);
    assert_eq!((expanded.len(), expanded.scale(), expanded.shape()), (39, digits.scale(), Some([1, 28, 28])));
    assert_eq!(expanded.labels(), digits.labels().repeat(3));
    let copies = [digits.clone(), digits.transform(&transforms, 9, 1), digits.transform(&transforms, 9, 2)];
    for i in 0..39 {
        assert_eq!(expanded.image(i), copies[i / 13].image(i % 13), "row {i}");
    }
    assert_ne!(copies[1].image(0), copies[2].image(0));
    let unchanged = digits.transform(&Transforms::new(), 0, 0);
    (0..13).for_each(|i| assert_eq!(unchanged.image(i), digits.image(i)));
    let cropped = digits.transform(&Transforms::new().add(Crop::center(20, 18)), 0, 0);
    assert_eq!((cropped.shape(), cropped.row_len()), (Some([1, 20, 18]), 360));
    let bright = digits.transform(&Transforms::new().add(Normalize::new(&[0.5], &[0.001])), 0, 0);
    assert!(bright.image(0).iter().all(|&byte| byte == 0 || byte == 255), "out of range becomes the nearest byte");
    assert!(digits.split(0).0.expand(&transforms, 3, 0).is_empty());
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let without_shape = || Images::new(vec![0; 8], 4, vec![0; 2]).unwrap();
    type Misuse = fn(Images);
    let misuses: [(Misuse, &str); 12] = [
        (
            |set| drop(set.expand(&Transforms::new(), 1, 0)),
            "transforms: found rows without a shape, expected one given by `with_shape`",
        ),
        (
            |set| drop(set.with_shape([1, 3, 2])),
            "with_shape: found rows of 4 bytes, expected those of images of [1, 3, 2]",
        ),
        (
            |set| drop(set.with_shape([1, 2, 2]).expand(&Transforms::new().add(Crop::center(1, 1)), 1, 0)),
            "expand: found transforms from [1, 2, 2] to [1, 1, 1], expected the same shape",
        ),
        (
            |set| drop(set.with_shape([1, 2, 2]).batches(1).augment(&Transforms::new().add(Crop::center(3, 1)), 1, 0)),
            "crop: found 3 pixels to crop, expected at most the 2 there are",
        ),
        (
            |_| {
                let _ = Transforms::new().apply(&Tensor::zeros([4]), Draw::new(0, 0, 0));
            },
            "transform: found shape [4], expected [channels, height, width]",
        ),
        (
            |_| {
                let _ = Transforms::new().sometimes(1.5, Flip::Vertical);
            },
            "sometimes: found a probability of 1.5, expected one from 0 to 1",
        ),
        (
            |_| {
                let _ = Transforms::new().sometimes(0.5, Crop::center(1, 1)).shape([1, 2, 2]);
            },
            "sometimes: found a change of shape from [1, 2, 2] to [1, 1, 1], expected none",
        ),
        (
            |_| {
                let _ = Affine::new().rotate(3.0..=-3.0);
            },
            "rotate: found 3..=-3, expected finite numbers in order, none below -340282350000000000000000000000000000000",
        ),
        (|_| drop(Elastic::new(4.0, -1.0)), "elastic: found -1..=-1, expected finite numbers in order, none below 0"),
        (
            |_| {
                let _ = Elastic::new(0.0, 1.0);
            },
            "elastic: found a smoothness of 0 pixels, expected one above 0 and up to 1000",
        ),
        (
            |_| {
                let _ = Normalize::new(&[0.5], &[0.0]);
            },
            "normalize: found means [0.5] and standard deviations [0.0], expected one of each by channel",
        ),
        (
            |_| {
                let _ = Transforms::new().add(Normalize::new(&[0.5; 2], &[1.0; 2])).shape([3, 1, 1]);
            },
            "normalize: found means of 2 channels, expected 1 or the 3 that the image has",
        ),
    ];
    for (misuse, expected) in misuses {
        let set = without_shape();
        let panic = catch_unwind(move || misuse(set)).expect_err(expected);
        let literal = panic.downcast_ref::<&str>().map(|message| message.to_string());
        assert_eq!(panic.downcast_ref::<String>().cloned().or(literal).expect("a message"), expected);
    }
}

proptest! {
    #[test]
    fn a_whole_shift_is_a_slice(dx in -9_isize..9, dy in -9_isize..9, height in 0_usize..8, width in 0_usize..8) {
        let image = picture(2, height, width);
        let sliced = Tensor::from_fn([2, height, width], |at| {
            pixel(&image, at[0], at[1] as isize - dy, at[2] as isize - dx)
        });
        prop_assert_eq!(&apply(Shift::by(dx, dy), &image), &sliced);
        prop_assert_eq!(&apply(Affine::new().shift(dx as f32, dy as f32), &image), &sliced);
    }

    #[test]
    fn an_affine_map_is_what_its_formula_says(
        angle in -180.0_f32..180.0, sx in 0.5_f32..2.0, sy in 0.5_f32..2.0, slant in -1.0_f32..1.0,
        dx in -3.0_f32..3.0, dy in -3.0_f32..3.0,
    ) {
        let image = picture(1, 9, 12);
        let mapped = apply(Affine::new().rotate(angle).stretch(sx, sy).slant(slant).shift(dx, dy), &image);
        let [sx, sy, slant, dx, dy] = [sx, sy, slant, dx, dy].map(f64::from);
        // y points down, so anticlockwise is the rotation by the negative angle.
        let (sin, cos) = (-f64::from(angle).to_radians()).sin_cos();
        let forward = [[cos * sx, (cos * slant - sin) * sy], [sin * sx, (sin * slant + cos) * sy]];
        let determinant = forward[0][0] * forward[1][1] - forward[0][1] * forward[1][0];
        let expected = resampled(&image, |x, y| {
            let (x, y) = (x - 5.5 - dx, y - 4.0 - dy);
            let back = [forward[1][1] * x - forward[0][1] * y, forward[0][0] * y - forward[1][0] * x];
            [back[0] / determinant + 5.5, back[1] / determinant + 4.0]
        });
        assert_near(&mapped, &expected, 1e-4);
    }

    #[test]
    fn every_size_of_image_is_transformed(channels in 0_usize..4, height in 0_usize..9, width in 0_usize..9, index: u32) {
        let shape = [channels, height, width];
        let transforms = Transforms::new()
            .add(Shift::within(12))
            .add(Affine::new().rotate(-180.0..=180.0).scale(0.01..=100.0).shift(-50.0..=50.0, -1e30..=1e30))
            .add(Elastic::new(0.1, 0.0..=1e6))
            .add(Elastic::new(30.0, 1e20))
            .add(Flip::Horizontal)
            .add(Flip::Vertical)
            .add(Erase::new().area(0.0..=1.5).aspect(0.01, 100.0))
            .add(Crop::random(height + 3, width).padding(2));
        let result = transforms.apply(&picture(channels, height, width), Draw::new(0, 0, index as usize));
        prop_assert_eq!(&result.shape()[..], &transforms.shape(shape)[..]);
        prop_assert!(result.to_vec().iter().all(|x| (0.0..=1.0).contains(x)));
    }
}

/// Writes `distorted.png` to the folder that `OUT_DIR_PICTURES` names, or else to the one for temporary files: generated
/// digits in the first column, or those of MNIST where `MNIST_DIR` names the files, and distorted copies beside them.
/// `cargo test -p wengert-data --test suite picture -- --ignored --nocapture`
#[test]
#[ignore = "writes a picture to look at"]
fn a_picture_of_distorted_digits() {
    const ROWS: usize = 10;
    const COLUMNS: usize = 12;
    let digits = match env::var_os("MNIST_DIR") {
        Some(_) => data::Mnist::open(None).unwrap().train,
        None => digits::generate(ROWS, 0),
    };
    let transforms = Transforms::new()
        .add(Affine::new().rotate(-15.0..=15.0).scale(0.85..=1.15).shift(-2.0..=2.0, -2.0..=2.0))
        .add(Elastic::new(4.0, 34.0));
    let expanded = digits.split(ROWS).0.expand(&transforms, COLUMNS - 1, 1);
    let mut picture = vec![0; ROWS * COLUMNS * 784];
    for (i, pixel) in picture.iter_mut().enumerate() {
        let (x, y) = (i % (28 * COLUMNS), i / (28 * COLUMNS));
        *pixel = 255 - expanded.image(x / 28 * ROWS + y / 28)[y % 28 * 28 + x % 28];
    }
    let folder = env::var_os("OUT_DIR_PICTURES").map_or(env::temp_dir(), Into::into);
    let path = folder.join("distorted.png");
    let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 28 * COLUMNS as u32, 28 * ROWS as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&picture).unwrap();
    println!("written to {}", path.display());
}

/// `cargo test --release -p wengert-data --test suite distorted_fast -- --ignored --nocapture`
#[test]
#[ignore = "measures time, so it needs an optimised build and a quiet machine"]
fn a_digit_is_distorted_fast() {
    let digits = digits::generate(2000, 0);
    let cases = [
        ("shift", Transforms::new().add(Shift::within(2))),
        ("affine", Transforms::new().add(Affine::new().rotate(-15.0..=15.0))),
        ("elastic", Transforms::new().add(Elastic::new(4.0, 34.0))),
    ];
    for (name, transforms) in cases {
        let mut best = f64::INFINITY;
        for epoch in 0..5 {
            let start = Instant::now();
            digits.batches(100).augment(&transforms, 0, epoch).for_each(drop);
            best = best.min(start.elapsed().as_secs_f64() / 2000.0);
        }
        println!("{name}: {:.2} µs for an image of 28 × 28", best * 1e6);
        assert!(best < 50e-6, "{name} takes {best} s");
    }
}
