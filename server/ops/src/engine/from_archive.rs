//! Objects as they are in a backup.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, DataFile, FileReader, Rows, Select};
use selvedge_model::error::{Error, Result};

use crate::reshape::Shape;

use super::{Fetched, Mark, Origin, Page, Pages, Piece, Running, Source, Task};

/// A collection of a backup, or what is wanted of it.
#[derive(Clone)]
pub struct FromArchive {
    reader: CollectionReader,
    /// None for all.
    tenants: Option<Arc<BTreeSet<String>>>,
    select: Select,
    /// None as they are.
    shape: Option<Arc<Shape>>,
}

impl FromArchive {
    pub fn new(reader: &CollectionReader, tenants: Option<&Arc<BTreeSet<String>>>, select: Select) -> Self {
        Self { reader: reader.clone(), tenants: tenants.cloned(), select, shape: None }
    }

    /// The same objects in another shape.
    pub fn in_shape(self, shape: Option<&Arc<Shape>>) -> Self {
        let select = shape.map_or(self.select, |shape| shape.select(self.select));
        Self { select, shape: shape.cloned(), ..self }
    }

    /// A task for each data file in which something may be wanted.
    pub fn tasks(&self) -> Vec<Task> {
        let files = self.reader.files().iter().enumerate();
        files
            .filter(|(_, file)| may_hold(file, self.tenants.as_deref()))
            .map(|(index, file)| Task {
                piece: Piece::File { file: index, groups: 0..file.row_groups.len() },
                objects: file.objects(),
            })
            .collect()
    }

    /// A task for each of these row groups.
    pub fn tasks_of(origins: &BTreeSet<Origin>) -> Vec<Task> {
        let of_group =
            |Origin { file, group }: &Origin| Piece::File { file: *file, groups: *group..group + 1 };
        origins.iter().map(|origin| Task { piece: of_group(origin), objects: 0 }).collect()
    }
}

/// Whether objects of any of these tenants (None: any objects) may be in a data file.
pub fn may_hold(file: &DataFile, tenants: Option<&BTreeSet<String>>) -> bool {
    let is_wanted = |tenant: &String| tenants.is_none_or(|wanted| wanted.contains(tenant));
    file.tenants.is_empty() || file.tenants.iter().any(|span| is_wanted(&span.tenant))
}

impl Source for FromArchive {
    type Pages = ArchivePages;

    async fn open(&self, task: Arc<Running>) -> Result<ArchivePages> {
        let Piece::File { file, .. } = task.task().piece else {
            return Err(Error::internal("a task of a backup names no data file"));
        };
        let listed = self.reader.files().get(file);
        let listed = listed.ok_or_else(|| Error::internal("a task names a data file that is not there"))?;
        let reader = self.reader.open(listed, self.select).await?;
        let (tenants, shape, pending) = (self.tenants.clone(), self.shape.clone(), VecDeque::new());
        Ok(ArchivePages { reader, tenants, shape, task, file, at: None, pending })
    }
}

/// The objects of a data file, row group by row group.
pub struct ArchivePages {
    reader: FileReader,
    tenants: Option<Arc<BTreeSet<String>>>,
    shape: Option<Arc<Shape>>,
    task: Arc<Running>,
    file: usize,
    /// The row group that was read last.
    at: Option<usize>,
    /// What is left of it.
    pending: VecDeque<Rows>,
}

impl ArchivePages {
    /// The next row group with something that is wanted, which is the task's from now on.
    fn next_group(&mut self) -> Option<usize> {
        loop {
            let group = self.task.enter_next(self.at)?;
            if self.reader.is_wanted(group, self.tenants.as_deref()) {
                return Some(group);
            }
            self.at = Some(group);
        }
    }
}

impl Pages for ArchivePages {
    type Notes = ();

    async fn next(&mut self, room: usize) -> Result<Fetched> {
        loop {
            if let Some(Rows { tenant, batch, digests }) = self.pending.pop_front() {
                let (tenant, bytes) = (tenant.map(Arc::from), batch.byte_len() as u64);
                let origin = self.at.map(|group| Origin { file: self.file, group });
                let passed = self.at.filter(|_| self.pending.is_empty()).map(Mark::Group);
                return Ok(Fetched::Page(Page { tenant, batch, bytes, passed, origin, digests }));
            }
            let Some(group) = self.next_group() else { return Ok(Fetched::End) };
            let weight = usize::try_from(self.reader.weight(group)).unwrap_or(usize::MAX);
            if weight > room {
                return Ok(Fetched::NoRoom(weight));
            }
            let rows = self.reader.group(group, self.tenants.as_deref()).await?;
            self.pending = match &self.shape {
                None => rows.into(),
                Some(shape) => {
                    let parts: Vec<_> =
                        rows.into_iter().map(|rows| shape.apply(rows)).collect::<Result<_>>()?;
                    parts.into_iter().flatten().collect()
                }
            };
            self.at = Some(group);
        }
    }

    fn notes(&mut self) {}
}
