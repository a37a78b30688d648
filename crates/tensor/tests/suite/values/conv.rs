//! Convolutions against loops over every place of the kernel.

use tensor::{ConvOptions, Float, Tensor};

use super::naive::{Naive, same};
use super::{layouts, random};

/// x at a place of the padded image, 0 outside.
fn padded(x: &Naive, [n, c]: [usize; 2], at: [usize; 2], padding: [usize; 2]) -> f64 {
    let place = [0, 1].map(|i| at[i].checked_sub(padding[i]).filter(|&at| at < x.shape[i + 2]));
    match place {
        [Some(row), Some(col)] => x.at(&[n, c, row, col]),
        _ => 0.0,
    }
}

fn conv(x: &Naive, w: &Naive, b: &Naive, options: ConvOptions<2>) -> Naive {
    let ConvOptions { stride, padding, dilation, groups } = options;
    let (inputs, outputs) = (w.shape[1], w.shape[0] / groups);
    let size = |i: usize| (x.shape[i + 2] + 2 * padding[i] - dilation[i] * (w.shape[i + 2] - 1) - 1) / stride[i] + 1;
    Naive::from_fn(&[x.shape[0], w.shape[0], size(0), size(1)], |at| {
        let mut sum = b.data[at[1]];
        for c in 0..inputs {
            for u in 0..w.shape[2] {
                for v in 0..w.shape[3] {
                    let place = [at[2] * stride[0] + u * dilation[0], at[3] * stride[1] + v * dilation[1]];
                    let seen = padded(x, [at[0], at[1] / outputs * inputs + c], place, padding);
                    sum += w.at(&[at[1], c, u, v]) * seen;
                }
            }
        }
        sum
    })
}

fn options() -> ConvOptions<2> {
    ConvOptions::new()
}

#[test]
fn conv2d() {
    conv2d_at::<f32>();
    conv2d_at::<f64>();
}

fn conv2d_at<T: Float>() {
    let rows: [([usize; 4], [usize; 4], ConvOptions<2>); 6] = [
        ([2, 3, 9, 8], [5, 3, 3, 2], options()),
        ([3, 2, 7, 9], [13, 2, 3, 3], options().padding(1)),
        ([2, 4, 11, 8], [6, 2, 3, 4], options().stride([2, 3]).padding([2, 0]).groups(2)),
        ([1, 1, 12, 13], [2, 1, 3, 3], options().dilation([2, 3]).padding(1)),
        ([2, 3, 20, 21], [17, 3, 1, 1], options()),
        ([0, 3, 5, 5], [2, 3, 3, 3], options()),
    ];
    for (x, w, options) in rows {
        let (x, w, b) = (random::<T>(&x, -1.0, 1.0), random::<T>(&w, -1.0, 1.0), random(&[w[0]], -1.0, 1.0));
        let expected = conv(&Naive::of(&x), &Naive::of(&w), &Naive::of(&b), options);
        for x in layouts(&x) {
            for w in layouts(&w) {
                same(&format!("{options:?}"), &x.conv2d(&w, Some(&b), options), &expected, 64.0);
            }
        }
        let bare = x.conv2d(&w, None, options) + b.reshape([b.numel(), 1, 1]);
        same("without a bias", &bare, &expected, 64.0);
    }
}

/// ⟨conv(x, w), y⟩ = ⟨x, conv_transpose(y, w)⟩, and one axis is two of which the first has size 1.
#[test]
fn transposes_are_adjoint() {
    for options in [options(), options().stride([2, 3]).padding(1), options().dilation(2).padding([2, 1])] {
        let (x, w) = (random::<f64>(&[2, 3, 10, 11], -1.0, 1.0), random::<f64>(&[4, 3, 3, 2], -1.0, 1.0));
        let value = x.conv2d(&w, None, options);
        let y = random::<f64>(value.shape(), -1.0, 1.0);
        let more: [usize; 2] = std::array::from_fn(|i| {
            let extent = options.dilation[i] * (w.shape()[i + 2] - 1) + 1;
            (x.shape()[i + 2] + 2 * options.padding[i] - extent) % options.stride[i]
        });
        let back = y.conv_transpose2d(&w, None, options, more);
        assert_eq!(back.shape(), x.shape());
        let (left, right) = ((value * &y).sum(..).item(), (x * back).sum(..).item());
        assert!((left - right).abs() < 1e-10, "{options:?}: {left} and {right}");
    }
}

#[test]
fn one_axis_is_the_last_of_two() {
    let (x, w, b) = (random::<f64>(&[2, 4, 9], -1.0, 1.0), random(&[6, 2, 3], -1.0, 1.0), random(&[6], -1.0, 1.0));
    let line = ConvOptions::new().stride(2).padding(1).dilation(2).groups(2);
    let plane = options().stride([1, 2]).padding([0, 1]).dilation([1, 2]).groups(2);
    let y = x.conv1d(&w, Some(&b), line);
    assert_eq!(y, x.unsqueeze(2).conv2d(&w.unsqueeze(2), Some(&b), plane).squeeze(2));
    let (w, b) = (w.narrow(0, 0, 4), b.narrow(0, 0, 4));
    let z = x.conv_transpose1d(&w, Some(&b), line, 1);
    assert_eq!(z, x.unsqueeze(2).conv_transpose2d(&w.unsqueeze(2), Some(&b), plane, [0, 1]).squeeze(2));
}

#[test]
fn padding_is_zero_and_nan_is_seen() {
    let x = Tensor::from([[[1.0f32, f32::NAN, 3.0, 4.0]]]);
    let y = x.conv1d(&Tensor::ones([1, 1, 2]), None, ConvOptions::new().padding(1)).to_vec();
    assert_eq!((y[0], y[3], y[4]), (1.0, 7.0, 4.0));
    assert!(y[1].is_nan() && y[2].is_nan());
}
