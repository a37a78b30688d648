//! What tells an op from others of its name, as plain values.

use crate::shape::{AxisSet, Shape};
use crate::tensor::Tensor;

/// A value that an op was built with: an axis, a stride, a bound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// A count, a size or an axis.
    Integer(i64),
    /// Several of them.
    Integers(Vec<i64>),
    /// A real number.
    Number(f64),
    /// Positions, labels and the like; it shares the memory of the tensor that the op was given, if that was contiguous.
    Index(Tensor<i64>),
}

/// The attributes of an op by name, in the order in which it lists them.
pub type Attributes = Vec<(&'static str, Attribute)>;

impl From<bool> for Attribute {
    fn from(flag: bool) -> Attribute {
        Attribute::Flag(flag)
    }
}

impl From<i32> for Attribute {
    fn from(n: i32) -> Attribute {
        Attribute::Integer(i64::from(n))
    }
}

impl From<usize> for Attribute {
    fn from(n: usize) -> Attribute {
        Attribute::Integer(n as i64)
    }
}

impl From<f64> for Attribute {
    fn from(x: f64) -> Attribute {
        Attribute::Number(x)
    }
}

impl From<&Tensor<i64>> for Attribute {
    fn from(index: &Tensor<i64>) -> Attribute {
        Attribute::Index(index.clone())
    }
}

impl From<&Shape> for Attribute {
    fn from(shape: &Shape) -> Attribute {
        shape.iter().copied().collect()
    }
}

impl From<[usize; 2]> for Attribute {
    fn from(sizes: [usize; 2]) -> Attribute {
        sizes.into_iter().collect()
    }
}

impl From<AxisSet> for Attribute {
    fn from(axes: AxisSet) -> Attribute {
        (0..AxisSet::CAPACITY).filter(|&axis| axes.has(axis)).collect()
    }
}

impl FromIterator<usize> for Attribute {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Attribute {
        Attribute::Integers(sizes.into_iter().map(|size| size as i64).collect())
    }
}

impl FromIterator<isize> for Attribute {
    fn from_iter<I: IntoIterator<Item = isize>>(sizes: I) -> Attribute {
        Attribute::Integers(sizes.into_iter().map(|size| size as i64).collect())
    }
}
