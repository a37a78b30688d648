//! Event files, read again: by a reader of our own always, by TensorBoard's where it is asked for.

use std::process::Command;

use report::{Error, EventLog, Histogram, json};
use tensor::Tensor;

/// What both readers are to find.
fn write(folder: &std::path::Path) {
    let mut log = EventLog::create(folder).unwrap();
    for step in 0..200 {
        log.scalar("cost/training", step, 1.0 / (step + 1) as f64).unwrap();
    }
    log.scalar("accuracy, ü", i64::MAX, f64::NAN).unwrap();
    log.histogram("weights", 3, &Histogram::new([0.0, 1.0, 1.0, 4.0], 4)).unwrap();
    log.image("gray", 1, &Tensor::from([[0.0, 1.0], [0.5, 0.25], [1.0, 0.0]])).unwrap();
    log.image("colour", 1, &Tensor::zeros([3, 4, 5])).unwrap();
    log.text("notes", 7, "**rate** 0.1, ∇").unwrap();
}

/// The bytes of each record, whose lengths and checksums are right.
fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let (mut rest, mut out) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (length, after) = rest.split_at(8);
        assert_eq!(after[..4], masked(length));
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let record = &after[4..4 + length];
        assert_eq!(after[4 + length..8 + length], masked(record));
        out.push(record.to_vec());
        rest = &after[8 + length..];
    }
    out
}

#[test]
fn files_are_records_with_checksums() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert!(file.to_str().unwrap().contains("events.out.tfevents."));
    let records = records(&std::fs::read(file).unwrap());
    assert_eq!(records.len(), 206);
    // Field 1, a double, is the time; field 3, of 13 bytes, the version.
    assert_eq!((records[0][0], &records[0][9..]), (0x09, &b"\x1a\x0dbrain.Event:2"[..]));
    let scalar = &records[2][9..];
    // Step 1; a summary of one value with a tag and the float 0.5.
    assert_eq!(scalar, b"\x10\x01\x2a\x16\x0a\x14\x0a\x0dcost/training\x15\x00\x00\x00\x3f");
}

#[test]
fn a_run_that_goes_on_has_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| EventLog::create(folder.path()).unwrap().path().to_path_buf());
    assert!(first < second);
}

#[test]
fn other_shapes_and_folders_that_cannot_be_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = EventLog::create(folder.path()).unwrap();
    let error = log.image("image", 0, &Tensor::zeros([2, 3, 4])).unwrap_err();
    let text = "cannot encode images of the shape [2, 3, 4]: expected [height, width] or [3, height, width]";
    assert_eq!(error.to_string(), text);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = EventLog::create(folder.path().join("file")).unwrap_err();
    assert!(
        matches!(error, Error::Files(files::Error::Io { .. })) && error.to_string().contains("cannot make the folder"),
        "{error}"
    );
}

/// `pip install tensorboard`, and then `PYTHON=… cargo test -p wengert-report --test suite -- --ignored`.
#[test]
#[ignore = "needs Python with TensorBoard"]
fn tensorboards_reader_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/read_events.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap().replace("NaN", "null");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let costs = found["scalars"]["cost/training"].as_array().unwrap();
    assert_eq!(costs.len(), 200);
    for (step, cost) in costs.iter().enumerate() {
        let value = cost[1].as_f64().unwrap() as f32;
        assert_eq!((cost[0].as_u64(), value), (Some(step as u64), (1.0 / (step + 1) as f64) as f32));
    }
    assert_eq!(found["scalars"]["accuracy, ü"], json!([[i64::MAX, null]]));
    let histogram = json!({
        "step": 3, "min": 0.0, "max": 4.0, "num": 4.0, "sum": 6.0, "sum_squares": 18.0,
        "limits": [1.0, 2.0, 3.0, 4.0], "counts": [1.0, 2.0, 0.0, 1.0],
    });
    assert_eq!(found["histograms"], json!({ "weights": [histogram] }));
    let size = |tag: &str| (found["images"][tag][0]["width"].clone(), found["images"][tag][0]["height"].clone());
    assert_eq!((size("gray"), size("colour")), ((json!(2), json!(3)), (json!(5), json!(4))));
    assert!(found["images"]["gray"][0]["png"].as_str().unwrap().starts_with("89504e47"));
    assert_eq!(found["texts"], json!({ "notes": [[7, "**rate** 0.1, ∇"]] }));
}
