//! The tape around deferred results: its listing, modes, and lives.

use tensor::{Mode, Tape, Tensor, Var};

use super::{COLS, SHAPE, random, same};

fn formula<'t>(x: Var<'t, f64>, b: Var<'t, f64>) -> Var<'t, f64> {
    (x * b + b).tanh().square().mean(..)
}

/// What is recorded does not depend on when it is evaluated.
#[test]
fn listings_are_those_of_small_arrays() {
    let list = |shape: &[usize]| {
        let tape = Tape::new();
        let (x, b) = (tape.leaf(random(shape, 1)), tape.leaf(random([shape[1]], 2)));
        let cost = formula(x, b);
        let ops = tape.ops();
        cost.backward();
        assert_eq!(tape.ops(), ops);
        (ops, tape.len())
    };
    let large = list(&SHAPE);
    assert_eq!(large, list(&[3, 4]));
    assert_eq!(large.0, ["mul", "add", "tanh", "square", "mean"]);
}

#[test]
fn constants_and_inference_record_nothing() {
    let x0: Tensor<f64> = random(SHAPE, 3);
    let want = x0.tanh().square().mean(..);
    let (training, inference) = (Tape::new(), Tape::inference());
    assert_eq!(inference.mode(), Mode::Inference);
    for x in [training.constant(x0.clone()), inference.leaf(x0.clone())] {
        let y = x.tanh().square();
        same(&y.mean(..).value(), &want, "mean");
        same(&y.value(), &x0.tanh().square(), "array");
        assert!(x.tape().ops().is_empty());
    }
}

/// A node's storage is used again for another kind of node, whatever the old one was waiting for.
#[test]
fn a_tape_lives_again_with_other_shapes() {
    let shapes: [&[usize]; 6] = [&SHAPE, &[3, COLS], &[COLS, 163], &SHAPE, &[1, 1 << 17], &[2, 2]];
    let mut tape = Tape::new();
    for round in 0..12 {
        let shape = shapes[round % shapes.len()];
        let (x0, b0): (Tensor<f64>, Tensor<f64>) = (random(shape, round as u64), random([shape[1]], 99));
        // Rounds end in different states: evaluated, half evaluated, waiting, differentiated.
        let (x, b) = (tape.leaf(x0.clone()), tape.leaf(b0.clone()));
        let middle = x * b;
        let end = if round % 2 == 0 { (middle + b).tanh() } else { middle.sum(..) };
        match round % 4 {
            0 => same(&end.value(), &(&x0 * &b0 + &b0).tanh(), "the end"),
            1 => same(&middle.value(), &(&x0 * &b0), "the middle"),
            2 => drop(end.sum(..)),
            _ => {
                same(end.backward().wrt(x), &b0.broadcast_to(shape), "the gradient");
                same(&end.value(), &(&x0 * &b0).sum(..), "the sum");
            }
        }
        tape.reset();
        assert!(tape.is_empty());
    }
}

/// Two tapes, of both types, one inside the other's life.
#[test]
fn tapes_side_by_side() {
    let (x0, y0) = (random::<f64>(SHAPE, 5), random::<f32>(SHAPE, 6));
    let (one, other) = (Tape::new(), Tape::new());
    let (x, y) = (one.leaf(x0.clone()), other.leaf(y0.clone()));
    let (a, b) = (x.sin().sum(..), y.sin().sum(..));
    same(b.backward().wrt(y), &y0.cos(), "f32");
    same(a.backward().wrt(x), &x0.cos(), "f64");
    drop(one);
    same(&b.value(), &y0.sin().sum(..), "the sum that stays");
}
