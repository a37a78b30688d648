//! Convolutions, pooling and what else moves a window.

use tensor::{ConvOptions, Param, PoolOptions, Tape, Tensor};

use crate::errors::panics;

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape)
}

#[test]
fn convolutions() {
    let options = ConvOptions::<2>::new;
    let conv = |x: &[usize], w: &[usize], options| drop(ones(x).conv2d(&ones(w), None, options));
    panics("conv2d: expected an input of [batch, channels, height, width], got shape [3, 4, 4]", || {
        conv(&[3, 4, 4], &[2, 3, 3, 3], options());
    });
    let message = "expected a weight of two axes of channels and a kernel of [height, width] that is not empty";
    panics(&format!("conv2d: {message}, got shape [2, 3, 3]"), || conv(&[1, 3, 4, 4], &[2, 3, 3], options()));
    panics(&format!("conv2d: {message}, got shape [2, 3, 0, 3]"), || conv(&[1, 3, 4, 4], &[2, 3, 0, 3], options()));
    panics("conv2d: expected an input of 6 channels for the weight [4, 3, 3, 3], got shape [1, 3, 4, 4]", || {
        conv(&[1, 3, 4, 4], &[4, 3, 3, 3], options().groups(2));
    });
    panics("conv2d: the first axis of the weight [3, 3, 3, 3] is no multiple of 2", || {
        conv(&[1, 6, 4, 4], &[3, 3, 3, 3], options().groups(2));
    });
    panics("conv2d: expected an input of at least [5, 3] when padded by [0, 1], got shape [1, 3, 4, 4]", || {
        conv(&[1, 3, 4, 4], &[2, 3, 3, 3], options().dilation([2, 1]).padding([0, 1]));
    });
    panics("conv2d: expected a stride of at least 1, got 0", || {
        conv(&[1, 3, 4, 4], &[2, 3, 3, 3], options().stride([1, 0]));
    });
    panics("conv2d: expected a dilation of at least 1, got 0", || {
        conv(&[1, 3, 4, 4], &[2, 3, 3, 3], options().dilation(0));
    });
    panics("conv2d: expected a number of groups of at least 1, got 0", || {
        conv(&[1, 3, 4, 4], &[2, 3, 3, 3], options().groups(0));
    });
    panics("conv1d: expected an input of at least [3] when padded by [0], got shape [1, 1, 2]", || {
        ones(&[1, 1, 2]).conv1d(&ones(&[1, 1, 3]), None, ConvOptions::new());
    });
}

#[test]
fn transposed_convolutions() {
    let x = ones(&[1, 2, 3, 3]);
    panics(
        "conv_transpose2d: expected an input of 3 channels for the weight [3, 2, 1, 1], got shape [1, 2, 3, 3]",
        || {
            x.conv_transpose2d(&ones(&[3, 2, 1, 1]), None, ConvOptions::new(), 0);
        },
    );
    panics("conv_transpose2d: expected an output padding below the stride or the dilation, got [0, 2]", || {
        x.conv_transpose2d(&ones(&[2, 2, 1, 1]), None, ConvOptions::new().stride(2), [0, 2]);
    });
    let message = "expected an input of which a padding of [2, 0] leaves something";
    panics(&format!("conv_transpose2d: {message}, got shape [1, 2, 3, 3]"), || {
        x.conv_transpose2d(&ones(&[2, 2, 1, 1]), None, ConvOptions::new().padding([2, 0]), 0);
    });
    panics("conv_transpose1d: expected a bias of shape [4] for the weight [2, 2, 1], got shape [2]", || {
        ones(&[1, 2, 3]).conv_transpose1d(&ones(&[2, 2, 1]), Some(&ones(&[2])), ConvOptions::new().groups(2), 0);
    });
}

#[test]
fn convolutions_name_the_parameters() {
    let (weight, bias) = (Param::new("weight", ones(&[4, 3, 3, 3])), Param::new("bias", ones(&[3])));
    let tape = Tape::new();
    let (w, b) = (tape.param(&weight), tape.param(&bias));
    let x = |channels| tape.constant(ones(&[1, channels, 4, 4]));
    panics(
        "conv2d: expected an input of 3 channels for the weight `weight` [4, 3, 3, 3], got shape [1, 2, 4, 4]",
        || {
            x(2).conv2d(w, None, ConvOptions::new());
        },
    );
    panics(
        "conv2d: expected a bias of shape [4] for the weight `weight` [4, 3, 3, 3] as `bias`, got shape [3]",
        || {
            x(3).conv2d(w, Some(b), ConvOptions::new());
        },
    );
}

#[test]
fn pooling() {
    let x = ones(&[1, 2, 3, 4]);
    panics(
        "max_pool2d: expected an input of at least [4, 2] when padded by [0, 1], and not empty, got shape [1, 2, 3, 4]",
        || {
            x.max_pool2d(PoolOptions::new([4, 2]).padding([0, 1]));
        },
    );
    panics("avg_pool2d: expected a padding of at most half the window [3, 3], got [2, 2]", || {
        x.avg_pool2d(PoolOptions::new(3).padding(2));
    });
    panics("max_pool1d: expected an input of [batch, channels, length], got shape [1, 2, 3, 4]", || {
        x.max_pool1d(PoolOptions::new(2));
    });
    panics("avg_pool2d: expected a window and a stride of at least 1, got [2, 2] and [0, 0]", || {
        x.avg_pool2d(PoolOptions::new(2).stride(0));
    });
    panics("global_max_pool: expected an input of [batch, channels, …], got shape [2, 3]", || {
        ones(&[2, 3]).global_max_pool();
    });
}
