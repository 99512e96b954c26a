//! Data files of JSON Lines that somebody has edited: the lists as they would be for what is there now.

use bytes::Bytes;
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

/// Why lines cannot be taken.
type Wrong<T> = std::result::Result<T, String>;

impl Stored {
    /// With the lists as they would be for its files as they are now, and the keys of those that are not what was written. Files
    /// of JSON Lines only; what is in them has to make sense, and every file to be there.
    pub async fn taken_as_it_is(mut self) -> Result<(Self, Vec<String>)> {
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
        self.mixed_dimensions = content.dimensions.mixed();
        self.buckets = Some(content.buckets);
        let keys = modified.into_iter().map(|index| self.path(&self.files[index]).to_string()).collect();
        Ok((self, keys))
    }

    async fn take_as_it_is(&mut self, index: usize) -> Result<Content> {
        let file = self.files[index].clone();
        let path = self.path(&file);
        let Some(bytes) = self.store.get(&path).await? else {
            return Err(Damage::missing(&path).error(&self.id));
        };
        let lines = FromLines::new(self.columns.clone(), DataFormat::of_file(&file.name));
        let tenants: Option<Vec<_>> =
            self.tenants.as_ref().map(|all| all.iter().map(|record| record.name.clone()).collect());
        let read = off_the_async_threads(move || Ok(Reading { lines, tenants, file, bytes }.read())).await?;
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
    /// Those that the backup knows; None without multi-tenancy.
    tenants: Option<Vec<String>>,
    file: DataFile,
    bytes: Bytes,
}

impl Reading {
    fn read(self) -> Wrong<(DataFile, Content)> {
        let Self { lines, tenants, file, bytes } = &self;
        let (mut account, mut row_groups) = (Account::default(), Vec::new());
        let (mut line, mut last) = (0, None);
        for (offset, length) in pieces(bytes, lines.is_compressed())? {
            let part = bytes.slice(offset..offset + length);
            let text = lines.unpack_all(&part)?;
            let rows_before = account.rows;
            lines.each(&text, line, |rows| {
                let place = (rows.tenant.clone(), rows.batch.ids[0]);
                self.check(tenants.as_deref(), last.as_ref(), &place)?;
                let noted = account.note(lines.columns(), rows.tenant.as_deref(), &rows.batch);
                noted.map_err(|unfit| unfit.0)?;
                last = Some(place);
                Ok(())
            })?;
            line += text.lines().count();
            row_groups.push(RowGroup {
                offset: offset as u64,
                bytes: length as u64,
                unpacked: text.len() as u64,
                rows: account.rows - rows_before,
                references: 0,
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

    /// Lines stay in their order and among those that the file covers, so that no object can be there twice.
    fn check(
        &self,
        tenants: Option<&[String]>,
        last: Option<&(Option<String>, Uuid)>,
        place: &(Option<String>, Uuid),
    ) -> Wrong<()> {
        let (tenant, id) = place;
        if last.is_some_and(|last| last >= place) {
            return Err(format!("object {id} is not in the order of tenants and ids"));
        }
        if self.file.covers.is_some_and(|covers| !covers.contains(id)) {
            return Err(format!("object {id} belongs into another file, by its id"));
        }
        match (tenant, tenants) {
            (Some(tenant), Some(known)) if !known.contains(tenant) => {
                Err(format!("the backup has no tenant \"{tenant}\""))
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
