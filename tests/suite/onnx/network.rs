//! Nodes that are layers and costs: normalisations, dropout and the losses of classifiers.

use wengert::nn::cost::{CrossEntropy, Reduction};
use wengert::nn::{GroupNorm, Param};
use wengert::tensor::{Axes, Moments, Tape, Tensor};

use crate::onnx::case::{Answer, Case, one};

pub(crate) fn evaluate(case: &Case) -> Option<Answer> {
    Some(match case.op.as_str() {
        "BatchNormalization" => batch_norm(case),
        "Dropout" => dropout(case),
        "GroupNormalization" => one(group_norm(case, case.integer("num_groups", 1) as usize)),
        "InstanceNormalization" => one(group_norm(case, case.x(0).shape()[1])),
        "LayerNormalization" => layer_norm(case),
        "NegativeLogLikelihoodLoss" => loss(case, |cost, log_p, labels| cost.of_log_probabilities(log_p, labels)),
        "RMSNormalization" => one(rms_norm(case)),
        "SoftmaxCrossEntropyLoss" => {
            let log_p = case.x(0).log_softmax(1);
            loss(case, |cost, logits, labels| cost.of(logits, labels)).map(|mut outputs| {
                outputs.push(log_p.into());
                outputs
            })
        }
        _ => return None,
    })
}

fn eps(case: &Case) -> f64 {
    case.number("epsilon", 1e-5)
}

fn batch_norm(case: &Case) -> Answer {
    let [x, weight, bias, mean, var] = [0, 1, 2, 3, 4].map(|i| case.x(i));
    if !case.flag("training_mode", false) {
        return one(x.batch_norm_by(&Moments { mean, var }, Some(&weight), Some(&bias), eps(case)));
    }
    let momentum = case.number("momentum", 0.9) as f32;
    let (y, moments) = x.batch_norm(Some(&weight), Some(&bias), eps(case));
    let running = |old: Tensor<f32>, new: Tensor<f32>| old * momentum + new * (1.0 - momentum);
    Ok(vec![y.into(), running(mean, moments.mean).into(), running(var, moments.var).into()])
}

/// Dropout that drops nothing; what it drops is random.
fn dropout(case: &Case) -> Answer {
    let trains = case.mask(2).is_some_and(|trains| trains.item());
    if trains && case.given(1).is_none_or(|ratio| ratio.item() > 0.0) {
        return Err("another generator of random numbers".into());
    }
    let (x, tape) = (case.x(0), Tape::inference());
    let kept = Tensor::full(x.shape(), true);
    Ok(vec![wengert::nn::Dropout::new(0.5).forward(tape.constant(x)).value().into(), kept.into()])
}

fn group_norm(case: &Case, groups: usize) -> Tensor<f32> {
    let [x, weight, bias] = [0, 1, 2].map(|i| case.x(i));
    let (weight, bias) = (Param::new("weight", weight), Param::new("bias", bias));
    let norm = GroupNorm { weight, bias, groups, eps: eps(case) };
    let tape = Tape::inference();
    norm.forward(tape.constant(x)).value()
}

/// Where the axes begin that are normalised together.
fn first_axis(case: &Case, x: &Tensor<f32>) -> usize {
    x.shape().axis("norm", case.axis(-1)).expect("an axis")
}

/// The normalised rows, and each row's mean and 1/√(var + ε).
fn layer_norm(case: &Case) -> Answer {
    let x = case.x(0);
    let axes = || Axes::from(&(first_axis(case, &x) as isize..x.rank() as isize).collect::<Vec<_>>()[..]);
    let scale = (x.var_keepdim(axes(), 0.0) + eps(case) as f32).rsqrt();
    let y = x.layer_norm(Some(&case.x(1)), case.given(2).as_ref(), eps(case));
    Ok(vec![y.into(), x.mean_keepdim(axes()).into(), scale.into()])
}

fn rms_norm(case: &Case) -> Tensor<f32> {
    let x = case.x(0);
    let weight = case.x(1).broadcast_to(&x.shape()[first_axis(case, &x)..]);
    x.rms_norm(Some(&weight), eps(case))
}

/// The cost of classes along axis 1, with the options that the node gives.
fn loss(
    case: &Case,
    of: impl for<'t> Fn(
        CrossEntropy,
        wengert::tensor::Var<'t>,
        &Tensor<i64>,
    ) -> wengert::tensor::Result<wengert::tensor::Var<'t>>,
) -> Answer {
    let mut cost = CrossEntropy::new().axis(1).reduction(match case.text("reduction", "mean") {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        _ => Reduction::Mean,
    });
    if let Some(weights) = case.given(2) {
        cost = cost.weights(weights);
    }
    if case.has_attribute("ignore_index") {
        cost = cost.ignore_index(case.integer("ignore_index", 0));
    }
    let tape = Tape::inference();
    let labels = case.index(1).expect("labels");
    of(cost, tape.constant(case.x(0)), &labels).map(|cost| vec![cost.value().into()]).map_err(|error| error.to_string())
}
