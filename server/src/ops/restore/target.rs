//! What a restore makes: which collections under which names, and whether it can make them whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RestoreRequest;
use crate::archive::{BackupReader, CollectionReader, Manifest};
use crate::error::{Error, Kind, Result};
use crate::model::{Collection, Tenant, TenantStatus};
use crate::ops::limits::check_exact;
use crate::ops::{CollectionCounters, JobContext, PlannedCollection};
use crate::weaviate::Cluster;

/// A collection that is to be made.
pub struct Target {
    pub source: CollectionReader,
    /// With the name it gets.
    pub collection: Collection,
    /// The tenants it gets.
    pub tenants: Vec<Tenant>,
    /// Rows by tenant, or under `None`. Empty for a schema-only restore.
    pub rows: BTreeMap<Option<String>, u64>,
    /// Only the objects of these tenants; `None` for all.
    pub chosen: Option<Arc<BTreeSet<String>>>,
    pub with_data: bool,
    pub counters: Arc<CollectionCounters>,
}

/// The names on the target, by the names in the backup.
pub fn names(manifest: &Manifest, request: &RestoreRequest) -> Result<BTreeMap<String, String>> {
    let place = format!("in backup {}", manifest.id);
    let in_backup = manifest.collections.iter().map(|collection| collection.name.as_str());
    let selected = request.collections.apply(in_backup, &place)?;
    if let Some(stray) = request.rename.keys().find(|old| !selected.contains(&old.as_str())) {
        return Err(Error::new(
            Kind::CollectionNotFound,
            format!("\"{stray}\" is to be renamed but is not restored"),
        )
        .hint(format!("see what backup {} has with `selvedge show {}`", manifest.id, manifest.id)));
    }
    let mut taken = BTreeMap::new();
    for old in &selected {
        let new = request.rename.get(*old).map_or(*old, String::as_str);
        // Weaviate takes names that differ only in case for the same.
        if let Some(other) = taken.insert(new.to_lowercase(), *old) {
            return Err(Error::invalid(
                "rename",
                format!("both \"{other}\" and \"{old}\" would become \"{new}\""),
            ));
        }
    }
    let new_name = |old: &str| request.rename.get(old).cloned().unwrap_or_else(|| old.to_owned());
    Ok(selected.into_iter().map(|old| (old.to_owned(), new_name(old))).collect())
}

/// Reads the backup's lists and the cluster's schema. Fails before anything is written if a collection cannot be made.
pub async fn plan(
    job: &JobContext,
    cluster: &Cluster,
    backup: &BackupReader,
    request: &RestoreRequest,
    names: &BTreeMap<String, String>,
) -> Result<Vec<Target>> {
    cluster.connect().await?;
    refuse_existing(cluster, names).await?;
    let mut targets = Vec::with_capacity(names.len());
    for (old, new) in names {
        let source = backup.collection(old).await?;
        check_exact(source.collection())?;
        let with_data = !request.schema_only;
        if with_data {
            source.check_files().await?;
            // Each row group is checked again when it is written. This is so that damage is found while there is nothing
            // yet that a restore would leave behind; hashing is far faster than writing.
            source.check_data().await?;
            refuse_vectorizing(&source)?;
        }
        let (tenants, chosen) = choose_tenants(&source, old, request)?;
        let rows = if with_data { rows(&source, chosen.as_deref()) } else { BTreeMap::new() };
        let counters = job.progress.add_collection(old, new);
        counters.expect_objects(rows.values().sum(), true);
        counters.expect_tenants(tenants.len() as u64);
        targets.push(Target {
            collection: source.collection().renamed(new),
            source,
            tenants,
            rows,
            chosen,
            with_data,
            counters,
        });
    }
    Ok(targets)
}

async fn refuse_existing(cluster: &Cluster, names: &BTreeMap<String, String>) -> Result<()> {
    let there = cluster.schemas().await?;
    let clash = |new: &str| there.keys().find(|name| name.eq_ignore_ascii_case(new));
    let existing: Vec<_> = names.values().filter_map(|new| clash(new)).map(String::as_str).collect();
    if existing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::CollectionExists,
        format!("on cluster \"{}\" there is already: {}", cluster.name(), existing.join(", ")),
    )
    .hint("restore under another name with --rename Old=New, or delete the collection first"))
}

/// Weaviate would make a vector for each object that comes without one, so the copy would not equal the original.
fn refuse_vectorizing(source: &CollectionReader) -> Result<()> {
    let collection = source.collection();
    let written: BTreeSet<_> = source.spaces().iter().map(|space| space.name.as_deref()).collect();
    let without = source.rows_without_vector();
    for space in collection.vector_spaces.iter().filter(|space| space.vectorizer != "none") {
        let name = space.name.as_deref();
        let rows = if written.contains(&name) {
            without.get(name.unwrap_or_default()).copied().unwrap_or(0)
        } else {
            source.files().iter().map(|file| file.rows).sum()
        };
        if rows > 0 {
            return Err(Error::new(
                Kind::CollectionUnsupported,
                format!(
                    "{rows} objects of collection \"{}\" are in the backup without {}, and {} would make them one",
                    collection.name,
                    space.label(),
                    space.vectorizer
                ),
            )
            .hint("this version cannot restore them as they were; restore the other collections by name"));
        }
    }
    Ok(())
}

type Chosen = Option<Arc<BTreeSet<String>>>;

fn choose_tenants(
    source: &CollectionReader,
    name: &str,
    request: &RestoreRequest,
) -> Result<(Vec<Tenant>, Chosen)> {
    let Some(records) = source.tenants() else {
        if request.tenants.is_empty() {
            return Ok((Vec::new(), None));
        }
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        )
        .hint("name the multi-tenant collections, or leave this one out with --exclude"));
    };
    let held = records.iter().filter(|record| record.left_out.is_none());
    let tenant = |record: &crate::archive::TenantRecord| Tenant {
        name: record.name.clone(),
        status: creatable(record.status),
    };
    if request.tenants.is_empty() {
        return Ok((held.map(tenant).collect(), None));
    }
    let wanted: BTreeSet<_> = request.tenants.iter().cloned().collect();
    let chosen: Vec<_> = held.filter(|record| wanted.contains(&record.name)).map(tenant).collect();
    match wanted.iter().find(|name| !chosen.iter().any(|tenant| tenant.name == **name)) {
        Some(missing) => Err(Error::new(
            Kind::TenantNotFound,
            format!("the backup does not hold tenant \"{missing}\" of collection \"{name}\""),
        )
        .hint("tenants' names are case-sensitive")),
        None => Ok((chosen, Some(Arc::new(wanted)))),
    }
}

/// Weaviate creates tenants only as active or inactive.
fn creatable(status: TenantStatus) -> TenantStatus {
    match status {
        TenantStatus::Hot => TenantStatus::Hot,
        TenantStatus::Cold | TenantStatus::Frozen | TenantStatus::Freezing | TenantStatus::Unfreezing => {
            TenantStatus::Cold
        }
    }
}

fn rows(source: &CollectionReader, chosen: Option<&BTreeSet<String>>) -> BTreeMap<Option<String>, u64> {
    let Some(tenants) = source.tenants() else {
        return BTreeMap::from([(None, source.files().iter().map(|file| file.rows).sum())]);
    };
    let wanted = tenants.iter().filter(|tenant| chosen.is_none_or(|chosen| chosen.contains(&tenant.name)));
    wanted.filter_map(|tenant| Some((Some(tenant.name.clone()), tenant.rows?))).collect()
}

impl Target {
    /// What a dry run shows.
    pub fn planned(&self) -> PlannedCollection {
        PlannedCollection {
            collection: self.source.collection().name.clone(),
            target: self.collection.name.clone(),
            action: if self.with_data { "create and fill" } else { "create" }.to_owned(),
            objects: self.rows.values().sum(),
            objects_exact: true,
            tenants: self.tenants.len() as u64,
            notes: self.losses().into_iter().map(|(_, text)| text.to_owned()).collect(),
        }
    }

    pub fn warn_of_losses(&self, job: &JobContext) {
        for (reason, text) in self.losses() {
            job.progress.warn(reason, text, self.collection.name.clone());
        }
    }

    /// What Weaviate has no way to take back.
    fn losses(&self) -> Vec<(&'static str, &'static str)> {
        let mut losses = Vec::new();
        if self.rows.values().any(|rows| *rows > 0) {
            losses.push((
                "timestamps_not_restored",
                "Weaviate sets the creation and update times of restored objects anew; the originals are in the backup",
            ));
            if self.source.spaces().len() < self.collection.vector_spaces.len() {
                losses.push((
                    "vectors_not_in_backup",
                    "objects come back without vectors: the backup was made without them",
                ));
            }
        }
        if !self.source.aliases().is_empty() {
            losses.push(("aliases_not_restored", "aliases that pointed at the collection are not created"));
        }
        let offloaded =
            self.source.tenants().unwrap_or_default().iter().filter(|tenant| tenant.left_out.is_none());
        if offloaded.into_iter().any(|tenant| creatable(tenant.status) != tenant.status) {
            losses.push((
                "tenants_created_inactive",
                "tenants that were offloaded are created as inactive ones",
            ));
        }
        losses
    }
}
