//! Pictures as PNG.

use report::{Axis, Chart, Color, ImageGrid, Picture};
use tensor::Tensor;

/// The pixels of a PNG file: width, height, and red, green, blue of each.
fn pixels(file: &[u8]) -> (usize, usize, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgba);
    let colors = bytes.chunks_exact(4).map(|rgba| [rgba[0], rgba[1], rgba[2]]).collect();
    (info.width as usize, info.height as usize, colors)
}

/// How many pixels of a part of a picture have a color that fits.
fn count(picture: &Picture, (left, top, right, bottom): (f64, f64, f64, f64), fits: fn([u8; 3]) -> bool) -> usize {
    let (width, _, colors) = pixels(&picture.png().unwrap());
    let inside = |i: usize| {
        let (x, y) = ((i % width) as f64 / 2.0, (i / width) as f64 / 2.0);
        (left..right).contains(&x) && (top..bottom).contains(&y)
    };
    colors.iter().enumerate().filter(|&(i, &color)| inside(i) && fits(color)).count()
}

fn is_dark([red, green, blue]: [u8; 3]) -> bool {
    red.max(green).max(blue) < 100
}

#[test]
fn a_chart_has_its_words_and_lines() {
    let chart = |title: &str| {
        let chart = Chart::new(title, Axis::whole("step"), Axis::linear("cost")).size(300.0, 200.0);
        chart.line("", [(0.0, 0.0), (1.0, 1.0)]).color(Color(255, 0, 0)).picture()
    };
    let (width, height, colors) = pixels(&chart("Words").png().unwrap());
    assert_eq!((width, height), (600, 400));
    assert_eq!(colors[0], [255; 3]);
    let title = (10.0, 12.0, 290.0, 36.0);
    let (few, many) = (count(&chart("Word"), title, is_dark), count(&chart("Word and word"), title, is_dark));
    assert!(few > 50 && many > 2 * few, "{few} and {many} dark pixels");
    assert!(count(&chart(""), (0.0, 0.0, 300.0, 200.0), |color| color == [255, 0, 0]) > 200);
}

#[test]
fn images_are_in_the_picture() {
    let images = Tensor::from([[[0.0f32, 1.0], [1.0, 0.0]]]);
    let picture = ImageGrid::new(&images, 1).unwrap().picture().unwrap();
    let (width, height) = picture.size();
    let dark = count(&picture, (0.0, 0.0, width, height), is_dark);
    assert!(dark > 100, "{dark} dark pixels of {width} × {height}");
}

#[test]
fn a_file_has_the_format_of_its_ending() {
    let folder = tempfile::tempdir().unwrap();
    let chart = Chart::new("", Axis::whole("step"), Axis::linear("cost")).size(300.0, 200.0);
    chart.save(folder.path().join("a.png")).unwrap();
    assert_eq!(pixels(&std::fs::read(folder.path().join("a.png")).unwrap()).0, 600);
    let error = chart.save(folder.path().join("none/b.png")).unwrap_err().to_string();
    assert!(error.contains("b.png: cannot create a temporary file beside it"), "{error}");
}
