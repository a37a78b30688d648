//! The attention node: by the op where it stands for the node, and from products and a softmax where it has a mask of
//! numbers or a bound on the scores.

use wengert::files::AnyTensor;
use wengert::tensor::Tensor;

use crate::onnx::case::{Answer, Case};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    if case.op != "Attention" {
        return None;
    }
    Some(Ok(attention(case)))
}

/// `[batch, heads, time, width]`, of `[batch, time, heads·width]` too.
fn heads(case: &Case, i: usize, name: &str) -> Tensor<f32> {
    let x = case.x(i);
    if x.rank() == 4 {
        return x;
    }
    let heads = case.integer(name, 1) as usize;
    let [batch, time, width] = [0, 1, 2].map(|axis| x.shape()[axis]);
    x.reshape([batch, time, heads, width / heads]).transpose(1, 2)
}

fn attention(case: &Case) -> Vec<AnyTensor> {
    let q = heads(case, 0, "q_num_heads");
    let with_past = |i: usize| {
        let new = heads(case, i, "kv_num_heads");
        case.given(i + 3).map_or(new.clone(), |past| Tensor::concat(&[past, new], 2))
    };
    let [present_k, present_v] = [1, 2].map(with_past);
    let shared = q.shape()[1] / present_k.shape()[1];
    let [k, v] = [&present_k, &present_v].map(|x| x.repeat(1, shared));
    let (y, scores) = attended(case, q, k, v);
    let y = match case.x(0).rank() {
        4 => y,
        _ => {
            let [batch, heads, time, width] = [0, 1, 2, 3].map(|axis| y.shape()[axis]);
            y.transpose(1, 2).reshape([batch, time, heads * width])
        }
    };
    let present = [present_k, present_v].map(AnyTensor::from);
    std::iter::once(y.into()).chain(present).chain(scores.map(Into::into)).collect()
}

/// The keys that each query may look at by their places, `[batch, 1, m, n]`, and by the mask; `None` where it is all.
fn permitted(case: &Case, [batch, m, n]: [usize; 3]) -> Option<Tensor<bool>> {
    let there = case.integers(6);
    let past = case.given(4).map_or(0, |past| past.shape()[2] as i64);
    let first = |b: usize| there.as_ref().map_or(past, |there| there[b] - m as i64);
    let causal = case.flag("is_causal", false);
    let [left, right] = ["left_window_size", "right_window_size"].map(|name| case.integer(name, -1));
    let by_place = |at: &[usize]| {
        let ahead = at[3] as i64 - (at[2] as i64 + first(at[0]));
        let behind = left < 0 || -ahead <= left;
        let in_time = (right < 0 || ahead <= right) && !(causal && ahead > 0);
        behind && in_time && there.as_ref().is_none_or(|there| (at[3] as i64) < there[at[0]])
    };
    let limited = causal || left >= 0 || right >= 0 || there.is_some();
    match (case.mask(3), limited.then(|| Tensor::from_fn([batch, 1, m, n], by_place))) {
        (Some(mask), Some(places)) => Some(mask.and(&places)),
        (mask, places) => mask.or(places),
    }
}

/// What the queries find, and the scores if they are asked for.
fn attended(case: &Case, q: Tensor<f32>, k: Tensor<f32>, v: Tensor<f32>) -> (Tensor<f32>, Option<Tensor<f32>>) {
    let width = q.shape()[3] as f64;
    let [batch, m, n] = [q.shape()[0], q.shape()[2], k.shape()[2]];
    let q = q * (case.number("scale", 1.0 / width.sqrt()) * width.sqrt()) as f32;
    let permitted = permitted(case, [batch, m, n]);
    let (cap, wants_scores) = (case.number("softcap", 0.0) as f32, case.outputs.contains_key(&3));
    if !case.has_floats(3) && cap == 0.0 && !wants_scores {
        return (q.attention(k, v, permitted.as_ref(), false), None);
    }
    let low = || Tensor::from(f32::NEG_INFINITY);
    let scores = q.matmul(k.t()) / width.sqrt() as f32;
    let scores = if cap > 0.0 { (scores / cap).tanh() * cap } else { scores };
    let masked = case.given(3).map_or(scores.clone(), |mask| {
        let mut widths = vec![(0, 0); mask.rank()];
        widths[mask.rank() - 1].1 = n - mask.shape()[mask.rank() - 1];
        &scores + mask.pad(&widths, f64::NEG_INFINITY)
    });
    let masked = permitted.map_or(masked.clone(), |permitted| masked.select(&permitted, low()));
    let weights = masked.softmax(-1);
    // A query that may look at no key finds nothing.
    let weights = weights.select(&weights.equal(&weights), Tensor::from(0.0));
    let y = weights.matmul(v);
    let scores = match case.integer("qk_matmul_output_mode", 0) {
        2 => masked,
        3 => weights,
        _ => scores,
    };
    (y, wants_scores.then_some(scores))
}
