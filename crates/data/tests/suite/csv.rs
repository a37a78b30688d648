//! CSV files as people write them, and as they should not be.

use std::fs;
use std::path::PathBuf;

use crate::allocation::peak;
use data::csv::Csv;
use data::{Dataset, Error};
use proptest::prelude::*;
use tempfile::TempDir;
use tensor::Tensor;

/// A file with these contents, called `table.csv`.
fn file(contents: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    fs::write(&path, contents).unwrap();
    (folder, path)
}

/// What the error says after the name of the file.
fn message<T>(result: Result<T, Error>) -> String {
    let message = result.err().expect("an error").to_string();
    message.split_once("table.csv: ").expect("the name of the file").1.to_owned()
}

const IRISES: &str = "length, width,species\r\n5.1,3.5,setosa\r\n 6.2 ,2.9,virginica\r\n5e0,\"3.4\",setosa\r\n";

#[test]
fn numbers_are_read_with_and_without_a_header() {
    let (_folder, path) = file("a,b,c\n1,-2.5,3e-2\n\n4,inf,.5\n");
    let table = Csv::new().read(&path).unwrap();
    assert_eq!(table.names, ["a", "b", "c"]);
    assert_eq!(table.numbers, Tensor::from([[1.0, -2.5, 0.03], [4.0, f32::INFINITY, 0.5]]));
    let (_folder, path) = file("1;2\n3;4");
    let table = Csv::new().without_header().delimiter(b';').read(&path).unwrap();
    assert_eq!((table.names.len(), table.numbers), (0, Tensor::from([[1.0, 2.0], [3.0, 4.0]])));
}

#[test]
fn classes_are_texts_in_alphabetical_order() {
    let (_folder, path) = file(IRISES);
    for irises in [Csv::new().classes(&path, "species").unwrap(), Csv::new().classes(&path, 2).unwrap()] {
        assert_eq!(
            (irises.names, irises.classes),
            (vec!["length".into(), "width".into()], vec!["setosa".to_owned(), "virginica".into()])
        );
        assert_eq!(irises.samples.features(), &Tensor::from([[5.1, 3.5], [6.2, 2.9], [5.0, 3.4]]));
        assert_eq!(irises.samples.targets(), &Tensor::from([0, 1, 0]));
    }
}

#[test]
fn classes_that_are_numbers_stay_what_they_are() {
    let (_folder, path) = file("7,0.5\n2,1.5\n7,2.5\n");
    let table = Csv::new().without_header().classes(&path, 0).unwrap();
    assert_eq!((table.classes.len(), table.samples.targets()), (0, &Tensor::from([7, 2, 7])));
    let (_folder, path) = file("7,0.5\n-2,1.5\n7,2.5\n");
    let table = Csv::new().without_header().classes(&path, 0).unwrap();
    assert_eq!(table.classes, ["-2", "7"]);
    assert_eq!(table.samples.targets(), &Tensor::from([1, 0, 1]));
}

#[test]
fn targets_are_numbers() {
    let (_folder, path) = file("rooms,price,floor\n3,250.5,1\n2,99,0\n");
    let homes = Csv::new().targets(&path, "price").unwrap();
    assert_eq!(homes.names, ["rooms", "floor"]);
    let (features, prices) = homes.samples.batch(&[1, 0]).unwrap();
    assert_eq!((features, prices), (Tensor::from([[2.0, 0.0], [3.0, 1.0]]), Tensor::from([99.0, 250.5])));
}

#[test]
fn empty_files_are_tables_without_rows() {
    for (contents, columns) in [("", 0), ("a,b\n", 2), ("\n\n", 0)] {
        let (_folder, path) = file(contents);
        assert_eq!(Csv::new().read(&path).unwrap().numbers.shape()[..], [0, columns]);
    }
    let (_folder, path) = file("a,b\n");
    assert!(Csv::new().classes(&path, "b").unwrap().samples.is_empty());
}

#[test]
fn errors_say_where_and_what() {
    let header = Csv::new();
    let cases = [
        ("a,b\n1,2\n3,x\n", header, "line 3, column 2 (b): found \"x\", expected a number"),
        ("1,2\n\n3,\n", header.without_header(), "line 3, column 2: found \"\", expected a number"),
        ("a,b\n1,2\n3,4,5\n", header, "line 3: found 3 cells, expected 2 as in the first row"),
        ("a,b\n\"1\n\",2\n3\n", header, "line 4: found 1 cells, expected 2 as in the first row"),
        ("a\n1\n\"2,3\n4\n", header, "line 3, column 1 (a): found \"2,3\\n4\\n\", expected a number"),
        (
            "a\n0123456789012345678901234567890123456789 and so on",
            header,
            "line 2, column 1 (a): found \"0123456789012345678901234567890123456789…\", expected a number",
        ),
    ];
    for (contents, csv, expected) in cases {
        let (_folder, path) = file(contents);
        assert_eq!(message(csv.read(&path)), expected);
    }
    let (_folder, path) = file(b"a,b\n1,\xff\n");
    assert_eq!(message(header.classes(&path, "b")), "line 2, column 2 (b): found \"\u{fffd}\", expected text in UTF-8");
    let (_folder, path) = file(IRISES);
    let absent = "found no column \"colour\" among its 3, named [\"length\", \"width\", \"species\"]";
    assert_eq!(message(header.classes(&path, "colour")), absent);
    let (_folder, path) = file("1,2\n");
    let absent = message(header.without_header().targets(&path, 2));
    assert_eq!(absent, "found no column with index 2 among its 2, named []");
}

#[test]
fn what_is_no_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Csv::new().read(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with(": found something other than a regular file, expected a CSV file"), "{error}");
    let error = Csv::new().read(folder.path().join("absent.csv")).unwrap_err().to_string();
    assert!(error.contains("absent.csv: cannot be read: "), "{error}");
}

#[test]
fn a_stream_has_the_rows_and_goes_on_after_a_bad_one() {
    let (_folder, path) = file("a,b\n1,2\n3,x\n5,6\n7,8\n");
    let batches = Csv::new().stream(&path).unwrap().batches(2).workers(1);
    let results: Vec<_> = batches.map(|batch| batch.map_err(|error| error.to_string())).collect();
    let message = format!("sample 1: {}: line 3, column 2 (b): found \"x\", expected a number", path.display());
    assert_eq!(results, [Err(message), Ok(Tensor::from([[5.0, 6.0], [7.0, 8.0]]))]);
}

#[test]
fn a_stream_ends_where_the_file_cannot_be_read_on() {
    let (_folder, path) = file(["1\n".to_owned(), " ".repeat(1 << 20), "\n2\n".to_owned()].concat());
    let batches = Csv::new().without_header().stream(&path).unwrap().batches(1);
    let results: Vec<_> = batches.map(|batch| batch.map_err(|error| error.to_string())).collect();
    assert_eq!(results.len(), 2);
    let expected = "table.csv: cannot be read: found a line of more than 1048576 bytes, expected a shorter one";
    assert!(results[1].as_ref().unwrap_err().ends_with(expected), "{results:?}");
}

/// Files that are one large record, one large line, or that many small ones.
#[test]
fn hostile_files_take_no_more_than_a_multiple_of_their_size() {
    let hostile = [
        ",".repeat(3 << 20),
        ",\n".repeat(1 << 20),
        "1\n".repeat(1 << 20),
        "\"\n\",".repeat(1 << 20),
        format!("\"{}", "\n".repeat(3 << 20)),
        (0..400_000).map(|i| format!("{i:x}\n")).collect(),
        (0..400_000).map(|i| format!("x{i:x},1\n")).collect(),
    ];
    for contents in hostile {
        let (_folder, path) = file(&contents);
        for csv in [Csv::new(), Csv::new().without_header()] {
            let most = 20 * contents.len() + (32 << 20);
            for taken in [peak(|| drop(csv.read(&path))).0, peak(|| drop(csv.classes(&path, 0))).0] {
                assert!(taken <= most, "{taken} bytes for {} like {:?}", contents.len(), &contents[..10]);
            }
        }
    }
}

/// Reads a file in every way; what is read has the shape that it says.
fn read_all_ways(contents: &[u8]) {
    let (_folder, path) = file(contents);
    for csv in [Csv::new(), Csv::new().without_header(), Csv::new().delimiter(b';')] {
        if let Ok(table) = csv.read(&path) {
            assert!(table.names.is_empty() || table.names.len() == table.numbers.shape()[1]);
        }
        if let Ok(table) = csv.classes(&path, 1) {
            let most = table.samples.targets().to_vec().into_iter().max();
            assert!(table.classes.is_empty() || most.is_none_or(|most| most < table.classes.len() as i64));
        }
        let _ = csv.targets(&path, 0);
        csv.stream(&path).into_iter().flat_map(|stream| stream.batches(2)).take(100).for_each(drop);
    }
}

#[test]
fn every_truncation_is_read_or_refused() {
    for cut in 0..IRISES.len() {
        read_all_ways(&IRISES.as_bytes()[..cut]);
    }
}

proptest! {
    #[test]
    fn corrupted_files_are_read_or_refused(changes in proptest::collection::vec((0..IRISES.len(), any::<u8>()), 1..9)) {
        let mut bytes = IRISES.as_bytes().to_vec();
        changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        read_all_ways(&bytes);
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'\n'), Just(b'"'), Just(b'1')], 0..200)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn what_is_written_is_read(numbers in proptest::collection::vec(any::<f32>(), 0..60), columns in 1_usize..6) {
        let rows: Vec<&[f32]> = numbers.chunks_exact(columns).collect();
        let line = |row: &&[f32]| row.iter().map(f32::to_string).collect::<Vec<_>>().join(",") + "\n";
        let (_folder, path) = file(rows.iter().map(line).collect::<String>());
        let table = Csv::new().without_header().read(&path).unwrap();
        let bits = |numbers: &[f32]| numbers.iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect::<Vec<_>>();
        prop_assert_eq!(bits(&table.numbers.to_vec()), bits(&rows.concat()));
    }
}
