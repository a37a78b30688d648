//! Grids of images.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use report::{Color, Error, ImageGrid};
use tensor::Tensor;

/// The pictures inside of an SVG, decoded: width, height and bytes.
fn decoded(svg: &str) -> Vec<(u32, u32, Vec<u8>)> {
    let texts = svg.split("base64,").skip(1).map(|rest| rest.split('"').next().unwrap());
    let decode = |text| {
        let bytes = BASE64_STANDARD.decode(text).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    };
    texts.map(decode).collect()
}

#[test]
fn pixels_come_back_from_a_grid() {
    let images = Tensor::from([[[0.0f32, 1.0], [0.5, 2.0]], [[f32::NAN, -1.0], [0.2, 0.4]], [[1.0, 1.0], [1.0, 1.0]]]);
    let rows = decoded(&ImageGrid::new(&images, 2).unwrap().zoom(4).picture().unwrap().svg());
    // Two images with a gap of one pixel, and one below.
    assert_eq!(rows, [(5, 2, vec![0, 255, 255, 0, 0, 128, 255, 255, 51, 102]), (2, 2, vec![255; 4])]);
    let ink = decoded(&ImageGrid::new(&images, 3).unwrap().zoom(4).dark_on_light().picture().unwrap().svg());
    assert_eq!(ink[0].2[..4], [255, 0, 255, 255]);
}

#[test]
fn colours_stand_side_by_side() {
    let images = Tensor::<f32>::from_fn([1, 3, 1, 2], |i| (i[1] * 2 + i[3]) as f32 / 5.0);
    let rows = decoded(&ImageGrid::new(&images, 1).unwrap().picture().unwrap().svg());
    assert_eq!(rows, [(2, 1, vec![0, 102, 204, 51, 153, 255])]);
}

#[test]
fn labels_and_names_are_written() {
    let grid = ImageGrid::new(&Tensor::zeros([3, 2, 2]), 2).unwrap();
    let labels = [("7", Color::BLACK), ("1 < 2", Color::RED), ("9", Color::BLACK)];
    let svg = grid.colored_labels(labels).row_names(["first", "second"]).picture().unwrap().svg();
    for text in [">7<", "style=\"fill:#d62728\">1 &lt; 2<", ">9<", ">first<", ">second<"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn no_images_are_an_empty_picture_and_other_shapes_an_error() {
    let picture = ImageGrid::new(&Tensor::zeros([0, 2, 2]), 2).unwrap().picture().unwrap();
    assert_eq!(decoded(&picture.svg()), []);
    let error = ImageGrid::new(&Tensor::zeros([4, 4]), 2).unwrap_err();
    assert!(matches!(error, Error::Image { .. }));
    assert_eq!(
        error.to_string(),
        "cannot encode images of the shape [4, 4]: expected [n, height, width] or [n, 3, height, width]"
    );
    let error = ImageGrid::new(&Tensor::zeros([1, 0, 4]), 2).unwrap_err();
    assert_eq!(error.to_string(), "cannot encode images of the shape [1, 0, 4]: expected from 1 to 2²⁴ pixels in each");
}
