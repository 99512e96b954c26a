//! Which data formats there are.

use serde::{Deserialize, Serialize};

/// How the objects of a backup are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    #[default]
    Parquet,
    /// An object a line, in the shape of Weaviate's REST API with its tenant.
    JsonLines,
    /// The same, each row group compressed.
    JsonLinesZstd,
}

impl DataFormat {
    const ALL: [Self; 3] = [Self::Parquet, Self::JsonLines, Self::JsonLinesZstd];

    /// How the name of a file of it ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => ".parquet",
            Self::JsonLines => ".jsonl",
            Self::JsonLinesZstd => ".jsonl.zst",
        }
    }

    /// That of the file of this name; None if it is not known.
    pub fn of_file(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| name.ends_with(format.extension()))
    }

    pub fn is_lines(self) -> bool {
        matches!(self, Self::JsonLines | Self::JsonLinesZstd)
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
