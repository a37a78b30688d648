//! Sizes without data: shapes, axes and the broadcast rule.

use std::fmt;
use std::ops::{Deref, RangeFull};

use smallvec::SmallVec;

use crate::error::{Error, Result};

/// The sizes of a tensor's axes, outermost first; empty for a scalar.
///
/// ```
/// let shape = tensor::Shape::from([2, 3]);
/// assert_eq!((shape.rank(), shape.numel()), (2, 6));
/// assert_eq!(shape.to_string(), "[2, 3]");
/// ```
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Shape(pub(crate) SmallVec<[usize; 4]>);

impl Clone for Shape {
    #[inline]
    fn clone(&self) -> Shape {
        Shape(copied(&self.0))
    }
}

/// A copy of a short list without a loop, which is what the cost of small ops is made of.
#[inline]
pub(crate) fn copied<T: Copy + Default>(list: &SmallVec<[T; 4]>) -> SmallVec<[T; 4]> {
    let none = T::default();
    match **list {
        [] => SmallVec::new(),
        [a] => SmallVec::from_buf_and_len([a, none, none, none], 1),
        [a, b] => SmallVec::from_buf_and_len([a, b, none, none], 2),
        [a, b, c] => SmallVec::from_buf_and_len([a, b, c, none], 3),
        [a, b, c, d] => SmallVec::from_buf_and_len([a, b, c, d], 4),
        _ => SmallVec::from_slice(list),
    }
}

impl Shape {
    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements: the product of the sizes, 1 for a scalar.
    #[inline]
    pub fn numel(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of elements, or an error where it exceeds `isize::MAX`, beyond which nothing can be addressed.
    #[inline]
    pub fn checked_numel(&self, op: &'static str) -> Result<usize> {
        self.0
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .filter(|&n| n <= isize::MAX as usize)
            .ok_or_else(|| Error::invalid(op, format!("shape {self} has too many elements")))
    }

    /// Axis `axis`, counted from the end where it is negative.
    pub fn axis(&self, op: &'static str, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let found = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&found) { Ok(found as usize) } else { Err(Error::Axis { op, axis, shape: self.clone() }) }
    }

    /// The shape that NumPy's broadcasting gives for two: aligned at the last axis, with sizes equal or one of
    /// them 1 or missing.
    pub fn broadcast(&self, other: &Shape, op: &'static str) -> Result<Shape> {
        if self == other {
            return Ok(self.clone());
        }
        let rank = self.rank().max(other.rank());
        let size = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(1, |i| s[i]);
        let mut out = Shape::default();
        for i in 0..rank {
            match (size(self, i), size(other, i)) {
                (a, b) if a == b => out.0.push(a),
                (1, b) => out.0.push(b),
                (a, 1) => out.0.push(a),
                _ => return Err(Error::Broadcast { op, lhs: self.clone(), rhs: other.clone() }),
            }
        }
        Ok(out)
    }

    /// This shape with the axes marked in `reduced` set to 1 (`keepdim`) or removed.
    pub(crate) fn reduced(&self, reduced: &AxisSet, keepdim: bool) -> Shape {
        let sizes = self.0.iter().enumerate();
        Shape(sizes.filter_map(|(i, &d)| if !reduced.has(i) { Some(d) } else { keepdim.then_some(1) }).collect())
    }

    /// Row-major strides; those of a shape without elements mean nothing and may wrap.
    #[inline]
    pub(crate) fn contiguous_strides(&self) -> SmallVec<[isize; 4]> {
        // Without a loop, for the shapes of most tensors.
        match *self.0 {
            [] => return SmallVec::new(),
            [_] => return SmallVec::from_buf_and_len([1, 0, 0, 0], 1),
            [_, b] => return SmallVec::from_buf_and_len([b as isize, 1, 0, 0], 2),
            _ => {}
        }
        let mut strides = SmallVec::<[isize; 4]>::from_elem(1, self.rank());
        for i in (1..self.rank()).rev() {
            strides[i - 1] = strides[i].wrapping_mul(self.0[i] as isize);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0[..])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, sizes: &[usize; N]) -> bool {
        self.0[..] == sizes[..]
    }
}

impl<const N: usize> PartialEq<[usize; N]> for &Shape {
    fn eq(&self, sizes: &[usize; N]) -> bool {
        **self == *sizes
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Shape {
        Shape(SmallVec::from_slice(&sizes))
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Shape {
        Shape(SmallVec::from_slice(sizes))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Shape {
        Shape(SmallVec::from_vec(sizes))
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl From<usize> for Shape {
    fn from(size: usize) -> Shape {
        Shape::from([size])
    }
}

impl From<()> for Shape {
    fn from(_: ()) -> Shape {
        Shape::default()
    }
}

/// The axes that an op works over: `..` for all, one (`-1` is the last), or several.
///
/// ```
/// # use tensor::Tensor;
/// let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
/// assert_eq!(x.sum(..).item(), 10.0);
/// assert_eq!(x.sum(0), Tensor::from([4.0, 6.0]));
/// assert_eq!(x.sum([0, -1]).item(), 10.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Axes {
    /// Every axis.
    All,
    /// These axes, counted from the end where negative.
    Some(SmallVec<[isize; 4]>),
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Axes {
        Axes::All
    }
}

macro_rules! axes_from {
    ($($t:ident)*) => {$(
        impl From<$t> for Axes {
            fn from(axis: $t) -> Axes {
                Axes::Some(SmallVec::from_slice(&[axis as isize]))
            }
        }
        impl<const N: usize> From<[$t; N]> for Axes {
            fn from(axes: [$t; N]) -> Axes {
                Axes::Some(axes.iter().map(|&axis| axis as isize).collect())
            }
        }
    )*};
}
axes_from!(isize i32 usize);

impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Axes {
        Axes::Some(SmallVec::from_slice(axes))
    }
}

impl Axes {
    /// The axes as a set over `shape`; one out of range, or one named twice, is an error.
    pub(crate) fn resolve(&self, op: &'static str, shape: &Shape) -> Result<AxisSet> {
        if shape.rank() > AxisSet::CAPACITY {
            return Err(Error::invalid(op, format!("rank {} exceeds {}", shape.rank(), AxisSet::CAPACITY)));
        }
        let Axes::Some(axes) = self else { return Ok(AxisSet::all(shape.rank())) };
        let mut set = AxisSet(0);
        for &axis in axes {
            let i = shape.axis(op, axis)?;
            if set.has(i) {
                return Err(Error::invalid(op, format!("axis {axis} of shape {shape} is named twice")));
            }
            set.0 |= 1 << i;
        }
        Ok(set)
    }
}

/// A set of axes, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AxisSet(u32);

impl AxisSet {
    pub(crate) const CAPACITY: usize = 31;

    pub(crate) fn all(rank: usize) -> AxisSet {
        AxisSet((1 << rank) - 1)
    }

    pub(crate) fn one(axis: usize) -> AxisSet {
        AxisSet(1 << axis)
    }

    pub(crate) fn has(self, axis: usize) -> bool {
        self.0 >> axis & 1 == 1
    }

    /// The only axis of the set, if it has one only.
    pub(crate) fn single(self) -> Option<usize> {
        (self.0.count_ones() == 1).then(|| self.0.trailing_zeros() as usize)
    }

    /// The axes of a gradient of shape `from` that broadcasting from `to` has added or stretched.
    pub(crate) fn stretched(to: &Shape, from: &Shape) -> AxisSet {
        let added = from.rank() - to.rank();
        let grown = (0..from.rank()).filter(|&i| i < added || (to[i - added] == 1 && from[i] != 1));
        AxisSet(grown.fold(0, |set, i| set | 1 << i))
    }
}
