use std::collections::BTreeSet;
use std::sync::Arc;

use super::stored::{Part, Stored};
use crate::data_file::{DataFile, Footer, RowGroup, TenantSpan};
use crate::format::{DataFormat, Decoder, Pieces, Rows, Select, Writer};
use crate::store_error::corrupt;
use crate::threads::off_the_async_threads;
use selvedge_model::error::Result;

/// A data file that is being read. Row groups can be read in any order and by several tasks at once.
#[derive(Debug, Clone)]
pub struct FileReader {
    stored: Arc<Stored>,
    /// Which of the collection's files.
    index: usize,
    decoder: Decoder,
}

impl FileReader {
    /// Reads and checks the footer.
    pub(super) async fn open(stored: Arc<Stored>, index: usize, select: Select) -> Result<Self> {
        let file = &stored.files[index];
        let Footer { offset, bytes, blake3 } = file.footer;
        let footer = match bytes {
            0 => Pieces::new(Vec::new()),
            _ => stored.fetch(file, vec![Part { offset, bytes, blake3 }]).await?,
        };
        let path = stored.path(file);
        let unreadable = |why: String| corrupt(&stored.id, format_args!("{path} {why}"));
        let format =
            DataFormat::of_file(&file.name).ok_or_else(|| unreadable("is of no known format".to_owned()))?;
        let writer = if stored.edited.contains(&file.name) { Writer::Others } else { Writer::Ourselves };
        let key = stored.seal.as_ref().map(|key| key.file(&path));
        let decoder =
            Decoder::new(stored.columns.clone(), format, writer, select, &footer, key).map_err(unreadable)?;
        if decoder.groups().is_some_and(|groups| groups != file.row_groups.len()) {
            let what = format_args!("{path} has not the row groups that files.json lists");
            return Err(corrupt(&stored.id, what));
        }
        Ok(Self { stored, index, decoder })
    }

    /// About how many bytes of memory it takes to read what is selected of a row group.
    pub fn weight(&self, group: usize) -> u64 {
        self.decoder.weight(group, &self.file().row_groups[group])
    }

    /// Whether a row group holds objects of any of these tenants (None: of all), and for [`Select::References`] whether any
    /// have references, as far as that is known.
    pub fn is_wanted(&self, group: usize, tenants: Option<&BTreeSet<String>>) -> bool {
        let row_group = &self.file().row_groups[group];
        let may_refer =
            self.stored.columns.references && (row_group.references > 0 || !row_group.counts_references());
        if self.decoder.select() == Select::References && !may_refer {
            return false;
        }
        let is_of =
            |tenants: &BTreeSet<String>| self.spans(group).iter().any(|span| tenants.contains(&span.tenant));
        tenants.is_none_or(is_of)
    }

    /// Fetches what is selected of a row group, checks its bytes, and only then decodes them. By tenant, in the order of the
    /// rows; tenants that are not wanted are left out.
    pub async fn group(&self, group: usize, tenants: Option<&BTreeSet<String>>) -> Result<Vec<Rows>> {
        let pieces = self.stored.fetch(self.file(), self.parts(group)).await?;
        // Not all of them, which may be very many.
        let wanted: Option<BTreeSet<String>> = tenants.map(|tenants| {
            let spans = self.spans(group).iter().filter(|span| tenants.contains(&span.tenant));
            spans.map(|span| span.tenant.clone()).collect()
        });
        let reader = self.clone();
        off_the_async_threads(move || {
            let row_group = &reader.file().row_groups[group];
            reader.decoder.decode(group, row_group, pieces, wanted.as_ref()).map_err(|why| {
                let path = reader.stored.path(reader.file());
                corrupt(&reader.stored.id, format_args!("row group {group} of {path} cannot be read: {why}"))
            })
        })
        .await
    }

    fn file(&self) -> &DataFile {
        &self.stored.files[self.index]
    }

    /// Whose rows are in a row group.
    fn spans(&self, group: usize) -> &[TenantSpan] {
        let DataFile { row_groups, tenants, .. } = self.file();
        let first: u64 = row_groups[..group].iter().map(|group| group.rows).sum();
        let end = first + row_groups[group].rows;
        let from = tenants.partition_point(|span| span.first_row + span.rows <= first);
        let to = tenants.partition_point(|span| span.first_row < end);
        &tenants[from..to.max(from)]
    }

    /// What of a row group has to be fetched.
    fn parts(&self, group: usize) -> Vec<Part> {
        let RowGroup { offset, bytes, blake3, ref sections, .. } = self.file().row_groups[group];
        match blake3 {
            Some(blake3) => vec![Part { offset, bytes, blake3 }],
            None => sections
                .iter()
                .filter(|section| self.decoder.select().takes(section.kind))
                .map(|section| Part { offset: section.offset, bytes: section.bytes, blake3: section.blake3 })
                .collect(),
        }
    }
}
