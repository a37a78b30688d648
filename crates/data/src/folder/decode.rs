//! Pictures from their files.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::dataset::message;
use crate::idx::DEFLATE_LIMIT;
use crate::{BoxError, Error};

/// The most pixels of a picture.
const MOST_PIXELS: usize = 1 << 25;

/// A picture's pixels, row by row, the channels of a pixel side by side: gray, gray and alpha, RGB, or RGB and alpha.
pub(super) struct Picture {
    pub(super) height: usize,
    pub(super) width: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Picture {
    /// Reads a file; its format is told by its first bytes.
    pub(super) fn open(path: &Path) -> Result<Picture, Error> {
        let file = || path.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
        read.map_err(|source| Error::Io { file: file(), source })?;
        let failed = |source| Error::Picture { file: file(), source };
        // The decoders are others' work; should one of them panic over a damaged file, this is an error like any other.
        match catch_unwind(AssertUnwindSafe(|| decode(&bytes))) {
            Ok(picture) => picture.map_err(failed),
            Err(panic) => Err(failed(format!("the decoder panicked: {}", message(&*panic)).into())),
        }
    }

    /// Writes the picture channel by channel, with one or three of them and values from 0 to 1.
    pub(super) fn planes(&self, channels: usize, out: &mut [f32]) {
        let plane = (self.height * self.width).max(1);
        for (i, pixel) in self.bytes.chunks_exact(self.channels).enumerate() {
            let [red, green, blue] = match *pixel {
                [red, green, blue, ..] => [red, green, blue],
                [gray, ..] => [gray; 3],
                [] => [0; 3],
            };
            match channels {
                1 => out[i] = f32::from(luma(red, green, blue)) / 255.0,
                _ => {
                    [red, green, blue].iter().enumerate().for_each(|(k, &x)| out[k * plane + i] = f32::from(x) / 255.0)
                }
            }
        }
    }
}

/// The brightness that ITU-R BT.601 gives a colour, rounded.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let weighted = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((weighted + (1 << 15)) >> 16) as u8
}

fn decode(bytes: &[u8]) -> Result<Picture, BoxError> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        _ => {
            Err(format!("found first bytes {:02x?}, expected those of PNG or JPEG", &bytes[..bytes.len().min(4)])
                .into())
        }
    }
}

fn check_size(width: usize, height: usize) -> Result<(), BoxError> {
    match width.checked_mul(height).is_some_and(|pixels| pixels <= MOST_PIXELS) {
        true => Ok(()),
        false => Err(format!("found {width} × {height} pixels, expected at most {MOST_PIXELS} in all").into()),
    }
}

fn png(bytes: &[u8]) -> Result<Picture, BoxError> {
    let mut decoder = ::png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(::png::Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info()?.size();
    let (width, height) = (width as usize, height as usize);
    check_size(width, height)?;
    let mut reader = decoder.read_info()?;
    let (needed, stored) = (reader.info().raw_bytes() as u64, bytes.len() as u64);
    if needed > stored.saturating_mul(DEFLATE_LIMIT) {
        return Err(format!("found {stored} bytes for {width} × {height} pixels, expected more").into());
    }
    let size = reader.output_buffer_size().ok_or("found more pixels than memory can hold")?;
    let mut pixels = vec![0; size];
    let channels = reader.next_frame(&mut pixels)?.color_type.samples();
    Ok(Picture { height, width, channels, bytes: pixels })
}

#[cfg(feature = "jpeg")]
fn jpeg(bytes: &[u8]) -> Result<Picture, BoxError> {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    // Otherwise what is missing of a file would be gray.
    if !has_end(bytes) {
        return Err("found no end of image marker, expected a whole file".into());
    }
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    let info = decoder.info().ok_or("found no size")?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check_size(width, height)?;
    let bytes = decoder.decode()?;
    match bytes.len() == 3 * width * height {
        true => Ok(Picture { height, width, channels: 3, bytes }),
        false => Err(format!("found {} bytes, expected 3 for each of {width} × {height} pixels", bytes.len()).into()),
    }
}

/// Whether the end of image marker follows the last start of scan; compressed data in between contains neither.
#[cfg(feature = "jpeg")]
fn has_end(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    last(0xda) < last(0xd9)
}

#[cfg(not(feature = "jpeg"))]
fn jpeg(_: &[u8]) -> Result<Picture, BoxError> {
    Err("found a JPEG file, and this build leaves out the feature `jpeg`".into())
}
