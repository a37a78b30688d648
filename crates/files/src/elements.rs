//! The elements of a tensor as bytes in a file, a chunk at a time.

use std::io::{self, Read, Write};

use tensor::{Shape, Tensor};

use crate::any::of_any;
use crate::dtype::{ByteOrder, Dtype, Stored};
use crate::{AnyTensor, Error};

/// Bytes that are converted at a time; a multiple of every element's size.
const CHUNK: usize = 1 << 16;

/// More axes than this nobody has; NumPy and PyTorch have the same limit.
pub(crate) const MAX_RANK: usize = 64;

/// How the elements of a tensor lie in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Form {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Shape,
    pub(crate) order: ByteOrder,
    /// Whether the first axis varies fastest, and not the last.
    pub(crate) fortran: bool,
}

/// Which tensor of which file: what errors name.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) file: &'a str,
    pub(crate) format: &'static str,
    pub(crate) name: &'a str,
}

impl Site<'_> {
    pub(crate) fn malformed(self, reason: impl std::fmt::Display) -> Error {
        let reason = format!("`{}`: {reason}", self.name);
        Error::Format { file: self.file.to_string(), format: self.format, reason }
    }

    fn dtype(self, found: Dtype, expected: String) -> Error {
        Error::Dtype { file: self.file.to_string(), name: self.name.to_string(), found, expected }
    }

    pub(crate) fn io(self, source: io::Error) -> Error {
        Error::Io { file: self.file.to_string(), action: "read", source }
    }

    fn memory(self, bytes: usize) -> Error {
        Error::Memory { file: self.file.to_string(), name: self.name.to_string(), bytes: bytes as u64 }
    }
}

/// How a reader treats another element type than the one that was asked for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Conversion {
    None,
    Widening,
}

impl Form {
    pub(crate) fn little_endian(dtype: Dtype, shape: Shape) -> Form {
        Form { dtype, shape, order: ByteOrder::Little, fortran: false }
    }

    /// The size in bytes. Axes without elements count as one, so that the product of any of the sizes can be taken by
    /// whoever works with them; `None` where that is more than can be addressed, or where there are too many axes.
    pub(crate) fn bytes(&self) -> Option<usize> {
        let size = self.dtype.size()?;
        let bound = self.shape.iter().try_fold(size, |product, &axis| product.checked_mul(axis.max(1)))?;
        (bound <= isize::MAX as usize && self.shape.rank() <= MAX_RANK).then(|| self.shape.numel() * size)
    }

    /// An error where the elements cannot be read as `T`.
    fn check<T: Stored>(&self, conversion: Conversion, site: Site<'_>) -> Result<(), Error> {
        match conversion {
            _ if self.dtype == T::STORED => Ok(()),
            Conversion::None => Err(site.dtype(self.dtype, T::STORED.to_string())),
            Conversion::Widening if T::READ_FROM.contains(&self.dtype) => Ok(()),
            Conversion::Widening => {
                let readable: Vec<String> = T::READ_FROM.iter().map(Dtype::to_string).collect();
                Err(site.dtype(self.dtype, format!("one of {}", readable.join(", "))))
            }
        }
    }

    /// The tensor whose elements come next; the caller has checked that the file is long enough for them.
    pub(crate) fn read<T: Stored>(
        &self,
        source: &mut impl Read,
        conversion: Conversion,
        site: Site<'_>,
    ) -> Result<Tensor<T>, Error> {
        self.check::<T>(conversion, site)?;
        let bytes = self.bytes().ok_or_else(|| site.malformed(self.too_large()))?;
        let elements = self.elements(source, bytes, site)?;
        let reversed = |shape: &Shape| Shape::from(shape.iter().rev().copied().collect::<Vec<_>>());
        let shape = if self.fortran { reversed(&self.shape) } else { self.shape.clone() };
        let tensor = Tensor::new(elements, shape).map_err(|error| site.malformed(error))?;
        Ok(if self.fortran { with_reversed_axes(&tensor) } else { tensor })
    }

    /// The tensor with the elements that it has in the file.
    pub(crate) fn read_any(&self, source: &mut impl Read, site: Site<'_>) -> Result<AnyTensor, Error> {
        let conversion = Conversion::None;
        Ok(match self.dtype {
            Dtype::F32 => self.read::<f32>(source, conversion, site)?.into(),
            Dtype::F64 => self.read::<f64>(source, conversion, site)?.into(),
            Dtype::I32 => self.read::<i32>(source, conversion, site)?.into(),
            Dtype::I64 => self.read::<i64>(source, conversion, site)?.into(),
            Dtype::U8 => self.read::<u8>(source, conversion, site)?.into(),
            Dtype::Bool => self.read::<bool>(source, conversion, site)?.into(),
            other => {
                let expected = "one of F32, F64, I32, I64, U8, BOOL; others are read with a conversion (`tensor_as`)";
                return Err(site.dtype(other, expected.to_string()));
            }
        })
    }

    pub(crate) fn too_large(&self) -> String {
        format!("found shape {} of {}, expected at most {MAX_RANK} axes that memory can hold", self.shape, self.dtype)
    }

    fn elements<T: Stored>(&self, source: &mut impl Read, bytes: usize, site: Site<'_>) -> Result<Vec<T>, Error> {
        let mut elements = Vec::new();
        elements.try_reserve_exact(self.shape.numel()).map_err(|_| site.memory(bytes))?;
        let mut chunk = vec![0; CHUNK.min(bytes)];
        let mut left = bytes;
        while left > 0 {
            let chunk = &mut chunk[..CHUNK.min(left)];
            source.read_exact(chunk).map_err(|source| site.io(source))?;
            if self.dtype == Dtype::Bool {
                check_bools(chunk, bytes - left, site)?;
            }
            T::decode(chunk, self.dtype, self.order, &mut elements);
            left -= chunk.len();
        }
        Ok(elements)
    }
}

fn check_bools(bytes: &[u8], before: usize, site: Site<'_>) -> Result<(), Error> {
    match bytes.iter().position(|&byte| byte > 1) {
        Some(at) => {
            Err(site.malformed(format!("found byte {} at element {}, expected 0 or 1", bytes[at], before + at)))
        }
        None => Ok(()),
    }
}

fn with_reversed_axes<T: Stored>(tensor: &Tensor<T>) -> Tensor<T> {
    let axes: Vec<isize> = (0..tensor.rank() as isize).rev().collect();
    tensor.permute(&axes)
}

/// Writes the elements with the last axis varying fastest, or the first.
pub(crate) fn write(tensor: &AnyTensor, order: ByteOrder, fortran: bool, out: &mut impl Write) -> io::Result<()> {
    of_any!(tensor, tensor => {
        if fortran { write_rows(&with_reversed_axes(tensor), order, out) } else { write_rows(tensor, order, out) }
    })
}

fn write_rows<T: Stored>(tensor: &Tensor<T>, order: ByteOrder, out: &mut impl Write) -> io::Result<()> {
    let tensor = tensor.contiguous();
    let mut chunk = vec![0; CHUNK.min(size_of::<T>() * tensor.numel())];
    for values in tensor.as_slice().expect("contiguous").chunks(CHUNK / size_of::<T>()) {
        let bytes = &mut chunk[..size_of_val(values)];
        T::encode(values, order, bytes);
        out.write_all(bytes)?;
    }
    Ok(())
}
