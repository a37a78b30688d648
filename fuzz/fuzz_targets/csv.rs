#![no_main]

use std::fs;
use std::sync::LazyLock;

use data::csv::Csv;
use libfuzzer_sys::fuzz_target;
use tempfile::TempPath;
use tensor::Tensor;

static FILE: LazyLock<TempPath> = LazyLock::new(|| tempfile::NamedTempFile::new().expect("a file").into_temp_path());

fn bits(numbers: &Tensor<f32>) -> Vec<u32> {
    numbers.to_vec().into_iter().map(f32::to_bits).collect()
}

/// All ways of reading a file agree.
fn check(csv: Csv) {
    let table = csv.read(&*FILE);
    let rows = csv.stream(&*FILE).and_then(|rows| rows.batches(4).collect::<Result<Vec<_>, _>>());
    assert_eq!(table.is_ok(), rows.is_ok());
    let targets = csv.targets(&*FILE, 0);
    if let Ok(read) = csv.classes(&*FILE, 0) {
        let (known, texts) = (read.classes.len() as i64, !read.classes.is_empty());
        assert!(read.samples.targets().to_vec().into_iter().all(|class| class >= 0 && (!texts || class < known)));
    }
    let (Ok(table), Ok(rows)) = (table, rows) else { return };
    let [count, columns] = table.numbers.shape()[..] else { panic!("a table") };
    assert!(table.names.is_empty() || table.names.len() == columns);
    assert_eq!(count, rows.iter().map(|rows| rows.shape()[0]).sum::<usize>());
    assert_eq!(bits(&table.numbers), rows.iter().flat_map(bits).collect::<Vec<_>>());
    match targets {
        Ok(read) => assert_eq!(bits(read.samples.targets()), bits(&table.numbers.narrow(1, 0, 1))),
        Err(_) => assert_eq!(columns, 0, "{targets:?}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("a file that can be written");
    check(Csv::new());
    check(Csv::new().without_header().delimiter(b';'));
});
