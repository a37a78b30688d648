//! State that is saved and loaded: a resumed run has the bits of an uninterrupted one.

use optim::{Adagrad, Adam, AdamW, Error, Group, Lion, Method, Optimizer, RmsProp, Sgd, State};
use tensor::{Param, Tape, Tensor, rng};

type Model = Vec<Param>;

fn model() -> Model {
    let mut rng = rng(3, 0);
    [vec![5, 7], vec![7], vec![]].map(|shape| Param::new("w", Tensor::randn(shape, &mut rng))).into()
}

/// Steps of a cost with a minimum.
fn train<M: Method>(model: &mut Model, optimizer: &mut Optimizer<M>, steps: usize) {
    let mut tape = Tape::new();
    for _ in 0..steps {
        let cost = |p: &Param| (tape.param(p) - 0.3).square().sum(..) + tape.param(p).powi(4).sum(..);
        let cost = model.iter().map(cost).reduce(|a, b| a + b).expect("a parameter");
        optimizer.step(model, &cost.backward()).unwrap();
        tape.reset();
    }
}

fn bits(model: &Model) -> Vec<u32> {
    model.iter().flat_map(|param| param.value().to_vec()).map(f32::to_bits).collect()
}

fn resumes<M: Method>(new: impl Fn() -> Optimizer<M>) {
    let (mut model, mut whole) = (model(), new());
    train(&mut model, &mut whole, 3);
    // A clone has other identities, as the model of another process has.
    let (mut again, mut resumed) = (model.clone(), new());
    let saved = whole.state(&model);
    resumed.load_state(&again, &saved).unwrap();
    assert_eq!(resumed.state(&again), saved);

    train(&mut model, &mut whole, 4);
    train(&mut again, &mut resumed, 4);
    assert_eq!(bits(&model), bits(&again));
    assert_eq!(whole.state(&model), resumed.state(&again));
    assert_ne!(whole.state(&model), saved, "what was saved has not gone along");
}

#[test]
fn resumed_runs_have_the_same_bits() {
    resumes(|| Sgd::new(0.01));
    resumes(|| Sgd::new(0.01).momentum(0.9).dampening(0.1));
    resumes(|| Adam::new(0.01));
    resumes(|| Adam::new(0.01).amsgrad(true).group(Group::prefix("0").frozen(true)));
    resumes(|| AdamW::new(0.01));
    resumes(|| RmsProp::new(0.01).centered(true).momentum(0.9));
    resumes(|| Adagrad::new(0.01).lr_decay(0.1).initial_accumulator(0.1));
    resumes(|| Lion::new(0.01));
}

#[test]
fn entries_are_called_by_path() {
    let mut model = vec![Param::new("w", [1.0f32]), Param::new("w", [2.0])];
    let mut adam = Adam::new(0.1).group(Group::prefix("1").frozen(true));
    let names = |state: &State| {
        let (tensors, counts) = (state.tensors.iter().map(|(name, _)| name.clone()), state.counts.clone());
        (tensors.collect::<Vec<_>>(), counts)
    };
    let count = |name: &str, count| (name.to_string(), count);
    assert_eq!(names(&adam.state(&model)), (vec![], vec![count("0.step", 0), count("1.step", 0)]));
    train(&mut model, &mut adam, 2);
    let expected = (vec!["0.first".into(), "0.second".into()], vec![count("0.step", 2), count("1.step", 0)]);
    assert_eq!(names(&adam.state(&model)), expected);
}

#[test]
fn a_state_that_does_not_fit_is_an_error_and_nothing_changes() {
    let mut model = vec![Param::new("w", [1.0f32])];
    let mut sgd = Sgd::new(0.1).momentum(0.9);
    train(&mut model, &mut sgd, 2);
    let saved = sgd.state(&model);
    let mut refuses = |state: &State, text: &str| {
        let error = sgd.load_state(&model, state).unwrap_err();
        assert_eq!(error.to_string(), format!("load_state: {text}"));
        assert_eq!(sgd.state(&model), saved, "{text}");
    };
    refuses(&State { tensors: vec![], counts: saved.counts.clone() }, "missing `0.velocity`");
    refuses(&State { tensors: saved.tensors.clone(), counts: vec![] }, "missing `0.step`; unexpected `0.velocity`");
    let adams = ["0.first", "0.second"].map(|name| (name.to_string(), Tensor::from([0.0]))).to_vec();
    refuses(
        &State { tensors: adams, counts: saved.counts.clone() },
        "missing `0.velocity`; unexpected `0.first`, `0.second`",
    );
    let mut more = saved.clone();
    more.counts.push(("1.step".into(), 3));
    refuses(&more, "unexpected `1.step`");
    let mut other = saved.clone();
    other.tensors[0].1 = Tensor::zeros([2, 3]);
    refuses(&other, "`0.velocity` has shape [2, 3], expected [1]");
    let error = Sgd::new(0.1).load_state(&model, &saved).unwrap_err();
    assert!(matches!(error, Error::Entries { missing, .. } if missing.is_empty()), "an option that was not set again");
}
