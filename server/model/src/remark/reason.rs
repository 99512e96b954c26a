//! Why a remark is made, and the sentence that tells it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WhyFull;
use crate::TenantStatus;
use crate::error::{counted, first_of};

/// What there is to know. Serialized under its `reason`, in lower snake case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The key may not see all collections that these patterns mean. `permission` is what it has of it, in words.
    CollectionsUnseen {
        patterns: Vec<String>,
        permission: String,
    },
    TenantsUnseen {
        permission: String,
    },
    AliasesUnseen {
        permission: String,
    },
    /// The key may neither see the shards nor the nodes, so one of them may have been down.
    ShardsUnproven,
    /// Tenants that could not be read as they are: `status` is inactive, or one of those of offloading.
    TenantsLeftOut {
        status: TenantStatus,
        of: u64,
        #[serde(flatten)]
        tenants: Names,
    },
    /// Tenants that went before they could be read.
    TenantsDeleted {
        #[serde(flatten)]
        tenants: Names,
    },
    /// Tenants that were active when the backup was planned, and not when they were read.
    TenantsDeactivated {
        #[serde(flatten)]
        tenants: Names,
    },
    TenantsCreated {
        #[serde(flatten)]
        tenants: Names,
    },
    /// Tenants that went after they were read.
    TenantsDeletedLater {
        #[serde(flatten)]
        tenants: Names,
    },
    CollectionsCreated {
        #[serde(flatten)]
        collections: Names,
    },
    CollectionDropped {
        collection: String,
    },
    /// The collection was there when it was read, and not at the end.
    DroppedLater,
    AliasesChanged {
        now: Vec<String>,
    },
    /// In something that does not concern its objects.
    SchemaChanged {
        difference: String,
    },
    /// Counts that do not agree: of all there were before, were read, and were there after, and how many of those that were
    /// read were written meanwhile.
    ChangedWhileReading {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<String>,
        before: u64,
        read: u64,
        after: u64,
        young: u64,
    },
    /// A value that Weaviate does not show as it is stored, or (without a property) a whole object.
    ValueMisread {
        object: Uuid,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        property: String,
        loss: String,
    },
    /// More of these, which are only counted.
    ValuesMisread {
        count: u64,
    },
    /// The index of these vectors was dropped, so they are on their way out of Weaviate.
    VectorsDropped {
        vectors: Vec<String>,
    },
    /// Vectors of a dimension that is not the only one in their space. An empty `vector` is the unnamed one.
    MixedDimensions {
        vector: String,
        dimension: u64,
        objects: u64,
        sample: Uuid,
    },
    /// Of several replicas, any one was read.
    ReadAtOne,
    /// The job that made the backup was resumed: its parts were read at different times, with pauses in between.
    ReadInAttempts {
        attempts: u32,
    },
    /// A parent was asked for, and the collection was read as a whole all the same.
    ReadInFull {
        #[serde(flatten)]
        why: WhyFull,
    },
    /// Tenants that were inactive when the parent was made and are now: what it holds of them was taken over unread.
    TenantsInherited {
        backup: String,
        #[serde(flatten)]
        tenants: Names,
    },
    /// Nothing has changed between the two, so that it is an image of any moment there: RFC 3339, by the server's clock.
    ImageOf {
        from: String,
        to: String,
        passes: u32,
    },
    /// Something has changed in each pass: each object is as it was at some moment between the two.
    CurrentBetween {
        from: String,
        to: String,
        passes: u32,
    },
    /// A collection that a clear made to try a schema with, and left.
    ProbeLeftOut {
        collection: String,
    },
    /// A name or a pattern that was to be left out, and that nothing has.
    NothingExcluded {
        term: String,
    },
    /// The key may not read roles, so that neither they are in the backup nor who has them.
    AccessUnseen {
        permission: String,
    },
    /// The key may not read all roles, or not all who have them.
    AccessInPart {
        permission: String,
    },
    /// Weaviate did not show the roles, or who has them, for another reason.
    AccessUnread {
        error: String,
    },
    /// Only a text is known: from a backup of format 1, where there were no others, or of a newer Selvedge, which has
    /// other reasons.
    Told {
        text: String,
    },
    /// From a backup of a newer Selvedge, without a text.
    #[serde(other)]
    Unknown,
}

/// Some names: how many there are, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub count: u64,
    pub names: Vec<String>,
}

/// Names that are kept; the others are counted.
const KEPT: usize = 20;

impl Names {
    pub fn of(names: &[impl AsRef<str>]) -> Self {
        let kept = names.iter().take(KEPT).map(|name| name.as_ref().to_owned()).collect();
        Self { count: names.len() as u64, names: kept }
    }

    /// "3 tenants".
    fn of_noun(&self, noun: &str) -> String {
        counted(self.count, noun)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&first_of(&self.names, self.count))
    }
}

impl Reason {
    /// The name it is serialized under.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CollectionsUnseen { .. } => "collections_unseen",
            Self::TenantsUnseen { .. } => "tenants_unseen",
            Self::AliasesUnseen { .. } => "aliases_unseen",
            Self::ShardsUnproven => "shards_unproven",
            Self::TenantsLeftOut { .. } => "tenants_left_out",
            Self::TenantsDeleted { .. } => "tenants_deleted",
            Self::TenantsDeactivated { .. } => "tenants_deactivated",
            Self::TenantsCreated { .. } => "tenants_created",
            Self::TenantsDeletedLater { .. } => "tenants_deleted_later",
            Self::CollectionsCreated { .. } => "collections_created",
            Self::CollectionDropped { .. } => "collection_dropped",
            Self::DroppedLater => "dropped_later",
            Self::AliasesChanged { .. } => "aliases_changed",
            Self::SchemaChanged { .. } => "schema_changed",
            Self::ChangedWhileReading { .. } => "changed_while_reading",
            Self::ValueMisread { .. } => "value_misread",
            Self::ValuesMisread { .. } => "values_misread",
            Self::VectorsDropped { .. } => "vectors_dropped",
            Self::MixedDimensions { .. } => "mixed_dimensions",
            Self::ReadAtOne => "read_at_one",
            Self::ReadInAttempts { .. } => "read_in_attempts",
            Self::ReadInFull { .. } => "read_in_full",
            Self::TenantsInherited { .. } => "tenants_inherited",
            Self::ImageOf { .. } => "image_of",
            Self::CurrentBetween { .. } => "current_between",
            Self::ProbeLeftOut { .. } => "probe_left_out",
            Self::NothingExcluded { .. } => "nothing_excluded",
            Self::AccessUnseen { .. } => "access_unseen",
            Self::AccessInPart { .. } => "access_in_part",
            Self::AccessUnread { .. } => "access_unread",
            Self::Told { .. } => "told",
            Self::Unknown => "unknown",
        }
    }
}

const MAY_LACK: &str = "so there may be others that are not in the backup";
const NOT_IN_IT: &str = "while the backup was made, and not in it";

/// A sentence, without a full stop.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CollectionsUnseen { patterns, permission } => {
                let patterns: Vec<_> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
                let patterns = patterns.join(" and ");
                write!(f, "the server's key may not read all collections that {patterns} means ({permission}), {MAY_LACK}")
            }
            Self::TenantsUnseen { permission } => {
                write!(f, "the server's key may not read all tenants ({permission}), {MAY_LACK}")
            }
            Self::AliasesUnseen { permission } => {
                write!(f, "the server's key may not read all aliases ({permission}), {MAY_LACK}")
            }
            Self::ShardsUnproven => f.write_str(
                "the server's key may read neither the shards (read_tenants) nor the nodes (read_nodes), so it cannot be \
                 proven that all shards were up",
            ),
            Self::TenantsLeftOut { status, of, tenants } => {
                write!(f, "{} of {of} tenants are {status} and were left out: {tenants}", tenants.count)
            }
            Self::TenantsDeleted { tenants } => write!(f, "{} deleted {NOT_IN_IT}: {tenants}", tenants.of_noun("tenant")),
            Self::TenantsDeactivated { tenants } => {
                write!(f, "{} deactivated while the backup was made, and left out: {tenants}", tenants.of_noun("tenant"))
            }
            Self::TenantsCreated { tenants } => write!(f, "{} created {NOT_IN_IT}: {tenants}", tenants.of_noun("tenant")),
            Self::TenantsDeletedLater { tenants } => {
                write!(f, "{} deleted after they were read: {tenants}", tenants.of_noun("tenant"))
            }
            Self::CollectionsCreated { collections } => {
                write!(f, "{} created {NOT_IN_IT}: {collections}", collections.of_noun("collection"))
            }
            Self::CollectionDropped { collection } => {
                write!(f, "collection \"{collection}\" was dropped while the backup was made, and is not in it")
            }
            Self::DroppedLater => f.write_str("it was dropped after it was read"),
            Self::AliasesChanged { now } => {
                write!(f, "its aliases changed while the backup was made: {}", now.join(", "))
            }
            Self::SchemaChanged { difference } => {
                write!(f, "the schema changed while it was read, but not its shape: {difference}")
            }
            Self::ChangedWhileReading { tenant, before, read, after, young } => {
                let what = tenant.as_ref().map_or("it".to_owned(), |tenant| format!("tenant \"{tenant}\""));
                write!(
                    f,
                    "objects were written or deleted while {what} was read ({before} before, {read} read, {after} after, \
                     {young} of them written meanwhile): the backup is not a point-in-time image"
                )
            }
            Self::ValueMisread { object, property, loss } => {
                let property = if property.is_empty() { String::new() } else { format!(", property \"{property}\"") };
                write!(f, "object {object}{property}: {loss}; what is stored cannot be told")
            }
            Self::ValuesMisread { count } => {
                write!(f, "{count} more values that Weaviate does not show as they are stored")
            }
            Self::VectorsDropped { vectors } => {
                let vectors: Vec<_> = vectors.iter().map(|name| format!("vector \"{name}\"")).collect();
                let vectors = vectors.join(" and ");
                write!(
                    f,
                    "the index of {vectors} was dropped, so its vectors are on their way out of Weaviate and are not in the \
                     backup"
                )
            }
            Self::MixedDimensions { vector, dimension, objects, sample } => {
                let vector = if vector.is_empty() { "vectors" } else { vector };
                write!(
                    f,
                    "{vector}: {objects} objects have {dimension} dimensions and others do not, such as object {sample}; a \
                     restore will refuse that"
                )
            }
            Self::ReadAtOne => f.write_str(
                "it has several replicas and was read from any one of each shard: objects that only another replica has \
                 would be missing",
            ),
            Self::ReadInAttempts { attempts } => {
                write!(f, "it was read in {attempts} attempts: its parts are of different times")
            }
            Self::ReadInFull { why } => {
                write!(f, "it was read as a whole, and not only what has changed: {why}")
            }
            Self::TenantsInherited { backup, tenants } => write!(
                f,
                "{} inactive now and in backup {backup}, and taken over from there unread: {tenants}",
                tenants.of_noun("tenant")
            ),
            Self::ImageOf { from, to, passes } => {
                let again = if *passes == 1 { "once".to_owned() } else { format!("{passes} times") };
                write!(f, "it is an image of any moment between {from} and {to} (looked at {again} after it was read)")
            }
            Self::CurrentBetween { from, to, passes } => write!(
                f,
                "objects changed in each of {passes} passes over what was read; each is as it was at some moment between {from} and \
                 {to}"
            ),
            Self::ProbeLeftOut { collection } => write!(
                f,
                "collection \"{collection}\" is left out: a clear that was killed made it to try a schema; drop it if it is \
                 empty"
            ),
            Self::NothingExcluded { term } => write!(f, "nothing is left out by \"{term}\": there is no such collection"),
            Self::AccessUnseen { permission } => write!(
                f,
                "roles and who has them are not in the backup: the server's key may not read them ({permission})"
            ),
            Self::AccessInPart { permission } => write!(
                f,
                "the server's key may not read all roles and who has them ({permission}), {MAY_LACK}"
            ),
            Self::AccessUnread { error } => {
                write!(f, "roles and who has them are not in the backup: {error}")
            }
            Self::Told { text } => f.write_str(text),
            Self::Unknown => f.write_str("the Selvedge that made it remarked what this one does not know"),
        }
    }
}
