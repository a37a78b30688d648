//! The engine of all optimizers: what is common to them, and the walk over a model's parameters.

use tensor::{Float, Gradient, Gradients, Module, Param, Path, Scalar, Tensor};

use crate::error::{check_amount, name};
use crate::saved::Entries;
use crate::state::{Slot, States};
use crate::{Error, Group, Settings, State};

/// How an optimizer changes a parameter: everything that is particular to it. [`Optimizer`] does the rest.
///
/// A method of one's own is an [`Update`](tensor::Update) rule and this:
///
/// ```
/// use optim::{Method, Optimizer, Step};
/// use tensor::{Float, Gradient, Param, Scalar, Tape, Tensor, Update};
///
/// /// p ← p − η·sign(g).
/// #[derive(Clone, Copy)]
/// struct SignDescent;
///
/// #[derive(Clone, Copy)]
/// struct Rule(Step);
///
/// impl Update<0> for Rule {
///     #[inline(always)]
///     fn update<A: Scalar>(self, p: A, g: A, _: [A; 0]) -> (A, [A; 0]) {
///         let g = self.0.gradient(g, p);
///         let sign = A::select(g.lt(g.lit(0.0)), g.lit(-1.0), g.lit(1.0));
///         (p - p.lit(self.0.lr) * sign, [])
///     }
/// }
///
/// impl Method for SignDescent {
///     fn update<T: Float>(&self, step: Step, p: &mut Tensor<T>, g: Gradient<'_, T>, _: &mut [Tensor<T>]) {
///         g.apply(Rule(step), p, []);
///     }
/// }
///
/// let mut w = Param::new("w", Tensor::from([3.0f32, -1.0]));
/// let tape = Tape::new();
/// let grads = tape.param(&w).square().sum(..).backward();
/// Optimizer::with_method(SignDescent, 0.5).step(&mut w, &grads)?;
/// assert_eq!(*w.value(), Tensor::from([2.5, -0.5]));
/// # Ok::<(), optim::Error>(())
/// ```
pub trait Method {
    /// The names of the tensors that are kept for each parameter.
    fn buffers(&self) -> &'static [&'static str] {
        &[]
    }

    /// What their elements are at first.
    fn initial(&self) -> f64 {
        0.0
    }

    /// Whether the options are in their range.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Changes a parameter and its buffers, in one pass ([`Gradient::apply`]).
    fn update<T: Float>(&self, step: Step, param: &mut Tensor<T>, grad: Gradient<'_, T>, buffers: &mut [Tensor<T>]);
}

/// What a step is for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The learning rate η.
    pub lr: f64,
    /// The weight decay λ.
    pub weight_decay: f64,
    /// Whether the way is uphill.
    pub maximize: bool,
    /// Which step of this parameter it is, from 1 on.
    pub number: u64,
}

impl Step {
    /// The gradient that is descended, for a penalty of ½λp²: g + λ·p, or −g + λ·p uphill. Without decay p is not
    /// looked at, so that an infinite parameter is not multiplied with 0.
    #[inline(always)]
    pub fn gradient<A: Scalar>(self, g: A, p: A) -> A {
        let g = self.direction(g);
        if self.weight_decay == 0.0 { g } else { g + p.lit(self.weight_decay) * p }
    }

    /// g, or −g uphill.
    #[inline(always)]
    pub fn direction<A: Scalar>(self, g: A) -> A {
        if self.maximize { -g } else { g }
    }

    /// (1 − η·λ)·p: decay apart from the gradient (Loshchilov and Hutter, 2019).
    #[inline(always)]
    pub fn decayed<A: Scalar>(self, p: A) -> A {
        if self.weight_decay == 0.0 { p } else { p.lit(1.0 - self.lr * self.weight_decay) * p }
    }
}

/// An optimizer: a [`Method`], its learning rate and weight decay, and its state for each parameter.
///
/// The state is found by the parameter's identity, so a model may change the order of its parameters, or be stepped in
/// parts. A parameter that is met for the first time, or with another shape than before, begins anew.
pub struct Optimizer<M: Method, T: Float = f32> {
    pub(crate) method: M,
    lr: f64,
    weight_decay: f64,
    maximize: bool,
    decay_biases: bool,
    allow_unreached: bool,
    groups: Vec<Group>,
    states: States<T>,
}

impl<M: Method, T: Float> Optimizer<M, T> {
    /// An optimizer of this method with learning rate η = `lr`, at least 0.
    pub const fn with_method(method: M, lr: f64) -> Optimizer<M, T> {
        Optimizer {
            method,
            lr,
            weight_decay: 0.0,
            maximize: false,
            decay_biases: true,
            allow_unreached: false,
            groups: Vec::new(),
            states: States::new(),
        }
    }

    /// Weight decay λ, at least 0. What it does is the method's: most add a penalty of ½λ‖p‖² to the cost,
    /// [`AdamW`](crate::AdamW) and [`Lion`](crate::Lion) shrink the parameters apart from the gradient.
    pub const fn weight_decay(mut self, weight_decay: f64) -> Optimizer<M, T> {
        self.weight_decay = weight_decay;
        self
    }

    /// Whether parameters called `bias` decay too; they do by default.
    pub const fn decay_biases(mut self, decay_biases: bool) -> Optimizer<M, T> {
        self.decay_biases = decay_biases;
        self
    }

    /// Whether to go up the gradient instead of down; down by default.
    pub const fn maximize(mut self, maximize: bool) -> Optimizer<M, T> {
        self.maximize = maximize;
        self
    }

    /// Whether a parameter that the cost does not depend on is left as it is; an error by default.
    pub const fn allow_unreached(mut self, allow: bool) -> Optimizer<M, T> {
        self.allow_unreached = allow;
        self
    }

    /// With settings of their own for some parameters.
    pub fn group(mut self, group: Group) -> Optimizer<M, T> {
        self.groups.push(group);
        self
    }

    /// The learning rate.
    pub const fn lr(&self) -> f64 {
        self.lr
    }

    /// Changes the learning rate, for a schedule.
    pub const fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// Moves every parameter of the model along its gradient, in place, in one pass over each.
    ///
    /// # Errors
    /// If the cost never reached a parameter (which is named), or an option is out of range. Nothing is changed then.
    pub fn step(&mut self, model: &mut (impl Module<T> + ?Sized), grads: &Gradients<T>) -> Result<(), Error> {
        self.check_options()?;
        self.check_gradients(model, grads)?;
        self.states.rewind();
        model.visit_mut(Path::Root, &mut |path, param| {
            let Settings { lr, weight_decay, frozen } = self.settings_of(path, param);
            let slot = self.states.of(param.id());
            let Some(grad) = grads.gradient(&*param).filter(|_| !frozen) else { return };
            let number = slot.advance(&self.method, param.value().shape());
            let step = Step { lr, weight_decay, maximize: self.maximize, number };
            self.method.update(step, param.value_mut(), grad, slot.buffers());
        });
        Ok(())
    }

    /// How each parameter of a model is treated, by its path.
    pub fn settings(&self, model: &(impl Module<T> + ?Sized)) -> Vec<(String, Settings)> {
        let mut settings = Vec::new();
        model.visit(Path::Root, &mut |path, param| settings.push((name(path, param), self.settings_of(path, param))));
        settings
    }

    /// The state of each parameter of a model, for another process to go on: its number of steps, as `path.step`, and
    /// the method's buffers once it has taken one, as `path.velocity` and so on. The options are not in it.
    pub fn state(&self, model: &(impl Module<T> + ?Sized)) -> State<T> {
        let mut state = State::new();
        model.visit(Path::Root, &mut |path, param| {
            self.states.get(param.id()).save(&name(path, param), self.method.buffers(), &mut state);
        });
        state
    }

    /// Goes on from a state of a model of the same form. With the same options, and the model's parameters as they were,
    /// the steps that follow have the bits that they would have had.
    ///
    /// # Errors
    /// If an entry is missing, unexpected or of another shape than its parameter. Nothing is changed then.
    pub fn load_state(&mut self, model: &(impl Module<T> + ?Sized), state: &State<T>) -> Result<(), Error> {
        let mut entries = Entries::of(state);
        let mut states = States::new();
        model.visit(Path::Root, &mut |path, param| {
            let (name, shape) = (name(path, param), param.value().shape());
            *states.of(param.id()) = Slot::load(&name, self.method.buffers(), shape, &mut entries);
        });
        entries.finish()?;
        self.states = states;
        Ok(())
    }

    fn settings_of(&self, path: Path<'_>, param: &Param<T>) -> Settings {
        let is_bias = path.last().unwrap_or(param.name()) == "bias";
        let weight_decay = if is_bias && !self.decay_biases { 0.0 } else { self.weight_decay };
        let mut settings = Settings { lr: self.lr, weight_decay, frozen: false };
        self.groups.iter().for_each(|group| group.apply(path, self.lr, &mut settings));
        settings.frozen |= param.is_frozen();
        settings
    }

    fn check_options(&self) -> Result<(), Error> {
        check_amount("the learning rate", self.lr)?;
        self.method.check()?;
        check_amount("weight decay", self.weight_decay)?;
        let amounts = self.groups.iter().flat_map(Group::amounts);
        amounts.into_iter().try_for_each(|(option, value)| check_amount(option, value))
    }

    /// Checks that every parameter that is not frozen has a gradient of its shape, before any is changed.
    fn check_gradients(&self, model: &(impl Module<T> + ?Sized), grads: &Gradients<T>) -> Result<(), Error> {
        let mut unreached = Vec::new();
        let mut misshapen = None;
        model.visit(Path::Root, &mut |path, param| match grads.gradient(param) {
            Some(grad) if grad.shape() == *param.value().shape() => {}
            _ if self.settings_of(path, param).frozen => {}
            None if self.allow_unreached => {}
            None => unreached.push(name(path, param)),
            Some(grad) => {
                let (expected, got) = (param.value().shape().clone(), grad.shape());
                misshapen.get_or_insert_with(|| Error::Shape { name: name(path, param), expected, got });
            }
        });
        if !unreached.is_empty() {
            return Err(Error::Unreached(unreached));
        }
        misshapen.map_or(Ok(()), Err)
    }
}
