//! Data files of JSON Lines that somebody has edited: the lists as they would be for what is there now.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::collection::CollectionReader;
use super::damage::Damage;
use super::stored::Stored;
use crate::checksum::Checksum;
use crate::data_file::{DataFile, Footer, RowGroup};
use crate::format::{Account, DataFormat, FromLines, Select, Writer};
use crate::threads::off_the_async_threads;
use selvedge_model::Content;
use selvedge_model::error::{Error, Kind, Result};

/// Lines of a plain file that are read at once.
const GROUP_BYTES: usize = 2 << 20;

/// What a file may hold, and what may be unpacked at once: it is read as a whole, by whoever has edited it, and out of the budget.
const TEXT_BYTES: u64 = 256 << 20;

/// A data file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// In the repository.
    pub key: String,
    pub rows: u64,
    pub rows_before: u64,
    pub blake3: Checksum,
}

/// Why lines cannot be taken.
type Wrong<T> = std::result::Result<T, String>;

impl CollectionReader {
    /// With the lists as they would be for its files as they are now, and those that are not what was written. Files
    /// of JSON Lines only; what is in them has to make sense, and every file to be there.
    pub(super) async fn as_it_is_now(&self) -> Result<(Self, Vec<Modified>)> {
        let mut modified = Vec::new();
        for (index, file) in self.files().iter().enumerate() {
            let is_line = DataFormat::of_file(&file.name).is_some_and(DataFormat::is_lines);
            // What is sealed nobody can have edited.
            if is_line
                && self.stored.seal.is_none()
                && !self.stored.store.holds(&self.path(file), file.bytes, file.blake3).await?
            {
                modified.push(index);
            }
        }
        if modified.is_empty() {
            return Ok((self.clone(), Vec::new()));
        }
        let (mut stored, mut content, mut told) =
            (Stored::clone(&self.stored), Content::default(), Vec::new());
        for (index, file) in self.files().iter().enumerate() {
            if !modified.contains(&index) {
                content.merge(self.content_of(file).await?);
                continue;
            }
            let (now, of_file) = self.file_as_it_is_now(file).await?;
            content.merge(of_file);
            let (key, blake3) = (self.path(file).to_string(), now.blake3);
            told.push(Modified { key, rows: now.rows, rows_before: file.rows, blake3 });
            stored.edited.insert(now.name.clone());
            stored.files[index] = now;
        }
        for record in stored.tenants.iter_mut().flatten().filter(|record| record.rows.is_some()) {
            let digest = content.tenants.get(&record.name).copied().unwrap_or_default();
            (record.rows, record.digest) = (Some(digest.objects), Some(digest));
        }
        stored.mixed_dimensions = content.dimensions.mixed();
        stored.buckets = Some(content.buckets);
        Ok((Self::new(stored), told))
    }

    async fn file_as_it_is_now(&self, file: &DataFile) -> Result<(DataFile, Content)> {
        let (store, path) = (&self.stored.store, self.path(file));
        let size = store.head(&path).await?.map_or(0, |meta| meta.size);
        if size > TEXT_BYTES {
            let text = format!("{path} was modified, and is too large to be taken as it is");
            return Err(Error::new(Kind::BackupCorrupt, text).hint("import its lines instead"));
        }
        let Some(bytes) = store.get(&path).await? else {
            return Err(self.corrupt(&Damage::missing(&path)));
        };
        let format = DataFormat::of_file(&file.name).unwrap_or_default();
        let lines = FromLines::new(self.stored.columns.clone(), format, Writer::Others);
        let reading = Reading { lines, file: file.clone(), bytes };
        off_the_async_threads(move || Ok(reading.read())).await?.map_err(|why| {
            let text = format!("{path} was modified, and cannot be taken as it is: {why}");
            Error::new(Kind::BackupCorrupt, text).hint("mend the line, or bring the file back from a copy")
        })
    }

    /// Of a file that is as it was written.
    async fn content_of(&self, file: &DataFile) -> Result<Content> {
        let (mut account, reader) = (Account::default(), self.open(file, Select::All).await?);
        for group in 0..file.row_groups.len() {
            for rows in reader.group(group, None).await? {
                let noted = account.note(&self.stored.columns, rows.tenant.as_deref(), &rows.batch);
                noted.map_err(|unfit| self.corrupt(&self.unsound(file, unfit.0)))?;
            }
        }
        Ok(account.content)
    }
}

/// A file that is taken as it is.
struct Reading {
    lines: FromLines,
    file: DataFile,
    bytes: Bytes,
}

impl Reading {
    fn read(self) -> Wrong<(DataFile, Content)> {
        let Self { lines, file, bytes } = &self;
        let (mut account, mut row_groups) = (Account::default(), Vec::new());
        let (mut line, mut last) = (0, None);
        for (offset, length) in pieces(bytes, lines.is_compressed())? {
            let part = bytes.slice(offset..offset + length);
            let text = lines.unpack_all(&part, TEXT_BYTES)?;
            let (rows_before, mut references) = (account.rows, 0);
            lines.each(&text, line, |rows| {
                let place = (rows.tenant.clone(), rows.batch.ids[0]);
                self.check(last.as_ref(), &place)?;
                let noted = account.note(lines.columns(), rows.tenant.as_deref(), &rows.batch);
                noted.map_err(|unfit| unfit.0)?;
                let refers = rows.batch.references.is_some_and(|column| !column.get(0).is_empty());
                references += u64::from(refers);
                last = Some(place);
                Ok(())
            })?;
            line += text.lines().count();
            row_groups.push(RowGroup {
                offset: offset as u64,
                bytes: length as u64,
                unpacked: text.len() as u64,
                rows: account.rows - rows_before,
                references,
                blake3: Some(Checksum::of(&part)),
                sections: Vec::new(),
            });
        }
        let end = bytes.len() as u64;
        let digest = Some(account.content.total());
        let Account { rows, tenants, without_vector, content } = account;
        let footer = Footer { offset: end, bytes: 0, blake3: Checksum::of(&[]) };
        let file = DataFile {
            rows,
            bytes: end,
            blake3: Checksum::of(bytes),
            row_groups,
            footer,
            tenants,
            without_vector,
            digest,
            ..file.clone()
        };
        Ok((file, content))
    }

    /// Lines stay in their order, and with the tenants and among the ids of their file, so that no object can be there twice.
    fn check(&self, last: Option<&(Option<String>, Uuid)>, place: &(Option<String>, Uuid)) -> Wrong<()> {
        let (tenant, id) = place;
        if last.is_some_and(|last| last >= place) {
            return Err(format!("object {id} is not in the order of tenants and ids"));
        }
        if self.file.covers.is_some_and(|covers| !covers.contains(id)) {
            return Err(format!("object {id} belongs into another file, by its id"));
        }
        let spans = &self.file.tenants;
        let is_of_file = |tenant: &String| spans.binary_search_by(|span| span.tenant.cmp(tenant)).is_ok();
        match tenant {
            Some(tenant) if !is_of_file(tenant) => {
                Err(format!("object {id} belongs into another file, by its tenant \"{tenant}\""))
            }
            _ => Ok(()),
        }
    }
}

/// Where the parts of a file are that can be read by themselves: runs of whole lines, or compressed frames.
fn pieces(bytes: &[u8], compressed: bool) -> Wrong<Vec<(usize, usize)>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let rest = &bytes[start..];
        let length = if compressed {
            let frame = zstd::zstd_safe::find_frame_compressed_size(rest);
            frame.map_err(|code| {
                format!("it cannot be decompressed: {}", zstd::zstd_safe::get_error_name(code))
            })?
        } else {
            let end = rest.iter().skip(GROUP_BYTES).position(|byte| *byte == b'\n');
            end.map_or(rest.len(), |end| GROUP_BYTES + end + 1)
        };
        pieces.push((start, length));
        start += length;
    }
    Ok(pieces)
}
