//! Batches made ahead: the same at any number of workers, whatever goes wrong, and nothing left running.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use data::{BoxError, Dataset, Loader, Tensors, digits};
use proptest::prelude::*;
use tensor::Tensor;

/// Its index, as a sample; a list of what has been asked for, and what to do about some.
#[derive(Default)]
struct Watched {
    len: usize,
    asked: Mutex<Vec<usize>>,
    failing: Vec<usize>,
    panicking: Vec<usize>,
    slow: Vec<usize>,
}

impl Watched {
    fn of(len: usize) -> Watched {
        Watched { len, ..Watched::default() }
    }

    fn asked(&self) -> Vec<usize> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

impl Dataset for Watched {
    type Sample = i64;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<i64, BoxError> {
        self.asked.lock().unwrap().push(index);
        if self.slow.contains(&index) {
            thread::sleep(Duration::from_millis(30));
        }
        assert!(!self.panicking.contains(&index), "what a mess");
        if self.failing.contains(&index) { Err("no such thing".into()) } else { Ok(index as i64) }
    }
}

/// Each batch, or what its error says.
fn results<D: Dataset<Sample = i64> + 'static>(loader: &Loader<D>) -> Vec<Result<Vec<i64>, String>> {
    loader.in_order().map(|batch| batch.map(|batch| batch.to_vec()).map_err(|error| error.to_string())).collect()
}

#[test]
fn a_slow_batch_does_not_lose_its_place() {
    let watched = Watched { slow: vec![0, 1, 5], ..Watched::of(12) };
    let batches: Vec<_> = results(&watched.loader(2).workers(3));
    assert_eq!(batches, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]].map(|batch| Ok(batch.to_vec())));
}

#[test]
fn errors_and_panics_reach_the_consumer_and_name_the_sample() {
    for workers in 0..4 {
        let watched = Watched { failing: vec![4], panicking: vec![7, 8], ..Watched::of(11) };
        let expected = [
            Ok(vec![0, 1, 2]),
            Err("sample 4: no such thing".to_owned()),
            Err("sample 7: panicked: what a mess".to_owned()),
            Ok(vec![9, 10]),
        ];
        assert_eq!(results(&watched.loader(3).workers(workers)), expected, "{workers} workers");
    }
}

/// A data set that makes its batches itself, and badly.
struct Careless;

impl Dataset for Careless {
    type Sample = i64;

    fn len(&self) -> usize {
        6
    }

    fn get(&self, index: usize) -> Result<i64, BoxError> {
        Ok(index as i64)
    }

    fn batch(&self, indices: &[usize]) -> Result<Tensor<i64>, data::Error> {
        assert!(!indices.contains(&3), "three again");
        Ok(Tensor::zeros([indices.len()]))
    }
}

#[test]
fn a_panic_in_a_batch_of_ones_own_names_its_first_sample() {
    for workers in [0, 2] {
        let results = results(&Careless.loader(2).workers(workers));
        assert_eq!(results, [Ok(vec![0; 2]), Err("sample 2: panicked: three again".to_owned()), Ok(vec![0; 2])]);
    }
}

#[test]
fn a_dropped_pass_ends_its_threads() {
    for taken in 0..4 {
        let watched = Arc::new(Watched { slow: vec![3, 9], ..Watched::of(1_000_000) });
        let loader = watched.clone().loader(2).workers(3);
        let mut pass = loader.shuffle(1, 1);
        pass.by_ref().take(taken).for_each(|batch| drop(batch.unwrap()));
        drop(pass);
        // The threads have had references of their own, and would go on asking.
        drop(loader);
        assert_eq!(Arc::strong_count(&watched), 1, "after {taken} batches");
        assert!(watched.asked().len() <= 2 * (taken + 2 * 3 + 1));
    }
}

#[test]
fn workers_stay_within_the_bound() {
    for (workers, ahead) in [(1, 1), (4, 1), (2, 3), (3, 10)] {
        let watched = Arc::new(Watched::of(400));
        let loader = watched.clone().loader(4).workers(workers).ahead(ahead);
        let mut pass = loader.in_order();
        for taken in 1..4 {
            pass.next().unwrap().unwrap();
            let most = 4 * (taken + ahead);
            wait_until(|| watched.asked().len() == most);
            thread::sleep(Duration::from_millis(5));
            assert_eq!(watched.asked().len(), most, "{workers} workers, {ahead} ahead, {taken} taken");
        }
    }
}

fn wait_until(reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() && start.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Samples that can only be had two at a time.
#[derive(Default)]
struct Pairs {
    inside: Mutex<usize>,
    both: Condvar,
}

impl Dataset for Pairs {
    type Sample = bool;

    fn len(&self) -> usize {
        2
    }

    fn get(&self, _: usize) -> Result<bool, BoxError> {
        let mut inside = self.inside.lock().unwrap();
        *inside += 1;
        self.both.notify_all();
        let patience = Duration::from_secs(20);
        let (inside, _) = self.both.wait_timeout_while(inside, patience, |inside| *inside < 2).unwrap();
        Ok(*inside == 2)
    }
}

/// Not a test by itself: what the test below runs where no thread can be started.
#[test]
#[ignore = "run by another test, in a process with another environment"]
fn print_what_two_workers_deal() {
    let results: Vec<_> = Watched::of(4).loader(2).workers(2).in_order().map(|batch| batch.map(drop)).collect();
    let stream = data::Stream::new((0..4_i64).map(Ok::<_, BoxError>));
    let streamed: Vec<_> = stream.batches(2).workers(2).map(|batch| batch.map(drop)).collect();
    for error in [results, streamed].into_iter().flatten().map(Result::unwrap_err) {
        println!("error: {error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_cannot_be_started_are_an_error_and_the_end() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "loader::print_what_two_workers_deal", "--ignored", "--nocapture", "--test-threads", "1"])
        // A stack for which there is no room.
        .env("RUST_MIN_STACK", (1_u64 << 50).to_string())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.matches("error: loader: found no room for another thread (").count(), 2, "{output}");
    assert_eq!(output.matches("), expected to start 3").count(), 2, "{output}");
}

#[test]
fn two_workers_work_at_once() {
    let mut batches = Pairs::default().loader(1).workers(2).in_order();
    assert!(batches.all(|batch| batch.unwrap().item()));
}

#[test]
fn a_resumed_pass_does_not_touch_what_came_before() {
    for workers in [0, 2] {
        let watched = Arc::new(Watched::of(20));
        let loader = watched.clone().loader(3).workers(workers);
        let whole: Vec<_> = loader.shuffle(5, 2).map(|batch| batch.unwrap().to_vec()).collect();
        // Of another data set, since its workers go on asking meanwhile.
        let mut before = Watched::of(20).loader(3).workers(workers).shuffle(5, 2);
        for taken in 0..=whole.len() {
            let position = before.position();
            watched.asked.lock().unwrap().clear();
            let rest: Vec<_> = loader.shuffle(5, 2).start_at(position).map(|batch| batch.unwrap().to_vec()).collect();
            assert_eq!(rest, whole[taken..]);
            let mut asked = rest.concat();
            asked.sort();
            assert!(watched.asked().into_iter().eq(asked.into_iter().map(|index| index as usize)));
            before.next();
        }
        assert_eq!(before.position(), 20);
    }
}

#[test]
fn batches_can_be_left_out() {
    for workers in [0, 2] {
        let watched = Arc::new(Watched::of(20));
        let loader = watched.clone().loader(3).workers(workers);
        let mut pass = loader.in_order();
        assert_eq!(pass.nth(2).unwrap().unwrap().to_vec(), [6, 7, 8]);
        assert!(watched.asked()[0] == 6);
        assert_eq!((pass.position(), pass.len()), (9, 4));
        assert_eq!(pass.nth(1).unwrap().unwrap().to_vec(), [12, 13, 14]);
        assert_eq!(loader.in_order().nth(6).unwrap().unwrap().to_vec(), [18, 19]);
        assert!(pass.nth(usize::MAX).is_none() && pass.next().is_none());
        let (mut images, rest) = (digits::generate(20, 0).batches(3), digits::generate(20, 0).batches(3).start_at(6));
        assert_eq!(images.nth(2).unwrap().images, rest.map(|batch| batch.images).next().unwrap());
        assert!(images.nth(usize::MAX).is_none());
    }
}

#[test]
fn a_last_batch_that_is_not_full_can_be_left_out() {
    let loader = Watched::of(11).loader(4).drop_last();
    assert_eq!(results(&loader), [Ok(vec![0, 1, 2, 3]), Ok(vec![4, 5, 6, 7])]);
    assert_eq!((loader.in_order().len(), loader.in_order().start_at(11).len()), (2, 0));
    assert!(Watched::of(3).loader(4).drop_last().workers(1).in_order().next().is_none());
}

#[test]
fn an_order_of_ones_own_is_kept() {
    let loader = Watched::of(5).loader(2).workers(2);
    let batches = loader.order(vec![4, 4, 0]).map(|batch| batch.unwrap().to_vec());
    assert_eq!(batches.collect::<Vec<_>>(), [vec![4, 4], vec![0]]);
}

#[test]
fn the_order_is_that_of_batches() {
    let digits = digits::generate(50, 0);
    let ours = digits.clone().loader(8).shuffle(3, 9).flat_map(|batch| batch.unwrap().1.to_vec());
    assert!(ours.eq(digits.batches(8).shuffle(3, 9).flat_map(|batch| batch.labels.to_vec())));
}

#[test]
fn a_pass_moves_between_threads() {
    let loader = Watched::of(30).loader(4).workers(2);
    let mut pass = loader.in_order();
    pass.next();
    let there = thread::spawn(move || pass.map(|batch| batch.unwrap().to_vec()).collect::<Vec<_>>().concat());
    assert!(there.join().unwrap().into_iter().eq(4..30));
}

#[test]
fn the_bits_are_the_same_at_any_number_of_workers() {
    let noisy = |workers| {
        let set = Tensors::new(Tensor::<f32>::zeros([100, 7]), Tensor::<i64>::zeros([100])).unwrap();
        let noisy = set.map_random(3, 4, |(x, y), rng| (x + Tensor::randn([7], rng), y));
        let pass = noisy.loader(9).workers(workers).shuffle(1, 2);
        pass.flat_map(|batch| batch.unwrap().0.to_vec()).map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone = noisy(0);
    assert!((1..6).all(|workers| noisy(workers) == alone));
}

#[test]
fn workers_are_not_started_without_need() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let loader = Watched::of(4).map(|i| MADE.fetch_add(1, Ordering::SeqCst) as i64 + i).loader(2).workers(2);
    drop(loader.in_order());
    loader.in_order().start_at(4).for_each(|batch| drop(batch.unwrap()));
    assert_eq!(MADE.load(Ordering::SeqCst), 0);
}

proptest! {
    #[test]
    fn every_setting_deals_the_same(
        len in 0_usize..40, size in 1_usize..9, workers in 0_usize..5, ahead in 0_usize..6, taken in 0_usize..50, seed: u64,
    ) {
        let alone: Vec<_> = Watched::of(len).loader(size).shuffle(seed, 0).map(|batch| batch.unwrap().to_vec()).collect();
        let mut pass = Watched::of(len).loader(size).workers(workers).ahead(ahead).shuffle(seed, 0);
        prop_assert_eq!(pass.len(), len.div_ceil(size));
        for batch in alone.iter().take(taken) {
            prop_assert_eq!(&pass.next().unwrap().unwrap().to_vec(), batch);
        }
        if taken >= alone.len() {
            prop_assert!(pass.next().is_none() && pass.next().is_none());
        }
        prop_assert_eq!(pass.position(), len.min(taken.saturating_mul(size)));
    }
}
