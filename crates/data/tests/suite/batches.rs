//! Batches: every row once, in an order that the seed and the epoch alone decide.

use std::panic::{UnwindSafe, catch_unwind};
use std::thread;

use crate::allocation;
use data::{Batch, Images, NIELSEN_SCALE};
use proptest::prelude::*;

/// `rows` rows of three bytes that spell the row's number, labelled by its last digit.
fn numbered(rows: usize) -> Images {
    let images = (0..rows).flat_map(|row| [row as u8, (row >> 8) as u8, 255]).collect();
    Images::new(images, 3, (0..rows).map(|row| (row % 10) as u8).collect()).unwrap().with_scale(1.0)
}

/// The rows' numbers, after a check that each came with its own label and its own last byte.
fn rows_of(batch: &Batch) -> Vec<usize> {
    let (pixels, labels) = (batch.images.to_vec(), batch.labels.to_vec());
    assert_eq!(batch.images.shape()[..], [labels.len(), 3]);
    let (rows, _) = pixels.as_chunks::<3>();
    let number = |&[low, high, mark]: &[f32; 3], label: i64| {
        let row = low as usize + 256 * high as usize;
        assert_eq!((row as i64 % 10, 255.0), (label, mark));
        row
    };
    rows.iter().zip(labels).map(|(row, label)| number(row, label)).collect()
}

fn order(dataset: &Images, batch_size: usize, seed: u64, epoch: u64) -> Vec<usize> {
    dataset.batches(batch_size).shuffle(seed, epoch).flat_map(|batch| rows_of(&batch)).collect()
}

#[test]
fn unshuffled_batches_come_as_they_lie() {
    let sizes: Vec<_> = numbered(10).batches(4).map(|batch| rows_of(&batch)).collect();
    assert_eq!(sizes, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}

#[test]
fn a_shuffled_order_keeps_its_value() {
    // From a ChaCha8 and a shuffle written in Python from the documented rule.
    assert_eq!(order(&numbered(10), 3, 1, 2), [7, 9, 1, 0, 5, 2, 3, 8, 6, 4]);
}

#[test]
fn seeds_and_epochs_differ_and_batch_sizes_do_not() {
    let dataset = numbered(1000);
    assert_eq!(order(&dataset, 7, 5, 3), order(&dataset, 1000, 5, 3));
    assert_ne!(order(&dataset, 7, 5, 3), order(&dataset, 7, 5, 4));
    assert_ne!(order(&dataset, 7, 5, 3), order(&dataset, 7, 6, 3));
}

#[test]
fn every_place_is_equally_likely() {
    // Where row 0 goes in 8,000 epochs: 1,000 expected in each of 8 places, standard deviation 30.
    let (dataset, mut counts) = (numbered(8), [0; 8]);
    for epoch in 0..8000 {
        let order = order(&dataset, 8, 0, epoch);
        counts[order.iter().position(|&row| row == 0).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn threads_see_the_same_order() {
    let dataset = numbered(500);
    let here = order(&dataset, 16, 9, 1);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let dataset = dataset.clone();
            thread::spawn(move || order(&dataset, 16, 9, 1))
        })
        .collect();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), here));
}

#[test]
fn a_steady_batch_allocates_nothing() {
    let dataset = numbered(1000);
    for batches in [dataset.batches(32), dataset.batches(32).shuffle(1, 1)] {
        let mut full = batches.take(31);
        full.by_ref().take(10).for_each(drop);
        let before = allocation::count();
        assert_eq!(full.map(|batch| batch.labels.shape()[0]).sum::<usize>(), 21 * 32);
        assert_eq!(allocation::count() - before, 0);
    }
}

#[test]
fn parts_of_a_split_share_rows_and_scale() {
    let (train, validation) = numbered(10).split(7);
    assert_eq!((train.len(), validation.len()), (7, 3));
    assert_eq!(validation.image(0), [7, 0, 255]);
    assert_eq!(validation.labels(), [7, 8, 9]);
    assert_eq!(validation.batches(3).map(|batch| rows_of(&batch)).next(), Some(vec![7, 8, 9]));
    let (_, last) = validation.split(2);
    assert_eq!((last.len(), last.label(0), last.scale()), (1, 9, 1.0));
    let mut rows = order(&validation, 2, 0, 0);
    rows.sort();
    assert_eq!(rows, [7, 8, 9]);
    assert!(validation.split(3).1.is_empty());
}

#[test]
fn the_scale_is_1_255_or_as_chosen() {
    let dataset = Images::new(vec![0, 51, 255], 3, vec![0]).unwrap();
    let pixels = |dataset: Images| dataset.batches(1).next().unwrap().images.to_vec();
    assert_eq!(pixels(dataset.clone()), [0.0, 51.0 * (1.0 / 255.0), 1.0]);
    assert_eq!(pixels(dataset.with_scale(NIELSEN_SCALE)), [0.0, 51.0 / 256.0, 255.0 / 256.0]);
}

#[test]
fn rows_must_come_out_even() {
    let error = Images::new(vec![0; 200], 784, vec![0; 3]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dataset: found 200 bytes of images, expected 3 rows of 784 bytes, one for each label"
    );
    Images::new(vec![], usize::MAX, vec![0; 3]).unwrap_err();
    let without_pixels = Images::new(vec![], 0, vec![4, 2]).unwrap();
    assert_eq!(without_pixels.batches(8).shuffle(0, 0).next().unwrap().images.shape()[..], [2, 0]);
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let misuses: [fn(Images) -> usize; 4] = [
        |dataset| dataset.batches(0).len(),
        |dataset| dataset.split(6).0.len(),
        |dataset| dataset.label(5).into(),
        |dataset| dataset.gather(&[4, 9]).labels.shape()[0],
    ];
    let expected = [
        "batches: found a batch size of 0, expected at least 1",
        "split: found a split at row 6, expected at most the 5 rows there are",
        "dataset: found row index 5, expected one below the 5 rows there are",
        "gather: found row index 9, expected one below the 5 rows there are",
    ];
    for (misuse, expected) in misuses.into_iter().zip(expected) {
        assert_eq!(panic_message(|| misuse(numbered(5))), expected);
    }
}

fn panic_message(misuse: impl FnOnce() -> usize + UnwindSafe) -> String {
    let panic = catch_unwind(misuse).expect_err("expected a panic");
    // A message without arguments is a literal.
    let literal = panic.downcast_ref::<&str>().map(|message| message.to_string());
    panic.downcast_ref::<String>().cloned().or(literal).expect("a message")
}

proptest! {
    #[test]
    fn every_row_comes_exactly_once(rows in 0_usize..400, batch_size in 1_usize..90, seed: u64, epoch: u64) {
        let dataset = numbered(rows);
        let batches = dataset.batches(batch_size).shuffle(seed, epoch);
        prop_assert_eq!(batches.len(), rows.div_ceil(batch_size));
        let sizes: Vec<_> = batches.clone().map(|batch| batch.labels.shape()[0]).collect();
        prop_assert!(sizes.iter().rev().skip(1).all(|&size| size == batch_size));
        prop_assert_eq!(sizes.len(), batches.len());
        let mut seen = order(&dataset, batch_size, seed, epoch);
        seen.sort();
        prop_assert!(seen.into_iter().eq(0..rows));
    }
}
