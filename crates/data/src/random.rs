//! Random numbers whose values are part of this crate's contract: they stay the same across versions and platforms.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Keeps the streams of different purposes apart where they share a seed.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Shuffle = 1,
    Digits = 2,
    Transform = 3,
    Map = 4,
    Split = 5,
    Stream = 6,
}

/// ChaCha8 under the key (seed, purpose, 0, 0) of little-endian words, at the given stream.
pub(crate) fn stream(purpose: Purpose, seed: u64, stream: u64) -> ChaCha8Rng {
    keyed([seed, purpose as u64, 0, 0], stream)
}

/// ChaCha8 under the given key of little-endian words, at the given stream.
pub(crate) fn keyed(words: [u64; 4], stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let (places, _) = key.as_chunks_mut::<8>();
    places.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// What a random function of a sample draws from.
pub(crate) fn of_sample(seed: u64, epoch: u64, index: usize) -> ChaCha8Rng {
    keyed([seed, Purpose::Map as u64, epoch, index as u64], 0)
}

/// ⌊u·bound / 2⁶⁴⌋ for a uniform 64-bit u: below `bound`, its bias below bound / 2⁶⁴.
pub(crate) fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// Uniform in [low, high], from the upper 24 bits of a word, so that every step is exact in f32.
pub(crate) fn between(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    let unit = (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    low + (high - low) * unit
}

/// Bell-shaped with mean 0, standard deviation 1 and bounds ±√12: four uniforms added up. It needs no logarithm, whose
/// last digit would differ between platforms.
pub(crate) fn bell(rng: &mut ChaCha8Rng) -> f32 {
    let sum: f32 = (0..4).map(|_| between(rng, -0.5, 0.5)).sum();
    sum * 3.0_f32.sqrt()
}

/// True with probability `p`, to 24 bits.
pub(crate) fn chance(rng: &mut ChaCha8Rng, p: f32) -> bool {
    between(rng, 0.0, 1.0) < p
}
