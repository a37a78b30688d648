//! Logs that grow by lines.

use std::fs;

use report::{CsvLog, Error, JsonLog, json};

#[test]
fn a_row_is_in_the_file_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.csv");
    let mut log = CsvLog::open(&path, ["step", "a \"b\", c"]).unwrap();
    log.row([1.0, 0.1]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "step,\"a \"\"b\"\", c\"\n1,0.1\n");
    log.row([1e300, f64::NEG_INFINITY]).unwrap();
    let last = fs::read_to_string(&path).unwrap().lines().last().unwrap().to_string();
    let values: Vec<f64> = last.split(',').map(|value| value.parse().unwrap()).collect();
    assert_eq!(values, [1e300, f64::NEG_INFINITY]);
}

#[test]
fn what_a_crash_left_of_a_line_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.csv");
    // Longer than the pieces in which the end is looked for.
    let long = "1".repeat(200_000);
    for (left, kept) in [
        ("", "a,b\n"),
        ("a,", "a,b\n"),
        ("a,b", "a,b\n"),
        ("a,b\n", "a,b\n"),
        ("a,b\n1,2\n3,", "a,b\n1,2\n"),
        (&format!("a,b\n1,2\n{long}"), "a,b\n1,2\n"),
    ] {
        fs::write(&path, left).unwrap();
        CsvLog::open(&path, ["a", "b"]).unwrap().row([5.0, 6.0]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{kept}5,6\n"));
    }
}

#[test]
fn other_columns_are_an_error_that_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.csv");
    CsvLog::open(&path, ["a", "b"]).unwrap().row([1.0, 2.0]).unwrap();
    let error = CsvLog::open(&path, ["a", "c"]).unwrap_err();
    assert!(matches!(error, Error::Columns { .. }));
    assert!(error.to_string().ends_with("run.csv: it begins with `a,b`, expected `a,c`"), "{error}");
    let error = CsvLog::open(&path, ["a", "b"]).unwrap().row([1.0]).unwrap_err();
    assert!(error.to_string().ends_with("run.csv: found a row of 1 values, expected 2"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
    let error = CsvLog::open(folder.path().join("new.csv"), ["a\nb"]).unwrap_err();
    assert!(error.to_string().contains("found \"a\\nb\", expected one name or more"), "{error}");
    assert!(!folder.path().join("new.csv").exists());
    let error = CsvLog::open(folder.path().join("no/new.csv"), ["a"]).unwrap_err();
    assert!(error.to_string().contains("new.csv: cannot open for appending"), "{error}");
}

#[test]
fn json_lines_are_whole_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut log = JsonLog::open(&path).unwrap();
    log.write(&json!({ "step": 1, "note": "ü\n\"quoted\"" })).unwrap();
    log.write(&vec![f64::NAN, 1.5]).unwrap();
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{{\"step\":")).unwrap();
    JsonLog::open(&path).unwrap().write(&json!({ "step": 2 })).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "{\"note\":\"ü\\n\\\"quoted\\\"\",\"step\":1}\n[null,1.5]\n{\"step\":2}\n");
}
