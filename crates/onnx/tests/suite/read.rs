//! A reader of ONNX files, by the numbers of the fields in `onnx.proto`, that gives them as text.

/// A message's fields, by number.
struct Message(Vec<(u64, Field)>);

enum Field {
    Integer(i64),
    Bytes(Vec<u8>),
    Float(f32),
}

/// A number of seven bits a byte, which is taken off the front.
fn varint(bytes: &mut &[u8]) -> u64 {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a last byte") + 1;
    let (number, rest) = bytes.split_at(len);
    *bytes = rest;
    number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

impl Message {
    fn read(mut bytes: &[u8]) -> Message {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Integer(varint(&mut bytes) as i64),
                2 => {
                    let len = varint(&mut bytes) as usize;
                    let (contents, rest) = bytes.split_at(len);
                    bytes = rest;
                    Field::Bytes(contents.to_vec())
                }
                5 => {
                    let (contents, rest) = bytes.split_at(4);
                    bytes = rest;
                    Field::Float(f32::from_le_bytes(contents.try_into().expect("four bytes")))
                }
                wire => panic!("wire type {wire}"),
            };
            fields.push((key >> 3, field));
        }
        Message(fields)
    }

    fn all<'m, R: 'm>(&'m self, number: u64, of: impl Fn(&Field) -> Option<R> + 'm) -> impl Iterator<Item = R> + 'm {
        self.0
            .iter()
            .filter(move |(at, _)| *at == number)
            .map(move |(_, field)| of(field).expect("a field of this kind"))
    }

    fn integers(&self, number: u64) -> Vec<i64> {
        self.all(number, |field| if let Field::Integer(n) = field { Some(*n) } else { None }).collect()
    }

    fn bytes(&self, number: u64) -> Vec<Vec<u8>> {
        self.all(number, |field| if let Field::Bytes(bytes) = field { Some(bytes.clone()) } else { None }).collect()
    }

    fn messages(&self, number: u64) -> Vec<Message> {
        self.bytes(number).iter().map(|bytes| Message::read(bytes)).collect()
    }

    fn texts(&self, number: u64) -> Vec<String> {
        self.bytes(number).into_iter().map(|bytes| String::from_utf8(bytes).expect("a text")).collect()
    }

    fn text(&self, number: u64) -> String {
        self.texts(number).pop().expect("one text")
    }
}

/// An attribute's name and value, of the kind that its type says.
fn attribute(message: &Message) -> String {
    let value = match message.integers(20)[..] {
        [1] => message.all(2, |field| if let Field::Float(x) = field { Some(x.to_string()) } else { None }).collect(),
        [2] => message.integers(3)[0].to_string(),
        [3] => message.text(4),
        [7] => format!("{:?}", message.integers(8)),
        ref other => panic!("attribute of type {other:?}"),
    };
    format!(" {} {value}", message.text(1))
}

fn node(message: &Message) -> String {
    let attributes: String = message.messages(5).iter().map(attribute).collect();
    format!("{} = {}({}){attributes}", message.text(2), message.text(4), message.texts(1).join(", "))
}

fn kind(number: i64) -> &'static str {
    match number {
        1 => "float",
        7 => "int64",
        other => panic!("elements of type {other}"),
    }
}

fn value(message: &Message) -> String {
    let of = &message.messages(2)[0].messages(1)[0];
    let size = |size: &Message| match (&size.integers(1)[..], &size.texts(2)[..]) {
        ([size], []) => size.to_string(),
        ([], [name]) => name.clone(),
        _ => "?".into(),
    };
    let sizes: Vec<String> = of.messages(2)[0].messages(1).iter().map(size).collect();
    format!("{}: {} [{}]", message.text(1), kind(of.integers(1)[0]), sizes.join(", "))
}

/// A constant: whole numbers with their values, floats with their number of bytes.
fn initializer(message: &Message) -> String {
    let (kind, data) = (kind(message.integers(2)[0]), &message.bytes(9)[0]);
    let value = match kind {
        "int64" => {
            let numbers = data.chunks(8).map(|bytes| i64::from_le_bytes(bytes.try_into().expect("eight bytes")));
            format!("{:?}", numbers.collect::<Vec<_>>())
        }
        _ => format!("{} bytes", data.len()),
    };
    format!("{}: {kind} {:?} {value}", message.text(8), message.integers(1))
}

/// Inputs, constants, nodes and outputs, a line each.
pub(crate) fn lines(file: &[u8]) -> Vec<String> {
    let model = Message::read(file);
    assert_eq!((model.integers(1), model.messages(8)[0].integers(2)), (vec![9], vec![20]), "versions");
    let graph = &model.messages(7)[0];
    let part = |number: u64, line: fn(&Message) -> String| graph.messages(number).iter().map(line).collect::<Vec<_>>();
    [part(11, value), part(5, initializer), part(1, node), part(12, value)].concat()
}
