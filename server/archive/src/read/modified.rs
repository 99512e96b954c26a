//! Data files of JSON Lines that somebody has edited: the lists as they would be for what is there now.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::damage::Damage;
use super::stored::{Part, Stored};
use crate::checksum::Checksum;
use crate::data_file::{DataFile, Footer, RowGroup};
use crate::format::{Account, DataFormat, Decoder, FromLines, Pieces, Select};
use crate::store_error::corrupt;
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

impl Stored {
    /// With the lists as they would be for its files as they are now, and those that are not what was written. Files
    /// of JSON Lines only; what is in them has to make sense, and every file to be there.
    pub async fn taken_as_it_is(mut self) -> Result<(Self, Vec<Modified>)> {
        let mut modified = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let path = self.path(file);
            let is_line = DataFormat::of_file(&file.name).is_some_and(DataFormat::is_lines);
            if is_line && !self.store.holds(&path, file.bytes, file.blake3).await? {
                modified.push(index);
            }
        }
        if modified.is_empty() {
            return Ok((self, Vec::new()));
        }
        let mut content = Content::default();
        let rows_before: Vec<_> = self.files.iter().map(|file| file.rows).collect();
        for index in 0..self.files.len() {
            content.merge(match modified.contains(&index) {
                true => self.take_as_it_is(index).await?,
                false => self.content_of(&self.files[index]).await?,
            });
        }
        for record in self.tenants.iter_mut().flatten().filter(|record| record.rows.is_some()) {
            let digest = content.tenants.get(&record.name).copied().unwrap_or_default();
            (record.rows, record.digest) = (Some(digest.objects), Some(digest));
        }
        self.edited = modified.iter().map(|index| self.files[*index].name.clone()).collect();
        self.mixed_dimensions = content.dimensions.mixed();
        self.buckets = Some(content.buckets);
        let told = |index: usize| {
            let file = &self.files[index];
            let (key, blake3) = (self.path(file).to_string(), file.blake3);
            Modified { key, rows: file.rows, rows_before: rows_before[index], blake3 }
        };
        let modified = modified.into_iter().map(told).collect();
        Ok((self, modified))
    }

    async fn take_as_it_is(&mut self, index: usize) -> Result<Content> {
        let file = self.files[index].clone();
        let path = self.path(&file);
        let size = self.store.head(&path).await?.map_or(0, |meta| meta.size);
        if size > TEXT_BYTES {
            let text = format!("{path} was modified, and is too large to be taken as it is");
            return Err(Error::new(Kind::BackupCorrupt, text).hint("import its lines instead"));
        }
        let Some(bytes) = self.store.get(&path).await? else {
            return Err(Damage::missing(&path).error(&self.id));
        };
        let lines = FromLines::new(self.columns.clone(), DataFormat::of_file(&file.name));
        let read = off_the_async_threads(move || Ok(Reading { lines, file, bytes }.read())).await?;
        let (file, content) = read.map_err(|why| {
            let text = format!("{path} was modified, and cannot be taken as it is: {why}");
            Error::new(Kind::BackupCorrupt, text).hint("mend the line, or bring the file back from a copy")
        })?;
        self.files[index] = file;
        Ok(content)
    }

    /// Of a file that is as it was written.
    async fn content_of(&self, file: &DataFile) -> Result<Content> {
        let mut account = Account::default();
        let path = self.path(file);
        let wrong = |why: String| corrupt(&self.id, format_args!("{path} cannot be read: {why}"));
        let format = DataFormat::of_file(&file.name).unwrap_or_default();
        let none = Pieces::new(Vec::new());
        let decoder = Decoder::new(self.columns.clone(), format, Select::All, &none).map_err(wrong)?;
        for (index, group) in file.row_groups.iter().enumerate() {
            let blake3 = group.blake3.ok_or_else(|| wrong("a row group without a checksum".to_owned()))?;
            let part = Part { offset: group.offset, bytes: group.bytes, blake3 };
            let pieces = self.fetch(file, vec![part]).await?;
            for rows in decoder.decode(index, group, pieces, None).map_err(wrong)? {
                let noted = account.note(&self.columns, rows.tenant.as_deref(), &rows.batch);
                noted.map_err(|unfit| wrong(unfit.0))?;
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
        let is_of_file = |tenant: &String| self.file.tenants.iter().any(|span| span.tenant == *tenant);
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
