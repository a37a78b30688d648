//! Tensors as PNG.

use tensor::Tensor;

use crate::Error;

/// Channels, height and width of images that have so many axes before those.
pub(crate) fn layout(images: &Tensor, before: usize, expected: &'static str) -> Result<(usize, usize, usize), Error> {
    let shape = images.shape();
    let wrong = |reason| Err(Error::Image { shape: shape.to_vec(), reason });
    let layout = match *shape.get(before..).unwrap_or_default() {
        [height, width] => (1, height, width),
        [3, height, width] => (3, height, width),
        _ => return wrong(expected.to_string()),
    };
    if !(1..=1 << 24).contains(&layout.1.saturating_mul(layout.2)) {
        return wrong("expected from 1 to 2²⁴ pixels in each".to_string());
    }
    Ok(layout)
}

/// An image's values from 0 to 1 as bytes, its colours side by side, as image files have them.
pub(crate) fn bytes(image: &[f32], channels: usize) -> Vec<u8> {
    let pixels = image.len() / channels;
    let value = |i: usize| image[i % channels * pixels + i / channels];
    (0..image.len()).map(|i| (value(i).clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}

/// Bytes of `[channels, height, width]`, colours side by side, as a file.
pub(crate) fn encode(bytes: &[u8], shape: [usize; 3]) -> Result<Vec<u8>, Error> {
    let failed = |error: png::EncodingError| Error::Image { shape: shape.to_vec(), reason: error.to_string() };
    let [channels, height, width] = shape;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(if channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
