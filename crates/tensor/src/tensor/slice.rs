//! Slicing: `x.slice(s![.., 0..10; 2, -1])`.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

use smallvec::SmallVec;

use super::Tensor;
use crate::error::{Error, Result, unwrap};
use crate::float::Element;
use crate::layout::Layout;
use crate::shape::Shape;

/// What to take of one axis: an index, which drops the axis, or a range with a step. Negative numbers count from the
/// end. [`s!`](crate::s) makes arrays of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// One element; the axis is dropped.
    At(isize),
    /// Elements `start, start + step, …` before `end`; missing bounds are the axis's ends.
    Range {
        /// The first element.
        start: Option<isize>,
        /// The end, not included.
        end: Option<isize>,
        /// The distance between elements, at least 1.
        step: usize,
    },
}

impl Slice {
    /// Every `step`-th element of the range.
    pub fn step(self, by: usize) -> Slice {
        match self {
            Slice::Range { start, end, .. } => Slice::Range { start, end, step: by },
            at => at,
        }
    }

    fn range(start: Option<isize>, end: Option<isize>) -> Slice {
        Slice::Range { start, end, step: 1 }
    }

    /// (start, step, length) on an axis of `size`, or what is wrong.
    fn resolve(self, size: usize) -> Result<(usize, usize, usize), String> {
        let from_end = |i: isize| if i < 0 { i + size as isize } else { i };
        match self {
            Slice::At(i) => match from_end(i) {
                at if (0..size as isize).contains(&at) => Ok((at as usize, 1, 1)),
                _ => Err(format!("index {i} is out of range")),
            },
            Slice::Range { step: 0, .. } => Err("step 0 never ends; expected at least 1".into()),
            Slice::Range { start, end, step } => {
                let (first, last) = (from_end(start.unwrap_or(0)), end.map_or(size as isize, from_end));
                if first < 0 || last > size as isize || first > last {
                    let bound = |b: Option<isize>| b.map_or(String::new(), |b| b.to_string());
                    return Err(format!("range {}..{} is out of range", bound(start), bound(end)));
                }
                Ok((first as usize, step, ((last - first) as usize).div_ceil(step)))
            }
        }
    }
}

impl From<isize> for Slice {
    fn from(index: isize) -> Slice {
        Slice::At(index)
    }
}

impl From<RangeFull> for Slice {
    fn from(_: RangeFull) -> Slice {
        Slice::range(None, None)
    }
}

impl From<Range<isize>> for Slice {
    fn from(range: Range<isize>) -> Slice {
        Slice::range(Some(range.start), Some(range.end))
    }
}

impl From<RangeFrom<isize>> for Slice {
    fn from(range: RangeFrom<isize>) -> Slice {
        Slice::range(Some(range.start), None)
    }
}

impl From<RangeTo<isize>> for Slice {
    fn from(range: RangeTo<isize>) -> Slice {
        Slice::range(None, Some(range.end))
    }
}

impl From<RangeInclusive<isize>> for Slice {
    fn from(range: RangeInclusive<isize>) -> Slice {
        let end = (*range.end() != -1).then(|| range.end() + 1);
        Slice::range(Some(*range.start()), end)
    }
}

/// What to take of each axis: `s![2, 1.., ..; 2, -1]` is index 2 of the first axis, all but the first of the second,
/// every other one of the third, the last of the fourth. Axes that are not named are taken whole.
#[macro_export]
macro_rules! s {
    ($($slice:expr $(; $step:expr)?),* $(,)?) => {{
        // `1..-1` is a range here, to the last but one.
        #[allow(clippy::reversed_empty_ranges)]
        let slices = [$($crate::Slice::from($slice)$(.step($step))?),*];
        slices
    }};
}

/// The part of a layout that `slices` take.
pub(crate) fn slice_layout(layout: &Layout, slices: &[Slice]) -> Result<Layout> {
    let shape = &layout.shape;
    if slices.len() > shape.rank() {
        let expected = format!("at least {} axes", slices.len());
        return Err(Error::Shape { op: "slice", expected, got: shape.clone() });
    }
    let mut out = layout.clone();
    for (axis, slice) in slices.iter().enumerate() {
        let (start, step, len) = slice
            .resolve(shape[axis])
            .map_err(|what| Error::invalid("slice", format!("{what} for axis {axis} of shape {shape}")))?;
        out = out.slice_axis(axis, start, step, len);
    }
    let kept = |axis: usize| !matches!(slices.get(axis), Some(Slice::At(_)));
    let sizes = (0..shape.rank()).filter(|&axis| kept(axis)).map(|axis| out.shape[axis]);
    let sizes: SmallVec<[usize; 4]> = sizes.collect();
    out.strides = (0..shape.rank()).filter(|&axis| kept(axis)).map(|axis| out.strides[axis]).collect();
    out.shape = Shape(sizes);
    Ok(out)
}

impl<T: Element> Tensor<T> {
    /// A part of the tensor, as a view.
    ///
    /// # Panics
    /// If an index or range is out of range, or more axes are named than there are.
    ///
    /// ```
    /// use tensor::{Tensor, s};
    /// let x = Tensor::from([[0.0f32, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]);
    /// assert_eq!(x.slice(s![1]), Tensor::from([4.0, 5.0, 6.0, 7.0]));
    /// assert_eq!(x.slice(s![.., -1]), Tensor::from([3.0, 7.0]));
    /// assert_eq!(x.slice(s![.., ..; 2]), Tensor::from([[0.0, 2.0], [4.0, 6.0]]));
    /// ```
    #[track_caller]
    pub fn slice(&self, slices: impl AsRef<[Slice]>) -> Tensor<T> {
        unwrap(self.try_slice(slices))
    }

    /// [`slice`](Tensor::slice), returning the error.
    pub fn try_slice(&self, slices: impl AsRef<[Slice]>) -> Result<Tensor<T>> {
        Ok(self.with_layout(slice_layout(&self.layout, slices.as_ref())?))
    }
}
