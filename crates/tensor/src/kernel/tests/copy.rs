use proptest::prelude::*;

use super::{Lies, Operand, lies, noise, shapes, take};
use crate::kernel::convert::u8_to_f32;
use crate::kernel::copy::{Reader, scatter_add, scatter_to};

/// Different numbers, so that none is taken for another.
fn counting() -> impl FnMut() -> u32 {
    let mut count = 0;
    move || {
        count += 1;
        count
    }
}

proptest! {
    #[test]
    fn copies_what_the_strides_say(sizes in shapes(), lies in lies()) {
        let x = Operand::new(&sizes, lies, counting());
        let mut out = vec![0; x.len()];
        x.strided().copy_to(&mut out);
        prop_assert_eq!(out, x.elements());
    }

    #[test]
    fn blocks_are_parts_of_the_whole(sizes in shapes(), lies in lies(), seed: u64) {
        let x = Operand::new(&sizes, lies, counting());
        let (whole, reader) = (x.elements(), x.strided().reader());
        let mut random = noise::<f64>(seed);
        for _ in 0..8 {
            let mut below = |n: usize| ((random() + 1.0) / 2.0 * n as f64) as usize;
            let start = below(whole.len());
            let len = below(whole.len() - start + 1);
            let mut block = vec![if let Reader::Splat(x) = reader { x } else { 0 }; len + 5];
            prop_assert_eq!(reader.block(start, len, &mut block), &whole[start..][..len]);
        }
    }

    /// Where strides are 0, the last value written stays.
    #[test]
    fn scatters_to_where_the_strides_say(sizes in shapes(), lies in lies()) {
        let to = Operand::new(&sizes, lies, || 0);
        let values = take(to.len(), counting());
        let mut want = to.data.clone();
        for (i, &value) in values.iter().enumerate() {
            want[to.position(i)] = value;
        }
        let mut got = to.data.clone();
        scatter_to(&values, &mut got, to.offset, &to.sizes, &to.strides);
        prop_assert_eq!(got, want);
    }

    #[test]
    fn adds_to_where_the_strides_say(sizes in shapes(), lies in lies()) {
        let to = Operand::new(&sizes, lies, || 0);
        let values = take(to.len(), counting());
        let mut want = to.data.clone();
        for (i, &value) in values.iter().enumerate() {
            want[to.position(i)] += value;
        }
        let mut got = to.data.clone();
        scatter_add(&values, &mut got, to.offset, &to.sizes, &to.strides);
        prop_assert_eq!(got, want);
    }

    #[test]
    fn bytes_become_floats_exactly(len in 0..600usize, first: u8, scale in -2.0f32..2.0) {
        let bytes: Vec<u8> = (0..len).map(|i| first.wrapping_add(i as u8)).collect();
        let mut floats = vec![f32::NAN; len];
        u8_to_f32(&bytes, scale, &mut floats);
        for (&byte, float) in bytes.iter().zip(floats) {
            prop_assert_eq!(float, f32::from(byte) * scale);
        }
    }
}

#[test]
fn operands_are_read_as_they_lie() {
    let reader = |lies| match Operand::new(&[4, 5, 6], lies, counting()).strided().reader() {
        Reader::Flat(_) => "flat",
        Reader::Splat(_) => "splat",
        Reader::Gather { .. } => "gather",
    };
    assert_eq!([Lies::Flat, Lies::Splat, Lies::Anyhow(1)].map(reader), ["flat", "splat", "gather"]);
}

#[test]
#[should_panic(expected = "u8_to_f32: 2 bytes for 3 floats")]
fn lengths_must_agree() {
    u8_to_f32(&[1, 2], 1.0, &mut [0.0; 3]);
}
