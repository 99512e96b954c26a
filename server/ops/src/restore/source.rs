//! The collections of a backup that a restore takes, checked, and as they are to be on the target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, Modified};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Property};
use selvedge_weaviate::compare_schemas;

use super::fitting::{misfits, refuse_misfit};
use super::planning::Lists;
use super::requirements::{refuse_centroids, refuse_mixed_dimensions, refuse_vectorizing};
use crate::reshape::Shape;
use crate::{Settings, Wanted};

/// A collection of the backup.
pub struct Source {
    pub reader: CollectionReader,
    /// Its data files that are not what was written, and are taken as they are.
    pub modified: Vec<Modified>,
    /// The shape that its objects get; None as they are.
    pub shape: Option<Arc<Shape>>,
    /// With the name and the settings it gets; as it is there, if it is merged into.
    pub collection: Collection,
    /// What its schema gets otherwise than the backup has it, because the request says so.
    pub changes: Vec<String>,
    /// Whether it was there and keeps its settings, though the request gives it others.
    pub keeps_settings: bool,
}

impl Source {
    /// `names` are those on the target, by those in the backup; `there` is the collection that is merged into.
    pub async fn read(
        lists: &Lists<'_>,
        old: &str,
        wanted: &Wanted,
        names: &BTreeMap<String, String>,
        there: Option<Collection>,
    ) -> Result<Self> {
        let (reader, modified) = lists.collection(old, wanted.allow_modified).await?;
        let without = |collection: Collection| match wanted.without_references {
            true => collection.without_references(),
            false => Ok(collection),
        };
        let held = reader.tenants().unwrap_or_default().iter().filter(|record| record.left_out.is_none());
        let held: Vec<_> =
            held.map(|record| record.name.as_str()).filter(|name| wanted.takes_tenant(name)).collect();
        let shape = Shape::of(&wanted.reshape, reader.collection(), reader.spaces(), &held)?.map(Arc::new);
        let as_in_backup = shape.as_ref().map_or_else(|| reader.collection(), |shape| &shape.collection);
        let spaces = shape.as_ref().map_or_else(|| reader.spaces(), |shape| &shape.spaces);
        let original = without(as_in_backup.renamed(names)?)?;
        let keeps_settings = there.is_some() && wanted.settings != Settings::default();
        let (collection, changes) = match there {
            Some(there) => {
                refuse_misfit(spaces, &original, &there)?;
                (without(there)?, Vec::new())
            }
            None => {
                let changed = wanted.settings.apply(old, &original)?;
                let misfits = misfits(spaces, &original, &changed);
                if !misfits.is_empty() {
                    let text = format!(
                        "with the patch of collection \"{old}\" it cannot hold the backup's objects: {}",
                        misfits.join("; ")
                    );
                    return Err(Error::invalid("patches", text)
                        .hint("a patch replaces a list as a whole, such as that of the properties"));
                }
                let changes = compare_schemas(&original.schema, &changed.schema);
                (changed, changes.iter().map(ToString::to_string).collect())
            }
        };
        if !wanted.schema_only {
            let chosen = wanted.chosen_tenants();
            let chosen = chosen.as_ref();
            refuse_centroids(&reader, &collection)?;
            refuse_vectorizing(&reader, shape.as_deref(), &collection, chosen)?;
            refuse_mixed_dimensions(&reader, shape.as_deref(), &collection, chosen)?;
        }
        let changes = shape.iter().flat_map(|shape| shape.notes.clone()).chain(changes).collect();
        Ok(Self { reader, modified, shape, collection, changes, keeps_settings })
    }
}

impl Source {
    /// Whether a property referred to the collection of this name in the backup.
    fn refers(&self, property: &Property, name: &str) -> bool {
        let as_in_backup =
            self.shape.as_ref().map_or_else(|| self.reader.collection(), |shape| &shape.collection);
        let mut properties = as_in_backup.references();
        properties.any(|old| old.name == property.name && old.targets.iter().any(|target| target == name))
    }
}

/// A reference can only be created where its targets are.
pub fn refuse_dangling(
    sources: &[Source],
    existing: &BTreeSet<String>,
    names: &BTreeMap<String, String>,
) -> Result<()> {
    for source in sources {
        let collection = &source.collection;
        for property in collection.references() {
            // What is restored under the name of another collection is not that collection.
            let is_missing = |target: &&String| {
                let restored = names.iter().find(|(_, new)| new == target);
                let is_it = restored.is_some_and(|(old, new)| old == new || source.refers(property, old));
                !existing.contains(*target) && !is_it
            };
            if let Some(missing) = property.targets.iter().find(is_missing) {
                return Err(Error::new(
                    Kind::ReferenceTargetMissing,
                    format!(
                        "property \"{}\" of collection \"{}\" refers to \"{missing}\", which is neither restored nor on \
                         the cluster",
                        property.name, collection.name
                    ),
                )
                .hint("restore that one too, or leave references out"));
            }
        }
    }
    Ok(())
}

/// Those first that others refer to, as long as they do not refer to each other.
pub fn in_order(mut sources: Vec<Source>, existing: &BTreeSet<String>) -> Vec<Source> {
    let mut there = existing.clone();
    let mut ordered = Vec::with_capacity(sources.len());
    while !sources.is_empty() {
        let is_ready = |source: &Source| {
            let mut targets = source.collection.references().flat_map(|property| &property.targets);
            targets.all(|target| *target == source.collection.name || there.contains(target))
        };
        // In a circle, somebody has to go first.
        let next = sources.iter().position(is_ready).unwrap_or(0);
        let source = sources.remove(next);
        there.insert(source.collection.name.clone());
        ordered.push(source);
    }
    ordered
}
