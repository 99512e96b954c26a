use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;
use uuid::Uuid;

use super::stored::{Part, Stored};
use crate::data_file::{DataFile, Footer, RowGroup, TenantSpan};
use crate::format::{DataFormat, Decoder, Pieces, Rows, Select, Wanted, Writer};
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
        let key = stored.key(file);
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
        if self.is_hidden(group) {
            return false;
        }
        let may_refer =
            self.stored.columns.references && (row_group.references > 0 || !row_group.counts_references());
        if self.decoder.select() == Select::References && !may_refer {
            return false;
        }
        let is_of =
            |tenants: &BTreeSet<String>| self.spans(group).iter().any(|span| tenants.contains(&span.tenant));
        tenants.is_none_or(is_of)
    }

    /// Whether a row group holds rows of a tenant; without multi-tenancy, any.
    pub(super) fn has_tenant(&self, group: usize, tenant: Option<&str>) -> bool {
        let is_of = |tenant: &str| self.spans(group).iter().any(|span| span.tenant == tenant);
        tenant.is_none_or(is_of) && !self.is_hidden(group)
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
            let wanted = Wanted { tenants: wanted.as_ref(), shown: reader.shown(group) };
            reader.decoder.decode(group, row_group, pieces, &wanted).map_err(|why| {
                let path = reader.stored.path(reader.file());
                corrupt(&reader.stored.id, format_args!("row group {group} of {path} cannot be read: {why}"))
            })
        })
        .await
    }

    pub(super) fn file(&self) -> &DataFile {
        &self.stored.files[self.index]
    }

    /// The places of the rows of a row group in the file.
    fn places(&self, group: usize) -> Range<u64> {
        let row_groups = &self.file().row_groups;
        let first: u64 = row_groups[..group].iter().map(|group| group.rows).sum();
        first..first + row_groups[group].rows
    }

    /// The places of those rows of a row group that are objects of the backup, in the order of the file.
    pub(super) fn places_shown(&self, group: usize) -> impl Iterator<Item = u64> {
        let hidden = self.stored.hidden(self.file());
        self.places(group).filter(move |place| !is_hidden(hidden, *place))
    }

    /// How many rows of a row group are no objects of the backup.
    fn hidden_rows(&self, group: usize) -> u64 {
        let Some(hidden) = self.stored.hidden(self.file()) else { return 0 };
        let Range { start, end } = self.places(group);
        // Places are counted in 32 bits; what is behind those is never hidden.
        let [start, end] = [start, end].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        hidden.range_cardinality(start..end)
    }

    /// Whether none of its rows is an object of the backup.
    fn is_hidden(&self, group: usize) -> bool {
        let rows = self.file().row_groups[group].rows;
        rows > 0 && self.hidden_rows(group) == rows
    }

    /// Which rows of a row group are objects of the backup, counted from its first; None if all are.
    fn shown(&self, group: usize) -> Option<Vec<Range<usize>>> {
        if self.hidden_rows(group) == 0 {
            return None;
        }
        let (hidden, places) = (self.stored.hidden(self.file()), self.places(group));
        let mut shown: Vec<Range<usize>> = Vec::new();
        for (row, _) in places.enumerate().filter(|(_, place)| !is_hidden(hidden, *place)) {
            match shown.last_mut() {
                Some(run) if run.end == row => run.end += 1,
                _ => shown.push(row..row + 1),
            }
        }
        Some(shown)
    }

    /// The first and the last id of a row group, if the file tells.
    pub(super) fn ids(&self, group: usize) -> Option<(Uuid, Uuid)> {
        self.decoder.ids(group)
    }

    /// Whose rows are in a row group.
    fn spans(&self, group: usize) -> &[TenantSpan] {
        let DataFile { tenants, .. } = self.file();
        let Range { start: first, end } = self.places(group);
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

fn is_hidden(hidden: Option<&RoaringBitmap>, place: u64) -> bool {
    hidden.is_some_and(|hidden| u32::try_from(place).is_ok_and(|place| hidden.contains(place)))
}
