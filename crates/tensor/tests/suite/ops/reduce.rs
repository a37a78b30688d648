//! Reductions, over one, several, all and no axes, softmax, its cross-entropy, and normalisation.

use tensor::{Axes, Shape, Tensor, Var};

use crate::ops::cases::{Case, any, case, positive, spread};

type Reduction = for<'t> fn(Var<'t, f64>, Axes, bool) -> Var<'t, f64>;

struct Row {
    name: &'static str,
    domain: fn(Shape) -> Tensor<f64>,
    f: Reduction,
    /// Whether the reduction of nothing is a finite number.
    empty: bool,
    /// Whether it needs elements that differ.
    distinct: bool,
}

const REDUCTIONS: &[Row] = &[
    Row {
        name: "sum",
        domain: any,
        f: |x, axes, keep| if keep { x.sum_keepdim(axes) } else { x.sum(axes) },
        empty: true,
        distinct: false,
    },
    Row {
        name: "mean",
        domain: any,
        f: |x, axes, keep| if keep { x.mean_keepdim(axes) } else { x.mean(axes) },
        empty: false,
        distinct: false,
    },
    Row {
        name: "max",
        domain: spread,
        f: |x, axes, keep| if keep { x.max_keepdim(axes) } else { x.max(axes) },
        empty: false,
        distinct: true,
    },
    Row {
        name: "min",
        domain: spread,
        f: |x, axes, keep| if keep { x.min_keepdim(axes) } else { x.min(axes) },
        empty: false,
        distinct: true,
    },
    Row {
        name: "prod",
        domain: any,
        f: |x, axes, keep| if keep { x.prod_keepdim(axes) } else { x.prod(axes) },
        empty: true,
        distinct: false,
    },
    Row {
        name: "norm",
        domain: positive,
        f: |x, axes, keep| if keep { x.norm_keepdim(axes) } else { x.norm(axes) },
        empty: true,
        distinct: false,
    },
    Row {
        name: "logsumexp",
        domain: any,
        f: |x, axes, keep| if keep { x.logsumexp_keepdim(axes) } else { x.logsumexp(axes) },
        empty: false,
        distinct: false,
    },
    Row {
        name: "var, correction 0",
        domain: any,
        f: |x, axes, keep| if keep { x.var_keepdim(axes, 0.0) } else { x.var(axes, 0.0) },
        empty: false,
        distinct: false,
    },
    Row {
        name: "var, correction 0.5",
        domain: any,
        f: |x, axes, keep| if keep { x.var_keepdim(axes, 0.5) } else { x.var(axes, 0.5) },
        empty: false,
        distinct: false,
    },
];

pub(crate) fn cases() -> Vec<Case> {
    REDUCTIONS.iter().flat_map(reductions).chain(softmax()).chain(cross_entropy()).chain(norms()).collect()
}

fn reductions(row: &'static Row) -> impl Iterator<Item = Case> {
    let wanted = arguments().into_iter().filter(|(shape, axes)| row.empty || !folds_nothing(shape, axes));
    wanted.flat_map(move |(shape, axes)| {
        [false, true].map(|keepdim| {
            let (axes, name) = (axes.clone(), format!("{} of {shape} over {axes:?}", row.name));
            let case = case(name, [(row.domain)(shape.clone())], move |x| (row.f)(x[0], axes.clone(), keepdim));
            if row.distinct { case.distinct() } else { case }
        })
    })
}

/// Shapes, and axes to reduce over.
fn arguments() -> Vec<(Shape, Axes)> {
    let cube: [Axes; 9] = [
        Axes::from(..),
        Axes::from(0),
        Axes::from(1),
        Axes::from(-1),
        Axes::from([0, 1]),
        Axes::from([2, 0]),
        Axes::from([-2, -1]),
        Axes::from([0, 1, 2]),
        Axes::from([0isize; 0]),
    ];
    let small = [
        (vec![], Axes::from(..)),
        (vec![5], Axes::from(0)),
        (vec![3, 1], Axes::from(1)),
        (vec![0, 3], Axes::from(..)),
        (vec![0, 3], Axes::from(0)),
        (vec![0, 3], Axes::from(1)),
        (vec![2, 0], Axes::from(-1)),
        (vec![2, 0, 3], Axes::from([0, 2])),
    ];
    let cube = cube.into_iter().map(|axes| (Shape::from([2, 3, 4]), axes));
    cube.chain(small.map(|(shape, axes)| (Shape::from(shape), axes))).collect()
}

fn folds_nothing(shape: &Shape, axes: &Axes) -> bool {
    let at = |axis: isize| shape[axis.rem_euclid(shape.rank() as isize) as usize];
    match axes {
        Axes::All => shape.numel() == 0,
        Axes::Some(axes) => axes.iter().any(|&axis| at(axis) == 0),
    }
}

fn softmax() -> Vec<Case> {
    let along = [(vec![2, 3, 4], 0), (vec![2, 3, 4], 1), (vec![2, 3, 4], -1), (vec![5], 0), (vec![2, 1], 1)];
    let empty = [(vec![0, 3], 0), (vec![0, 3], 1), (vec![2, 0], 1)];
    let of = |(shape, axis): (Vec<usize>, isize)| {
        [
            case(format!("softmax of {shape:?} along {axis}"), [any(shape.clone())], move |x| x[0].softmax(axis)),
            case(format!("log_softmax of {shape:?} along {axis}"), [any(shape)], move |x| x[0].log_softmax(axis)),
        ]
    };
    along.into_iter().chain(empty).flat_map(of).collect()
}

fn cross_entropy() -> impl Iterator<Item = Case> {
    let shapes = [vec![4], vec![3, 4], vec![2, 3, 4], vec![2, 1], vec![0, 3], vec![2, 40]];
    let of = |(shape, smoothing): (Vec<usize>, f64)| {
        let (classes, batch) = shape.split_last().expect("not a scalar");
        let labels = Tensor::from_fn(batch, |i| (i.iter().sum::<usize>() * 7 % classes) as i64);
        case(format!("cross_entropy of {shape:?}, smoothing {smoothing}"), [any(shape)], move |x| {
            x[0].softmax_cross_entropy(&labels, smoothing)
        })
    };
    shapes.into_iter().flat_map(|shape| [0.0, 0.3, 1.0].map(|s| (shape.clone(), s))).map(of)
}

/// Normalisation over one and over several axes, with and without its parameters, of wide, narrow and no rows.
fn norms() -> impl Iterator<Item = Case> {
    let shapes = [
        (vec![3, 4], 1),
        (vec![5], 1),
        (vec![2, 3, 4], 1),
        (vec![2, 3, 4], 2),
        (vec![2, 1], 1),
        (vec![2, 40], 1),
        (vec![0, 3], 1),
        (vec![3, 0], 1),
    ];
    shapes.into_iter().flat_map(|(shape, axes)| {
        let [x, w, b] = [any(shape.clone()), positive(&shape[shape.len() - axes..]), any(&shape[shape.len() - axes..])];
        let mut cases = vec![
            case(format!("layer_norm of {shape:?}, {axes} axes"), [x.clone(), w.clone(), b.clone()], |x| {
                x[0].layer_norm(Some(x[1]), Some(x[2]), 0.1)
            }),
            case(format!("layer_norm of {shape:?} without a bias"), [x.clone(), w.clone()], |x| {
                x[0].layer_norm(Some(x[1]), None, 0.1)
            }),
            case(format!("layer_norm of {shape:?} without a weight"), [x.clone(), b], |x| {
                x[0].layer_norm(None, Some(x[1]), 0.1)
            }),
            case(format!("rms_norm of {shape:?}, {axes} axes"), [x.clone(), w], |x| x[0].rms_norm(Some(x[1]), 0.1)),
        ];
        if axes == 1 {
            cases.push(case(format!("layer_norm of {shape:?} alone"), [x.clone()], |x| {
                x[0].layer_norm(None, None, 0.1)
            }));
            cases.push(case(format!("rms_norm of {shape:?} alone"), [x], |x| x[0].rms_norm(None, 0.1)));
        }
        cases
    })
}
