//! Which samples go where: seeded permutations and splits, as indices.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::random::{self, Purpose};

/// The indices below `len`, shuffled: the order of [`Batches::shuffle`](crate::Batches::shuffle), which has the rule.
///
/// ```
/// assert_eq!(data::split::permutation(10, 1, 2), [7, 9, 1, 0, 5, 2, 3, 8, 6, 4]);
/// ```
pub fn permutation(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    shuffle(&mut order, Purpose::Shuffle, seed, epoch);
    order
}

/// `count` of the indices below `len`, drawn at random, and the rest, both in ascending order.
///
/// The first `count` of the indices after a shuffle as in [`permutation`], under the key (seed, 5, 0, 0) at stream 0.
///
/// ```
/// let (train, validation) = data::split::random(10, 8, 42);
/// assert_eq!((train.len(), validation.len()), (8, 2));
/// ```
///
/// # Panics
/// If `count` is more than `len`.
#[track_caller]
pub fn random(len: usize, count: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    check(len, count);
    let mut order: Vec<usize> = (0..len).collect();
    shuffle(&mut order, Purpose::Split, seed, 0);
    halves(order, count)
}

/// `count` indices, drawn at random with as large a share of each class as of all, and the rest, both in ascending order.
///
/// A class of k among n samples gives ⌊k·count/n⌋, and those with the largest remainders one more; of equal remainders
/// the smaller class label goes first. The members of the k-th class are shuffled at stream k as in [`random`].
///
/// ```
/// let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1];
/// let (train, _) = data::split::stratified(&classes, 6, 42);
/// assert_eq!(train.iter().filter(|&&i| classes[i] == 1).count(), 2);
/// ```
///
/// # Panics
/// If `count` is more than there are.
#[track_caller]
pub fn stratified<L: Ord>(classes: &[L], count: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    check(classes.len(), count);
    let mut members: BTreeMap<&L, Vec<usize>> = BTreeMap::new();
    classes.iter().enumerate().for_each(|(i, class)| members.entry(class).or_default().push(i));
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    let quotas = quotas(&members, count, classes.len());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (k, (members, quota)) in members.iter_mut().zip(quotas).enumerate() {
        shuffle(members, Purpose::Split, seed, k as u64);
        first.extend_from_slice(&members[..quota]);
        second.extend_from_slice(&members[quota..]);
    }
    first.sort_unstable();
    second.sort_unstable();
    (first, second)
}

/// How many of each class make `count` of the `total` together.
fn quotas(members: &[Vec<usize>], count: usize, total: usize) -> Vec<usize> {
    let share = |class: &Vec<usize>| class.len() as u128 * count as u128;
    let divisor = total.max(1) as u128;
    let mut quotas: Vec<usize> = members.iter().map(|class| (share(class) / divisor) as usize).collect();
    let remainders = members.iter().enumerate().map(|(k, class)| (share(class) % divisor, Reverse(k)));
    let mut by_remainder: BinaryHeap<_> = remainders.collect();
    for _ in quotas.iter().sum()..count {
        let (_, Reverse(k)) = by_remainder.pop().expect("less is missing than there are classes");
        quotas[k] += 1;
    }
    quotas
}

fn halves(order: Vec<usize>, count: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut first, mut second) = (order[..count].to_vec(), order[count..].to_vec());
    first.sort_unstable();
    second.sort_unstable();
    (first, second)
}

/// Fisher and Yates: for i = n−1, …, 1 the elements i and j = ⌊u·(i + 1) / 2⁶⁴⌋ change places, u the next 64 bits.
fn shuffle(order: &mut [usize], purpose: Purpose, seed: u64, stream: u64) {
    let mut rng = random::stream(purpose, seed, stream);
    for i in (1..order.len()).rev() {
        order.swap(i, random::below(&mut rng, i + 1));
    }
}

#[track_caller]
fn check(len: usize, count: usize) {
    assert!(count <= len, "split: found {count} samples to draw, expected at most the {len} there are");
}
