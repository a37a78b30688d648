//! Nodes that arrange, pick, join and split, and those of linear algebra.

use wengert::files::AnyTensor;
use wengert::tensor::{Shape, Slice, Tensor};

use crate::onnx::case::{Answer, Case, one, shape};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    if case.op == "OneHot" {
        return Some(one_hot(case));
    }
    if case.op == "ConstantOfShape" {
        return Some(one(Tensor::full(shape(&case.integers(0)?), case.numbers("value")[0] as f32)));
    }
    let x = case.given(0)?;
    Some(match case.op.as_str() {
        "CenterCropPad" => one(centred(case, x)),
        "Compress" => one(compressed(case, &x)),
        "Concat" => one(Tensor::concat(&case.all(), case.axis(0))),
        "DepthToSpace" | "SpaceToDepth" => one(blocks(case, &x)),
        "Det" => one(x.det()),
        "Einsum" => one(Tensor::einsum(&case.text("equation", "").replace(' ', ""), &case.all())),
        "Expand" => {
            let wide = x.shape().broadcast(&shape(&case.integers(1)?), "expand").expect("shapes that broadcast");
            one(x.broadcast_to(wide))
        }
        "Flatten" => one(flatten(&x, case.axis(1))),
        "Gather" => one(gather(&x, case)),
        "GatherElements" => one(x.gather(case.axis(0), &positions(case, &x, case.axis(0)))),
        "Gemm" => one(gemm(case)),
        "MatMul" => one(x.matmul(case.x(1))),
        "Pad" => pad(case, &x),
        "Range" => one(range(case)),
        "Reshape" => one(x.reshape(reshaped(case, x.shape()))),
        "Scatter" | "ScatterElements" => scatter(case, &x),
        "Shape" => one(sizes(case, x.shape())),
        "Size" => one(Tensor::from(x.numel() as i64)),
        "Slice" => one(slice(case, x)),
        "Split" => Ok(split(case, &x)),
        "Squeeze" => one(descending(case, &x).into_iter().fold(x, |x, axis| x.squeeze(axis as isize))),
        "Tile" => one(x.tile(&shape(&case.integers(1)?))),
        "Transpose" => {
            let order = case.list("perm").unwrap_or_else(|| (0..x.rank() as i64).rev().collect());
            one(x.permute(&order.iter().map(|&axis| axis as isize).collect::<Vec<_>>()))
        }
        "Unsqueeze" => one(unsqueeze(case, &x)),
        "Upsample" if case.text("mode", "nearest") == "nearest" => {
            let times = case.x(1).to_vec().into_iter().enumerate();
            one(times.fold(x, |x, (axis, times)| x.repeat(axis as isize, times as usize)))
        }
        _ => return None,
    })
}

fn one_hot(case: &Case) -> Answer {
    let Some([off, on]) = case.given(2).map(|values| [values[[0]], values[[1]]]) else {
        return Err("values that are not floats".into());
    };
    let depth = case.given(1).expect("a depth").to_vec()[0] as i64;
    let index = case.index(0).expect("an index");
    let inside = index.map_elements(|i| (-depth..depth).contains(&i));
    let ones = index.map_elements(|i| i.rem_euclid(depth)).one_hot::<f32>(depth as usize);
    let ones = ones.select(&inside.unsqueeze(-1), Tensor::from(0.0)) * (on - off) + off;
    let axis = ones.shape().axis("one_hot", case.axis(-1)).expect("an axis") as isize;
    let last = ones.rank() as isize - 1;
    one(ones.permute(&(0..axis).chain([last]).chain(axis..last).collect::<Vec<_>>()))
}

fn flatten(x: &Tensor<f32>, axis: isize) -> Tensor<f32> {
    let axis = if axis < 0 { axis + x.rank() as isize } else { axis } as usize;
    x.reshape([x.shape()[..axis].iter().product(), x.shape()[axis..].iter().product::<usize>()])
}

/// The middle of each axis, or the axis in the middle of zeros.
fn centred(case: &Case, x: Tensor<f32>) -> Tensor<f32> {
    let sizes = case.integers(1).expect("a shape");
    let axes = case.list("axes").unwrap_or_else(|| (0..x.rank() as i64).collect());
    axes.into_iter().zip(sizes).fold(x, |x, (axis, size)| {
        let axis = x.shape().axis("centred", axis as isize).expect("an axis");
        let (len, size) = (x.shape()[axis], size as usize);
        if size <= len {
            return x.narrow(axis as isize, (len - size) / 2, size);
        }
        let mut widths = vec![(0, 0); x.rank()];
        widths[axis] = ((size - len) / 2, (size - len).div_ceil(2));
        x.pad(&widths, 0.0)
    })
}

/// The positions of an axis, or of all elements in a row, at which a mask is true.
fn compressed(case: &Case, x: &Tensor<f32>) -> Tensor<f32> {
    let mask = case.mask(1).expect("a mask").to_vec();
    let index: Vec<i64> = (0..).zip(mask).filter_map(|(i, yes)| yes.then_some(i)).collect();
    let (x, axis) = if case.has_attribute("axis") { (x.clone(), case.axis(0)) } else { (x.flatten(), 0) };
    x.index_select(axis, &Tensor::from(index))
}

/// Channels as blocks of a plane, or the other way round.
fn blocks(case: &Case, x: &Tensor<f32>) -> Tensor<f32> {
    let (block, by_column) = (case.integer("blocksize", 1) as usize, case.text("mode", "DCR") == "DCR");
    let [n, c, h, w] = [0, 1, 2, 3].map(|axis| x.shape()[axis]);
    if case.op == "DepthToSpace" {
        let depth = c / (block * block);
        let (parts, order) = match by_column {
            true => ([n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]),
            false => ([n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        };
        return x.reshape(parts).permute(&order).reshape([n, depth, h * block, w * block]);
    }
    let parts = x.reshape([n, c, h / block, block, w / block, block]);
    let order = if by_column { [0, 3, 5, 1, 2, 4] } else { [0, 1, 3, 5, 2, 4] };
    parts.permute(&order).reshape([n, c * block * block, h / block, w / block])
}

/// Input 1 as positions of an axis, counted from the start.
fn positions(case: &Case, x: &Tensor<f32>, axis: isize) -> Tensor<i64> {
    let len = x.shape()[x.shape().axis("positions", axis).expect("an axis")] as i64;
    case.index(1).expect("an index").map_elements(|i| if i < 0 { i + len } else { i })
}

fn gather(x: &Tensor<f32>, case: &Case) -> Tensor<f32> {
    let axis = x.shape().axis("gather", case.axis(0)).expect("an axis");
    let index = positions(case, x, axis as isize);
    let sizes = [&x.shape()[..axis], index.shape(), &x.shape()[axis + 1..]].concat();
    x.index_select(axis as isize, &index.flatten()).reshape(sizes)
}

fn gemm(case: &Case) -> Tensor<f32> {
    let turned = |x: Tensor<f32>, flag| if case.flag(flag, false) { x.t() } else { x };
    let product = turned(case.x(0), "transA").matmul(turned(case.x(1), "transB")) * case.number("alpha", 1.0) as f32;
    case.given(2).map_or(product.clone(), |c| product + c * case.number("beta", 1.0) as f32)
}

fn pad(case: &Case, x: &Tensor<f32>) -> Answer {
    if case.text("mode", "constant") != "constant" {
        return Err(format!("mode `{}`", case.text("mode", "constant")));
    }
    let pads = case.integers(1).expect("widths");
    let axes = case.integers(3).unwrap_or_else(|| (0..x.rank() as i64).collect());
    let mut widths = vec![(0, 0); x.rank()];
    for (k, axis) in axes.iter().enumerate() {
        let axis = x.shape().axis("pad", *axis as isize).expect("an axis");
        widths[axis] = (pads[k] as usize, pads[k + axes.len()] as usize);
    }
    one(x.pad(&widths, case.given(2).map_or(0.0, |value| f64::from(value.item()))))
}

fn range(case: &Case) -> Tensor<f32> {
    let [start, stop, step] = [0, 1, 2].map(|i| f64::from(case.x(i).item()));
    Tensor::arange(start, stop, step)
}

/// The shape asked for, in which 0 is the size that an axis has and −1 what is left.
fn reshaped(case: &Case, from: &Shape) -> Shape {
    let asked = case.integers(1).expect("a shape");
    let keeps = |size: i64| size == 0 && !case.flag("allowzero", false);
    let known = |(axis, &size): (usize, &i64)| if keeps(size) { from[axis] as i64 } else { size };
    let sizes: Vec<i64> = asked.iter().enumerate().map(known).collect();
    let product: i64 = sizes.iter().filter(|&&size| size >= 0).product();
    let rest = from.numel() as i64 / product.max(1);
    shape(&sizes.iter().map(|&size| if size < 0 { rest } else { size }).collect::<Vec<_>>())
}

fn scatter(case: &Case, x: &Tensor<f32>) -> Answer {
    let (axis, updates) = (case.axis(0), case.x(2));
    let index = positions(case, x, axis);
    match case.text("reduction", "none") {
        "add" => one(x.scatter_add(axis, &index, updates)),
        "none" => one(x.scatter_add(axis, &index, updates - x.gather(axis, &index))),
        other => Err(format!("reduction `{other}`")),
    }
}

fn sizes(case: &Case, shape: &Shape) -> Tensor<i64> {
    let rank = shape.rank() as i64;
    let bound = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank);
    let (start, end) = (bound(case.integer("start", 0)), bound(case.integer("end", rank)));
    let sizes: Vec<i64> = (start..end).map(|axis| shape[axis as usize] as i64).collect();
    Tensor::from(sizes)
}

/// A slice with bounds as NumPy has them; a step backwards is one forwards of the axis turned round.
fn slice(case: &Case, x: Tensor<f32>) -> Tensor<f32> {
    let [starts, ends] = [1, 2].map(|i| case.integers(i).expect("bounds"));
    let axes = case.integers(3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = case.integers(4).unwrap_or_else(|| vec![1; starts.len()]);
    let mut y = x;
    for (k, &axis) in axes.iter().enumerate() {
        let axis = y.shape().axis("slice", axis as isize).expect("an axis");
        let len = y.shape()[axis] as i64;
        let forwards = steps[k] > 0;
        let from_end = |at: i64| if at < 0 { at + len } else { at };
        let turned = |at: i64| if forwards { from_end(at) } else { len - 1 - from_end(at) };
        let [start, end] = [starts[k], ends[k]].map(|at| turned(at.max(-len - 1)).clamp(0, len));
        let range = Slice::from(start as isize..end.max(start) as isize).step(steps[k].unsigned_abs() as usize);
        let mut slices = vec![Slice::from(..); axis];
        slices.push(range);
        y = if forwards { y } else { y.flip(axis) }.slice(slices);
    }
    y
}

fn split(case: &Case, x: &Tensor<f32>) -> Vec<AnyTensor> {
    let axis = case.axis(0);
    let len = x.shape()[x.shape().axis("split", axis).expect("an axis")];
    let even = || {
        let part = len.div_ceil(case.output_count);
        (0..case.output_count).map(|k| part.min(len - k * part)).collect()
    };
    let sizes: Vec<usize> =
        case.integers(1).map_or_else(even, |sizes| sizes.iter().map(|&size| size as usize).collect());
    x.split(&sizes, axis).into_iter().map(Into::into).collect()
}

/// The axes of input 1, the last first.
fn descending(case: &Case, x: &Tensor<f32>) -> Vec<usize> {
    let named = case.integers(1).expect("axes");
    let mut axes: Vec<_> =
        named.iter().map(|&axis| x.shape().axis("squeeze", axis as isize).expect("an axis")).collect();
    axes.sort_by(|a, b| b.cmp(a));
    axes
}

fn unsqueeze(case: &Case, x: &Tensor<f32>) -> Tensor<f32> {
    let named = case.integers(1).expect("axes");
    let rank = (x.rank() + named.len()) as i64;
    let mut axes: Vec<_> = named.iter().map(|&axis| if axis < 0 { axis + rank } else { axis } as isize).collect();
    axes.sort_unstable();
    axes.into_iter().fold(x.clone(), |x, axis| x.unsqueeze(axis))
}
