//! The element types that files have, and those of them that are tensors here.

use std::fmt;

use tensor::{Element, Tensor};

use crate::AnyTensor;
use crate::half::{bf16, f16};

/// The element type of a tensor in a file, called as in safetensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// `f64`.
    F64,
    /// `f32`.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32`.
    BF16,
    /// `i64`.
    I64,
    /// `i32`.
    I32,
    /// `i16`.
    I16,
    /// `i8`.
    I8,
    /// `u64`.
    U64,
    /// `u32`.
    U32,
    /// `u16`.
    U16,
    /// `u8`.
    U8,
    /// `bool`: a byte that is 0 or 1.
    Bool,
    /// One that cannot be read, by its name.
    Other(&'static str),
}

impl Dtype {
    /// The element type of `Tensor<T>`.
    pub fn of<T: Stored>() -> Dtype {
        T::STORED
    }

    /// The size of an element in bytes; `None` where it cannot be read.
    pub fn size(self) -> Option<usize> {
        match self {
            Dtype::F64 | Dtype::I64 | Dtype::U64 => Some(8),
            Dtype::F32 | Dtype::I32 | Dtype::U32 => Some(4),
            Dtype::F16 | Dtype::BF16 | Dtype::I16 | Dtype::U16 => Some(2),
            Dtype::I8 | Dtype::U8 | Dtype::Bool => Some(1),
            Dtype::Other(_) => None,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dtype::Bool => f.write_str("BOOL"),
            Dtype::Other(name) => f.write_str(name),
            dtype => fmt::Debug::fmt(dtype, f),
        }
    }
}

pub(crate) use sealed::ByteOrder;

/// A type that files and tensors have in common: `f32`, `f64`, `i32`, `i64`, `u8` and `bool`.
pub trait Stored: Element + sealed::Sealed {
    /// What it is called in a file.
    const STORED: Dtype;
}

pub(crate) mod sealed {
    use super::{AnyTensor, Dtype, Tensor};

    /// In which order the bytes of an element are stored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ByteOrder {
        Little,
        Big,
    }

    pub trait Sealed: Sized {
        /// What it can be made of: first itself, then what it holds exactly, and `f64` where it is `f32`.
        const READ_FROM: &'static [Dtype];

        /// Appends the elements that lie in `bytes`; what is not in `READ_FROM` appends nothing.
        fn decode(bytes: &[u8], from: Dtype, order: ByteOrder, out: &mut Vec<Self>);

        /// Writes the bytes of the elements, for which there is as much room as they take.
        fn encode(values: &[Self], order: ByteOrder, out: &mut [u8]);

        fn wrap(tensor: Tensor<Self>) -> AnyTensor
        where
            Self: tensor::Element;

        fn unwrap(tensor: &AnyTensor) -> Option<&Tensor<Self>>
        where
            Self: tensor::Element;
    }
}

/// Appends `value(bytes of the element)` for each element, whose bytes come in little-endian order.
fn each<const N: usize, T>(bytes: &[u8], order: ByteOrder, out: &mut Vec<T>, value: impl Fn([u8; N]) -> T) {
    let (elements, _) = bytes.as_chunks::<N>();
    match order {
        ByteOrder::Little => out.extend(elements.iter().map(|&element| value(element))),
        ByteOrder::Big => out.extend(elements.iter().map(|&element| {
            let mut element = element;
            element.reverse();
            value(element)
        })),
    }
}

/// A type, its variants, and what its elements can be made of: the types of which it holds every value, and `f64` for `f32`.
macro_rules! stored {
    ($($t:ident $Variant:ident: $($From:ident $value:path),*;)*) => {$(
        impl Stored for $t {
            const STORED: Dtype = Dtype::$Variant;
        }

        impl sealed::Sealed for $t {
            const READ_FROM: &'static [Dtype] = &[$(Dtype::$From),*];

            fn decode(bytes: &[u8], from: Dtype, order: ByteOrder, out: &mut Vec<$t>) {
                match from {
                    $(Dtype::$From => each(bytes, order, out, |element| $value(element) as $t),)*
                    _ => {}
                }
            }

            fn encode(values: &[$t], order: ByteOrder, out: &mut [u8]) {
                let (elements, _) = out.as_chunks_mut();
                match order {
                    ByteOrder::Little => elements.iter_mut().zip(values).for_each(|(out, x)| *out = x.to_le_bytes()),
                    ByteOrder::Big => elements.iter_mut().zip(values).for_each(|(out, x)| *out = x.to_be_bytes()),
                }
            }

            fn wrap(tensor: Tensor<$t>) -> AnyTensor {
                AnyTensor::$Variant(tensor)
            }

            fn unwrap(tensor: &AnyTensor) -> Option<&Tensor<$t>> {
                match tensor {
                    AnyTensor::$Variant(tensor) => Some(tensor),
                    _ => None,
                }
            }
        }
    )*};
}

stored! {
    f32 F32: F32 f32::from_le_bytes, F64 f64::from_le_bytes, F16 f16, BF16 bf16, I16 i16::from_le_bytes,
        U16 u16::from_le_bytes, I8 i8::from_le_bytes, U8 u8::from_le_bytes, Bool u8::from_le_bytes;
    f64 F64: F64 f64::from_le_bytes, F32 f32::from_le_bytes, F16 f16, BF16 bf16, I32 i32::from_le_bytes,
        U32 u32::from_le_bytes, I16 i16::from_le_bytes, U16 u16::from_le_bytes, I8 i8::from_le_bytes,
        U8 u8::from_le_bytes, Bool u8::from_le_bytes;
    i32 I32: I32 i32::from_le_bytes, I16 i16::from_le_bytes, U16 u16::from_le_bytes, I8 i8::from_le_bytes,
        U8 u8::from_le_bytes, Bool u8::from_le_bytes;
    i64 I64: I64 i64::from_le_bytes, I32 i32::from_le_bytes, U32 u32::from_le_bytes, I16 i16::from_le_bytes,
        U16 u16::from_le_bytes, I8 i8::from_le_bytes, U8 u8::from_le_bytes, Bool u8::from_le_bytes;
    u8 U8: U8 u8::from_le_bytes, Bool u8::from_le_bytes;
}

impl Stored for bool {
    const STORED: Dtype = Dtype::Bool;
}

impl sealed::Sealed for bool {
    const READ_FROM: &'static [Dtype] = &[Dtype::Bool];

    fn decode(bytes: &[u8], from: Dtype, _: ByteOrder, out: &mut Vec<bool>) {
        if from == Dtype::Bool {
            out.extend(bytes.iter().map(|&byte| byte != 0));
        }
    }

    fn encode(values: &[bool], _: ByteOrder, out: &mut [u8]) {
        out.iter_mut().zip(values).for_each(|(out, &value)| *out = u8::from(value));
    }

    fn wrap(tensor: Tensor<bool>) -> AnyTensor {
        AnyTensor::Bool(tensor)
    }

    fn unwrap(tensor: &AnyTensor) -> Option<&Tensor<bool>> {
        match tensor {
            AnyTensor::Bool(tensor) => Some(tensor),
            _ => None,
        }
    }
}
