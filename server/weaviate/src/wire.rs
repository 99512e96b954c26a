//! Just enough of the protobuf wire format to walk a message without building it.

use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};

/// One field of a message as it lies in the buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// What a walk over a message fails with.
#[derive(Debug)]
pub struct Malformed(pub String);

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<DecodeError> for Malformed {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

impl<'a> Field<'a> {
    pub fn varint(self) -> Result<u64, Malformed> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(self.unexpected("a varint")) }
    }

    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        if let Self::Bytes(value) = self { Ok(value) } else { Err(self.unexpected("bytes")) }
    }

    pub fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|error| Malformed(error.to_string()))
    }

    pub fn double(self) -> Result<f64, Malformed> {
        if let Self::Fixed64(bits) = self {
            Ok(f64::from_bits(bits))
        } else {
            Err(self.unexpected("a double"))
        }
    }

    pub fn float(self) -> Result<f32, Malformed> {
        if let Self::Fixed32(bits) = self {
            Ok(f32::from_bits(bits))
        } else {
            Err(self.unexpected("a float"))
        }
    }

    fn unexpected(self, wanted: &str) -> Malformed {
        Malformed(format!("a field has another wire type where {wanted} should be"))
    }
}

/// The fields of an encoded message, in the order of the bytes.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<(u32, Field<'a>), Malformed> {
        let (number, wire_type) = decode_key(&mut self.0)?;
        let field = match wire_type {
            WireType::Varint => Field::Varint(decode_varint(&mut self.0)?),
            WireType::SixtyFourBit => Field::Fixed64(u64::from_le_bytes(self.take_array()?)),
            WireType::ThirtyTwoBit => Field::Fixed32(u32::from_le_bytes(self.take_array()?)),
            WireType::LengthDelimited => {
                let len = decode_varint(&mut self.0)?;
                Field::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            WireType::StartGroup | WireType::EndGroup => {
                return Err(Malformed("a group, which proto3 does not have".to_owned()));
            }
        };
        Ok((number, field))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or_else(|| Malformed("a field is cut off".to_owned()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.0 = &[];
        }
        Some(item)
    }
}
