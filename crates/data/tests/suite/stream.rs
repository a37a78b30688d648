//! Samples that come one after the other: mixed, changed, put together, at any number of workers.

use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use data::{Stream, StreamBatches};
use proptest::prelude::*;

type Never = std::convert::Infallible;

fn numbers(range: impl IntoIterator<Item = i64, IntoIter: Send + 'static>) -> Stream<i64> {
    Stream::new(range.into_iter().map(Ok::<_, Never>).collect::<Vec<_>>())
}

fn results<R: Send + 'static>(batches: StreamBatches<R, i64>) -> Vec<Result<Vec<i64>, String>> {
    batches.map(|batch| batch.map(|batch| batch.to_vec()).map_err(|error| error.to_string())).collect()
}

#[test]
fn batches_come_in_the_order_of_the_stream() {
    for workers in 0..4 {
        let batches = results(numbers(0..7).map(|x| 10 * x).batches(3).workers(workers));
        assert_eq!(batches, [Ok(vec![0, 10, 20]), Ok(vec![30, 40, 50]), Ok(vec![60])]);
        assert_eq!(results(numbers(0..7).batches(3).workers(workers).drop_last()).len(), 2);
        assert!(results(numbers(0..0).batches(3).workers(workers)).is_empty());
    }
}

#[test]
fn errors_and_panics_name_the_sample_and_the_stream_goes_on() {
    let source = |i: i64| match i {
        2 => Err(io::Error::other("line torn off")),
        _ => Ok(i),
    };
    for workers in 0..3 {
        let stream = Stream::new((0..9).map(source)).map(|i| if i == 4 { panic!("four") } else { i });
        let expected = [
            Ok(vec![0, 1]),
            Err("sample 2: line torn off".to_owned()),
            Err("sample 4: panicked: four".to_owned()),
            Ok(vec![6, 7]),
            Ok(vec![8]),
        ];
        assert_eq!(results(stream.batches(2).workers(workers)), expected);
    }
}

#[test]
fn a_panic_of_the_iterator_is_an_error_and_the_end() {
    for workers in 0..3 {
        let source = (0..9).map(|i| if i == 3 { panic!("source dried up") } else { Ok::<i64, Never>(i) });
        let expected = [Ok(vec![0, 1]), Err("sample 3: panicked: source dried up".to_owned())];
        assert_eq!(results(Stream::new(source).batches(2).workers(workers)), expected);
    }
}

#[test]
fn a_shuffled_stream_keeps_its_value() {
    assert_eq!(results(numbers(0..10).shuffle(4, 1, 2).batches(10)), [Ok(vec![2, 3, 1, 4, 6, 8, 0, 9, 5, 7])]);
}

#[test]
fn a_buffer_of_everything_mixes_completely() {
    // Where sample 0 comes in 8,000 epochs: 1,000 expected in each of 8 places, standard deviation 30.
    let mut counts = [0; 8];
    for epoch in 0..8000 {
        let order = results(numbers(0..8).shuffle(8, 0, epoch).batches(8)).remove(0).unwrap();
        counts[order.iter().position(|&x| x == 0).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn an_endless_stream_is_read_no_further_than_asked() {
    let read = Arc::new(AtomicUsize::new(0));
    let source = |read: Arc<AtomicUsize>| {
        (0_i64..).map(move |i| {
            read.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Never>(i)
        })
    };
    let mut batches = Stream::new(source(read.clone())).shuffle(10, 0, 0).batches(4);
    batches.next();
    assert_eq!(read.load(Ordering::SeqCst), 13);
    for taken in 0..3 {
        let mut batches = Stream::new(source(read.clone())).batches(4).workers(2).ahead(2);
        batches.by_ref().take(taken).for_each(|batch| drop(batch.unwrap()));
        drop(batches);
        assert_eq!(Arc::strong_count(&read), 2, "the threads have ended, and with them their iterators");
    }
}

#[test]
fn random_functions_know_the_place_in_the_stream() {
    use chacha20::rand_core::Rng;
    let drawn = |stream: Stream<i64>, workers| {
        let noisy = stream.map_random(5, 6, |i, rng| (i, i64::from(rng.next_u32())));
        let pairs = noisy.batches(3).workers(workers).flat_map(|batch| {
            let (i, noise) = batch.unwrap();
            i.to_vec().into_iter().zip(noise.to_vec()).collect::<Vec<_>>()
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort();
        pairs
    };
    let alone = drawn(numbers(0..20), 0);
    assert_eq!(drawn(numbers(0..20).shuffle(7, 1, 1), 0), alone);
    assert_eq!(drawn(numbers(0..20).shuffle(7, 1, 1), 3), alone);
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let begun = || {
        let mut batches = numbers(0..9).batches(2);
        batches.next();
        batches
    };
    let message = |misuse: Box<dyn FnOnce() + std::panic::UnwindSafe>| {
        let panic = catch_unwind(misuse).unwrap_err();
        let literal = panic.downcast_ref::<&str>().map(|message| message.to_string());
        panic.downcast_ref::<String>().cloned().or(literal).expect("a message")
    };
    let zero = message(Box::new(|| drop(numbers(0..9).batches(0))));
    assert_eq!(zero, "batches: found a batch size of 0, expected at least 1");
    let buffer = message(Box::new(|| drop(numbers(0..9).shuffle(0, 0, 0))));
    assert_eq!(buffer, "shuffle: found a buffer of 0 samples, expected at least 1");
    let late = message(Box::new(move || drop(begun().workers(2))));
    assert_eq!(late, "workers: found a stream that is under way, expected one at its beginning");
}

proptest! {
    #[test]
    fn every_setting_deals_the_same(
        len in 0_i64..40, size in 1_usize..9, buffer in 1_usize..50, workers in 0_usize..4, ahead in 0_usize..5, seed: u64,
    ) {
        let stream = || numbers(0..len).shuffle(buffer, seed, 0);
        let alone = results(stream().batches(size));
        prop_assert_eq!(&results(stream().batches(size).workers(workers).ahead(ahead)), &alone);
        let mut all = alone.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>();
        for (place, &i) in all.iter().enumerate() {
            prop_assert!(i < place as i64 + buffer as i64, "sample {} cannot be in the buffer at {}", i, place);
        }
        all.sort();
        prop_assert!(all.into_iter().eq(0..len));
    }

    #[test]
    fn a_resumed_stream_goes_on_where_it_was(
        len in 0_i64..40, size in 1_usize..9, taken in 0_usize..12, workers in 0_usize..3, seed: u64,
    ) {
        let batches = || numbers(0..len).shuffle(5, seed, 0).batches(size);
        let mut whole = batches().workers(workers);
        whole.by_ref().take(taken).for_each(|batch| drop(batch.unwrap()));
        let position = whole.position();
        prop_assert_eq!(position, (len as usize).min(taken * size));
        prop_assert_eq!(results(batches().start_at(position).workers(workers)), results(whole));
    }
}
