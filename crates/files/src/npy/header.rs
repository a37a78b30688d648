//! The header of a .npy file: a Python dictionary of three entries, of which only that much Python is understood.

use std::io::{self, Read, Write};

use tensor::Shape;

use crate::Dtype;
use crate::dtype::ByteOrder;
use crate::elements::{Form, MAX_RANK};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header that is read, in bytes; NumPy reads no longer ones either unless it is told to trust the file.
const MAX_HEADER: u32 = 10_000;

/// The data begins at a multiple of this.
const ALIGN: usize = 64;

/// Why a header could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    Io(io::Error),
    Malformed(String),
}

impl Fault {
    /// What is wrong with the file, or the error of reading it.
    pub(crate) fn reason(self) -> Result<String, io::Error> {
        match self {
            Fault::Malformed(reason) => Ok(reason),
            Fault::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok("found its end inside the header of an array".to_string())
            }
            Fault::Io(error) => Err(error),
        }
    }
}

/// Reads a header; how the array lies in the file, and how many bytes precede it.
pub(crate) fn read(source: &mut impl Read) -> Result<(Form, u64), Fault> {
    let mut magic = [0; 8];
    source.read_exact(&mut magic).map_err(Fault::Io)?;
    let [start @ .., major, minor] = magic;
    if start != *MAGIC {
        return Err(Fault::Malformed(format!("found first bytes {start:02x?}, expected \"\\x93NUMPY\"")));
    }
    let (len, before) = match (major, minor) {
        (1, 0) => (u32::from(u16::from_le_bytes(array(source)?)), 10),
        (2 | 3, 0) => (u32::from_le_bytes(array(source)?), 12),
        _ => return Err(Fault::Malformed(format!("found version {major}.{minor}, expected 1.0, 2.0 or 3.0"))),
    };
    if len > MAX_HEADER {
        return Err(Fault::Malformed(format!("found a header of {len} bytes, expected at most {MAX_HEADER}")));
    }
    let mut text = vec![0; len as usize];
    source.read_exact(&mut text).map_err(Fault::Io)?;
    let form = Literal { text: &text, at: 0 }.form().map_err(Fault::Malformed)?;
    Ok((form, before + u64::from(len)))
}

fn array<const N: usize>(source: &mut impl Read) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(Fault::Io)?;
    Ok(bytes)
}

/// Writes the header of an array of an element type that tensors have, of version 1.0.
pub(crate) fn write(form: &Form, out: &mut impl Write) -> io::Result<()> {
    let header = bytes(form);
    out.write_all(&header)
}

/// The bytes that precede an array.
pub(crate) fn bytes(form: &Form) -> Vec<u8> {
    let sizes: String = form.shape.iter().map(|size| format!("{size}, ")).collect();
    // A tuple of one element keeps its comma, as Python wants it.
    let sizes = if form.shape.rank() > 1 { sizes.trim_end_matches(", ") } else { sizes.trim_end() };
    let order = if form.fortran { "True" } else { "False" };
    let dict = format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': ({sizes}), }}", descr(form));
    let len = (10 + dict.len() + 1).next_multiple_of(ALIGN) - 10;
    let mut bytes = [&MAGIC[..], &[1, 0], &(len as u16).to_le_bytes(), dict.as_bytes()].concat();
    bytes.resize(10 + len - 1, b' ');
    bytes.push(b'\n');
    bytes
}

fn descr(form: &Form) -> String {
    let code = CODES.iter().find(|(_, dtype)| *dtype == form.dtype).map_or("?", |(code, _)| code);
    match (form.dtype.size(), form.order) {
        (Some(1), _) => format!("|{code}"),
        (_, ByteOrder::Little) => format!("<{code}"),
        (_, ByteOrder::Big) => format!(">{code}"),
    }
}

/// What NumPy calls the element types.
const CODES: [(&str, Dtype); 12] = [
    ("f8", Dtype::F64),
    ("f4", Dtype::F32),
    ("f2", Dtype::F16),
    ("i8", Dtype::I64),
    ("i4", Dtype::I32),
    ("i2", Dtype::I16),
    ("i1", Dtype::I8),
    ("u8", Dtype::U64),
    ("u4", Dtype::U32),
    ("u2", Dtype::U16),
    ("u1", Dtype::U8),
    ("b1", Dtype::Bool),
];

/// The text of a header and how far it has been understood.
struct Literal<'t> {
    text: &'t [u8],
    at: usize,
}

impl Literal<'_> {
    fn form(mut self) -> Result<Form, String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.next_is(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            let twice = match &*key {
                "descr" => descr.replace(self.string()?).is_some(),
                "fortran_order" => fortran.replace(self.bool()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return Err(format!("found the key '{key}', expected 'descr', 'fortran_order' and 'shape'")),
            };
            if twice {
                return Err(format!("found the key '{key}' twice"));
            }
            if !self.next_is(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        if self.peek().is_some() {
            return Err(self.unexpected("nothing more"));
        }
        let missing = |key| format!("found no key '{key}', expected 'descr', 'fortran_order' and 'shape'");
        let (dtype, order) = element(&descr.ok_or_else(|| missing("descr"))?)?;
        let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
        let shape = Shape::from(shape.ok_or_else(|| missing("shape"))?);
        Ok(Form { dtype, shape, order, fortran })
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.next_is(byte) { Ok(()) } else { Err(self.unexpected(&format!("`{}`", byte as char))) }
    }

    fn unexpected(&self, expected: &str) -> String {
        let readable = |&byte: &u8| if (b' '..=b'~').contains(&byte) { byte as char } else { '\u{fffd}' };
        let rest: String = self.text[self.at..].iter().take(20).map(readable).collect();
        format!("found `{rest}` at byte {} of the header, expected {expected}", self.at)
    }

    /// A string without escapes, which none of the known keys and element types has.
    fn string(&mut self) -> Result<String, String> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            // A list describes records.
            Some(b'[') => return Err(self.unexpected("a simple element type")),
            _ => return Err(self.unexpected("a string")),
        };
        let rest = &self.text[self.at + 1..];
        let len = rest.iter().position(|&byte| byte == quote || !(b' '..=b'~').contains(&byte) || byte == b'\\');
        match len.filter(|&len| rest[len] == quote) {
            Some(len) => {
                self.at += len + 2;
                Ok(rest[..len].iter().map(|&byte| byte as char).collect())
            }
            None => Err(self.unexpected("a string")),
        }
    }

    fn bool(&mut self) -> Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect(b'(')?;
        let mut sizes = Vec::new();
        while !self.next_is(b')') {
            if sizes.len() == MAX_RANK {
                return Err(self.unexpected(&format!("at most {MAX_RANK} axes")));
            }
            sizes.push(self.integer()?);
            if !self.next_is(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(sizes)
    }

    fn integer(&mut self) -> Result<usize, String> {
        self.peek();
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = rest[..digits]
            .iter()
            .try_fold(0usize, |value, &digit| value.checked_mul(10)?.checked_add(usize::from(digit - b'0')));
        match value {
            Some(value) if digits > 0 => {
                // Python 2 marked its long integers.
                self.at += digits + usize::from(rest.get(digits) == Some(&b'L'));
                Ok(value)
            }
            _ => Err(self.unexpected("a size that memory can have")),
        }
    }
}

/// The element type and byte order that NumPy's text stands for.
fn element(descr: &str) -> Result<(Dtype, ByteOrder), String> {
    let (order, code) = match descr.as_bytes() {
        [b'<' | b'|' | b'=', ..] => (ByteOrder::Little, &descr[1..]),
        [b'>', ..] => (ByteOrder::Big, &descr[1..]),
        _ => (ByteOrder::Little, descr),
    };
    let known = CODES.iter().find(|(name, _)| *name == code).map(|&(_, dtype)| (dtype, order));
    known.ok_or_else(|| format!("found elements of type '{descr}', expected numbers or `bool`"))
}
