//! Whether every op that the sources define is put to the numerical test.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ops::cases::{Case, Layout};
use crate::ops::{batch_norm, conv, elementwise, linalg, pool, product, reduce, structure};

/// The names of all ops, read from the sources of `src/ops` and from the rules of `src/scalar`.
pub(crate) fn defined() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src/ops", "src/scalar"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("a folder entry").path();
            let source = std::fs::read_to_string(&path).expect("a source file");
            names.extend(source.lines().filter(|line| !line.starts_with("//")).flat_map(names_in));
        }
    }
    names
}

/// The names that a line defines: `const NAME: &'static str = "…"`, or a row `Name "name" [x] -> y => …` of the table of
/// rules.
fn names_in(line: &str) -> Vec<String> {
    let line = line.trim();
    let row = line.starts_with(char::is_uppercase) && line.contains("\" [");
    if !row && !line.starts_with("const NAME") {
        return Vec::new();
    }
    line.split('"').skip(1).step_by(2).filter(|name| !name.contains(' ')).map(String::from).collect()
}

fn checked() -> BTreeSet<String> {
    cases().iter().flat_map(Case::checked_ops).map(String::from).collect()
}

/// The cases of all families.
pub(crate) fn cases() -> Vec<Case> {
    let families = [
        elementwise::cases(),
        reduce::cases(),
        product::cases(),
        structure::cases(),
        conv::cases(),
        pool::cases(),
        batch_norm::cases(),
        linalg::cases(),
    ];
    families.into_iter().flatten().collect()
}

#[test]
fn every_op_has_a_check() {
    let (defined, checked) = (defined(), checked());
    let unchecked: Vec<_> = defined.difference(&checked).collect();
    assert!(unchecked.is_empty(), "ops in src/ops that no gradient check reaches: {unchecked:?}");
}

/// But for two closures, which nothing describes.
#[test]
fn every_op_says_what_it_was_built_with() {
    let (defined, cases) = (defined(), cases());
    let silent: BTreeSet<_> = cases.iter().flat_map(Case::silent_ops).filter(|op| defined.contains(*op)).collect();
    assert_eq!(silent, BTreeSet::from(["custom"]));
}

#[test]
fn the_sources_are_read() {
    let defined = defined();
    for name in
        ["tanh", "leaky_relu", "select", "chain", "matmul", "linear", "max", "min", "sum_to", "index_add", "embed"]
    {
        assert!(defined.contains(name), "`{name}` is not among {defined:?}");
    }
    assert_eq!(names_in("    Fresh { by: f64 } \"fresh\" [x] -> y => x, d [y];"), ["fresh"]);
    assert_eq!(names_in("/// const NAME: &'static str = \"outer\";"), [""; 0]);
}

#[test]
fn layouts_are_what_they_say() {
    let x = crate::ops::cases::any([3, 4]);
    for layout in Layout::ALL {
        let y = layout.of(&x);
        assert_eq!(y.is_contiguous(), layout == Layout::Contiguous, "{layout:?}");
        if layout == Layout::Broadcast {
            assert_eq!(y, x.narrow(0, 0, 1).broadcast_to([3, 4]));
        } else {
            assert_eq!(y, x, "{layout:?}");
        }
    }
}
