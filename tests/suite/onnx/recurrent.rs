//! Recurrent nodes, by the layers of `nn`: one for each direction, with the gates in the layers' order.

use wengert::nn::{Gru, Lstm, Module, Path, Rnn};
use wengert::tensor::{Tape, Tensor, Var, rng};

use crate::onnx::case::{Answer, Case};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    // Which of the node's gates stand in the place of each of the layer's.
    let gates: &[usize] = match case.op.as_str() {
        "RNN" => &[0],
        "GRU" => &[1, 0, 2],
        "LSTM" => &[0, 2, 3, 1],
        _ => return None,
    };
    if case.has(7) {
        return Some(Err("gates that look at the cell's state".into()));
    }
    if case.op == "GRU" && case.has(3) && !case.flag("linear_before_reset", false) && case.x(0).shape()[0] > 1 {
        return Some(Err("a reset gate before the product".into()));
    }
    Some(Ok(run(case, gates)))
}

fn run(case: &Case, gates: &[usize]) -> Vec<wengert::files::AnyTensor> {
    let batch_first = case.flag("layout", false);
    let x = if batch_first { case.x(0) } else { case.x(0).transpose(0, 1) };
    let directions = case.x(1).shape()[0];
    let mut results = Vec::new();
    for direction in 0..directions {
        let backwards = direction == 1 || case.text("direction", "forward") == "reverse";
        let turned = |x: Tensor<f32>| if backwards { x.flip(1) } else { x };
        let tape = Tape::inference();
        let sequence = tape.constant(turned(x.clone()));
        let [states, h, c] = layer(case, gates, direction, sequence).map(|state| state.value());
        results.push([turned(states), h, c]);
    }
    // The directions go before the batch, or after it and the time where the batch comes first.
    let join =
        |k: usize, axis: isize| Tensor::stack(&results.iter().map(|result| &result[k]).collect::<Vec<_>>(), axis);
    let (states, last) = match batch_first {
        true => (join(0, 2), [1, 2].map(|k| join(k, 1))),
        false => (join(0, 0).permute(&[2, 0, 1, 3]), [1, 2].map(|k| join(k, 0))),
    };
    let [h, c] = last;
    vec![states.into(), h.into(), c.into()]
}

/// All states, the last one, and the cell's last one, which is the same where there is none.
fn layer<'t>(case: &Case, gates: &[usize], direction: usize, x: Var<'t>) -> [Var<'t>; 3] {
    let (inputs, hidden) = (x.shape()[2], case.integer("hidden_size", 0) as usize);
    let mut random = rng(0, 0);
    match case.op.as_str() {
        "RNN" => {
            let (states, h) = filled(Rnn::new(inputs, hidden, &mut random), case, gates, direction).forward(x, None);
            [states, h, h]
        }
        "GRU" => {
            let (states, h) = filled(Gru::new(inputs, hidden, &mut random), case, gates, direction).forward(x, None);
            [states, h, h]
        }
        _ => {
            let layer = filled(Lstm::new(inputs, hidden, &mut random), case, gates, direction);
            let (states, (h, c)) = layer.forward(x, None);
            [states, h, c]
        }
    }
}

/// A layer with the weights of the node.
fn filled<M: Module>(mut layer: M, case: &Case, gates: &[usize], direction: usize) -> M {
    let hidden = case.integer("hidden_size", 0) as usize;
    let reordered = |rows: Tensor<f32>| {
        let parts: Vec<_> = gates.iter().map(|&gate| rows.narrow(0, gate * hidden, hidden)).collect();
        Tensor::concat(&parts, 0)
    };
    let of_direction = |i: usize| case.given(i).map(|all| all.narrow(0, direction, 1).squeeze(0));
    let rows = gates.len() * hidden;
    let bias = |start: usize| of_direction(3).map_or(Tensor::zeros([rows]), |both| both.narrow(0, start, rows));
    layer.visit_mut(Path::Root, &mut |path, param| {
        let value = match path.last() {
            Some("weight_ih_l0") => of_direction(1).expect("weights"),
            Some("weight_hh_l0") => of_direction(2).expect("weights"),
            Some("bias_ih_l0") => bias(0),
            _ => bias(rows),
        };
        *param.value_mut() = reordered(value);
    });
    layer
}
