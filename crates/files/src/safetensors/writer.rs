use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::Path;

use ::safetensors::tensor::TensorInfo;

use super::{Contents, FORMAT, MAX_HEADER, METADATA, header};
use crate::dtype::ByteOrder;
use crate::elements::MAX_RANK;
use crate::{AnyTensor, Error, atomic, elements};

/// Writes a file, [atomically](atomic::write). The same contents make the same bytes.
///
/// # Errors
/// If a tensor is called `__metadata__`, if there are too many tensors for one header, or if the file cannot be written.
/// The file that was there before is then as it was.
pub fn write(path: impl AsRef<Path>, contents: &Contents) -> Result<(), Error> {
    let plan = Plan::of(contents)?;
    atomic::write(path, |file| plan.write_to(file))
}

/// Writes what a file would hold, to anything.
///
/// # Errors
/// As [`write`](fn@write).
pub fn write_to(out: &mut impl Write, contents: &Contents) -> Result<(), Error> {
    let failed = |source| Error::Io { file: FORMAT.to_string(), action: "write", source };
    Plan::of(contents)?.write_to(out).map_err(failed)
}

/// The header, and the tensors in the order in which they will lie.
struct Plan<'c> {
    header: Vec<u8>,
    tensors: Vec<&'c AnyTensor>,
}

impl<'c> Plan<'c> {
    fn of(contents: &'c Contents) -> Result<Plan<'c>, Error> {
        let refused = |name: &str, reason| Err(Error::Name { name: name.to_string(), reason });
        if contents.tensors.contains_key(METADATA) {
            return refused(METADATA, "the name stands for the texts of a safetensors file");
        }
        let too_many = |(_, tensor): &(_, &AnyTensor)| tensor.shape().rank() > MAX_RANK;
        if let Some((name, _)) = contents.tensors.iter().find(too_many) {
            return refused(name, "it has more than 64 axes");
        }
        let (infos, tensors): (Vec<_>, Vec<_>) = placed(contents).into_iter().unzip();
        match header::bytes(&infos, &contents.metadata) {
            Ok(header) if header.len() as u64 <= MAX_HEADER => Ok(Plan { header, tensors }),
            _ => refused("the header", "names, shapes and texts are longer than 8 MiB"),
        }
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| elements::write(tensor, ByteOrder::Little, false, out))
    }
}

/// Where each tensor lies: larger elements first, so that each is aligned; then by name.
fn placed(contents: &Contents) -> Vec<((&str, TensorInfo), &AnyTensor)> {
    let size = |tensor: &AnyTensor| tensor.dtype().size().expect("a tensor's elements have a size");
    let mut tensors: Vec<_> = contents.tensors.iter().collect();
    tensors.sort_by_key(|(_, tensor)| Reverse(size(tensor)));
    let (mut placed, mut start) = (Vec::new(), 0);
    for (name, tensor) in tensors {
        let end = start + tensor.shape().numel() * size(tensor);
        let dtype = header::code(tensor.dtype()).expect("every tensor's element type has a code");
        let info = TensorInfo { dtype, shape: tensor.shape().to_vec(), data_offsets: (start, end) };
        placed.push(((name.as_str(), info), tensor));
        start = end;
    }
    placed
}
