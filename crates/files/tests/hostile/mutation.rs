//! Random damage, the same in every run.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{LIMIT, Read, data as sample, peak, read_npy, read_npz, read_safetensors, samples};

/// What reading may take beside the file: the format's own promise for files of this size, which are small.
const OVERHEAD: u64 = 1 << 20;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Numbers that tend to be at the edge of something, of one to eight bytes.
fn write_number(bytes: &mut [u8], random: &mut Random) {
    let value = match random.below(6) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> 1,
        3 => bytes.len() as u64,
        4 => 1 << random.below(64),
        _ => random.next(),
    };
    let at = random.below(bytes.len());
    let width = [1, 2, 4, 8][random.below(4)];
    bytes[at..].iter_mut().zip(&value.to_le_bytes()[..width]).for_each(|(byte, &new)| *byte = new);
}

/// Something that texts and records of the formats are made of.
fn write_word(bytes: &mut Vec<u8>, random: &mut Random) {
    const WORDS: [&str; 18] = [
        "999999999999",
        "0",
        "-1",
        ",",
        "}",
        "{",
        "(",
        "[",
        "\"",
        "\\",
        "F64",
        "BOOL",
        "True",
        ">f8",
        "'shape'",
        "PK\x01\x02",
        "PK\x05\x06",
        "__metadata__",
    ];
    let word = WORDS[random.below(WORDS.len())].as_bytes();
    let at = random.below(bytes.len());
    let replaced = random.below(word.len() + 1).min(bytes.len() - at);
    bytes.splice(at..at + replaced, word.iter().copied());
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let (a, b) = (random.below(bytes.len()), random.below(bytes.len()));
        match random.below(8) {
            0 | 1 => bytes[a] ^= 1 << random.below(8),
            2 | 3 => write_number(bytes, random),
            4 | 5 => write_word(bytes, random),
            6 => bytes.truncate(a),
            _ => {
                let copied = bytes[a.min(b)..a.max(b)].to_vec();
                let at = random.below(bytes.len());
                bytes.splice(at..at, copied.into_iter().take(64));
            }
        }
    }
}

/// The IDX files of `wengert-data`, plain and packed.
fn idx() -> [(&'static str, Vec<u8>, Read); 2] {
    let plain = [&[0, 0, 8, 2, 0, 0, 0, 20, 0, 0, 0, 50][..], &[7; 1000]].concat();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&plain).unwrap();
    let read = |bytes: &[u8]| {
        let _ = data::idx::parse(bytes, "file");
        Ok(())
    };
    [("idx", plain, read), ("idx.gz", packed.finish().unwrap(), read)]
}

/// Reads this many damaged copies of each sample.
fn read_damaged(copies: usize) {
    for (i, (name, sample, read)) in samples().into_iter().chain(idx()).enumerate() {
        let mut random = Random(0x5eed_0000_0001 + i as u64);
        for copy in 0..copies {
            let mut bytes = sample.clone();
            damage(&mut bytes, &mut random);
            check(&format!("{name}, copy {copy}"), &bytes, read);
        }
    }
}

fn check(what: &str, bytes: &[u8], read: Read) {
    let (peak, _) = peak(|| read(bytes));
    let allowed = bytes.len() as u64 + LIMIT + OVERHEAD;
    assert!(peak <= allowed, "{what}: {peak} bytes for a file of {}", bytes.len());
}

#[test]
fn damaged_files_are_read_or_refused() {
    read_damaged(2_000);
}

/// Takes some minutes: `cargo test -p wengert-files --test hostile long -- --ignored`.
#[test]
#[ignore = "takes some minutes"]
fn damaged_files_are_read_or_refused_for_long() {
    read_damaged(1_000_000);
}

#[test]
fn every_flipped_bit_is_read_or_refused() {
    for (name, read) in [("mlp.safetensors", read_safetensors as Read), ("one.npy", read_npy), ("small.npz", read_npz)]
    {
        let mut bytes = sample(name);
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(&format!("{name}, bit {bit}"), &bytes, read);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
