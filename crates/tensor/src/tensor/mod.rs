//! `Tensor`: a shared buffer seen through a layout.

mod compare;
mod construct;
mod display;
mod random;
pub(crate) mod reduce;
pub(crate) mod slice;
mod view;

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, Result, unwrap};
use crate::float::{Element, Float};
use crate::kernel::copy::{Reader, Strided};
use crate::kernel::map;
use crate::kernel::update::{self, Update};
use crate::layout::Layout;
use crate::shape::Shape;
use crate::storage::{Buffers, Storage};

pub use construct::Cast;
pub use random::{Rng, rng};
pub use slice::Slice;

/// An n-dimensional array.
///
/// Cloning counts a reference; views (transpose, slice, broadcast, reshape of contiguous data) share the buffer;
/// writing copies only where the buffer is shared. Buffers are recycled when the last tensor that uses them is
/// dropped.
///
/// ```
/// use tensor::Tensor;
/// let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!((&x * 2.0).sum(1), Tensor::from([12.0, 30.0]));
/// assert_eq!(x.t().shape().to_string(), "[3, 2]");
/// ```
#[derive(Clone)]
pub struct Tensor<T: Element = f32> {
    storage: Storage<T>,
    layout: Layout,
}

impl<T: Element> Tensor<T> {
    /// A tensor on a recycled buffer. `fill` must write every element, row-major; what it finds there is unspecified.
    pub fn build(shape: impl Into<Shape>, fill: impl FnOnce(&mut [T])) -> Tensor<T> {
        Tensor::build_on(Layout::contiguous(shape.into()), fill)
    }

    /// [`build`](Tensor::build) in the shape of another tensor.
    #[inline]
    pub(crate) fn build_like(like: &Tensor<T>, fill: impl FnOnce(&mut [T])) -> Tensor<T> {
        match &like.layout {
            layout if layout.offset == 0 && layout.is_contiguous() => Tensor::build_on(layout.clone(), fill),
            layout => Tensor::build(&layout.shape, fill),
        }
    }

    /// A number in the shape of a tensor of one element.
    #[inline]
    pub(crate) fn number_like(&self, value: T) -> Tensor<T> {
        Tensor { storage: Storage::One(value), layout: Layout { offset: 0, ..self.layout.clone() } }
    }

    /// Makes it a number in the shape of another one, which it may have already.
    #[inline]
    pub(crate) fn set_number(&mut self, value: T, like: &Tensor<T>) {
        let same = self.rank() == like.rank() && self.layout.shape.iter().all(|&size| size == 1);
        if !same || self.layout.offset != 0 {
            self.layout = Layout { offset: 0, ..like.layout.clone() };
        }
        self.storage = Storage::One(value);
    }

    /// The only element of a tensor that holds one without a buffer.
    #[inline]
    pub(crate) fn number(&self) -> Option<T> {
        match self.storage {
            Storage::One(x) if self.layout.shape.iter().all(|&size| size == 1) => Some(x),
            _ => None,
        }
    }

    #[inline]
    fn build_on(layout: Layout, fill: impl FnOnce(&mut [T])) -> Tensor<T> {
        let len = unwrap(layout.shape.checked_numel("build"));
        let mut storage = Storage::recycled(len);
        fill(&mut storage.unique_mut().expect("a new buffer is not shared")[..len]);
        Tensor { storage, layout }
    }

    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor<T> {
        Tensor { storage: self.storage.clone(), layout }
    }

    /// Lets go of the buffer; the shape stays.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.storage = Storage::Empty;
    }

    /// A shape whose elements are still to be worked out.
    pub(crate) fn without_value(shape: Shape) -> Tensor<T> {
        Tensor { storage: Storage::Empty, layout: Layout::contiguous(shape) }
    }

    /// The way to read the elements, stretched to a shape that this one broadcasts to.
    pub(crate) fn reader(&self, shape: &Shape) -> Reader<'_, T> {
        let stretched = (self.shape() != shape).then(|| unwrap(self.layout.broadcast_to("reader", shape)));
        let Layout { shape, strides, offset } = stretched.as_ref().unwrap_or(&self.layout);
        Reader::new(self.storage.as_slice(), *offset, shape, strides)
    }

    #[inline]
    pub(crate) fn is_released(&self) -> bool {
        self.storage.is_empty()
    }

    /// What the buffers of this element type take that this thread uses. A tensor of one element has no buffer, and data
    /// that a program brought is not counted; a buffer that moves to another thread is counted there when it is dropped.
    ///
    /// ```
    /// use tensor::Tensor;
    /// Tensor::<f32>::reset_peak();
    /// let before = Tensor::<f32>::buffers();
    /// drop(Tensor::<f32>::zeros([1 << 20]));
    /// let after = Tensor::<f32>::buffers();
    /// assert_eq!((after.live - before.live, after.peak - before.peak), (0, 4 << 20));
    /// ```
    pub fn buffers() -> Buffers {
        T::pool().with(|pool| pool.borrow().buffers())
    }

    /// Begins a new [peak](Buffers::peak) at what this thread's tensors hold now.
    pub fn reset_peak() {
        T::pool().with(|pool| pool.borrow_mut().reset_peak());
    }

    /// Where the buffer is, and its size in bytes; `None` for a tensor without one.
    pub(crate) fn buffer(&self) -> Option<(*const T, usize)> {
        match &self.storage {
            Storage::Shared(_) => {
                let elements = self.storage.as_slice();
                Some((elements.as_ptr(), std::mem::size_of_val(elements)))
            }
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn shares_buffer(&self, other: &Tensor<T>) -> bool {
        self.storage.same(&other.storage)
    }

    /// The elements through their strides, for a kernel.
    #[inline]
    pub(crate) fn strided(&self) -> Strided<'_, T> {
        let Layout { shape, strides, offset } = &self.layout;
        Strided { data: self.storage.as_slice(), offset: *offset, sizes: shape, strides }
    }

    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.layout.shape
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.layout.shape.rank()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.layout.shape.numel()
    }

    /// Whether the elements lie one after the other in row-major order.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The elements, where they lie one after the other.
    #[inline]
    pub fn as_slice(&self) -> Option<&[T]> {
        let from = self.layout.offset;
        self.is_contiguous().then(|| &self.storage.as_slice()[from..from + self.numel()])
    }

    /// The elements for writing, in row-major order. A buffer that is shared, or not contiguous, is copied first, so
    /// other tensors do not change.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let mut a = Tensor::from([1.0f32, 2.0]);
    /// let b = a.clone();
    /// a.as_mut_slice()[0] = 9.0;
    /// assert_eq!((a, b), (Tensor::from([9.0, 2.0]), Tensor::from([1.0, 2.0])));
    /// ```
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        if !self.is_contiguous() || self.storage.unique_mut().is_none() {
            *self = Tensor::build(self.shape(), |out| self.strided().copy_to(out));
        }
        let (from, len) = (self.layout.offset, self.numel());
        &mut self.storage.unique_mut().expect("just made unique")[from..from + len]
    }

    /// The same elements in row-major order: this tensor where they are so already, else a copy.
    pub fn contiguous(&self) -> Tensor<T> {
        self.flat().into_owned()
    }

    /// As [`contiguous`](Tensor::contiguous), without counting a reference.
    pub(crate) fn flat(&self) -> Cow<'_, Tensor<T>> {
        if self.is_contiguous() { Cow::Borrowed(self) } else { Cow::Owned(self.copied()) }
    }

    /// A copy on a buffer of its own.
    pub(crate) fn copied(&self) -> Tensor<T> {
        Tensor::build(self.shape(), |out| self.strided().copy_to(out))
    }

    /// The elements in row-major order.
    pub fn to_vec(&self) -> Vec<T> {
        match self.as_slice() {
            Some(slice) => slice.to_vec(),
            None => {
                let mut out = vec![T::default(); self.numel()];
                self.strided().copy_to(&mut out);
                out
            }
        }
    }

    /// The only element of a tensor that has one.
    ///
    /// # Panics
    /// If there is another number of elements.
    #[track_caller]
    pub fn item(&self) -> T {
        if self.numel() != 1 {
            let expected = "a single element".into();
            unwrap(Err(Error::Shape { op: "item", expected, got: self.shape().clone() }))
        }
        self.storage.as_slice()[self.layout.offset]
    }

    /// The element at `index`, or `None` where the index is out of range or of another rank.
    pub fn get(&self, index: &[usize]) -> Option<T> {
        self.layout.position(index).map(|at| self.storage.as_slice()[at])
    }

    /// The tensor of `f(element)`.
    pub fn map_elements<U: Element>(&self, f: impl Fn(T) -> U) -> Tensor<U> {
        let x = self.contiguous();
        let x = x.as_slice().expect("contiguous");
        Tensor::build(self.shape(), |out| out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x)))
    }
}

impl<T: Float> Tensor<T> {
    /// `self += other`, in place where the buffer is not shared.
    pub(crate) fn accumulate(&mut self, other: &Tensor<T>) {
        debug_assert_eq!(self.shape(), other.shape());
        let other = other.flat();
        map::add_assign(self.as_mut_slice(), other.as_slice().expect("contiguous"));
    }

    /// Changes the tensor and an optimizer's state for it in one pass, in place where buffers are not shared.
    ///
    /// # Panics
    /// If `grad` or a state has another shape.
    #[track_caller]
    pub fn update<const S: usize>(&mut self, rule: impl Update<S>, grad: &Tensor<T>, state: [&mut Tensor<T>; S]) {
        for other in state.iter().map(|s| &**s).chain([grad]).filter(|other| other.shape() != self.shape()) {
            let expected = format!("shape {}", self.shape());
            unwrap(Err(Error::Shape { op: "update", expected, got: other.shape().clone() }))
        }
        let grad = grad.flat();
        let state = state.map(Tensor::as_mut_slice);
        update::update(rule, self.as_mut_slice(), grad.as_slice().expect("contiguous"), state);
    }
}

impl<T: Element> PartialEq for Tensor<T> {
    /// Same shape, and equal elements (so NaN differs from itself).
    fn eq(&self, other: &Tensor<T>) -> bool {
        self.shape() == other.shape() && self.to_vec() == other.to_vec()
    }
}

impl<T: Element, const N: usize> std::ops::Index<[usize; N]> for Tensor<T> {
    type Output = T;

    /// # Panics
    /// If the index is out of range or of another rank.
    #[track_caller]
    fn index(&self, index: [usize; N]) -> &T {
        match self.layout.position(&index) {
            Some(at) => &self.storage.as_slice()[at],
            None => panic!("index {index:?} is out of range for shape {}", self.shape()),
        }
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor<{}>{} {self}", T::DTYPE, self.shape())
    }
}

/// An error of a constructor that was given data of another length than its shape holds.
pub(crate) fn check_length(op: &'static str, shape: &Shape, len: usize) -> Result<()> {
    if shape.checked_numel(op)? == len {
        return Ok(());
    }
    Err(Error::Length { op, shape: shape.clone(), len })
}
