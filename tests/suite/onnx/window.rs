//! Nodes that move a window: convolutions and pooling. Padding that differs between the ends of an axis is put there
//! first.

use std::ops::Range;

use wengert::tensor::{ConvOptions, PoolOptions, Tensor};

use crate::onnx::case::{Answer, Case, one};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    Some(match case.op.as_str() {
        "AveragePool" => pool(case, average),
        "Conv" => conv(case),
        "ConvTranspose" => conv_transpose(case),
        "GlobalAveragePool" => one(global(case, Tensor::global_avg_pool)),
        "GlobalMaxPool" => one(global(case, Tensor::global_max_pool)),
        "LRN" => one(neighbours(case)),
        "LpPool" => pool(case, norm),
        "MaxPool" if case.output_count > 1 => Err("the positions of the largest".into()),
        "MaxPool" => pool(case, largest),
        _ => return None,
    })
}

/// A window that moves along one axis or more, and what is put at the two ends of each.
struct Window {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    ends: Vec<(usize, usize)>,
}

impl Window {
    fn of(case: &Case, planes: &[usize], kernel: Vec<usize>) -> Window {
        let sizes = |name| Some(case.list(name)?.iter().map(|&size| size as usize).collect::<Vec<_>>());
        let ones = || vec![1; kernel.len()];
        let (stride, dilation) = (sizes("strides").unwrap_or_else(ones), sizes("dilations").unwrap_or_else(ones));
        let pads = sizes("pads").unwrap_or_else(|| vec![0; 2 * kernel.len()]);
        let ends = (0..kernel.len()).map(|i| match case.text("auto_pad", "NOTSET") {
            mode @ ("SAME_UPPER" | "SAME_LOWER") => {
                let reach = (planes[i].div_ceil(stride[i]) - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1;
                let (less, more) = (reach.saturating_sub(planes[i]) / 2, reach.saturating_sub(planes[i]).div_ceil(2));
                if mode == "SAME_UPPER" { (less, more) } else { (more, less) }
            }
            _ => (pads[i], pads[i + kernel.len()]),
        });
        let ends = ends.collect();
        Window { kernel, stride, dilation, ends }
    }

    /// The same along some of its axes.
    fn along(&self, axes: Range<usize>) -> Window {
        let [kernel, stride, dilation] =
            [&self.kernel, &self.stride, &self.dilation].map(|sizes| sizes[axes.clone()].to_vec());
        Window { kernel, stride, dilation, ends: self.ends[axes].to_vec() }
    }

    /// What our own options can say: as much padding at both ends of an axis, and at most half of the window.
    fn padding(&self) -> Option<Vec<usize>> {
        let even = |(&(before, after), &kernel): (&(usize, usize), &usize)| {
            (before == after && before <= kernel / 2).then_some(before)
        };
        self.ends.iter().zip(&self.kernel).map(even).collect()
    }

    /// `x` with so much `value` at the ends of its planes.
    fn padded(&self, x: &Tensor<f32>, value: f64) -> Tensor<f32> {
        pad(x, &self.ends, value)
    }
}

fn pad(x: &Tensor<f32>, ends: &[(usize, usize)], value: f64) -> Tensor<f32> {
    x.pad(&[&[(0, 0), (0, 0)], ends].concat(), value)
}

fn conv(case: &Case) -> Answer {
    let (x, w) = (case.x(0), case.x(1));
    let window = Window::of(case, &x.shape()[2..], w.shape()[2..].to_vec());
    let (x, bias, groups) = (window.padded(&x, 0.0), case.given(2), case.integer("group", 1) as usize);
    let [stride, dilation] = [&window.stride, &window.dilation];
    one(match window.kernel.len() {
        1 => {
            let options = ConvOptions::new().stride(stride[0]).dilation(dilation[0]).groups(groups);
            x.conv1d(&w, bias.as_ref(), options)
        }
        2 => {
            let options = ConvOptions::new().stride(two(stride)).dilation(two(dilation)).groups(groups);
            x.conv2d(&w, bias.as_ref(), options)
        }
        axes => return Err(format!("a window along {axes} axes")),
    })
}

fn two(sizes: &[usize]) -> [usize; 2] {
    [sizes[0], sizes[1]]
}

/// A transposed convolution without padding, of which the ends are cut off, or continued by zeros.
fn conv_transpose(case: &Case) -> Answer {
    let (x, w) = (case.x(0), case.x(1));
    let window = Window::of(case, &x.shape()[2..], w.shape()[2..].to_vec());
    let (bias, groups) = (case.given(2), case.integer("group", 1) as usize);
    let [stride, dilation] = [&window.stride, &window.dilation];
    let mut y = match window.kernel.len() {
        1 => {
            let options = ConvOptions::new().stride(stride[0]).dilation(dilation[0]).groups(groups);
            x.conv_transpose1d(&w, bias.as_ref(), options, 0)
        }
        2 => {
            let options = ConvOptions::new().stride(two(stride)).dilation(two(dilation)).groups(groups);
            x.conv_transpose2d(&w, bias.as_ref(), options, [0, 0])
        }
        axes => return Err(format!("a window along {axes} axes")),
    };
    for axis in 0..window.kernel.len() {
        let len = y.shape()[axis + 2];
        let (start, size) = part(case, &window, axis, [x.shape()[axis + 2], len]);
        let mut ends = vec![(0, 0); window.kernel.len()];
        ends[axis].1 = (start + size).saturating_sub(len);
        y = pad(&y, &ends, 0.0).narrow(axis as isize + 2, start, size);
    }
    one(y)
}

/// Where the part begins that the node keeps of a transposed convolution along an axis, and its size.
fn part(case: &Case, window: &Window, axis: usize, [input, len]: [usize; 2]) -> (usize, usize) {
    let whole = len + case.list("output_padding").map_or(0, |extra| extra[axis] as usize);
    let mode = case.text("auto_pad", "NOTSET");
    let asked = match case.list("output_shape") {
        Some(sizes) => Some(sizes[axis] as usize),
        None => (mode != "NOTSET").then(|| input * window.stride[axis]),
    };
    let Some(size) = asked else {
        let (before, after) = window.ends[axis];
        return (before, whole - before - after);
    };
    let cut = whole.saturating_sub(size);
    (if mode == "SAME_UPPER" { cut / 2 } else { cut.div_ceil(2) }, size)
}

fn pool(case: &Case, of: fn(&Case, &Tensor<f32>, Window) -> Option<Tensor<f32>>) -> Answer {
    let kernel: Vec<usize> = case.list("kernel_shape").expect("a window").iter().map(|&size| size as usize).collect();
    let x = case.x(0);
    let window = Window::of(case, &x.shape()[2..], kernel);
    if window.dilation.iter().any(|&dilation| dilation != 1) {
        return Err("places of a window that are apart".into());
    }
    let axes = window.kernel.len();
    of(case, &x, window).map_or_else(|| Err(format!("a window along {axes} axes")), one)
}

/// Calls the pooling of one axis or of two, or the one after the other for three.
fn pooled(
    case: &Case,
    x: &Tensor<f32>,
    window: &Window,
    padding: &[usize],
    one: fn(&Tensor<f32>, PoolOptions<1>) -> Tensor<f32>,
    both: fn(&Tensor<f32>, PoolOptions<2>) -> Tensor<f32>,
) -> Option<Tensor<f32>> {
    let (counts, ceil) = (case.flag("count_include_pad", false), case.flag("ceil_mode", false));
    match window.kernel.len() {
        1 => {
            let options = PoolOptions::new(window.kernel[0]).stride(window.stride[0]).padding(padding[0]);
            Some(one(x, options.counts_padding(counts).ceil_mode(ceil)))
        }
        2 => {
            let options = PoolOptions::new(two(&window.kernel)).stride(two(&window.stride)).padding(two(padding));
            Some(both(x, options.counts_padding(counts).ceil_mode(ceil)))
        }
        3 => {
            let [n, c, d, h, w] = [0, 1, 2, 3, 4].map(|axis| x.shape()[axis]);
            let images = x.reshape([n, c * d, h, w]);
            let images = pooled(case, &images, &window.along(1..3), &padding[1..], one, both)?;
            let [h, w] = [2, 3].map(|axis| images.shape()[axis]);
            let columns = images.reshape([n, c, d, h * w]).transpose(2, 3).reshape([n, c * h * w, d]);
            let columns = pooled(case, &columns, &window.along(0..1), &padding[..1], one, both)?;
            let d = columns.shape()[2];
            Some(columns.reshape([n, c, h * w, d]).transpose(2, 3).reshape([n, c, d, h, w]))
        }
        _ => None,
    }
}

fn largest(case: &Case, x: &Tensor<f32>, window: Window) -> Option<Tensor<f32>> {
    let run =
        |x: &Tensor<f32>, padding: &[usize]| pooled(case, x, &window, padding, Tensor::max_pool1d, Tensor::max_pool2d);
    match window.padding() {
        Some(padding) => run(x, &padding),
        None => run(&window.padded(x, f64::NEG_INFINITY), &vec![0; window.kernel.len()]),
    }
}

/// The mean; where the padding is put first and does not count, over the share of a window that does.
fn average(case: &Case, x: &Tensor<f32>, window: Window) -> Option<Tensor<f32>> {
    let run =
        |x: &Tensor<f32>, padding: &[usize]| pooled(case, x, &window, padding, Tensor::avg_pool1d, Tensor::avg_pool2d);
    if let Some(padding) = window.padding() {
        return run(x, &padding);
    }
    let none = vec![0; window.kernel.len()];
    let mean = run(&window.padded(x, 0.0), &none)?;
    match case.flag("count_include_pad", false) {
        true => Some(mean),
        false => Some(mean / run(&window.padded(&Tensor::ones(x.shape()), 0.0), &none)?),
    }
}

/// (Σ |x|ᵖ)^(1/p) of what a window sees.
fn norm(case: &Case, x: &Tensor<f32>, window: Window) -> Option<Tensor<f32>> {
    let p = case.integer("p", 2) as i32;
    let (powers, none) = (window.padded(&x.abs().powi(p), 0.0), vec![0; window.kernel.len()]);
    let mean = pooled(case, &powers, &window, &none, Tensor::avg_pool1d, Tensor::avg_pool2d)?;
    let area: usize = window.kernel.iter().product();
    Some((mean * area as f32).powf(1.0 / f64::from(p)))
}

/// x over a power of the mean square of the channels next to it.
fn neighbours(case: &Case) -> Tensor<f32> {
    let (x, size) = (case.x(0), case.integer("size", 1) as usize);
    let planes = x.shape()[2..].iter().product();
    let squares = x.square().reshape([x.shape()[0], x.shape()[1], planes]).transpose(1, 2);
    let squares = squares.pad(&[(0, 0), (0, 0), ((size - 1) / 2, size / 2)], 0.0);
    let mean = squares.avg_pool1d(PoolOptions::new(size).stride(1)).transpose(1, 2).reshape(x.shape());
    let (alpha, beta, bias) = (case.number("alpha", 1e-4), case.number("beta", 0.75), case.number("bias", 1.0));
    x / (mean * alpha as f32 + bias as f32).powf(beta)
}

/// A reduction of whole planes, each to a plane of one element.
fn global(case: &Case, reduce: fn(&Tensor<f32>) -> Tensor<f32>) -> Tensor<f32> {
    let x = case.x(0);
    let planes = (2..x.rank()).map(|_| 1);
    reduce(&x).reshape(x.shape()[..2].iter().copied().chain(planes).collect::<Vec<_>>())
}
