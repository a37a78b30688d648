//! Views, joins and indices.

use tensor::rules::Chain;
use tensor::{Tensor, Var, s};

use crate::ops::cases::{Case, any, case, off_kinks, spread};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = views();
    cases.extend(slices());
    cases.extend(joins());
    cases.extend(indices());
    cases.extend(reuse());
    cases.extend(custom());
    cases.extend(arrange());
    cases.extend(diagonals());
    cases.extend(scans());
    cases.extend(sorts());
    cases
}

fn arrange() -> Vec<Case> {
    vec![
        case("flip", [any([3, 4])], |x| x[0].flip(1).square()),
        case("flip of several axes", [any([2, 3, 4])], |x| x[0].flip([0, -1]).sin() * x[0]),
        case("flip of all axes", [any([2, 3])], |x| x[0].flip(..)),
        case("flip of no axes", [any([2, 3])], |x| x[0].flip([0isize; 0])),
        case("flip of a scalar", [any(())], |x| x[0].flip(..).exp()),
        case("flip of nothing", [any([2, 0, 3])], |x| x[0].flip([0, 1])),
        case("pad", [any([2, 3])], |x| x[0].pad(&[(1, 0), (2, 1)], 0.5).square()),
        case("pad by nothing", [any([2, 3])], |x| x[0].pad(&[(0, 0), (0, 0)], 0.5).sin()),
        case("pad of a scalar", [any(())], |x| x[0].pad(&[], 0.5)),
        case("pad of nothing", [any([0, 3])], |x| x[0].pad(&[(1, 1), (0, 2)], 0.5).exp()),
        case("tile", [any([2, 3])], |x| x[0].tile(&[2, 3]).square() * x[0].tile(&[4, 1, 3]).sum(1)),
        case("tile of the last axis", [any([2, 3])], |x| x[0].tile(&[2]).sin()),
        case("tile with new axes", [any([3])], |x| x[0].tile(&[2, 1, 2]).exp()),
        case("tile of a scalar", [any(())], |x| x[0].tile(&[2, 2]).square()),
        case("tile no times", [any([2, 3])], |x| x[0].tile(&[0, 2])),
        case("tile of nothing", [any([2, 0])], |x| x[0].tile(&[2, 2])),
        case("repeat", [any([2, 3])], |x| x[0].repeat(1, 2).sin()),
        case("repeat along the first axis", [any([2, 3, 2])], |x| x[0].repeat(-3, 3).square()),
        case("repeat no times", [any([2, 3])], |x| x[0].repeat(0, 0)),
        case("repeat of nothing", [any([2, 0])], |x| x[0].repeat(0, 2)),
    ]
}

fn diagonals() -> Vec<Case> {
    vec![
        case("diagonal", [any([3, 3])], |x| x[0].diagonal(0, 1).square()),
        case("diagonal of a wide matrix", [any([2, 4])], |x| x[0].diagonal(1, 0).exp()),
        case("diagonal of outer axes", [any([3, 2, 4])], |x| x[0].diagonal(0, -1).sin()),
        case("diagonal of nothing", [any([2, 0, 3])], |x| x[0].diagonal(1, 2)),
        case("tril", [any([3, 4])], |x| x[0].tril(0).exp()),
        case("tril above the diagonal", [any([2, 3, 3])], |x| x[0].tril(1).square()),
        case("tril of nothing", [any([0, 3])], |x| x[0].tril(0)),
        case("triu", [any([4, 3])], |x| x[0].triu(0).sin()),
        case("triu below the diagonal", [any([2, 3, 2])], |x| x[0].triu(-1).square()),
        case("triu of nothing", [any([2, 0, 3])], |x| x[0].triu(0)),
    ]
}

fn scans() -> Vec<Case> {
    vec![
        case("cumsum", [any([3, 4])], |x| x[0].cumsum(1).square()),
        case("cumsum along the first axis", [any([3, 4])], |x| x[0].cumsum(0).sin()),
        case("cumsum along a middle axis", [any([2, 3, 4])], |x| x[0].cumsum(-2).exp()),
        case("cumsum of one", [any([2, 1])], |x| x[0].cumsum(1).square()),
        case("cumsum of nothing", [any([0, 3])], |x| x[0].cumsum(0)),
        case("cumsum of no rows", [any([3, 0])], |x| x[0].cumsum(0)),
    ]
}

fn sorts() -> Vec<Case> {
    vec![
        case("sort", [spread([3, 4])], |x| x[0].sort(1, false).0.square()).distinct(),
        case("sort, descending", [spread([3, 4])], |x| x[0].sort(0, true).0.sin() * x[0]).distinct(),
        case("sort of nothing", [any([2, 0])], |x| x[0].sort(1, false).0),
        case("topk", [spread([3, 5])], |x| x[0].topk(2, 1, true).0.square()).distinct(),
        case("topk of the smallest", [spread([4, 2, 3])], |x| x[0].topk(3, 0, false).0.exp()).distinct(),
        case("topk of none", [any([2, 3])], |x| x[0].topk(0, -1, true).0),
        case("topk of nothing", [any([0, 3])], |x| x[0].topk(2, 1, true).0),
    ]
}

fn views() -> Vec<Case> {
    vec![
        case("reshape", [any([2, 6])], |x| x[0].reshape([3, 4]).square()),
        case("reshape to more axes", [any([2, 6])], |x| x[0].reshape([2, 1, 3, 2])),
        case("reshape of one element", [any(())], |x| x[0].reshape([1, 1])),
        case("reshape of nothing", [any([0, 3])], |x| x[0].reshape([5, 0, 2])),
        case("flatten", [any([2, 3])], |x| x[0].flatten()),
        case("flatten of a scalar", [any(())], |x| x[0].flatten()),
        case("permute", [any([2, 3, 4])], |x| x[0].permute(&[2, -3, 1]).sin()),
        case("permute of a scalar", [any(())], |x| x[0].permute(&[])),
        case("permute of nothing", [any([2, 0, 3])], |x| x[0].permute(&[1, 2, 0])),
        case("transpose", [any([2, 3, 4])], |x| x[0].transpose(0, -1)),
        case("t", [any([3, 2])], |x| x[0].t()),
        case("squeeze", [any([2, 1, 3])], |x| x[0].squeeze(-2)),
        case("unsqueeze first", [any([2, 3])], |x| x[0].unsqueeze(0)),
        case("unsqueeze last", [any([2, 3])], |x| x[0].unsqueeze(-1)),
        case("unsqueeze of a scalar", [any(())], |x| x[0].unsqueeze(0)),
        case("broadcast_to", [any([3, 1])], |x| x[0].broadcast_to([2, 3, 4]).exp()),
        case("broadcast_to of a scalar", [any(())], |x| x[0].broadcast_to([2, 3])),
        case("broadcast_to the same", [any([2, 3])], |x| x[0].broadcast_to([2, 3])),
        case("broadcast_to nothing", [any([2, 1])], |x| x[0].broadcast_to([0, 2, 3])),
    ]
}

fn slices() -> Vec<Case> {
    vec![
        case("narrow", [any([3, 4])], |x| x[0].narrow(1, 1, 2).square()),
        case("narrow to nothing", [any([3, 4])], |x| x[0].narrow(-1, 4, 0)),
        case("slice by an index", [any([3, 4])], |x| x[0].slice(s![1]).exp()),
        case("slice by a negative index", [any([3, 4])], |x| x[0].slice(s![.., -1])),
        case("slice to a scalar", [any([3, 4])], |x| x[0].slice(s![-1, 2]).square()),
        case("slice with a step", [any([5, 4])], |x| x[0].slice(s![1..; 2, ..; 3]).sin()),
        case("slice with a step and an index", [any([3, 5, 2])], |x| x[0].slice(s![0, 1..-1; 2]).square()),
        case("slice inclusive", [any([3, 5])], |x| x[0].slice(s![.., -3..=-1])),
        case("slice of a slice", [any([5, 5])], |x| x[0].slice(s![1..4]).slice(s![..; 2, 2])),
        case("slice to nothing", [any([3, 4])], |x| x[0].slice(s![3..])),
        case("slice of nothing", [any([2, 0])], |x| x[0].slice(s![1])),
    ]
}

fn joins() -> Vec<Case> {
    vec![
        case("concat", [any([2, 3]), any([1, 3])], |x| Var::concat(x, 0).sin()),
        case("concat along the last axis", [any([2, 3]), any([2, 1])], |x| Var::concat(x, -1)),
        case("concat with nothing", [any([2, 3]), any([2, 0])], |x| Var::concat(x, 1).square()),
        case("concat of nothing", [any([0, 3]), any([0, 2])], |x| Var::concat(x, 1)),
        case("concat of one", [any([2, 3])], |x| Var::concat(x, 0)),
        case("concat of x with itself", [any([2, 3])], |x| Var::concat(&[x[0], x[0].square(), x[0]], 0)),
        case("stack", [any([2, 3]), any([2, 3]) * 0.7], |x| Var::stack(x, 1).exp()),
        case("stack last", [any([2, 3]), any([2, 3]) * 0.7], |x| Var::stack(x, -1)),
        case("stack of scalars", [any(()), any(()) * 0.7], |x| Var::stack(x, 0).square()),
        case("split", [any([2, 5])], |x| {
            let parts = x[0].split(&[1, 0, 2, 2], 1);
            parts[2] * parts[3].exp() + parts[0] + parts[1].sum(..)
        }),
    ]
}

fn indices() -> Vec<Case> {
    let vector = |index: &[i64]| Tensor::from(index);
    let matrix = || Tensor::from([[2i64, 0, 0], [1, 1, 2]]);
    let column = || Tensor::from([[3i64], [0], [3]]);
    let (repeated, none) = (vector(&[2, 0, 2, 1]), vector(&[]));
    let nothing = || Tensor::<i64>::zeros([0, 4]);
    vec![
        case("index_select", [any([3, 4])], move |x| x[0].index_select(0, &repeated).square()),
        case("index_select along the last axis", [any([2, 3, 4])], move |x| {
            x[0].index_select(-1, &Tensor::from([3i64, 3]))
        }),
        case("index_select of none", [any([3, 4])], move |x| x[0].index_select(0, &none)),
        case("index_select of nothing", [any([2, 0])], |x| x[0].index_select(0, &Tensor::from([1i64, 1]))),
        case("embedding", [any([3, 4])], |x| x[0].embedding(&Tensor::from([[2i64, 0, 2], [1, 1, 2]])).square()),
        case("embedding by a number", [any([3, 2])], |x| x[0].embedding(&Tensor::from(1i64)).sin()),
        case("embedding of nothing", [any([3, 2])], |x| x[0].embedding(&Tensor::<i64>::zeros([2, 0]))),
        case("gather", [any([3, 3])], move |x| x[0].gather(0, &matrix()).sin()),
        case("gather along the last axis", [any([3, 4])], move |x| x[0].gather(-1, &column())),
        case("gather of none", [any([3, 4])], move |x| x[0].gather(0, &nothing())),
        case("scatter_add", [any([3, 3]), any([2, 3])], move |x| x[0].scatter_add(0, &matrix(), x[1]).square()),
        case("scatter_add along the last axis", [any([3, 4]), any([3, 1])], move |x| {
            x[0].scatter_add(1, &column(), x[1]).exp()
        }),
        case("scatter_add of none", [any([3, 4]), any([0, 4])], move |x| x[0].scatter_add(0, &nothing(), x[1])),
    ]
}

/// The rule that gradients are multiplied with, and functions that use a node more than once.
fn reuse() -> Vec<Case> {
    vec![
        case("chain", [off_kinks([2, 3]), any([2, 3])], |x| Var::map(Chain, [x[0], x[1]])),
        case("chain with broadcasting", [off_kinks([2, 1]), any([3])], |x| Var::map(Chain, [x[0], x[1]])),
        case("x + x", [any([2, 3])], |x| x[0] + x[0]),
        case("x·x − x/eˣ", [any([2, 3])], |x| x[0] * x[0] - x[0] / x[0].exp()),
        case("x plus its own row sums", [any([2, 3])], |x| x[0].tanh() * x[0].sum_keepdim(1)),
        case("one of two inputs unused", [any([2]), any([3])], |x| x[1].square()),
    ]
}

/// Functions by closures, and hooks that leave the gradient as it is.
fn custom() -> Vec<Case> {
    vec![
        case("custom", [any([2, 3]), any([3])], |x| {
            Var::custom([x[0], x[1]], |[a, b]| a * b.sin(), |g, [a, b], _| [g * b.sin(), g * a * b.cos()])
        }),
        case("custom by its result", [any([2, 3])], |x| Var::custom([x[0]], |[x]| x.exp(), |g, _, y| [g * y])),
        case("map_gradient", [any([2, 3])], |x| x[0].square().map_gradient(|g| 2.0 * g - g).sin()),
        case("inspect_gradient", [any([2, 3])], |x| x[0].square().inspect_gradient(|_| ()).sin()),
        case("scale_gradient", [any([2, 3])], |x| x[0].square().scale_gradient(1.0).sin()),
    ]
}
