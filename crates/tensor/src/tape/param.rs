//! Parameters, and the ordered, named visit of a model's parameters.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::float::Float;
use crate::tensor::Tensor;

/// A parameter's identity: what a leaf of the tape keeps of it.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
}

/// A tensor that an optimizer changes.
///
/// It is put on a tape with [`Tape::param`](crate::Tape::param), and its gradient is read from
/// [`Gradients`](crate::Gradients) by it. A clone is another parameter with the same value.
pub struct Param<T: Float = f32> {
    value: Tensor<T>,
    tag: Arc<Tag>,
    frozen: bool,
}

impl<T: Float> Param<T> {
    /// A parameter that errors call by `name`.
    pub fn new(name: &'static str, value: impl Into<Tensor<T>>) -> Param<T> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Param { value: value.into(), tag: Arc::new(Tag { id, name }), frozen: false }
    }

    /// The value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value, for changing it.
    pub fn value_mut(&mut self) -> &mut Tensor<T> {
        &mut self.value
    }

    /// The name that errors call it by.
    pub fn name(&self) -> &'static str {
        self.tag.name
    }

    /// A number that no other parameter of this process has.
    pub fn id(&self) -> u64 {
        self.tag.id
    }

    /// Whether it stays as it is: a frozen parameter is a constant on a tape, so that no gradient is worked out for it,
    /// and optimizers pass it over. The tapes that it is on already are not changed.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Whether it [stays as it is](Param::set_frozen).
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    pub(super) fn tag(&self) -> &Arc<Tag> {
        &self.tag
    }
}

impl<T: Float> Clone for Param<T> {
    fn clone(&self) -> Param<T> {
        Param { frozen: self.frozen, ..Param::new(self.name(), self.value.clone()) }
    }
}

impl<T: Float> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Param `{}` {:?}", self.name(), self.value)
    }
}

/// A tensor that belongs to a model and is no parameter: running statistics, say. A layer changes it while it evaluates, so
/// it is behind a lock; a clone is another buffer with the same value.
pub struct Buffer<T: Float = f32> {
    value: RwLock<Tensor<T>>,
    name: &'static str,
}

impl<T: Float> Buffer<T> {
    /// A buffer that errors call by `name`.
    pub fn new(name: &'static str, value: impl Into<Tensor<T>>) -> Buffer<T> {
        Buffer { value: RwLock::new(value.into()), name }
    }

    /// The value; a reference count, not a copy.
    pub fn value(&self) -> Tensor<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it another value.
    pub fn set(&self, value: impl Into<Tensor<T>>) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value.into();
    }

    /// The name that errors call it by.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: Float> Clone for Buffer<T> {
    fn clone(&self) -> Buffer<T> {
        Buffer::new(self.name, self.value())
    }
}

impl<T: Float> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer `{}` {:?}", self.name, self.value())
    }
}

/// Where a parameter stands in a model: field names and list positions, from the outside in. It lives on the stack of
/// the visit, so visiting allocates nothing; printing it gives `layers.0.weight`.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The model itself.
    Root,
    /// A field of what stands at the outer path.
    Field(&'a Path<'a>, &'a str),
    /// An element of the list that stands at the outer path.
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The path of a field.
    pub fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// The path of a list's element.
    pub fn index(&'a self, position: usize) -> Path<'a> {
        Path::Index(self, position)
    }

    /// The last part of the path, where it is a field's name.
    pub fn last(&self) -> Option<&'a str> {
        match self {
            Path::Field(_, name) => Some(name),
            _ => None,
        }
    }

    /// Whether it prints as `text`. Nothing is allocated.
    pub fn is(&self, text: &str) -> bool {
        let mut rest = Rest(text);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }

    /// Whether it is the path that prints as `prefix`, or lies below it: `layers.0.weight` lies below `layers.0`, and
    /// not below `layer`.
    ///
    /// ```
    /// use tensor::Path;
    /// let layers = Path::Root.field("layers");
    /// let layer = layers.index(0);
    /// let weight = layer.field("weight");
    /// assert!(weight.is("layers.0.weight") && !weight.is("layers.0") && !weight.is("layers.0.weights"));
    /// assert!(["", "layers", "layers.0", "layers.0.weight"].iter().all(|prefix| weight.starts_with(prefix)));
    /// assert!(["layer", "layers.", "layers.1", "weight", "layers.0.weights"].iter().all(|p| !weight.starts_with(p)));
    /// ```
    pub fn starts_with(&self, prefix: &str) -> bool {
        let below = || match self {
            Path::Root => false,
            Path::Field(outer, _) | Path::Index(outer, _) => outer.starts_with(prefix),
        };
        self.is(prefix) || below()
    }
}

/// What is left of a text after what has been written so far, as long as that is how it begins.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outer, part): (&Path<'_>, &dyn fmt::Display) = match self {
            Path::Root => return Ok(()),
            Path::Field(outer, name) => (outer, name),
            Path::Index(outer, position) => (outer, position),
        };
        match outer {
            Path::Root => write!(f, "{part}"),
            outer => write!(f, "{outer}.{part}"),
        }
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Anything that has parameters: a layer, or a model made of them.
///
/// Deriving it on a struct visits the fields in their order; a field without parameters is marked `#[module(skip)]`.
pub trait Module<T: Float = f32> {
    /// Calls `f` with every parameter, in a fixed order, and its path below `path`.
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>));

    /// The same parameters in the same order, for changing them.
    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>));

    /// Calls `f` with every buffer, in a fixed order; a module has none unless it says so.
    fn visit_buffers<'m>(&'m self, _path: Path<'_>, _f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {}
}

impl<T: Float> Module<T> for Buffer<T> {
    fn visit<'m>(&'m self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {}

    fn visit_mut(&mut self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {}

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        f(path, self);
    }
}

impl<T: Float> Module<T> for Param<T> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        f(path, self);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        f(path, self);
    }
}

impl<T: Float, M: Module<T>> Module<T> for Vec<M> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.iter().enumerate().for_each(|(i, module)| module.visit(path.index(i), f));
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.iter_mut().enumerate().for_each(|(i, module)| module.visit_mut(path.index(i), f));
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        self.iter().enumerate().for_each(|(i, module)| module.visit_buffers(path.index(i), f));
    }
}

impl<T: Float, M: Module<T>, const N: usize> Module<T> for [M; N] {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.iter().enumerate().for_each(|(i, module)| module.visit(path.index(i), f));
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.iter_mut().enumerate().for_each(|(i, module)| module.visit_mut(path.index(i), f));
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        self.iter().enumerate().for_each(|(i, module)| module.visit_buffers(path.index(i), f));
    }
}

impl<T: Float, M: Module<T>> Module<T> for Option<M> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        self.iter().for_each(|module| module.visit(path, f));
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        self.iter_mut().for_each(|module| module.visit_mut(path, f));
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        self.iter().for_each(|module| module.visit_buffers(path, f));
    }
}

impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn visit<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Param<T>)) {
        (**self).visit(path, f);
    }

    fn visit_mut(&mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &mut Param<T>)) {
        (**self).visit_mut(path, f);
    }

    fn visit_buffers<'m>(&'m self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'m Buffer<T>)) {
        (**self).visit_buffers(path, f);
    }
}
