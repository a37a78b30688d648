//! Matrix products and the affine map.

use tensor::Shape;

use crate::cases::{Case, any, case};

pub(crate) fn cases() -> Vec<Case> {
    matmul().chain(linear()).chain(other()).collect()
}

fn matmul() -> impl Iterator<Item = Case> {
    let shapes: [[&[usize]; 2]; 19] = [
        [&[2, 3], &[3, 4]],
        [&[3], &[3]],
        [&[3], &[3, 4]],
        [&[2, 3], &[3]],
        [&[5, 2, 3], &[3, 4]],
        [&[2, 3], &[4, 3, 2]],
        [&[5, 2, 3], &[5, 3, 4]],
        [&[2, 1, 2, 3], &[3, 3, 2]],
        [&[2, 1, 1, 3], &[1, 3, 3, 1]],
        [&[3], &[2, 3, 4]],
        [&[2, 4, 3], &[3]],
        [&[0, 3], &[3, 2]],
        [&[2, 0], &[0, 3]],
        [&[2, 3], &[3, 0]],
        [&[0, 2, 3], &[3, 4]],
        [&[0, 2, 3], &[0, 3, 2]],
        [&[1, 2, 3], &[0, 3, 2]],
        [&[4, 2, 0], &[0, 3]],
        [&[0], &[0]],
    ];
    shapes.into_iter().map(|[a, b]| {
        let name = format!("matmul of {a:?} and {b:?}");
        case(name, [any(a), any(Shape::from(b)) * 0.9], |x| x[0].matmul(x[1]))
    })
}

fn linear() -> impl Iterator<Item = Case> {
    let shapes: [[&[usize]; 2]; 12] = [
        [&[2, 3], &[4, 3]],
        [&[2, 2, 3], &[4, 3]],
        [&[2, 1, 2, 3], &[4, 3]],
        [&[3], &[4, 3]],
        [&[0, 3], &[4, 3]],
        [&[2, 0, 3], &[4, 3]],
        [&[2, 0], &[4, 0]],
        [&[2, 3, 0], &[4, 0]],
        [&[0], &[4, 0]],
        [&[2, 3], &[0, 3]],
        [&[2, 2, 3], &[0, 3]],
        [&[3], &[0, 3]],
    ];
    shapes.into_iter().flat_map(|[x, w]| {
        let name = format!("linear of {x:?} and {w:?}");
        [
            case(name.clone(), [any(x), any(w)], |x| x[0].linear(x[1], None)),
            case(name + " with a bias", [any(x), any(w), any([w[0]])], |x| x[0].linear(x[1], Some(x[2]))),
        ]
    })
}

/// A node used twice by one product, and operands that are views on the tape.
fn other() -> impl Iterator<Item = Case> {
    [
        case("x·x", [any([3, 3])], |x| x[0].matmul(x[0])),
        case("x·xᵀ", [any([2, 3])], |x| x[0].matmul(x[0].t())),
        case("linear of x with itself", [any([3, 3])], |x| x[0].linear(x[0], Some(x[0].sum(0)))),
        case("x + linear of x, and of that again", [any([2, 3]), any([3, 3])], |x| {
            let h = x[0] + x[0].linear(x[1], None);
            h + h.linear(x[1], None)
        }),
    ]
    .into_iter()
}
