use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use roaring::RoaringBitmap;

use super::damage::Damage;
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::data_file::{Absent, DataFile, TenantRecord};
use crate::format::{Columns, Pieces};
use crate::layout;
use crate::sealing::{FileKey, Seal};
use crate::store::Store;
use crate::store_error::corrupt;
use crate::threads::off_the_async_threads;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Buckets, Collection, DimensionCount};

/// A collection of a backup as its lists tell of it, and where it is. There is one of it, however many read.
#[derive(Debug, Clone)]
pub struct Stored {
    pub store: Arc<Store>,
    pub id: BackupId,
    /// Its folder.
    pub dir: Path,
    pub seal: Seal,
    pub collection: Collection,
    pub aliases: Vec<String>,
    /// Its own and inherited ones.
    pub files: Vec<DataFile>,
    /// Of those that are inherited, by their names.
    pub inherited: BTreeMap<String, Inherited>,
    pub buckets: Option<Buckets>,
    pub mixed_dimensions: Vec<DimensionCount>,
    /// As `files.json` has them.
    pub dimensions: Option<BTreeMap<String, u64>>,
    pub tenants: Option<Vec<TenantRecord>>,
    /// None unless it was made to undo a job.
    pub absent: Option<Absent>,
    pub columns: Arc<Columns>,
    /// The names of files that are taken as they are, though somebody has edited them.
    pub edited: BTreeSet<String>,
}

/// What is to know of a file that a backup has in common with one before it.
#[derive(Debug, Clone)]
pub struct Inherited {
    pub path: Path,
    pub key: Option<FileKey>,
    /// The places of rows that are no objects of this backup.
    pub hidden: RoaringBitmap,
}

/// Bytes of a data file that have a checksum of their own.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub offset: u64,
    pub bytes: u64,
    pub blake3: Checksum,
}

impl Stored {
    pub fn path(&self, file: &DataFile) -> Path {
        match self.inherited.get(&file.name) {
            Some(inherited) => inherited.path.clone(),
            None => layout::data_file(&self.dir, &file.name),
        }
    }

    /// What a data file is encrypted with, if it is.
    pub fn key(&self, file: &DataFile) -> Option<FileKey> {
        match self.inherited.get(&file.name) {
            Some(inherited) => inherited.key.clone(),
            None => self.seal.as_ref().map(|key| key.file(&self.path(file))),
        }
    }

    /// The places of rows of a data file that are no objects of the backup; None if all are.
    pub fn hidden(&self, file: &DataFile) -> Option<&RoaringBitmap> {
        self.inherited.get(&file.name).map(|inherited| &inherited.hidden).filter(|hidden| !hidden.is_empty())
    }

    /// Fetches parts of a data file, which are in its order, and checks each of them.
    pub async fn fetch(&self, file: &DataFile, parts: Vec<Part>) -> Result<Pieces> {
        let path = self.path(file);
        let ranges = ranges(&parts);
        let fetched = match self.store.get_ranges(&path, &ranges).await {
            Ok(Some(fetched)) if are_whole(&fetched, &ranges) => fetched,
            Ok(None) => return Err(Damage::missing(&path).error(&self.id)),
            failed => return Err(self.shortfall(&path, file.bytes, failed.err()).await),
        };
        let pieces: Vec<(u64, Bytes)> = ranges.into_iter().map(|range| range.start).zip(fetched).collect();
        let (pieces, altered) = off_the_async_threads(move || {
            let pieces = Pieces::new(pieces);
            let altered = parts.into_iter().find(|part| !part.holds(&pieces));
            Ok((pieces, altered))
        })
        .await?;
        let Some(Part { offset, bytes, .. }) = altered else { return Ok(pieces) };
        let end = offset + bytes;
        Err(corrupt(
            &self.id,
            format_args!("{path} was altered: the checksum of its bytes {offset} to {end} does not match"),
        ))
    }

    /// Why less came than was asked for: the file itself is shorter, or the store failed.
    async fn shortfall(&self, path: &Path, size: u64, error: Option<Error>) -> Error {
        match (self.store.head(path).await, error) {
            (Ok(Some(meta)), Some(error)) if meta.size == size => error,
            (Ok(found), _) => Damage::misfit(path, size, found.map(|meta| meta.size)).error(&self.id),
            (Err(_), Some(error)) | (Err(error), None) => error,
        }
    }
}

impl Part {
    fn holds(&self, pieces: &Pieces) -> bool {
        pieces.get(self.offset, self.bytes).is_some_and(|bytes| Checksum::of(&bytes) == self.blake3)
    }
}

/// Parts that follow each other are one range.
fn ranges(parts: &[Part]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for Part { offset, bytes, .. } in parts {
        match ranges.last_mut() {
            Some(range) if range.end == *offset => range.end += bytes,
            _ => ranges.push(*offset..offset + bytes),
        }
    }
    ranges
}

fn are_whole(fetched: &[Bytes], ranges: &[Range<u64>]) -> bool {
    let is_whole = |(bytes, range): (&Bytes, &Range<u64>)| bytes.len() as u64 == range.end - range.start;
    fetched.len() == ranges.len() && fetched.iter().zip(ranges).all(is_whole)
}
