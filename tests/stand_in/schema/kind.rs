//! Data types.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    TextArray,
    Int,
    IntArray,
    Number,
    NumberArray,
    Boolean,
    BooleanArray,
    Date,
    DateArray,
    Uuid,
    UuidArray,
    Geo,
    Phone,
    Blob,
    BlobHash,
    Object,
    ObjectArray,
    Reference,
}

impl Kind {
    /// References are what begins with a capital letter, or has several types.
    pub fn of(data_type: &[String]) -> Option<Self> {
        match data_type {
            [one] if one.starts_with(|first: char| first.is_ascii_uppercase()) => Some(Self::Reference),
            [one] => Self::named(one),
            [] => None,
            _ => Some(Self::Reference),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" | "string" => Self::Text,
            "text[]" | "string[]" => Self::TextArray,
            "int" => Self::Int,
            "int[]" => Self::IntArray,
            "number" => Self::Number,
            "number[]" => Self::NumberArray,
            "boolean" => Self::Boolean,
            "boolean[]" => Self::BooleanArray,
            "date" => Self::Date,
            "date[]" => Self::DateArray,
            "uuid" => Self::Uuid,
            "uuid[]" => Self::UuidArray,
            "geoCoordinates" => Self::Geo,
            "phoneNumber" => Self::Phone,
            "blob" => Self::Blob,
            "blobHash" => Self::BlobHash,
            "object" => Self::Object,
            "object[]" => Self::ObjectArray,
            _ => return None,
        })
    }

    pub fn is_nested(self) -> bool {
        matches!(self, Self::Object | Self::ObjectArray)
    }

    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::TextArray)
    }

    pub fn is_blob(self) -> bool {
        matches!(self, Self::Blob | Self::BlobHash)
    }

    /// The name that refusals of a value give it.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextArray => "text array",
            Self::Int => "integer",
            Self::IntArray => "integer array",
            Self::Number => "number",
            Self::NumberArray => "number array",
            Self::Boolean => "boolean",
            Self::BooleanArray => "boolean array",
            Self::Date => "date",
            Self::DateArray => "date array",
            Self::Uuid => "uuid",
            Self::UuidArray => "uuid array",
            Self::Geo => "geoCoordinates",
            Self::Phone => "phoneNumber",
            Self::Blob => "blob",
            Self::BlobHash => "blobHash",
            Self::Object => "object",
            Self::ObjectArray => "object[]",
            Self::Reference => "cref",
        }
    }

    /// The kind of an array's elements.
    pub fn element(self) -> Option<Self> {
        Some(match self {
            Self::TextArray => Self::Text,
            Self::IntArray => Self::Int,
            Self::NumberArray => Self::Number,
            Self::BooleanArray => Self::Boolean,
            Self::DateArray => Self::Date,
            Self::UuidArray => Self::Uuid,
            _ => return None,
        })
    }
}
