use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use object_store::path::Path;
use roaring::RoaringBitmap;

use super::damage::{Damage, DamageKind};
use super::file::FileReader;
use super::stored::{Inherited, Stored};
use crate::catalog::CONCURRENCY;
use crate::data_file::{Absent, DataFile, TenantRecord};
use crate::format::{Columns, Select};
use crate::layout;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Buckets, Collection, Digest, Digester, DimensionCount, VectorSpace};

/// A collection of a backup. Clones share it.
#[derive(Debug, Clone)]
pub struct CollectionReader {
    pub(crate) stored: Arc<Stored>,
}

impl CollectionReader {
    pub(crate) fn new(stored: Stored) -> Self {
        Self { stored: Arc::new(stored) }
    }

    pub fn collection(&self) -> &Collection {
        &self.stored.collection
    }

    pub fn aliases(&self) -> &[String] {
        &self.stored.aliases
    }

    pub fn files(&self) -> &[DataFile] {
        &self.stored.files
    }

    /// The digests of its objects; None if it was made before there were digests.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.stored.buckets.as_ref()
    }

    /// Vectors of a dimension that is not the only one in their space.
    pub fn mixed_dimensions(&self) -> &[DimensionCount] {
        &self.stored.mixed_dimensions
    }

    /// The dimension of each vector space whose vectors all have the same, by its name ("" for the legacy one); 0 if there are no
    /// vectors. None if it was made before this was noted.
    pub fn dimensions(&self) -> Option<&BTreeMap<String, u64>> {
        self.stored.dimensions.as_ref()
    }

    /// Whether it has no more of its objects than what tells them, and their references.
    pub fn has_keys_only(&self) -> bool {
        self.stored.columns.keys_only
    }

    /// Whether its objects can be compared with others, and its files be taken over, without reading all of them.
    pub fn can_be_inherited(&self) -> bool {
        let is_known =
            |file: &DataFile| file.digest.is_some() && file.row_groups.iter().all(|group| group.is_divided());
        self.buckets().is_some() && self.dimensions().is_some() && self.files().iter().all(is_known)
    }

    /// The first of its data files that is not there as long as it was.
    pub async fn missing_file(&self) -> Result<Option<Damage>> {
        // Each owns what it needs, so that looks need not borrow from each other's surroundings.
        let look = |file: &DataFile| {
            let (stored, path, bytes) = (Arc::clone(&self.stored), self.stored.path(file), file.bytes);
            async move {
                let size = stored.store.head(&path).await?.map(|meta| meta.size);
                Ok((size != Some(bytes)).then(|| Damage::misfit(&path, bytes, size)))
            }
        };
        let looks: Vec<_> = self.files().iter().map(look).collect();
        let mut looks = stream::iter(looks).buffered(CONCURRENCY);
        while let Some(look) = looks.next().await {
            if let Some(damage) = look? {
                return Ok(Some(damage));
            }
        }
        Ok(None)
    }

    /// The collection as it is without some rows: by the place of their file, their places in it, their digest, and how many of them
    /// have no vector.
    pub fn without(&self, rows: impl IntoIterator<Item = (usize, (Vec<u32>, Digest, u64))>) -> Result<Self> {
        let mut stored = Stored::clone(&self.stored);
        for (at, (places, gone, without_vector)) in rows {
            let (path, key) = (self.path(&self.files()[at]), self.stored.key(&self.files()[at]));
            let file = &mut stored.files[at];
            let all = stored.inherited.entry(file.name.clone());
            let all = all.or_insert_with(|| Inherited { path, key, hidden: RoaringBitmap::new() });
            all.hidden.extend(places);
            let digest = file.digest.as_mut();
            let digest = digest.ok_or_else(|| Error::internal("a file without a digest is to lose rows"))?;
            *digest -= gone;
            if all.hidden.len() + digest.objects != file.rows {
                let text = format!("the hidden rows of {} are not those that are gone", all.path);
                return Err(Error::internal(text));
            }
            // Of several spaces it is not known which of them had none.
            if let [count] = file.without_vector.values_mut().collect::<Vec<_>>().as_mut_slice() {
                **count = count.saturating_sub(without_vector);
            }
            file.without_vector.retain(|_, count| *count > 0);
        }
        Ok(Self::new(stored))
    }

    /// The collection as if it had no other rows than these, which are told as in [`CollectionReader::without`]. Its lists go on
    /// telling of all.
    pub fn only(&self, rows: impl IntoIterator<Item = (usize, (Vec<u32>, Digest, u64))>) -> Result<Self> {
        let mut stored = Stored::clone(&self.stored);
        let mut rows: BTreeMap<_, _> = rows.into_iter().collect();
        for (at, file) in self.files().iter().enumerate() {
            let (places, digest, without_vector) = rows.remove(&at).unwrap_or_default();
            let last = u32::try_from(file.rows).map_err(|_| Error::internal("a file has too many rows"))?;
            let (path, key) = (self.path(file), self.stored.key(file));
            let mut hidden: RoaringBitmap = (0..last).collect();
            hidden -= places.into_iter().collect::<RoaringBitmap>();
            stored.inherited.insert(file.name.clone(), Inherited { path, key, hidden });
            let file = &mut stored.files[at];
            file.digest = Some(digest);
            file.without_vector.values_mut().for_each(|count| *count = (*count).min(without_vector));
            file.without_vector.retain(|_, count| *count > 0);
        }
        Ok(Self::new(stored))
    }

    /// The collection as if there were no other files than those that were written for this backup. Its lists go on telling of all.
    pub fn of_own_files(&self) -> Self {
        let mut stored = Stored::clone(&self.stored);
        let own = layout::data_dir(&self.stored.dir);
        stored.files.retain(|file| self.stored.path(file).prefix_matches(&own));
        Self::new(stored)
    }

    /// What there was not when a job was about to make it; None unless the backup was made to undo that.
    pub fn absent(&self) -> Option<&Absent> {
        self.stored.absent.as_ref()
    }

    /// Whether a data file was written for another backup, or has hidden rows.
    pub fn is_inherited(&self, file: &DataFile) -> bool {
        self.stored.inherited.contains_key(&file.name)
    }

    /// Computes the digests of its batches.
    pub fn digester(&self) -> &Digester {
        &self.stored.columns.digester
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.stored.columns
    }

    /// All tenants that the collection had; None without multi-tenancy.
    pub fn tenants(&self) -> Option<&[TenantRecord]> {
        self.stored.tenants.as_deref()
    }

    /// The vector spaces that each batch has a column for, in this order. None in a backup without vectors.
    pub fn spaces(&self) -> &[VectorSpace] {
        &self.stored.columns.spaces
    }

    /// Whether a data file has the bytes that were written. Reads all of it, a piece at a time; `read` hears how many bytes
    /// each piece had.
    pub async fn check(&self, file: &DataFile, read: impl FnMut(u64)) -> Result<Option<Damage>> {
        let path = self.stored.path(file);
        let size = self.stored.store.head(&path).await?.map(|meta| meta.size);
        if size != Some(file.bytes) {
            return Ok(Some(Damage::misfit(&path, file.bytes, size)));
        }
        Ok(match self.stored.store.checksum(&path, file.bytes, read).await? {
            Some(checksum) if checksum == file.blake3 => None,
            Some(_) => Some(Damage::altered(&path, "files.json")),
            None => Some(Damage::missing(&path)),
        })
    }

    /// Of its data files, where each is in the repository and what it is encrypted with, in hex. Empty if they are not.
    pub fn file_keys(&self) -> Vec<(&DataFile, String, String)> {
        let key = |file| Some((file, self.place(file), self.stored.key(file)?.to_hex()));
        self.files().iter().filter_map(key).collect()
    }

    /// Opens one of its files to read what is selected: reads and checks the footer.
    pub async fn open(&self, file: &DataFile, select: Select) -> Result<FileReader> {
        let index = self.files().iter().position(|known| known.name == file.name).ok_or_else(|| {
            Error::internal(format!("{} is no data file of this collection", self.stored.path(file)))
        })?;
        FileReader::open(self.stored.clone(), index, select).await
    }

    /// A data file whose rows are not what they should be, although its bytes are as they were written.
    pub fn unsound(&self, file: &DataFile, what: impl fmt::Display) -> Damage {
        Damage::new(DamageKind::Unsound, &self.stored.path(file), what)
    }

    /// What is said of a damage where it is a failure.
    pub fn corrupt(&self, damage: &Damage) -> Error {
        damage.error(&self.stored.id)
    }

    /// Where a data file is in the repository.
    pub fn place(&self, file: &DataFile) -> String {
        self.stored.path(file).to_string()
    }

    pub(crate) fn path(&self, file: &DataFile) -> Path {
        self.stored.path(file)
    }
}
