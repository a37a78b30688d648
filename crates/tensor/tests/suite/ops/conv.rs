//! Convolutions and their transposes.

use tensor::ConvOptions;

use crate::ops::cases::{Case, any, case};

/// Input, weight, and the options for both directions.
type Row = (&'static [usize], &'static [usize], ConvOptions<2>);

pub(crate) fn cases() -> Vec<Case> {
    planes().into_iter().chain(lines()).chain(reuse()).collect()
}

fn options() -> ConvOptions<2> {
    ConvOptions::new()
}

fn planes() -> Vec<Case> {
    let forward: [Row; 12] = [
        (&[2, 3, 4, 5], &[2, 3, 3, 2], options()),
        (&[1, 1, 3, 3], &[1, 1, 3, 3], options()),
        (&[2, 2, 3, 3], &[3, 2, 1, 1], options()),
        (&[1, 2, 5, 4], &[2, 2, 3, 3], options().padding(1)),
        (&[1, 2, 5, 6], &[2, 2, 2, 3], options().stride([2, 3]).padding([1, 2])),
        (&[1, 1, 5, 6], &[2, 1, 2, 3], options().dilation(2).padding([0, 1])),
        (&[1, 1, 6, 7], &[1, 1, 2, 2], options().stride(2).dilation([3, 2])),
        (&[2, 4, 3, 3], &[6, 2, 2, 2], options().groups(2)),
        (&[1, 3, 3, 4], &[3, 1, 2, 2], options().groups(3).padding(1)),
        (&[0, 2, 3, 3], &[2, 2, 2, 2], options()),
        (&[2, 0, 3, 3], &[2, 0, 2, 2], options()),
        (&[2, 2, 0, 3], &[2, 2, 1, 2], options().padding(1)),
    ];
    let backward: [(Row, usize); 7] = [
        ((&[2, 3, 3, 2], &[3, 2, 2, 3], options()), 0),
        ((&[1, 2, 3, 3], &[2, 1, 3, 3], options().padding(1)), 0),
        ((&[1, 2, 2, 3], &[2, 2, 3, 2], options().stride([2, 3])), 0),
        ((&[1, 2, 2, 3], &[2, 1, 3, 3], options().stride(2).padding(1)), 1),
        ((&[1, 1, 3, 2], &[1, 2, 2, 2], options().dilation(2)), 1),
        ((&[1, 4, 2, 2], &[4, 1, 2, 2], options().groups(2)), 0),
        ((&[0, 2, 2, 2], &[2, 2, 2, 2], options()), 0),
    ];
    let forward = forward.into_iter().flat_map(|(x, w, options)| {
        let name = format!("conv2d of {x:?} with {w:?}, {options:?}");
        [
            case(name.clone(), [any(x), any(w)], move |x| x[0].conv2d(x[1], None, options)),
            case(name + " and a bias", [any(x), any(w), any([w[0]])], move |x| x[0].conv2d(x[1], Some(x[2]), options)),
        ]
    });
    let backward = backward.into_iter().flat_map(|((x, w, options), more)| {
        let name = format!("conv_transpose2d of {x:?} with {w:?}, {options:?}, {more}");
        let bias = [w[1] * options.groups];
        [
            case(name.clone(), [any(x), any(w)], move |x| x[0].conv_transpose2d(x[1], None, options, more)),
            case(name + " and a bias", [any(x), any(w), any(bias)], move |x| {
                x[0].conv_transpose2d(x[1], Some(x[2]), options, more)
            }),
        ]
    });
    forward.chain(backward).collect()
}

fn lines() -> Vec<Case> {
    let options = ConvOptions::<1>::new;
    vec![
        case("conv1d", [any([2, 2, 5]), any([3, 2, 2]), any([3])], move |x| x[0].conv1d(x[1], Some(x[2]), options())),
        case("conv1d with all options", [any([1, 4, 9]), any([2, 2, 3])], move |x| {
            x[0].conv1d(x[1], None, options().stride(2).padding(2).dilation(3).groups(2))
        }),
        case("conv_transpose1d", [any([2, 2, 3]), any([2, 2, 3]), any([2])], move |x| {
            x[0].conv_transpose1d(x[1], Some(x[2]), options(), 0)
        }),
        case("conv_transpose1d with all options", [any([1, 4, 3]), any([4, 1, 2])], move |x| {
            x[0].conv_transpose1d(x[1], None, options().stride(3).padding(1).dilation(2).groups(2), 2)
        }),
    ]
}

/// Gradients that are not linear in what the maps are linear in.
fn reuse() -> Vec<Case> {
    vec![
        case("conv2d of tanh", [any([1, 2, 4, 4]), any([2, 2, 3, 3])], |x| {
            x[0].tanh().conv2d(x[1].sin(), None, options().padding(1)).tanh()
        }),
        case("conv2d of x with itself", [any([2, 2, 3, 3])], |x| x[0].conv2d(x[0], None, options().padding(1))),
        case("conv_transpose2d of x with itself", [any([2, 2, 2, 3])], |x| {
            x[0].conv_transpose2d(x[0], None, options(), 0).square()
        }),
    ]
}
