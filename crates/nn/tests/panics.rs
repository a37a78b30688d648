//! A mistake in a formula panics at the user's line, and says what does not fit. One test, since it listens to panics.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};

use nn::{Costs, Linear};
use tensor::{Tape, Tensor, rng};

/// The file and the text of the panic of `f`.
fn panic_of(f: impl FnOnce()) -> (String, String) {
    let seen = Arc::new(Mutex::new((String::new(), String::new())));
    let listener = seen.clone();
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        let file = panic.location().map(|at| at.file().to_string()).unwrap_or_default();
        *listener.lock().unwrap() = (file, panic.payload_as_str().unwrap_or_default().to_string());
    }));
    let result = catch_unwind(AssertUnwindSafe(f));
    set_hook(usual);
    assert!(result.is_err(), "it does not panic");
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn panics_point_at_the_formula() {
    let tape = Tape::<f32>::new();
    let zeros = |shape: [usize; 2]| tape.leaf(Tensor::zeros(shape));
    let layer = Linear::new(4, 2, &mut rng(0, 0));
    let labels = Tensor::from([0i64, 7, 1]);
    let mistakes: [(&dyn Fn(), &str); 6] = [
        (&|| drop(layer.forward(zeros([3, 5])).value()), "linear: inner axes differ: [3, 5] · `weight` [2, 4]ᵀ"),
        (
            &|| drop(zeros([3, 2]).cross_entropy(&labels).value()),
            "cross_entropy: label 7 in row 1 is out of range for 2 classes",
        ),
        (
            &|| drop(zeros([3, 2]).quadratic_cost(Tensor::zeros([3, 1])).value()),
            "quadratic: expected a target of the output's shape [3, 2], got shape [3, 1]",
        ),
        (
            &|| drop(zeros([0, 2]).mse(Tensor::zeros([0, 2])).value()),
            "mse: the batch is empty: the costs have shape [0, 2]",
        ),
        (
            &|| drop(zeros([3, 2]).bce_with_logits(Tensor::zeros([2, 3])).value()),
            "bce_with_logits: expected a target of the output's shape [3, 2], got shape [2, 3]",
        ),
        (
            &|| drop(zeros([3, 2]).backward()),
            "backward: expected a cost of one element (reduce it with `mean(..)` or `sum(..)`), got shape [3, 2]",
        ),
    ];
    for (mistake, text) in mistakes {
        let (file, message) = panic_of(mistake);
        assert_eq!(message, text);
        assert!(file.ends_with("panics.rs"), "`{text}` points at {file}");
    }
}
