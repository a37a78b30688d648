//! Protocol buffers, as far as an ONNX model is written in them: messages, whole numbers, floats and texts.
//!
//! The numbers of the fields are those of `onnx.proto`.

use crate::trace::Size;

/// A message that grows field by field.
#[derive(Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn new() -> Message {
        Message::default()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    /// A whole number; a negative one takes ten bytes.
    pub(crate) fn integer(mut self, field: u32, value: i64) -> Message {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    pub(crate) fn integers(self, field: u32, values: &[i64]) -> Message {
        values.iter().fold(self, |message, &value| message.integer(field, value))
    }

    pub(crate) fn float(mut self, field: u32, value: f32) -> Message {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u32, bytes: &[u8]) -> Message {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, field: u32, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u32, message: &Message) -> Message {
        self.bytes(field, &message.0)
    }

    pub(crate) fn messages<'a>(self, field: u32, messages: impl IntoIterator<Item = &'a Message>) -> Message {
        messages.into_iter().fold(self, |all, message| all.message(field, message))
    }
}

/// `TensorProto.DataType`.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    Float = 1,
    Int64 = 7,
    Bool = 9,
}

/// A `TensorProto`.
pub(crate) fn tensor(name: &str, of: Type, sizes: &[i64], bytes: &[u8]) -> Message {
    Message::new().integers(1, sizes).integer(2, of as i64).text(8, name).bytes(9, bytes)
}

/// A `ValueInfoProto`; a size of the batch is called `batch`, and one that depends on it has no name.
pub(crate) fn value(name: &str, of: Type, sizes: &[Size]) -> Message {
    let size = |&size: &Size| match size {
        Size::Fixed(size) => Message::new().integer(1, size as i64),
        Size::PerExample(1) => Message::new().text(2, "batch"),
        _ => Message::new(),
    };
    let sizes: Vec<Message> = sizes.iter().map(size).collect();
    let shape = Message::new().messages(1, &sizes);
    let of_tensor = Message::new().integer(1, of as i64).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &of_tensor))
}

/// The value of a node's attribute.
pub(crate) enum Value {
    Float(f64),
    Int(i64),
    Ints(Vec<i64>),
    Text(&'static str),
}

/// An `AttributeProto`.
pub(crate) fn attribute(name: &str, value: &Value) -> Message {
    let message = Message::new().text(1, name);
    match value {
        Value::Float(x) => message.float(2, *x as f32).integer(20, 1),
        Value::Int(n) => message.integer(3, *n).integer(20, 2),
        Value::Ints(list) => message.integers(8, list).integer(20, 7),
        Value::Text(text) => message.text(4, text).integer(20, 3),
    }
}

/// A `NodeProto`.
pub(crate) fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, Value)]) -> Message {
    let named = inputs.iter().fold(Message::new(), |message, input| message.text(1, input));
    let attributes: Vec<Message> = attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    named.text(2, output).text(3, output).text(4, kind).messages(5, &attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_the_format_has_them() {
        let message = Message::new().integer(1, 150).text(2, "testing").float(3, 1.0).integer(20, -1);
        let expected = [
            &[0x08, 0x96, 0x01][..],
            b"\x12\x07testing",
            &[0x1d, 0, 0, 0x80, 0x3f],
            &[0xa0, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ]
        .concat();
        assert_eq!(message.0, expected);
    }
}
