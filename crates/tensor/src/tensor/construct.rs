//! Constructors: from data, nested arrays, functions, ranges.

use std::ops::Range;

use super::{Tensor, check_length};
use crate::error::{Error, Result, unwrap};
use crate::float::{Element, Float};
use crate::layout::Layout;
use crate::shape::Shape;
use crate::storage::Storage;

impl<T: Element> Tensor<T> {
    /// A tensor of row-major `data`, without copying it.
    ///
    /// # Errors
    /// If `data` has another length than `shape` holds.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert!(Tensor::new(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2]).is_ok());
    /// let error = Tensor::new(vec![1.0f32, 2.0], [3]).unwrap_err();
    /// assert_eq!(error.to_string(), "new: shape [3] holds 3 elements, got 2");
    /// ```
    pub fn new(data: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor<T>> {
        let shape = shape.into();
        check_length("new", &shape, data.len())?;
        Ok(Tensor { storage: Storage::from_vec(data), layout: Layout::contiguous(shape) })
    }

    /// A tensor of copied row-major `data`.
    ///
    /// # Errors
    /// If `data` has another length than `shape` holds.
    pub fn from_slice(data: &[T], shape: impl Into<Shape>) -> Result<Tensor<T>> {
        let shape = shape.into();
        check_length("from_slice", &shape, data.len())?;
        Ok(Tensor::build(shape, |out| out.copy_from_slice(data)))
    }

    /// Every element `value`.
    pub fn full(shape: impl Into<Shape>, value: T) -> Tensor<T> {
        Tensor::build(shape, |out| out.fill(value))
    }

    /// Every element 0 (or `false`).
    pub fn zeros(shape: impl Into<Shape>) -> Tensor<T> {
        Tensor::full(shape, T::default())
    }

    /// The element at each index is `f(index)`; called in row-major order.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let table = Tensor::from_fn([2, 3], |i| (10 * i[0] + i[1]) as f32);
    /// assert_eq!(table, Tensor::from([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]));
    /// ```
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(&[usize]) -> T) -> Tensor<T> {
        let shape = shape.into();
        let mut index = vec![0; shape.rank()];
        Tensor::build(shape.clone(), |out| {
            for out in out {
                *out = f(&index);
                for axis in (0..shape.rank()).rev() {
                    index[axis] += 1;
                    if index[axis] < shape[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
            }
        })
    }

    /// The elements converted as by Rust's `as`.
    pub fn cast<U: Element>(&self) -> Tensor<U>
    where
        T: Cast<U>,
    {
        self.map_elements(T::cast)
    }
}

impl<T: Float> Tensor<T> {
    /// Every element 1.
    pub fn ones(shape: impl Into<Shape>) -> Tensor<T> {
        Tensor::full(shape, T::ONE)
    }

    /// The `n`×`n` identity matrix.
    pub fn eye(n: usize) -> Tensor<T> {
        Tensor::from_fn([n, n], |i| if i[0] == i[1] { T::ONE } else { T::ZERO })
    }

    /// `start, start + step, …` up to but not including `stop`; each element is computed as start + i·step.
    ///
    /// # Panics
    /// If `step` is 0 or not a number, or leads away from `stop` without end.
    #[track_caller]
    pub fn arange(start: f64, stop: f64, step: f64) -> Tensor<T> {
        let len = ((stop - start) / step).ceil();
        if !len.is_finite() {
            let message = format!("from {start} to {stop} in steps of {step} has no finite length");
            unwrap(Err(Error::invalid("arange", message)))
        }
        Tensor::from_fn([len.max(0.0) as usize], |i| T::from_f64(start + i[0] as f64 * step))
    }

    /// `n` evenly spaced numbers from `start` to `end`, both included.
    pub fn linspace(start: f64, end: f64, n: usize) -> Tensor<T> {
        let steps = n.saturating_sub(1).max(1) as f64;
        Tensor::from_fn([n], |i| T::from_f64(start + (end - start) * (i[0] as f64 / steps)))
    }
}

impl Tensor<i64> {
    /// A new last axis of `classes` elements: 1 at the position that the label names, else 0.
    ///
    /// # Panics
    /// If a label is out of range.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let labels = Tensor::from([2i64, 0]);
    /// assert_eq!(labels.one_hot::<f32>(3), Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
    /// ```
    #[track_caller]
    pub fn one_hot<T: Float>(&self, classes: usize) -> Tensor<T> {
        unwrap(self.try_one_hot(classes))
    }

    /// [`one_hot`](Tensor::one_hot), returning the error.
    pub fn try_one_hot<T: Float>(&self, classes: usize) -> Result<Tensor<T>> {
        let labels = self.contiguous();
        let labels = labels.as_slice().expect("contiguous");
        if let Some(row) = labels.iter().position(|label| !(0..classes as i64).contains(label)) {
            let message = format!("label {} in row {row} is out of range for {classes} classes", labels[row]);
            return Err(Error::invalid("one_hot", message));
        }
        let mut shape = self.shape().clone();
        shape.0.push(classes);
        Ok(Tensor::build(shape, |out| {
            out.fill(T::ZERO);
            for (row, &label) in out.chunks_exact_mut(classes.max(1)).zip(labels) {
                row[label as usize] = T::ONE;
            }
        }))
    }
}

impl From<Range<i64>> for Tensor<i64> {
    /// The integers of the range.
    fn from(range: Range<i64>) -> Tensor<i64> {
        let start = range.start;
        Tensor::from_fn([(range.end - start).max(0) as usize], |i| start + i[0] as i64)
    }
}

impl<T: Element> From<T> for Tensor<T> {
    /// A scalar: a tensor of rank 0.
    fn from(value: T) -> Tensor<T> {
        Tensor::full((), value)
    }
}

impl<T: Element> From<Vec<T>> for Tensor<T> {
    /// A tensor of rank 1.
    fn from(data: Vec<T>) -> Tensor<T> {
        let shape = Shape::from([data.len()]);
        Tensor { storage: Storage::from_vec(data), layout: Layout::contiguous(shape) }
    }
}

impl<T: Element> From<&[T]> for Tensor<T> {
    /// A tensor of rank 1.
    fn from(data: &[T]) -> Tensor<T> {
        Tensor::build([data.len()], |out| out.copy_from_slice(data))
    }
}

impl<T: Element, const A: usize> From<[T; A]> for Tensor<T> {
    fn from(data: [T; A]) -> Tensor<T> {
        Tensor::from(&data[..])
    }
}

impl<T: Element, const A: usize, const B: usize> From<[[T; B]; A]> for Tensor<T> {
    fn from(data: [[T; B]; A]) -> Tensor<T> {
        Tensor::build([A, B], |out| out.copy_from_slice(data.as_flattened()))
    }
}

impl<T: Element, const A: usize, const B: usize, const C: usize> From<[[[T; C]; B]; A]> for Tensor<T> {
    fn from(data: [[[T; C]; B]; A]) -> Tensor<T> {
        Tensor::build([A, B, C], |out| out.copy_from_slice(data.as_flattened().as_flattened()))
    }
}

impl<T: Element, const A: usize, const B: usize, const C: usize, const D: usize> From<[[[[T; D]; C]; B]; A]>
    for Tensor<T>
{
    fn from(data: [[[[T; D]; C]; B]; A]) -> Tensor<T> {
        let flat = data.as_flattened().as_flattened().as_flattened();
        Tensor::build([A, B, C, D], |out| out.copy_from_slice(flat))
    }
}

/// A conversion between element types, as by Rust's `as`.
pub trait Cast<U> {
    /// `self as U`.
    fn cast(self) -> U;
}

macro_rules! cast {
    ($($from:ident => $($to:ident)*;)*) => {$($(
        impl Cast<$to> for $from {
            fn cast(self) -> $to {
                self as $to
            }
        }
    )*)*};
}
cast! {
    f32 => f32 f64 i32 i64 u8;
    f64 => f32 f64 i32 i64 u8;
    i32 => f32 f64 i32 i64 u8;
    i64 => f32 f64 i32 i64 u8;
    u8 => f32 f64 i32 i64 u8;
    bool => i32 i64 u8;
}

impl Cast<f32> for bool {
    fn cast(self) -> f32 {
        f32::from(self)
    }
}

impl Cast<f64> for bool {
    fn cast(self) -> f64 {
        f64::from(self)
    }
}
