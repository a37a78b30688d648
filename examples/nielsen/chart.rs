//! Curves by epoch.

pub(crate) use wengert::report::{Axis, Chart};

use super::training::Epoch;

/// Charts that know epochs.
pub(crate) trait History {
    /// With a curve by epoch.
    fn history(self, name: impl Into<String>, history: &[Epoch], value: fn(&Epoch) -> f64) -> Self;
}

impl History for Chart {
    fn history(self, name: impl Into<String>, history: &[Epoch], value: fn(&Epoch) -> f64) -> Chart {
        self.line(name, history.iter().map(|epoch| (epoch.number as f64, value(epoch))))
    }
}
