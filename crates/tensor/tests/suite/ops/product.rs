//! Matrix products and the affine map.

use tensor::{Shape, Tensor, Var};

use crate::ops::cases::{Case, any, case};

pub(crate) fn cases() -> Vec<Case> {
    matmul().chain(linear()).chain(einsum()).chain(attention()).chain(other()).collect()
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

fn einsum() -> impl Iterator<Item = Case> {
    let equations: [(&str, &[&[usize]]); 22] = [
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij,jk", &[&[2, 3], &[3, 4]]),
        ("bij,bkj->bik", &[&[2, 3, 2], &[2, 4, 2]]),
        ("ij->ji", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("ii", &[&[3, 3]]),
        ("iji->j", &[&[2, 3, 2]]),
        ("iii->i", &[&[3, 3, 3]]),
        ("ij->", &[&[2, 3]]),
        ("i,j->ij", &[&[3], &[4]]),
        ("i,i", &[&[3], &[3]]),
        ("bi,bi->b", &[&[2, 3], &[2, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("ijk,kl,jm->iml", &[&[2, 3, 2], &[2, 2], &[3, 2]]),
        ("ij,jk,kl,lm->im", &[&[2, 3], &[3, 2], &[2, 3], &[3, 2]]),
        ("a,ab,abc->c", &[&[2], &[2, 3], &[2, 3, 2]]),
        ("...ij,...jk->...ik", &[&[2, 1, 2, 3], &[2, 3, 2]]),
        ("i...,...->...i", &[&[3, 2], &[4, 1]]),
        (",i->i", &[&[], &[3]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 3]]),
        ("ij,jk->ik", &[&[0, 2], &[2, 3]]),
        ("i,i->i", &[&[0], &[0]]),
    ];
    equations.into_iter().map(|(equation, shapes)| {
        let name = format!("einsum {equation} of {shapes:?}");
        let scaled = |(i, shape): (usize, &&[usize])| any(*shape) * (1.0 - 0.1 * i as f64);
        case(name, shapes.iter().enumerate().map(scaled), move |x| Var::einsum(equation, x))
    })
}

fn attention() -> impl Iterator<Item = Case> {
    let shapes: [[&[usize]; 3]; 8] = [
        [&[3, 4], &[3, 4], &[3, 2]],
        [&[2, 4], &[5, 4], &[5, 3]],
        [&[2, 3, 2], &[2, 4, 2], &[2, 4, 2]],
        [&[2, 1, 3, 2], &[2, 4, 2], &[4, 3]],
        [&[1, 1], &[1, 1], &[1, 1]],
        [&[2, 3], &[0, 3], &[0, 2]],
        [&[0, 3], &[2, 3], &[2, 2]],
        [&[2, 0], &[3, 0], &[3, 2]],
    ];
    shapes.into_iter().flat_map(|shapes| {
        let [m, n] = [shapes[0], shapes[1]].map(|shape| shape[shape.len() - 2]);
        // The first query may look at nothing.
        let mask = Tensor::from_fn([m, n], |at| at[0] > 0 && (at[0] + at[1]) % 3 != 0);
        [(None, false), (None, true), (Some(mask.clone()), false), (Some(mask), true)].map(|(mask, causal)| {
            let name = format!("attention of {shapes:?}, masked {}, causal {causal}", mask.is_some());
            case(name, shapes.map(any), move |x| x[0].attention(x[1], x[2], mask.as_ref(), causal))
        })
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
