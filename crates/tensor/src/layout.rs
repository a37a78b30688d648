//! How a tensor's elements lie in its buffer. A view changes the layout and never touches the data.

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::shape::{Shape, copied};

type Strides = SmallVec<[isize; 4]>;

/// Shape, strides (in elements) and offset: element `i` lies at `offset + Σ iₐ·strideₐ`.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) strides: Strides,
    pub(crate) offset: usize,
}

impl Clone for Layout {
    #[inline]
    fn clone(&self) -> Layout {
        Layout { shape: self.shape.clone(), strides: copied(&self.strides), offset: self.offset }
    }
}

impl Layout {
    #[inline]
    pub(crate) fn contiguous(shape: Shape) -> Layout {
        let strides = shape.contiguous_strides();
        Layout { shape, strides, offset: 0 }
    }

    /// Whether the elements lie one after the other in row-major order.
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size != 1 && stride != expected {
                return self.shape.contains(&0);
            }
            expected = expected.wrapping_mul(size as isize);
        }
        true
    }

    pub(crate) fn permute(&self, op: &'static str, axes: &[isize]) -> Result<Layout> {
        let rank = self.shape.rank();
        let mut out = Layout { shape: Shape::default(), strides: Strides::new(), offset: self.offset };
        let mut seen = SmallVec::<[bool; 8]>::from_elem(false, rank);
        for &axis in axes {
            let i = self.shape.axis(op, axis)?;
            seen[i] = true;
            out.shape.0.push(self.shape[i]);
            out.strides.push(self.strides[i]);
        }
        if axes.len() != rank || seen.contains(&false) {
            let message = format!("axes {axes:?} are not a permutation of the {rank} axes of shape {}", self.shape);
            return Err(Error::invalid(op, message));
        }
        Ok(out)
    }

    pub(crate) fn swap(&self, op: &'static str, a: isize, b: isize) -> Result<Layout> {
        let (a, b) = (self.shape.axis(op, a)?, self.shape.axis(op, b)?);
        let mut out = self.clone();
        out.shape.0.swap(a, b);
        out.strides.swap(a, b);
        Ok(out)
    }

    /// Stretches axes of size 1 and adds leading ones, with stride 0.
    pub(crate) fn broadcast_to(&self, op: &'static str, shape: &Shape) -> Result<Layout> {
        let fail = || Error::Broadcast { op, lhs: self.shape.clone(), rhs: shape.clone() };
        let added = shape.rank().checked_sub(self.shape.rank()).ok_or_else(fail)?;
        shape.checked_numel(op)?;
        let mut strides = Strides::from_elem(0, added);
        for i in 0..self.shape.rank() {
            match (self.shape[i], shape[i + added]) {
                (a, b) if a == b => strides.push(self.strides[i]),
                (1, _) => strides.push(0),
                _ => return Err(fail()),
            }
        }
        Ok(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// Elements `start, start + step, …` of an axis, `len` of them; the caller has checked the range.
    pub(crate) fn slice_axis(&self, axis: usize, start: usize, step: usize, len: usize) -> Layout {
        let mut out = self.clone();
        out.shape.0[axis] = len;
        // A view of nothing must not begin beyond the buffer, nor a step that is never taken overflow.
        if !out.shape.contains(&0) {
            out.offset = (self.offset as isize + start as isize * self.strides[axis]) as usize;
        }
        if len > 1 {
            out.strides[axis] *= step as isize;
        }
        out
    }

    /// `len` elements of `axis` from `start` on.
    pub(crate) fn narrow(&self, op: &'static str, axis: isize, start: usize, len: usize) -> Result<Layout> {
        let i = self.shape.axis(op, axis)?;
        let size = self.shape[i];
        if start.checked_add(len).is_none_or(|end| end > size) {
            let message = format!("{len} elements from {start} exceed axis {i} of shape {}", self.shape);
            return Err(Error::invalid(op, message));
        }
        Ok(self.slice_axis(i, start, 1, len))
    }

    pub(crate) fn squeeze(&self, op: &'static str, axis: isize) -> Result<Layout> {
        let i = self.shape.axis(op, axis)?;
        if self.shape[i] != 1 {
            return Err(Error::Shape { op, expected: format!("axis {i} of size 1"), got: self.shape.clone() });
        }
        let mut out = self.clone();
        out.shape.0.remove(i);
        out.strides.remove(i);
        Ok(out)
    }

    /// Adds an axis of size 1 before axis `axis`; `-1` adds it at the end.
    pub(crate) fn unsqueeze(&self, op: &'static str, axis: isize) -> Result<Layout> {
        let rank = self.shape.rank() as isize;
        let i = if axis < 0 { axis + rank + 1 } else { axis };
        if !(0..=rank).contains(&i) {
            return Err(Error::Axis { op, axis, shape: self.shape.clone() });
        }
        let mut out = self.clone();
        out.shape.0.insert(i as usize, 1);
        out.strides.insert(i as usize, 1);
        Ok(out)
    }

    /// The same elements in another shape, where strides can say it; `None` where a copy is needed.
    ///
    /// Old axes are merged into the longest runs that one stride can walk; each run must then split exactly into
    /// new axes.
    pub(crate) fn reshape(&self, shape: &Shape) -> Option<Layout> {
        if self.is_contiguous() {
            let mut out = Layout::contiguous(shape.clone());
            out.offset = self.offset;
            return Some(out);
        }
        let runs = self.runs();
        let mut strides = Strides::from_elem(1, shape.rank());
        let mut axis = shape.rank();
        for &(size, stride) in runs.iter().rev() {
            let mut left = size;
            let mut step = stride;
            while left > 1 {
                axis = axis.checked_sub(1)?;
                if !left.is_multiple_of(shape[axis]) {
                    return None;
                }
                strides[axis] = step;
                step *= shape[axis] as isize;
                left /= shape[axis];
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// Axes merged wherever the outer stride equals the inner one times its size: (size, stride), outermost first.
    fn runs(&self) -> SmallVec<[(usize, isize); 4]> {
        let mut runs: SmallVec<[(usize, isize); 4]> = SmallVec::new();
        for (&size, &stride) in self.shape.iter().zip(&self.strides).filter(|(size, _)| **size != 1) {
            match runs.last_mut() {
                Some(last) if last.1 == stride * size as isize => *last = (last.0 * size, stride),
                _ => runs.push((size, stride)),
            }
        }
        runs
    }

    /// The elements whose positions on two different axes are equal, along a new last axis.
    pub(crate) fn diagonal(&self, axes: [usize; 2]) -> Layout {
        let kept = |i: &usize| !axes.contains(i);
        let (len, stride) = (axes.map(|i| self.shape[i]), axes.map(|i| self.strides[i]));
        let sizes = (0..self.shape.rank()).filter(kept).map(|i| self.shape[i]).chain([len[0].min(len[1])]);
        let strides = (0..self.shape.rank()).filter(kept).map(|i| self.strides[i]).chain([stride[0] + stride[1]]);
        Layout { shape: Shape(sizes.collect()), strides: strides.collect(), offset: self.offset }
    }

    /// The position of a multi-index in the buffer.
    pub(crate) fn position(&self, index: &[usize]) -> Option<usize> {
        if index.len() != self.shape.rank() || index.iter().zip(self.shape.iter()).any(|(i, d)| i >= d) {
            return None;
        }
        let walked: isize = index.iter().zip(&self.strides).map(|(&i, &s)| i as isize * s).sum();
        Some((self.offset as isize + walked) as usize)
    }
}
