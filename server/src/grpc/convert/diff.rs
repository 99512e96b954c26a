//! Differences: what is asked for, and what is told.

use selvedge_proto::v1;
use selvedge_proto::v1::diff_backup_response::Difference as Wire;

use selvedge_model::Selection;
use selvedge_model::error::{Error, Result};
use selvedge_ops::{
    Change, ChangedPart, CollectionDifference, DiffRequest, DiffWith, Difference, ObjectDifference, PartKind,
};

use super::fields::{backup_id, rename};
use super::names::{check_name, check_names, check_pairs};

/// What is asked for; the backups themselves may still be "latest".
pub fn diff(wire: &v1::DiffBackupRequest) -> Result<DiffRequest> {
    check_name("repository", &wire.repository)?;
    check_name("backup_id", &wire.backup_id)?;
    check_name("other_backup_id", &wire.other_backup_id)?;
    check_name("cluster", &wire.cluster)?;
    check_names("collections", &wire.collections)?;
    check_names("exclude", &wire.exclude)?;
    check_pairs("rename", &wire.rename)?;
    if wire.live != wire.other_backup_id.is_empty() {
        let text =
            "a backup is compared either with another one (`other_backup_id`) or with a cluster (`live`)";
        return Err(Error::invalid("other_backup_id", text).hint("name one of the two"));
    }
    if !wire.live && (wire.check_all || !wire.cluster.is_empty()) {
        let field = if wire.check_all { "check_all" } else { "cluster" };
        return Err(Error::invalid(field, format!("`{field}` is for a comparison with a cluster (`live`)")));
    }
    let backup = backup_id(&wire.backup_id)?;
    Ok(DiffRequest {
        other: DiffWith::Backup(backup.clone()),
        backup,
        collections: Selection::new(&wire.collections, &wire.exclude)?,
        rename: rename(wire.rename.clone())?,
        limit: wire.limit,
        check_all: wire.check_all,
    })
}

pub fn difference(difference: Difference) -> v1::DiffBackupResponse {
    let difference = match difference {
        Difference::Object(object) => Wire::Object(of_object(object)),
        Difference::Collection(collection) => Wire::Collection(of_collection(collection)),
    };
    v1::DiffBackupResponse { difference: Some(difference) }
}

fn of_object(object: ObjectDifference) -> v1::ObjectDifference {
    let ObjectDifference { collection, tenant, id, change, parts } = object;
    let change = match change {
        Change::Added => v1::ObjectChange::Added,
        Change::Removed => v1::ObjectChange::Removed,
        Change::Changed => v1::ObjectChange::Changed,
    };
    v1::ObjectDifference {
        collection,
        tenant: tenant.unwrap_or_default(),
        id: id.to_string(),
        change: change.into(),
        parts: parts.into_iter().map(part).collect(),
    }
}

fn part(part: ChangedPart) -> v1::ChangedPart {
    let ChangedPart { kind, name, text } = part;
    let kind = match kind {
        PartKind::Property => v1::ChangedPartKind::Property,
        PartKind::Reference => v1::ChangedPartKind::Reference,
        PartKind::Vector => v1::ChangedPartKind::Vector,
    };
    v1::ChangedPart { kind: kind.into(), name, text }
}

fn of_collection(collection: CollectionDifference) -> v1::CollectionDifference {
    let CollectionDifference { name, other_name, added, removed, changed, same, schema, unread } = collection;
    let (unread_tenants, unread_tenant_count) =
        unread.map_or((Vec::new(), 0), |names| (names.names, names.count));
    v1::CollectionDifference {
        name,
        other_name,
        added,
        removed,
        changed,
        same,
        schema,
        unread_tenants,
        unread_tenant_count,
    }
}
