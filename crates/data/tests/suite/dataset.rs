//! Data sets of any kind: samples, batches, changed, chosen, split and joined.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Arc;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use data::transform::{Affine, Elastic, Transforms};
use data::{BoxError, Dataset, Misfit, Sample, Tensors, digits, split};
use proptest::prelude::*;
use tensor::Tensor;

/// `n` samples: three features that spell the index, and the index as target.
fn numbered(n: usize) -> Tensors<f64, i64> {
    let features = Tensor::from_fn([n, 3], |at| (10 * at[0] + at[1]) as f64);
    Tensors::new(features, Tensor::from_fn([n], |at| at[0] as i64)).unwrap()
}

/// The same, but only sample by sample, and number 13 is missing.
struct Slow(usize);

impl Dataset for Slow {
    type Sample = ([f64; 3], i64);

    fn len(&self) -> usize {
        self.0
    }

    fn get(&self, index: usize) -> Result<([f64; 3], i64), BoxError> {
        match index {
            13 => Err("unlucky".into()),
            17 => panic!("very unlucky"),
            _ => Ok(([0, 1, 2].map(|i| (10 * index + i) as f64), index as i64)),
        }
    }
}

fn indices<D: Dataset<Sample = (Tensor<f64>, Tensor<i64>)>>(dataset: &D) -> Vec<i64> {
    (0..dataset.len()).map(|i| dataset.get(i).unwrap().1.item()).collect()
}

#[test]
fn tensors_of_any_type_are_dealt_out_along_their_first_axis() {
    let words =
        Tensors::new(Tensor::from_fn([4, 2, 3], |at| at[0] as i64), Tensor::from([[0.5_f32], [1.5], [2.5], [3.5]]));
    let (x, y) = words.unwrap().batch(&[3, 0, 3]).unwrap();
    assert_eq!(x, Tensor::from_fn([3, 2, 3], |at| [3, 0, 3][at[0]]));
    assert_eq!(y, Tensor::from([[3.5], [0.5], [3.5]]));
    let flags = Tensors::new(Tensor::from([7_u8, 8]), Tensor::from([true, false])).unwrap();
    let (x, y) = flags.get(1).unwrap();
    assert_eq!((x.rank(), x.item(), y.item()), (0, 8, false));
    let transposed = Tensor::from([[1.0, 2.0], [3.0, 4.0]]).t();
    assert_eq!(Tensors::new(transposed, Tensor::from([0_i64, 1])).unwrap().get(0).unwrap().0, Tensor::from([1.0, 3.0]));
    let nothing = Tensors::new(Tensor::<f32>::zeros([2, 0]), Tensor::<i64>::zeros([2])).unwrap();
    assert_eq!(nothing.batch(&[1]).unwrap().0.shape()[..], [1, 0]);
}

#[test]
fn features_and_targets_must_be_as_many() {
    let error = Tensors::new(Tensor::<f32>::zeros([3, 2]), Tensor::<i64>::zeros([4])).unwrap_err();
    let message = "tensors: found features [3, 2] and targets [4], expected first axes of one size";
    assert_eq!(error.to_string(), message);
    Tensors::new(Tensor::from(1.0_f32), Tensor::from(1_i64)).unwrap_err();
}

#[test]
fn a_batch_is_its_samples_put_together() {
    let (fast, slow, order) = (numbered(12), Slow(12), [5, 0, 11, 5]);
    let (x, y) = fast.batch(&order).unwrap();
    assert_eq!((x.clone(), y.clone()), slow.batch(&order).unwrap());
    let samples = order.iter().map(|&i| fast.get(i).unwrap()).collect();
    assert_eq!(Sample::collate(samples), Ok((x, y)));
}

#[test]
fn samples_of_every_kind_are_put_together() {
    let all = vec![(1.5_f32, [1_u8, 2], "one".to_owned(), true), (2.5, [3, 4], "two".to_owned(), false)];
    let (numbers, arrays, words, flags) = Sample::collate(all).unwrap();
    assert_eq!((numbers, arrays), (Tensor::from([1.5, 2.5]), Tensor::from([[1, 2], [3, 4]])));
    assert_eq!((words, flags), (vec!["one".to_owned(), "two".to_owned()], Tensor::from([true, false])));
    let views = vec![Tensor::from([[1, 2], [3, 4]]).t(), Tensor::from([[5, 6], [7, 8]])];
    assert_eq!(Sample::collate(views), Ok(Tensor::from([[[1, 3], [2, 4]], [[5, 6], [7, 8]]])));
}

#[test]
fn what_does_not_fit_is_named() {
    let uneven = [2, 2, 3].map(|n| (Tensor::<f32>::zeros([n]), 0_i64));
    let misfit = Misfit { position: 2, reason: "found shape [3], expected [2] like the first of its batch".to_owned() };
    assert_eq!(Sample::collate(uneven.to_vec()), Err(misfit));
    let uneven = numbered(9).map(|(x, y)| (x.narrow(0, 0, if y.item() == 7 { 1 } else { 2 }), y));
    let message = "sample 7: found shape [1], expected [2] like the first of its batch";
    assert_eq!(uneven.batch(&[3, 7, 1]).unwrap_err().to_string(), message);
}

#[test]
fn errors_and_panics_name_the_sample() {
    let message = |indices: &[usize]| Slow(20).batch(indices).unwrap_err().to_string();
    assert_eq!(message(&[1, 13, 17]), "sample 13: unlucky");
    assert_eq!(message(&[1, 17, 13]), "sample 17: panicked: very unlucky");
    let part = Slow(20).subset(vec![4, 13, 17, 5]);
    assert_eq!(part.batch(&[0, 1]).unwrap_err().to_string(), "sample 1: unlucky");
    assert_eq!(part.clone().map(|x| x).batch(&[3, 2]).unwrap_err().to_string(), "sample 2: panicked: very unlucky");
    assert_eq!(part.batch(&[3, 0]).unwrap().1, Tensor::from([5, 4]));
    let failing = numbered(3).try_map(|(_, y)| if y.item() == 1 { Err("odd") } else { Ok(y.item()) });
    assert_eq!(failing.batch(&[0, 2]).unwrap(), Tensor::from([0, 2]));
    assert_eq!(failing.batch(&[0, 1]).unwrap_err().to_string(), "sample 1: odd");
}

#[test]
fn random_functions_draw_from_the_documented_stream() {
    let noisy = |seed, epoch| numbered(5).map_random(seed, epoch, |(_, y), rng| (y.item(), rng.next_u32() as i64));
    let mut rng = ChaCha8Rng::from_seed([8_u64, 4, 3, 2].map(u64::to_le_bytes).concat().try_into().unwrap());
    assert_eq!(noisy(8, 3).get(2).unwrap(), (2, i64::from(rng.next_u32())));
    let all = noisy(8, 3).batch(&[0, 1, 2, 3, 4]).unwrap().1.to_vec();
    let backwards = noisy(8, 3).batch(&[4, 3, 2, 1, 0]).unwrap().1.to_vec();
    assert!(all.iter().eq(backwards.iter().rev()));
    for other in [noisy(7, 3), noisy(8, 4)] {
        assert_ne!(other.batch(&[0, 1, 2, 3, 4]).unwrap().1.to_vec(), all);
    }
}

#[test]
fn images_are_a_data_set_with_their_shape() {
    let digits = digits::generate(30, 5);
    let (image, label) = digits.get(7).unwrap();
    let batch = digits.gather(&[7, 2]);
    assert_eq!(image.shape()[..], [1, 28, 28]);
    assert_eq!(image.flatten(), batch.images.slice(tensor::s![0, ..]));
    assert_eq!(label, i64::from(digits.label(7)));
    let (images, labels) = digits.batch(&[7, 2]).unwrap();
    assert_eq!((images.reshape([2, 784]), labels), (batch.images, batch.labels));
    let rows = data::Images::new(vec![1, 2, 3, 4], 2, vec![0, 1]).unwrap();
    assert_eq!(rows.batch(&[1, 0]).unwrap().0.shape()[..], [2, 2]);
}

#[test]
fn images_are_augmented_as_their_batches_are() {
    let digits = digits::generate(40, 5);
    let transforms = Transforms::new().add(Affine::new().rotate(-9.0..=9.0)).add(Elastic::new(4.0, 34.0));
    let loader = digits.clone().augment(&transforms, 3, 1).loader(16);
    let batches = digits.batches(16).shuffle(2, 1).augment(&transforms, 3, 1);
    assert_eq!(loader.shuffle(2, 1).len(), 3);
    for (ours, theirs) in loader.shuffle(2, 1).zip(batches) {
        let (images, labels) = ours.unwrap();
        assert_eq!(images.reshape([labels.numel(), 784]), theirs.images);
        assert_eq!(labels, theirs.labels);
    }
}

#[test]
fn parts_are_chosen_and_joined() {
    let part = numbered(10).subset(vec![9, 3, 3]);
    assert_eq!((part.len(), indices(&part), part.indices()), (3, vec![9, 3, 3], &[9, 3, 3][..]));
    let joined = part.concat(numbered(2)).concat(numbered(0)).concat(numbered(1));
    assert_eq!((joined.len(), indices(&joined)), (6, vec![9, 3, 3, 0, 1, 0]));
    assert_eq!(joined.batch(&[5, 4, 0]).unwrap().1, Tensor::from([0, 1, 9]));
    assert!(numbered(3).subset(vec![]).is_empty());
}

#[test]
fn a_random_split_keeps_its_value() {
    // From a ChaCha8 and the documented rules in Python, like the order of a stream in its tests.
    let (first, second) = numbered(10).split_random(6, 42);
    assert_eq!((indices(&first), indices(&second)), (vec![0, 1, 5, 6, 8, 9], vec![2, 3, 4, 7]));
    let (first, second) = split::stratified(&[1, 1, 1, 1, 0, 0, 1, 1, 0, 1], 5, 42);
    assert_eq!((first, second), (vec![3, 4, 6, 8, 9], vec![0, 1, 2, 5, 7]));
}

#[test]
fn a_stratified_split_keeps_the_shares() {
    let classes = digits::generate(200, 0);
    let (train, validation) = numbered(200).split_stratified(classes.labels(), 150, 3);
    for class in 0..10 {
        let count = |part: Vec<i64>| part.iter().filter(|&&i| classes.label(i as usize) == class).count();
        let (here, there) = (count(indices(&train)), count(indices(&validation)));
        assert!((here * 50).abs_diff(there * 150) <= 200, "class {class}: {here} and {there}");
    }
    assert_eq!((train.len(), validation.len()), (150, 50));
}

#[test]
fn a_data_set_behind_a_pointer_is_one() {
    let shared: Arc<dyn Dataset<Sample = ([f64; 3], i64)>> = Arc::new(Slow(20));
    let boxed: Box<dyn Dataset<Sample = ([f64; 3], i64)>> = Box::new(shared.clone().subset(vec![1, 2]));
    assert_eq!((shared.len(), boxed.len(), boxed.get(1).unwrap().1), (20, 2, 2));
    assert_eq!(boxed.batch(&[0]).unwrap().1, Tensor::from([1]));
    assert_eq!(shared.map(|(_, y)| y).loader(5).in_order().next().unwrap().unwrap(), Tensor::from([0, 1, 2, 3, 4]));
}

#[test]
fn misuse_panics_with_what_was_expected() {
    type Misuse = fn(Tensors<f64>);
    let misuses: [(Misuse, &str); 6] = [
        (|set| drop(set.subset(vec![0, 5])), "subset: found index 5, expected one below 5"),
        (|set| drop(set.split_random(6, 0)), "split: found 6 samples to draw, expected at most the 5 there are"),
        (
            |set| drop(set.split_stratified(&[0; 4], 1, 0)),
            "split_stratified: found 4 classes, expected one for each of 5 samples",
        ),
        (|set| drop(set.loader(0)), "loader: found a batch size of 0, expected at least 1"),
        (|set| drop(set.loader(1).order(vec![2, 7])), "order: found index 7, expected one below 5"),
        (
            |set| drop(set.loader(1).in_order().start_at(6)),
            "start_at: found position 6, expected at most the 5 samples there are",
        ),
    ];
    for (misuse, expected) in misuses {
        let panic = catch_unwind(|| misuse(numbered(5))).expect_err(expected);
        let literal = panic.downcast_ref::<&str>().map(|message| message.to_string());
        assert_eq!(panic.downcast_ref::<String>().cloned().or(literal).expect("a message"), expected);
    }
}

proptest! {
    #[test]
    fn a_split_loses_nothing_and_doubles_nothing(classes in proptest::collection::vec(0_u8..5, 0..80), share in 0.0..=1.0, seed: u64) {
        let count = (classes.len() as f64 * share) as usize;
        let (first, second) = split::stratified(&classes, count, seed);
        for (first, second) in [split::random(classes.len(), count, seed), (first.clone(), second.clone())] {
            prop_assert_eq!(first.len(), count);
            prop_assert!(first.is_sorted() && second.is_sorted());
            let mut all = [first, second].concat();
            all.sort();
            prop_assert!(all.into_iter().eq(0..classes.len()));
        }
        let mut sizes: BTreeMap<u8, (usize, usize)> = BTreeMap::new();
        classes.iter().for_each(|&class| sizes.entry(class).or_default().0 += 1);
        first.iter().for_each(|&i| sizes.entry(classes[i]).or_default().1 += 1);
        for (size, drawn) in sizes.into_values() {
            let exact = size as f64 * count as f64 / classes.len() as f64;
            prop_assert!((drawn as f64 - exact).abs() < 1.0, "{} of {}, expected {}", drawn, size, exact);
        }
    }
}
