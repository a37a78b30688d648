//! Tensors whose element type is known when the program runs.

use tensor::{Shape, Tensor};

use crate::dtype::{Dtype, Stored};

/// A tensor of any of the element types, as it stands in a file beside others.
///
/// ```
/// use files::{AnyTensor, Dtype};
/// use tensor::Tensor;
/// let any = AnyTensor::from(Tensor::from([1i64, 2, 3]));
/// assert_eq!((any.dtype(), any.shape().to_string()), (Dtype::I64, "[3]".to_string()));
/// assert_eq!(any.get::<i64>(), Some(&Tensor::from([1i64, 2, 3])));
/// assert_eq!(any.get::<f32>(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnyTensor {
    /// Of `f32`.
    F32(Tensor<f32>),
    /// Of `f64`.
    F64(Tensor<f64>),
    /// Of `i32`.
    I32(Tensor<i32>),
    /// Of `i64`.
    I64(Tensor<i64>),
    /// Of `u8`.
    U8(Tensor<u8>),
    /// Of `bool`.
    Bool(Tensor<bool>),
}

/// The same expression for the tensor of each variant.
macro_rules! of_any {
    ($any:expr, $tensor:ident => $value:expr) => {
        match $any {
            $crate::AnyTensor::F32($tensor) => $value,
            $crate::AnyTensor::F64($tensor) => $value,
            $crate::AnyTensor::I32($tensor) => $value,
            $crate::AnyTensor::I64($tensor) => $value,
            $crate::AnyTensor::U8($tensor) => $value,
            $crate::AnyTensor::Bool($tensor) => $value,
        }
    };
}
pub(crate) use of_any;

impl AnyTensor {
    /// The element type.
    pub fn dtype(&self) -> Dtype {
        fn of<T: Stored>(_: &Tensor<T>) -> Dtype {
            T::STORED
        }
        of_any!(self, tensor => of(tensor))
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        of_any!(self, tensor => tensor.shape())
    }

    /// The tensor, where its elements are `T`.
    pub fn get<T: Stored>(&self) -> Option<&Tensor<T>> {
        T::unwrap(self)
    }
}

impl<T: Stored> From<Tensor<T>> for AnyTensor {
    fn from(tensor: Tensor<T>) -> AnyTensor {
        T::wrap(tensor)
    }
}

impl<T: Stored> From<&Tensor<T>> for AnyTensor {
    /// Shares the buffer.
    fn from(tensor: &Tensor<T>) -> AnyTensor {
        T::wrap(tensor.clone())
    }
}
