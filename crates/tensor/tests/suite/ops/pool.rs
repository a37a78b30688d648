//! Pooling.

use tensor::PoolOptions;

use crate::ops::cases::{Case, any, case, spread};

pub(crate) fn cases() -> Vec<Case> {
    max().into_iter().chain(avg()).collect()
}

fn options(kernel: [usize; 2]) -> PoolOptions<2> {
    PoolOptions::new(kernel)
}

/// On inputs of at most 31 elements, no two of which are equal.
fn max() -> Vec<Case> {
    let rows: [(&[usize], PoolOptions<2>); 9] = [
        (&[1, 1, 4, 6], options([2, 2])),
        (&[2, 1, 3, 5], options([2, 2])),
        (&[1, 1, 5, 5], options([3, 2]).stride(1)),
        (&[1, 2, 3, 5], options([2, 3]).padding([1, 1])),
        (&[1, 1, 5, 6], options([2, 1]).stride([3, 2])),
        (&[1, 1, 4, 4], options([4, 4])),
        (&[0, 2, 4, 4], options([2, 2])),
        (&[2, 0, 4, 4], options([3, 3])),
        (&[1, 1, 5, 6], options([2, 4]).ceil_mode(true)),
    ];
    let planes = rows.map(|(x, options)| {
        case(format!("max_pool2d of {x:?}, {options:?}"), [spread(x)], move |x| x[0].max_pool2d(options).square())
            .distinct()
    });
    let others = [
        case("max_pool1d", [spread([2, 2, 7])], |x| x[0].max_pool1d(PoolOptions::new(2)).square()).distinct(),
        case("max_pool1d, overlapping", [spread([1, 2, 7])], |x| {
            x[0].max_pool1d(PoolOptions::new(3).stride(2).padding(1)).sin()
        })
        .distinct(),
        case("global_max_pool", [spread([2, 2, 2, 3])], |x| x[0].global_max_pool().square()).distinct(),
    ];
    planes.into_iter().chain(others).collect()
}

fn avg() -> Vec<Case> {
    let rows: [(&[usize], PoolOptions<2>); 9] = [
        (&[2, 1, 4, 6], options([2, 2])),
        (&[2, 1, 3, 5], options([2, 2])),
        (&[1, 1, 5, 5], options([3, 2]).stride(1)),
        (&[1, 2, 3, 5], options([2, 3]).padding([1, 1])),
        (&[1, 2, 3, 5], options([2, 3]).padding([1, 1]).stride(1).counts_padding(false)),
        (&[1, 1, 5, 6], options([2, 1]).stride([3, 2])),
        (&[0, 2, 4, 4], options([2, 2])),
        (&[1, 1, 5, 6], options([2, 4]).padding([0, 1]).ceil_mode(true)),
        (&[1, 1, 4, 6], options([3, 4]).padding([1, 0]).counts_padding(false).ceil_mode(true)),
    ];
    let planes = rows.map(|(x, options)| {
        case(format!("avg_pool2d of {x:?}, {options:?}"), [any(x)], move |x| x[0].avg_pool2d(options).square())
    });
    let others = [
        case("avg_pool1d", [any([2, 2, 7])], |x| x[0].avg_pool1d(PoolOptions::new(3).stride(2).padding(1)).square()),
        case("global_avg_pool", [any([2, 2, 2, 3])], |x| x[0].global_avg_pool().square()),
        case("global_avg_pool of a line", [any([2, 2, 3])], |x| x[0].global_avg_pool().square()),
    ];
    planes.into_iter().chain(others).collect()
}
