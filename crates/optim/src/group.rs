//! Settings of their own for some of a model's parameters.

use tensor::Path;

/// Parameters that an optimizer treats in their own way, chosen by their path.
///
/// ```
/// use optim::{AdamW, Group};
///
/// let adam: AdamW = AdamW::new(1e-3)
///     .group(Group::prefix("body").lr_factor(0.1))
///     .group(Group::prefix("body.embedding").frozen(true))
///     .group(Group::of(|path| matches!(path.last(), Some("bias" | "gain"))).weight_decay(0.0));
/// ```
///
/// A parameter may be in several groups. What a group leaves open is as without it; of two that say something, the
/// later one counts. [`Optimizer::settings`](crate::Optimizer::settings) shows what comes of them.
pub struct Group {
    holds: Box<dyn Fn(Path<'_>) -> bool + Send + Sync>,
    lr_factor: Option<f64>,
    weight_decay: Option<f64>,
    frozen: Option<bool>,
}

/// How an optimizer treats a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The learning rate, with its factor.
    pub lr: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// Whether it stays as it is.
    pub frozen: bool,
}

impl Group {
    /// The parameters at whose paths `holds` is true.
    pub fn of(holds: impl Fn(Path<'_>) -> bool + Send + Sync + 'static) -> Group {
        Group { holds: Box::new(holds), lr_factor: None, weight_decay: None, frozen: None }
    }

    /// The parameter at this path, or those below it: `body.0` holds `body.0.weight`, and not `body.01`.
    pub fn prefix(path: impl Into<String>) -> Group {
        let prefix = path.into();
        Group::of(move |path| path.starts_with(&prefix))
    }

    /// What the optimizer's learning rate is multiplied with, at least 0.
    pub const fn lr_factor(mut self, factor: f64) -> Group {
        self.lr_factor = Some(factor);
        self
    }

    /// The weight decay, at least 0. It counts for biases too.
    pub const fn weight_decay(mut self, weight_decay: f64) -> Group {
        self.weight_decay = Some(weight_decay);
        self
    }

    /// Whether the parameters stay as they are. They need no gradient then, and one that they have is not used.
    pub const fn frozen(mut self, frozen: bool) -> Group {
        self.frozen = Some(frozen);
        self
    }

    /// The options that must be 0 or more.
    pub(crate) fn amounts(&self) -> [(&'static str, f64); 2] {
        let (factor, decay) = (self.lr_factor.unwrap_or(1.0), self.weight_decay.unwrap_or(0.0));
        [("a group's factor of the learning rate", factor), ("a group's weight decay", decay)]
    }

    /// The settings of a parameter, changed where it is in the group; the factor is of the rate `lr`.
    pub(crate) fn apply(&self, path: Path<'_>, lr: f64, settings: &mut Settings) {
        if !(self.holds)(path) {
            return;
        }
        settings.lr = self.lr_factor.map_or(settings.lr, |factor| factor * lr);
        settings.weight_decay = self.weight_decay.unwrap_or(settings.weight_decay);
        settings.frozen = self.frozen.unwrap_or(settings.frozen);
    }
}
