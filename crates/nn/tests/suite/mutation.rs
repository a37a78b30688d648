//! The test of the tests: the gradient rule of each cost and of dropout is broken in every place in turn, and a gradient
//! check must see it. `cargo test --release -p wengert-nn --features mutation --test suite mutation`

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nn::Dropout;
use nn::cost::{self, Reduction};
use tensor::mutation::{Check, Tally};
use tensor::{Result, Tensor, Var, gradcheck, rng};

type Cost = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Result<Var<'t, f64>>;

const COSTS: [(&str, Cost); 8] = [
    ("quadratic", |a, y| cost::quadratic(a, y, Reduction::Sum)),
    ("mse", |a, y| cost::mse(a, y, Reduction::Sum)),
    ("l1", |a, y| cost::l1(a, y, Reduction::Sum)),
    ("huber", |a, y| cost::huber(a, y, 0.7, Reduction::Sum)),
    ("smooth_l1", |a, y| cost::smooth_l1(a, y, 0.7, Reduction::Sum)),
    ("bce_with_logits", |a, y| cost::bce_with_logits(a, y, Reduction::Sum)),
    ("hinge", |a, y| cost::hinge(a, y, Reduction::Sum)),
    ("kl_div", |a, y| cost::kl_div(a, y, Reduction::Sum)),
];

/// Outputs on both sides of every kink.
fn outputs() -> Tensor<f64> {
    Tensor::from([[-2.1, -0.4, 0.3], [0.6, 1.4, 2.5]])
}

fn targets() -> Tensor<f64> {
    Tensor::from([[0.7, 0.2, 0.45], [0.35, 0.9, 0.15]])
}

fn cost_holds(cost: Cost) -> bool {
    gradcheck(|v| cost(v[0], v[1]).unwrap(), &[outputs(), targets()]).is_ok()
}

fn dropout_holds() -> bool {
    let x = Tensor::randn([5, 4], &mut rng(0, 0));
    gradcheck(|v| Dropout::new(0.4).forward(v[0]).tanh(), &[x]).is_ok()
}

/// The names of all rules that the sources define.
fn defined(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            names.extend(defined(&path));
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a source file");
        let rules = source.lines().filter(|line| line.trim().starts_with("const NAME"));
        names.extend(rules.filter_map(|line| line.split('"').nth(1)).map(String::from));
    }
    names
}

#[test]
fn every_broken_rule_is_caught() {
    // Broken rules panic by the hundred.
    std::panic::set_hook(Box::new(|_| ()));
    let mut tallies = BTreeMap::from([("dropout".to_string(), Tally::of("dropout", &[&dropout_holds]))]);
    for (name, cost) in COSTS {
        let check: &Check<'_> = &|| cost_holds(cost);
        tallies.insert(name.into(), Tally::of(name, &[check]));
    }
    let _ = std::panic::take_hook();
    Tally::report(&tallies);
    assert!(tallies.values().all(|tally| tally.caught > 0), "{tallies:?}");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(tallies.into_keys().collect::<BTreeSet<_>>(), defined(&sources), "every rule has a check");
}
