//! Normalisation over a batch.

use tensor::{Moments, Var};

use crate::ops::cases::{Case, any, case, positive};

type Function = for<'t> fn(&[Var<'t, f64>]) -> Var<'t, f64>;

const FORMS: [(&str, usize, Function); 4] = [
    ("", 0, |x| x[0].batch_norm(None, None, 0.1).0.sin()),
    (" with a weight", 1, |x| x[0].batch_norm(Some(x[1]), None, 0.1).0.sin()),
    (" with a bias", 1, |x| x[0].batch_norm(None, Some(x[1]), 0.1).0.sin()),
    (" with both", 2, |x| x[0].batch_norm(Some(x[1]), Some(x[2]), 0.1).0.sin()),
];

fn moments() -> Moments<f64> {
    Moments { mean: any([3]), var: positive([3]) }
}

const GIVEN: [(&str, usize, Function); 2] = [
    (" by given moments", 0, |x| x[0].batch_norm_by(&moments(), None, None, 0.1).sin()),
    (" by given moments, with both", 2, |x| x[0].batch_norm_by(&moments(), Some(x[1]), Some(x[2]), 0.1).sin()),
];

pub(crate) fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 6] = [&[4, 3], &[2, 3, 2], &[2, 3, 2, 2], &[1, 3, 2], &[2, 3, 0], &[1, 3]];
    let forms = FORMS.into_iter().chain(GIVEN);
    let all = forms.flat_map(|(name, params, f)| {
        shapes.map(|shape| {
            let inputs = [any(shape), any([3]), any([3]) * 0.7];
            case(format!("batch_norm of {shape:?}{name}"), inputs.into_iter().take(1 + params), f)
        })
    });
    all.collect()
}
