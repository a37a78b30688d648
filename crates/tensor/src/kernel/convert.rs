//! Conversions between element types.

use super::cpu::{Kernel, MulAdd, bring_to_second_cache, dispatch};

struct Pixels<'a> {
    src: &'a [u8],
    scale: f32,
    dst: &'a mut [f32],
}

impl Kernel for Pixels<'_> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (dst, &src) in self.dst.iter_mut().zip(self.src) {
            *dst = src as f32 * self.scale;
        }
    }
}

/// Asks for bytes that will be converted soon to be brought into the second cache while other work goes on, which would
/// displace them from the first.
pub fn fetch(src: &[u8]) {
    bring_to_second_cache(src);
}

/// Writes `src · scale` to `dst`, vectorised: how stored pixels become network inputs.
///
/// # Panics
/// If the lengths differ.
pub fn u8_to_f32(src: &[u8], scale: f32, dst: &mut [f32]) {
    assert_eq!(src.len(), dst.len(), "u8_to_f32: {} bytes for {} floats", src.len(), dst.len());
    dispatch(Pixels { src, scale, dst });
}
