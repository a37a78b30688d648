//! The header of a safetensors file: JSON that says where each tensor lies.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::io::{Read, Seek};

use ::safetensors::SafeTensorError;
use ::safetensors::tensor::{Dtype as Code, Metadata, TensorInfo};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Entry, FORMAT, MAX_HEADER, METADATA};
use crate::elements::Form;
use crate::input::Input;
use crate::{Dtype, Error};

/// The length of the header stands before it, in eight bytes.
pub(super) const PREFIX: usize = 8;

/// What a header says.
pub(super) struct Header {
    /// By name.
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Reads and checks the header of a file: its tensors fill what follows it, one after the other.
pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Header, Error> {
    let name = input.name.clone();
    let malformed = |reason: String| Error::Format { file: name.clone(), format: FORMAT, reason };
    if input.len < PREFIX as u64 {
        return Err(malformed(format!("found {} bytes, expected {PREFIX} that tell the header's length", input.len)));
    }
    let mut prefix = [0; PREFIX];
    input.read_at(0, &mut prefix)?;
    let (len, room) = (u64::from_le_bytes(prefix), input.len - PREFIX as u64);
    if len > room.min(MAX_HEADER) {
        let expected = format!("expected at most {MAX_HEADER}, and no more than the {room} that follow");
        return Err(malformed(format!("found a header of {len} bytes, {expected}")));
    }
    let mut json = vec![0; len as usize];
    input.read_at(PREFIX as u64, &mut json)?;
    let parsed: Parsed = serde_json::from_slice(&json)
        .map_err(|error| malformed(format!("found a header that is not as expected: {error}")))?;
    drop(json);
    parsed.check(room - len).map_err(malformed)?.entries(PREFIX as u64 + len).map_err(malformed)
}

/// What the JSON holds, in its order.
struct Parsed {
    tensors: Vec<(String, TensorInfo)>,
    metadata: BTreeMap<String, String>,
}

impl Parsed {
    /// Checks that the tensors fill `data` bytes, without gap or overlap.
    fn check(mut self, data: u64) -> Result<Parsed, String> {
        self.tensors.sort_by_key(|(_, info)| info.data_offsets);
        let checked = Metadata::new(None, self.tensors.clone()).map_err(reason)?;
        match checked.data_len() as u64 {
            end if end == data => Ok(self),
            end => Err(format!("found {data} bytes of data, expected the {end} that its header describes")),
        }
    }

    fn entries(self, data: u64) -> Result<Header, String> {
        let mut entries = BTreeMap::new();
        for (name, info) in self.tensors {
            let form = Form::little_endian(dtype(info.dtype), info.shape.into());
            if form.dtype.size().is_some() && form.bytes().is_none() {
                return Err(format!("`{name}`: {}", form.too_large()));
            }
            match entries.entry(name) {
                btree_map::Entry::Occupied(twice) => return Err(format!("found two tensors `{}`", twice.key())),
                btree_map::Entry::Vacant(free) => {
                    free.insert(Entry { form, offset: data + info.data_offsets.0 as u64 });
                }
            }
        }
        Ok(Header { entries, metadata: self.metadata })
    }
}

fn reason(error: SafeTensorError) -> String {
    let expected = match error {
        SafeTensorError::InvalidOffset(_) => "expected tensors that lie one after the other, from the first byte on",
        SafeTensorError::TensorInvalidInfo => "expected offsets as far apart as its shape and element type take",
        _ => "expected shapes, element types and offsets that agree",
    };
    format!("found {error}, {expected}")
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed, A::Error> {
        let mut parsed = Parsed { tensors: Vec::new(), metadata: BTreeMap::new() };
        while let Some(name) = map.next_key::<String>()? {
            if name != METADATA {
                parsed.tensors.push((name, map.next_value()?));
                continue;
            }
            if !parsed.metadata.is_empty() {
                return Err(de::Error::duplicate_field(METADATA));
            }
            parsed.metadata = map.next_value()?;
        }
        Ok(parsed)
    }
}

/// The header to be written, padded so that the data begins at a multiple of eight.
pub(super) fn bytes(
    tensors: &[(&str, TensorInfo)],
    metadata: &BTreeMap<String, String>,
) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(&Written { tensors, metadata })?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}

struct Written<'a> {
    tensors: &'a [(&'a str, TensorInfo)],
    metadata: &'a BTreeMap<String, String>,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry(METADATA, self.metadata)?;
        }
        for (name, info) in self.tensors {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

/// Both lists of element types, those that have a name here.
macro_rules! codes {
    ($($Ours:ident $Theirs:ident)*; $($Other:ident)*) => {
        fn dtype(code: Code) -> Dtype {
            match code {
                $(Code::$Theirs => Dtype::$Ours,)*
                $(Code::$Other => Dtype::Other(stringify!($Other)),)*
                _ => Dtype::Other("of an unknown element type"),
            }
        }

        /// The code of an element type that tensors have.
        pub(super) fn code(dtype: Dtype) -> Option<Code> {
            match dtype {
                $(Dtype::$Ours => Some(Code::$Theirs),)*
                Dtype::Other(_) => None,
            }
        }
    };
}
codes! {
    F64 F64 F32 F32 F16 F16 BF16 BF16 I64 I64 I32 I32 I16 I16 I8 I8 U64 U64 U32 U32 U16 U16 U8 U8 Bool BOOL;
    F4 F6_E2M3 F6_E3M2 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ C64
}
