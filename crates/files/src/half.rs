//! The floats of two bytes, widened. Every one of them is an `f32`, so nothing is rounded.

/// The IEEE half precision: 5 bits of exponent, 10 of fraction.
pub(crate) fn f16(bytes: [u8; 2]) -> f32 {
    /// The value of a subnormal's last bit, 2⁻²⁴.
    const TINY: f32 = 1.0 / (1 << 24) as f32;
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, exponent, fraction) = (bits >> 15 << 31, bits >> 10 & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        0 => (fraction as f32 * TINY).to_bits(),
        0x1f => 0xff << 23 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The upper half of an `f32`.
pub(crate) fn bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its value by the definition: (−1)ˢ·2^(e−15)·(1 + f/2¹⁰), or 2⁻¹⁴·f/2¹⁰ where e is 0.
    fn by_definition(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
        let magnitude = match exponent {
            0 => fraction * 2f64.powi(-14),
            31 if fraction > 0.0 => f64::NAN,
            31 => f64::INFINITY,
            _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
        };
        if bits >> 15 == 1 { -magnitude } else { magnitude }
    }

    #[test]
    fn every_half_has_its_value() {
        for bits in 0..=u16::MAX {
            let (got, expected) = (f64::from(f16(bits.to_le_bytes())), by_definition(bits));
            let same = got == expected && got.is_sign_negative() == expected.is_sign_negative();
            assert!(same || got.is_nan() && expected.is_nan(), "{bits:#06x}: {got}, expected {expected}");
        }
    }

    #[test]
    fn a_brain_float_is_the_upper_half() {
        for value in [0.0, -1.5, 3.140625, f32::INFINITY, f32::from_bits(1 << 16)] {
            let bits = (value.to_bits() >> 16) as u16;
            assert_eq!(bf16(bits.to_le_bytes()), value);
        }
        assert!(bf16([0xff, 0x7f]).is_nan());
    }
}
