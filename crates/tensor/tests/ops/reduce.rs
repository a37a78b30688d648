//! Reductions, over one, several, all and no axes, and softmax.

use tensor::{Axes, Shape, Tensor, Var};

use crate::cases::{Case, any, case, positive, spread};

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
    REDUCTIONS.iter().flat_map(reductions).chain(softmax()).collect()
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
