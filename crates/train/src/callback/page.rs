use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use report::{Axis, Chart, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tensor::Float;

use super::watch::{Watched, watched};
use super::{BoxError, Callback, EpochEvent, Flow, StepEvent};
use crate::{Row, RunState, number};

/// Keeps an HTML page of the run: its metrics by epoch, a training metric and the validation's of the same name in one
/// chart, the learning rate, and for each parameter the norm of its gradient and how its elements are spread at the
/// epoch's first step. After each epoch the whole file is replaced; a run that is resumed goes on with its curves.
///
/// [`report`](Page::report) gives the page for adding to it.
///
/// ```
/// use train::Page;
/// let page = Page::new("run.html", "Digits").unit("cost", "nats an image");
/// ```
pub struct Page {
    path: PathBuf,
    title: String,
    units: BTreeMap<String, String>,
    moments: Vec<Moment>,
}

/// All parameters at the first step of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Moment {
    epoch: u64,
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parameter {
    name: String,
    #[serde(with = "number")]
    norm: f64,
    #[serde(with = "number::array")]
    weights: [f64; 7],
}

impl From<Watched> for Parameter {
    fn from(watched: Watched) -> Parameter {
        let (norm, weights) = (watched.norm.unwrap_or(f64::NAN), watched.weights.percentiles());
        Parameter { name: watched.name, norm, weights }
    }
}

impl Page {
    /// In this file, under a title.
    pub fn new(path: impl Into<PathBuf>, title: impl Into<String>) -> Page {
        Page { path: path.into(), title: title.into(), units: BTreeMap::new(), moments: Vec::new() }
    }

    /// What the axis of a metric says besides its name: the metric `name` and `validation.name` are in this unit.
    pub fn unit(mut self, metric: impl Into<String>, unit: impl Into<String>) -> Page {
        self.units.insert(metric.into(), unit.into());
        self
    }

    /// The file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The page of a run, for adding sections to it.
    pub fn report(&self, run: &RunState) -> Report {
        let ends =
            run.history.last().map(|row| [over(row).to_string(), row.step.to_string(), (row.lr as f32).to_string()]);
        let page = Report::new(&self.title).section("Learning").table("", ["epochs", "steps", "learning rate"], ends);
        let page = self.metrics(run).into_iter().fold(page, |page, name| page.chart("", &self.metric(run, name)));
        let rate = run.history.iter().map(|row| (over(row), row.lr));
        let page = page.chart("", &small("Learning rate", "learning rate").line("", rate));
        if self.moments.is_empty() {
            return page;
        }
        let page = page.section("Gradients").chart("", &self.norms());
        self.names().into_iter().fold(page.section("Weights"), |page, name| page.chart("", &self.weights(name)))
    }

    /// The names of the metrics, each once, whether it is of the training or of the validation.
    fn metrics<'a>(&self, run: &'a RunState) -> BTreeSet<&'a str> {
        let names = run.history.iter().flat_map(|row| row.metrics.0.keys());
        names.map(|name| name.strip_prefix(VALIDATION).unwrap_or(name)).collect()
    }

    fn metric(&self, run: &RunState, name: &str) -> Chart {
        let axis = self.units.get(name).map_or(name.to_string(), |unit| format!("{name}, {unit}"));
        let series = [("training", name.to_string()), ("validation", format!("{VALIDATION}{name}"))];
        series.into_iter().fold(small(name, &axis), |chart, (label, name)| {
            let points: Vec<_> = run.history.iter().filter_map(|row| Some((over(row), row.get(&name)?))).collect();
            if points.is_empty() { chart } else { chart.line(label, points) }
        })
    }

    fn norms(&self) -> Chart {
        let chart = Chart::new("Gradients", Axis::whole(EPOCHS), Axis::log("norm of the gradient"));
        self.names().into_iter().fold(chart, |chart, name| {
            chart.line(name, self.course(name).map(|(epoch, parameter)| (epoch, parameter.norm)))
        })
    }

    fn weights(&self, name: &str) -> Chart {
        small(name, "element").spread("median", self.course(name).map(|(epoch, parameter)| (epoch, parameter.weights)))
    }

    /// The names of the parameters, in their order.
    fn names(&self) -> Vec<&str> {
        let last = self.moments.last().map_or(&[][..], |moment| &moment.parameters);
        last.iter().map(|parameter| &*parameter.name).collect()
    }

    fn course<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (f64, &'a Parameter)> {
        self.moments.iter().filter_map(move |moment| {
            let parameter = moment.parameters.iter().find(|parameter| parameter.name == name)?;
            Some((moment.epoch as f64, parameter))
        })
    }
}

impl<T: Float> Callback<T> for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn start(&mut self, _run: &RunState) -> Result<(), BoxError> {
        Ok(files::atomic::check(&self.path)?)
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        let epoch = event.run.epoch;
        if self.moments.last().is_none_or(|moment| moment.epoch < epoch) {
            let parameters = watched(event, BINS).into_iter().map(Parameter::from).collect();
            self.moments.push(Moment { epoch, parameters });
        }
        Ok(Flow::Continue)
    }

    fn epoch(&mut self, event: &mut EpochEvent<'_, T>) -> Result<Flow, BoxError> {
        self.report(event.run).save(&self.path)?;
        Ok(Flow::Continue)
    }

    fn state(&self) -> Option<Value> {
        serde_json::to_value(&self.moments).ok()
    }

    fn load_state(&mut self, state: Value) -> Result<(), BoxError> {
        self.moments = serde_json::from_value(state)?;
        Ok(())
    }
}

/// How many epochs were over with a row.
fn over(row: &Row) -> f64 {
    (row.epoch + 1) as f64
}

fn small(title: &str, axis: &str) -> Chart {
    Chart::new(title, Axis::whole(EPOCHS), Axis::linear(axis)).size(640.0, 320.0)
}

/// How many are over.
const EPOCHS: &str = "epochs";
const VALIDATION: &str = "validation.";
const BINS: usize = 256;
