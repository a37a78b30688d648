//! NumPy's `.npy` format: one array in a file, as `numpy.save` and `numpy.load` have it.
//!
//! Versions 1.0 to 3.0 are read, in both byte orders and both orders of axes. The header is checked against the size of
//! the file before memory is set aside, so that reading takes at most the size of the file plus [`MAX_OVERHEAD`] bytes,
//! whatever the file. Objects, which NumPy keeps as programs, are refused, and so are records, strings and complex numbers.

pub(crate) mod header;

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use tensor::{Shape, Tensor};

use crate::dtype::ByteOrder;
use crate::elements::{self, Conversion, Form, MAX_RANK, Site};
use crate::input::Input;
use crate::{AnyTensor, Dtype, Error, Stored, atomic};

const FORMAT: &str = "npy";

/// What reading takes beside the array, in bytes.
pub const MAX_OVERHEAD: u64 = 1 << 18;

/// An open `.npy` file: its header has been read and checked, its array has not been read yet.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// use files::{Dtype, npy};
/// use tensor::Tensor;
/// npy::write(&path, &Tensor::from([[1u8, 2, 3]]))?;
/// let file = npy::Reader::open(&path)?;
/// assert_eq!((file.dtype(), file.shape().to_string()), (Dtype::U8, "[1, 3]".to_string()));
/// assert_eq!(file.tensor_as::<f32>()?, Tensor::from([[1.0, 2.0, 3.0]]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<R = File> {
    input: Input<R>,
    form: Form,
}

impl Reader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If the file cannot be read, if its header is not sound, or if its size is another than the header describes.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        Reader::of(Input::open(path.as_ref())?)
    }
}

impl<'a> Reader<Cursor<&'a [u8]>> {
    /// The same for the contents of a file; messages call it `name`.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn parse(bytes: &'a [u8], name: &str) -> Result<Reader<Cursor<&'a [u8]>>, Error> {
        Reader::of(Input::of(bytes, name))
    }
}

impl<R: Read + Seek> Reader<R> {
    fn of(mut input: Input<R>) -> Result<Reader<R>, Error> {
        let malformed = |reason| Error::Format { file: input.name.clone(), format: FORMAT, reason };
        let (form, before) = header::read(&mut input.reader)
            .map_err(|fault| fault.reason().map_or_else(|source| input.unreadable(source), malformed))?;
        let expected = form.bytes().ok_or_else(|| malformed(form.too_large()))? as u64;
        match input.len.saturating_sub(before) {
            found if found == expected => Ok(Reader { input, form }),
            found => {
                let Form { shape, dtype, .. } = &form;
                let expected = format!("expected {expected} for shape {shape} of {dtype}");
                Err(malformed(format!("found {found} bytes of data, {expected}")))
            }
        }
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.form.dtype
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.form.shape
    }

    /// The array, whose elements are `T` in the file too. One in Fortran order becomes a view whose first axis varies
    /// fastest; `contiguous` turns it round.
    ///
    /// # Errors
    /// If it has other elements, or if it cannot be read.
    pub fn tensor<T: Stored>(mut self) -> Result<Tensor<T>, Error> {
        let Reader { input, form } = &mut self;
        form.read(&mut input.reader, Conversion::None, site(&input.name))
    }

    /// The array, whose elements are `T` or can be converted to it, as by
    /// [`safetensors::Reader::tensor_as`](crate::safetensors::Reader::tensor_as).
    ///
    /// # Errors
    /// If its elements cannot be converted, or if it cannot be read.
    pub fn tensor_as<T: Stored>(mut self) -> Result<Tensor<T>, Error> {
        let Reader { input, form } = &mut self;
        form.read(&mut input.reader, Conversion::Widening, site(&input.name))
    }

    /// The array with the elements that it has in the file.
    ///
    /// # Errors
    /// If no tensor has such elements, or if it cannot be read.
    pub fn any(mut self) -> Result<AnyTensor, Error> {
        let Reader { input, form } = &mut self;
        form.read_any(&mut input.reader, site(&input.name))
    }
}

fn site(file: &str) -> Site<'_> {
    Site { file, format: FORMAT, name: "array" }
}

/// Reads an array whose elements are `T` in the file too.
///
/// # Errors
/// If the file cannot be read or is not sound, or if it has other elements.
pub fn read<T: Stored>(path: impl AsRef<Path>) -> Result<Tensor<T>, Error> {
    Reader::open(path)?.tensor()
}

/// Writes a tensor, [atomically](atomic::write), in little-endian C order, which is what NumPy writes by default.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// use files::npy;
/// use tensor::Tensor;
/// let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
/// npy::write(&path, &x)?;
/// assert_eq!(npy::read::<f32>(&path)?, x);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the tensor has more than 64 axes, or if the file cannot be written. The file that was there before is then as it
/// was.
pub fn write<T: Stored>(path: impl AsRef<Path>, tensor: &Tensor<T>) -> Result<(), Error> {
    Options::new().write(path, tensor)
}

/// How an array is written, where it is not the usual way.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// use files::npy::{self, Options};
/// use tensor::Tensor;
/// let x = Tensor::from([[1i32, 2], [3, 4]]);
/// Options::new().fortran().big_endian().write(&path, &x)?;
/// assert_eq!(npy::read::<i32>(&path)?, x);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    fortran: bool,
    order: ByteOrder,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// In C order and little-endian.
    pub const fn new() -> Options {
        Options { fortran: false, order: ByteOrder::Little }
    }

    /// With the first axis varying fastest.
    pub const fn fortran(mut self) -> Options {
        self.fortran = true;
        self
    }

    /// With the first byte of an element being its largest.
    pub const fn big_endian(mut self) -> Options {
        self.order = ByteOrder::Big;
        self
    }

    /// Writes a tensor, [atomically](atomic::write).
    ///
    /// # Errors
    /// As [`write`](fn@write).
    pub fn write(self, path: impl AsRef<Path>, tensor: &Tensor<impl Stored>) -> Result<(), Error> {
        let tensor = AnyTensor::from(tensor);
        let form = self.form(&tensor, FORMAT)?;
        atomic::write(path, |file| write_array(&form, &tensor, file))
    }

    /// Writes what a file would hold, to anything.
    ///
    /// # Errors
    /// As [`write`](fn@write).
    pub fn write_to(self, out: &mut impl Write, tensor: &Tensor<impl Stored>) -> Result<(), Error> {
        let tensor = AnyTensor::from(tensor);
        let failed = |source| Error::Io { file: FORMAT.to_string(), action: "write", source };
        write_array(&self.form(&tensor, FORMAT)?, &tensor, out).map_err(failed)
    }

    /// How a tensor is to lie in the file.
    pub(crate) fn form(self, tensor: &AnyTensor, name: &str) -> Result<Form, Error> {
        if tensor.shape().rank() > MAX_RANK {
            return Err(Error::Name { name: name.to_string(), reason: "it has more than 64 axes" });
        }
        let Options { fortran, order } = self;
        Ok(Form { dtype: tensor.dtype(), shape: tensor.shape().clone(), order, fortran })
    }
}

/// Header and elements.
pub(crate) fn write_array(form: &Form, tensor: &AnyTensor, out: &mut impl Write) -> std::io::Result<()> {
    header::write(form, out)?;
    elements::write(tensor, form.order, form.fortran, out)
}
