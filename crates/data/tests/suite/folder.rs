//! Folders of pictures: of every kind, of different sizes, and damaged.

use std::fs;
use std::path::Path;

use crate::allocation::peak;
use data::{Dataset, ImageFolder};
use png::{BitDepth, ColorType};
use proptest::prelude::*;
use tempfile::TempDir;
use tensor::Tensor;

/// A PNG file, from bytes as the colour type has them.
fn png(width: u32, height: u32, color: ColorType, depth: BitDepth, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(bytes).unwrap();
    writer.finish().unwrap();
    file
}

fn gray(width: u32, height: u32) -> Vec<u8> {
    let bytes: Vec<u8> = (0..width * height).map(|i| (i * 7) as u8).collect();
    png(width, height, ColorType::Grayscale, BitDepth::Eight, &bytes)
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The picture in a folder with no other, in RGB.
fn picture(name: &str, bytes: &[u8]) -> Result<Tensor, String> {
    One::new(name).read(bytes)
}

/// A folder with one picture, whose contents change.
struct One {
    folder: TempDir,
    name: String,
}

impl One {
    fn new(name: &str) -> One {
        One { folder: folder(&[(name, b"")]), name: name.to_owned() }
    }

    fn read(&self, bytes: &[u8]) -> Result<Tensor, String> {
        // Not overwritten, which would wait for the disk.
        let path = self.folder.path().join(&self.name);
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let pictures = ImageFolder::open(self.folder.path()).unwrap();
        pictures.get(0).map(|(image, _)| image).map_err(|error| error.to_string())
    }
}

#[test]
fn classes_and_pictures_come_in_the_order_of_their_names() {
    let (small, large) = (gray(2, 3), gray(4, 4));
    let folder = folder(&[
        ("b/2.png", &small),
        ("b/10.PNG", &small),
        ("a/x.png", &large),
        ("a/notes.txt", b"not a picture"),
        ("a/deeper/y.png", &small),
        ("empty/.hidden", b""),
        ("stray.png", &small),
    ]);
    let pictures = ImageFolder::open(folder.path()).unwrap();
    assert_eq!(pictures.classes(), ["a", "b", "empty"]);
    assert_eq!(pictures.labels(), [0, 1, 1]);
    let names: Vec<_> = pictures.files().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
    assert_eq!(names, ["a/x.png", "b/10.PNG", "b/2.png"].map(Path::new));
    assert_eq!((pictures.len(), pictures.get(2).unwrap().1), (3, 1));
}

#[test]
fn every_kind_of_png_becomes_rgb() {
    let tenths = |values: &[u8]| values.iter().map(|&x| f32::from(x) / 255.0).collect::<Vec<_>>();
    let cases: [(ColorType, BitDepth, &[u8], &[u8]); 7] = [
        (ColorType::Grayscale, BitDepth::Eight, &[10, 200], &[10, 200, 10, 200, 10, 200]),
        (ColorType::Grayscale, BitDepth::One, &[0b0100_0000], &[0, 255, 0, 255, 0, 255]),
        (ColorType::Grayscale, BitDepth::Sixteen, &[10, 99, 200, 1], &[10, 200, 10, 200, 10, 200]),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, &[10, 0, 200, 77], &[10, 200, 10, 200, 10, 200]),
        (ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], &[1, 4, 2, 5, 3, 6]),
        (ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 0, 4, 5, 6, 9], &[1, 4, 2, 5, 3, 6]),
        (ColorType::Indexed, BitDepth::Eight, &[1, 0], &[0, 255, 0, 0, 255, 0]),
    ];
    for (color, depth, bytes, expected) in cases {
        let image = picture("a/x.png", &png(2, 1, color, depth, bytes)).unwrap();
        assert_eq!(image, Tensor::new(tenths(expected), [3, 1, 2]).unwrap(), "{color:?} {depth:?}");
    }
}

#[test]
fn gray_is_the_brightness() {
    let colors = png(4, 1, ColorType::Rgb, BitDepth::Eight, &[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]);
    let folder = folder(&[("a/x.png", &colors)]);
    let (image, _) = ImageFolder::open(folder.path()).unwrap().gray().get(0).unwrap();
    // As Pillow converts to gray.
    assert_eq!(image, Tensor::from([[[76.0, 150.0, 29.0, 255.0]]]) / 255.0);
}

#[test]
fn sizes_are_made_equal_or_an_error() {
    let folder = folder(&[("a/1.png", &gray(4, 3)), ("a/2.png", &gray(6, 3)), ("b/3.png", &gray(4, 3))]);
    let pictures = ImageFolder::open(folder.path()).unwrap();
    let message = |order: Vec<usize>| pictures.batch(&order).unwrap_err().to_string();
    assert_eq!(message(vec![2, 1]), "sample 1: found shape [3, 3, 6], expected [3, 3, 4] like the first of its batch");
    let error = pictures.load().unwrap_err().to_string();
    let end = "2.png: found a picture of [3, 3, 6], expected [3, 3, 4] (channels, height, width) as in the first";
    assert!(error.ends_with(end), "{error}");
    let resized = pictures.gray().resize(6, 8);
    let (images, labels) = resized.clone().loader(3).workers(2).in_order().next().unwrap().unwrap();
    assert_eq!((&images.shape()[..], labels), (&[3, 1, 6, 8][..], Tensor::from([0, 0, 1])));
    let loaded = resized.load().unwrap();
    assert_eq!((loaded.shape(), loaded.labels()), (Some([1, 6, 8]), &[0, 0, 1][..]));
    let (again, _) = loaded.batch(&[0, 1, 2]).unwrap();
    assert!((again - images).abs().max(..).item() <= 0.5001 / 255.0);
}

#[test]
fn what_is_no_picture_is_an_error_that_names_it() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "found first bytes [], expected those of PNG or JPEG"),
        (b"GIF89a", "found first bytes [47, 49, 46, 38], expected those of PNG or JPEG"),
        (&gray(5, 5)[..60], "unexpected end of file"),
        (&gray(5, 5)[..20], "unexpected end of file"),
    ];
    for (bytes, expected) in cases {
        let error = picture("a/x.png", bytes).unwrap_err();
        assert!(error.contains("x.png: cannot be read as a picture: ") && error.contains(expected), "{error}");
    }
    let none = folder(&[("a/x.gif", b"GIF89a"), ("y.png", &gray(1, 1))]);
    let error = ImageFolder::open(none.path()).unwrap_err().to_string();
    let end = "found no subfolder with a .png, .jpg or .jpeg file, expected one for each class";
    assert!(error.ends_with(end), "{error}");
    assert!(ImageFolder::open(none.path().join("absent")).unwrap_err().to_string().contains("absent: cannot be read"));
}

/// A PNG file whose header claims another size.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut file = gray(5, 5);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    file
}

#[test]
fn a_size_that_is_claimed_only_is_refused() {
    assert!(picture("a/x.png", &claiming(5, 5)).is_ok());
    let error = picture("a/x.png", &claiming(1 << 20, 1 << 20)).unwrap_err();
    assert!(error.ends_with("found 1048576 × 1048576 pixels, expected at most 33554432 in all"), "{error}");
    picture("a/x.png", &claiming(i32::MAX as u32, i32::MAX as u32)).unwrap_err();
    let error = picture("a/x.png", &claiming(5000, 5000)).unwrap_err();
    assert!(error.ends_with("bytes for 5000 × 5000 pixels, expected more"), "{error}");
    for (width, height) in [(0, 5), (100, 100), (7000, 4), (5000, 5000), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
        let (taken, result) = peak(|| picture("a/x.png", &claiming(width, height)));
        result.unwrap_err();
        // The buffers of the decoder, and the folder.
        assert!(taken <= 1 << 20, "{width} × {height}: {taken} bytes");
    }
}

#[test]
fn a_large_picture_takes_forty_bytes_a_pixel() {
    let side = 1500;
    let bytes = vec![200; 3 * side * side];
    let large = png(side as u32, side as u32, ColorType::Rgb, BitDepth::Eight, &bytes);
    let folder = folder(&[("a/x.png", &large)]);
    let pictures = ImageFolder::open(folder.path()).unwrap().resize(1499, 1499);
    let (taken, result) = peak(|| pictures.get(0).unwrap());
    assert_eq!(result.0.shape()[..], [3, 1499, 1499]);
    assert!(taken <= 40 * side * side + (1 << 20), "{} bytes a pixel", taken / (side * side));
}

#[test]
fn every_truncation_of_a_png_is_read_or_refused() {
    let whole = png(9, 7, ColorType::Rgb, BitDepth::Eight, &(0..189).collect::<Vec<_>>());
    let one = One::new("a/x.png");
    let image = one.read(&whole).unwrap();
    for cut in 0..whole.len() {
        match one.read(&whole[..cut]) {
            // Only the chunk that marks the end is missing.
            Ok(read) => assert!(read == image && cut >= whole.len() - 16, "cut at byte {cut}"),
            Err(error) => assert!(error.contains("x.png: cannot be read as a picture: "), "{error}"),
        }
    }
}

proptest! {
    #[test]
    fn corrupted_pngs_are_read_or_refused(changes in proptest::collection::vec((0_usize..200, any::<u8>()), 1..6)) {
        let mut bytes = png(9, 7, ColorType::Rgba, BitDepth::Eight, &(0..252).collect::<Vec<_>>());
        changes.into_iter().for_each(|(at, byte)| if let Some(old) = bytes.get_mut(at) { *old = byte });
        if let Err(error) = picture("a/x.png", &bytes) {
            prop_assert!(error.contains("x.png: cannot be read as a picture: "), "{}", error);
        }
    }
}

#[cfg(feature = "jpeg")]
mod jpeg {
    use super::*;

    const BASELINE: &[u8] = include_bytes!("pictures/baseline.jpg");
    const PROGRESSIVE: &[u8] = include_bytes!("pictures/progressive.jpg");
    const GRAY: &[u8] = include_bytes!("pictures/gray.jpg");

    /// What the pictures were made from: red grows to the right, green down, blue to the upper left.
    fn original() -> Tensor {
        Tensor::from_fn([3, 20, 24], |at| {
            let (y, x) = (at[1] as f32, at[2] as f32);
            [x * 10.0, y * 12.0, 255.0 - x * 5.0 - y * 5.0][at[0]] / 255.0
        })
    }

    fn difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).abs().max(..).item() * 255.0
    }

    #[test]
    fn jpegs_are_read_as_they_were_written() {
        assert!(difference(&picture("a/x.jpg", BASELINE).unwrap(), &original()) < 6.0);
        assert!(difference(&picture("a/x.jpeg", PROGRESSIVE).unwrap(), &original()) < 16.0);
        let folder = folder(&[("a/x.JPG", GRAY)]);
        let (gray, _) = ImageFolder::open(folder.path()).unwrap().gray().get(0).unwrap();
        let weights = Tensor::from([[[0.299]], [[0.587]], [[0.114]]]);
        assert!(difference(&gray.narrow(0, 0, 1), &(original() * weights).sum(0).unsqueeze(0)) < 5.0);
    }

    #[test]
    fn the_first_bytes_tell_the_format() {
        assert_eq!(picture("a/x.png", BASELINE), picture("a/x.jpg", BASELINE));
    }

    #[test]
    fn every_truncation_of_a_jpeg_is_refused() {
        let one = One::new("a/x.jpg");
        for whole in [BASELINE, PROGRESSIVE, GRAY] {
            for cut in 0..whole.len() {
                let error = one.read(&whole[..cut]).expect_err(&format!("cut at byte {cut}"));
                assert!(error.contains("x.jpg: cannot be read as a picture: "), "{error}");
            }
        }
        let longer = [BASELINE, b"and more"].concat();
        assert_eq!(picture("a/x.jpg", &longer), picture("a/x.jpg", BASELINE));
    }

    #[test]
    fn a_size_that_is_claimed_only_takes_forty_bytes_a_pixel() {
        for whole in [BASELINE, PROGRESSIVE, GRAY] {
            for side in [1000_u16, 3000, 5800, u16::MAX] {
                let mut bytes = whole.to_vec();
                let frame = bytes.windows(2).position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2])).unwrap();
                bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
                bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
                let (taken, result) = peak(|| picture("a/x.jpg", &bytes));
                assert!(side < 5793 || taken < 1 << 20, "{taken} bytes for {side}");
                let pixels = usize::from(side).pow(2);
                assert!(taken <= 40 * pixels + (1 << 20), "{} bytes a pixel", taken / pixels);
                assert!(side < 5793 || result.is_err());
            }
        }
    }

    proptest! {
        #[test]
        fn corrupted_jpegs_are_read_or_refused(
            which in 0_usize..3, changes in proptest::collection::vec((0_usize..1200, any::<u8>()), 1..6),
        ) {
            let mut bytes = [BASELINE, PROGRESSIVE, GRAY][which].to_vec();
            changes.into_iter().for_each(|(at, byte)| if let Some(old) = bytes.get_mut(at) { *old = byte });
            if let Err(error) = picture("a/x.jpg", &bytes) {
                prop_assert!(error.contains("x.jpg: cannot be read as a picture: "), "{}", error);
                prop_assert!(!error.contains("panicked"), "{}", error);
            }
        }
    }
}
