use std::io::Cursor;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Some ranges of a data file, which Parquet's reader takes for the whole as long as it looks at nothing else.
#[derive(Debug)]
pub struct Pieces(Vec<(u64, Bytes)>);

impl Pieces {
    /// Each with its place in the file, in the order of the file.
    pub fn new(pieces: Vec<(u64, Bytes)>) -> Self {
        Self(pieces)
    }

    /// None if there are no such bytes.
    pub fn get(&self, start: u64, length: u64) -> Option<Bytes> {
        let mut rest = self.rest(start).ok()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
        rest.truncate(length);
        Some(rest)
    }

    /// From `start` to the end of its piece.
    fn rest(&self, start: u64) -> Result<Bytes, ParquetError> {
        let rest_of = |(offset, bytes): &(u64, Bytes)| {
            let skip = usize::try_from(start.checked_sub(*offset)?).ok()?;
            (skip <= bytes.len()).then(|| bytes.slice(skip..))
        };
        self.0
            .iter()
            .find_map(rest_of)
            .ok_or_else(|| ParquetError::EOF("it refers to bytes outside of itself".to_owned()))
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.0.last().map_or(0, |(offset, bytes)| offset + bytes.len() as u64)
    }
}

impl ChunkReader for Pieces {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.rest(start).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let outside = || ParquetError::EOF("it ends before its own end".to_owned());
        self.get(start, length as u64).ok_or_else(outside)
    }
}
