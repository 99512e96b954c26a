//! Requests on their way in: what comes out of here is well formed, and the core need not ask again.

use std::collections::BTreeSet;

use selvedge_proto::v1;
use uuid::Uuid;

use selvedge_archive::{BackupId, DataFormat};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Selection, is_collection_name, is_pattern};
use selvedge_ops::{
    BackupRequest, BehindAlias, Check, ClearRequest, Deviation, IfExists, InactiveTenants, LATEST, LatestOf,
    Level, OnConflict, Operation, ParentChoice, Repair, Request, RestoreRequest, VerifyRequest, Wanted,
};

use super::fields;
use super::fields::{
    backup_id, data_format, distinct, inactive_tenants, known, latest_of, new_backup_id, rename,
};
use super::names::{check_name, check_names, check_pairs};
use super::reshape::reshape;
use super::settings::settings;

/// Findings of a verification that are listed.
const DEFAULT_FINDINGS: usize = 20;
const MAX_FINDINGS: usize = 1000;

/// A call that starts a job: the request, and what belongs to the call rather than to the request.
#[derive(Debug)]
pub struct Call {
    pub request: Request,
    pub request_id: Option<String>,
}

impl Call {
    pub fn new(
        operation: Operation,
        cluster: String,
        repository: String,
        request_id: String,
        lock_timeout: Option<prost_types::Duration>,
    ) -> Result<Self> {
        let request_id = fields::request_id(request_id)?;
        let lock_timeout = fields::lock_timeout(lock_timeout)?.unwrap_or_default();
        Ok(Self { request: Request { cluster, repository, operation, lock_timeout }, request_id })
    }
}

pub fn backup_call(wire: v1::BackupRequest) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("exclude", &wire.exclude)?;
    check_names("tenants", &wire.tenants)?;
    check_names("tags", &wire.tags)?;
    check_name("cluster", &wire.cluster)?;
    check_name("repository", &wire.repository)?;
    let (parent, settle) = (parent(&wire)?, settle(&wire)?);
    let request = BackupRequest {
        collections: Selection::new(&wire.collections, &wire.exclude)?,
        tenants: distinct("tenants", wire.tenants)?,
        backup_id: if wire.backup_id.is_empty() { None } else { Some(new_backup_id(&wire.backup_id)?) },
        schema_only: wire.schema_only,
        without_vectors: wire.without_vectors,
        format: data_format(wire.format)?,
        inactive_tenants: inactive_tenants(wire.inactive_tenants)?,
        parent,
        check_all: wire.check_all,
        settle,
        settle_below: 0,
        keys_only: false,
        tags: distinct("tags", wire.tags)?,
        dry_run: wire.dry_run,
    };
    Call::new(Operation::Backup(request), wire.cluster, wire.repository, wire.request_id, wire.lock_timeout)
}

fn settle(wire: &v1::BackupRequest) -> Result<u32> {
    let passes = fields::passes(wire.settle_passes)?;
    if passes > 0 && data_format(wire.format)? != DataFormat::Parquet {
        let text = "only Parquet files can be compared with a cluster after they were written";
        return Err(Error::invalid("settle_passes", text));
    }
    Ok(passes)
}

fn parent(wire: &v1::BackupRequest) -> Result<Option<ParentChoice>> {
    check_name("parent", &wire.parent)?;
    let choice = match wire.parent.as_str() {
        "" if wire.check_all => {
            let text = "`check_all` says how to compare with a parent, and there is none";
            return Err(Error::invalid("check_all", text).hint("name a parent, or leave it out"));
        }
        "" => return Ok(None),
        LATEST => ParentChoice::Latest,
        id => ParentChoice::Backup(backup_id(id)?),
    };
    let other = match wire {
        _ if wire.schema_only => "`schema_only`",
        _ if wire.without_vectors => "`without_vectors`",
        _ if data_format(wire.format)? != DataFormat::Parquet => "another format than Parquet",
        _ => return Ok(Some(choice)),
    };
    let text = format!("with a `parent` all objects are compared, so {other} does not go with it");
    Err(Error::invalid("parent", text).hint("leave one of the two out"))
}

pub fn restore_call(wire: v1::RestoreRequest) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("exclude", &wire.exclude)?;
    check_names("tenants", &wire.tenants)?;
    check_pairs("rename", &wire.rename)?;
    check_pairs("settings", &wire.settings)?;
    wire.patches.keys().try_for_each(|name| check_name("patches", name))?;
    check_name("backup_id", &wire.backup_id)?;
    check_name("cluster", &wire.cluster)?;
    check_name("repository", &wire.repository)?;
    let (check, if_exists) = (fields::check(wire.check)?, fields::if_exists(wire.if_exists)?);
    let on_conflict = match known("on_conflict", wire.on_conflict)? {
        v1::OnConflict::Unspecified | v1::OnConflict::Fail => OnConflict::Fail,
        v1::OnConflict::Skip => OnConflict::Skip,
        v1::OnConflict::Overwrite => OnConflict::Overwrite,
    };
    let merges = wire.data_only || if_exists == IfExists::Merge;
    if on_conflict != OnConflict::Fail && !merges {
        let text = "`on_conflict` is about merges, and nothing is merged";
        return Err(Error::invalid("on_conflict", text).hint("ask for a merge, or leave it out"));
    }
    let changes_schemas = !wire.settings.is_empty() || !wire.patches.is_empty();
    if wire.data_only && (wire.schema_only || changes_schemas) {
        let text = "with `data_only` no collection is created, so there is nothing to give a schema, settings or patches";
        return Err(Error::invalid("data_only", text).hint("leave one of them out"));
    }
    if if_exists == IfExists::Replace && (wire.data_only || wire.schema_only || !wire.tenants.is_empty()) {
        let text =
            "a collection is only replaced as a whole: with its schema, its objects and all its tenants";
        return Err(Error::invalid("if_exists", text).hint("leave out what is against that, or clear it"));
    }
    check_names("confirm", &wire.confirm)?;
    if wire.backup_first && if_exists != IfExists::Replace {
        let text = "`backup_first` is about what is replaced, and nothing is";
        return Err(Error::invalid("backup_first", text).hint("make a backup with a job of its own"));
    }
    let undoable = wire.undoable;
    if undoable && on_conflict != OnConflict::Overwrite && if_exists != IfExists::Replace {
        let text = "`undoable` is about what is overwritten or replaced, and nothing is";
        return Err(Error::invalid("undoable", text).hint("ask for one of the two, or leave it out"));
    }
    if undoable && wire.reshape.is_some() && if_exists != IfExists::Replace {
        let text = "objects in another shape cannot be compared with what is there";
        return Err(Error::invalid("undoable", text).hint("leave out `undoable`, and make a backup before"));
    }
    let behind_alias = behind_alias(&wire, if_exists, check)?;
    let request = RestoreRequest {
        latest_of: latest_of(&wire.backup_id, wire.latest_of)?.unwrap_or_default(),
        backup_id: backup_id(&wire.backup_id)?,
        wanted: Wanted {
            reshape: reshape(wire.reshape.unwrap_or_default(), &wire.tenants)?,
            collections: Selection::new(&wire.collections, &wire.exclude)?,
            rename: rename(wire.rename)?,
            tenants: distinct("tenants", wire.tenants)?,
            schema_only: wire.schema_only,
            without_references: wire.without_references,
            settings: settings(wire.settings, wire.patches)?,
            allow_modified: wire.allow_modified,
        },
        if_exists,
        on_conflict,
        data_only: wire.data_only,
        behind_alias,
        confirm: wire.confirm,
        backup_first: wire.backup_first || undoable && if_exists == IfExists::Replace,
        undoable,
        repair: None,
        wait_indexed: wire.wait_indexed,
        roles: wire.roles,
        check,
        allow_partial: wire.allow_partial,
        dry_run: wire.dry_run,
    };
    Call::new(
        Operation::Restore(Box::new(request)),
        wire.cluster,
        wire.repository,
        wire.request_id,
        wire.lock_timeout,
    )
}

pub fn repair_call(wire: v1::RepairRequest) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("tenants", &wire.tenants)?;
    check_names("confirm", &wire.confirm)?;
    check_names("ids", &wire.ids)?;
    check_pairs("rename", &wire.rename)?;
    check_name("cluster", &wire.cluster)?;
    check_name("repository", &wire.repository)?;
    exact("collections", "a repair", &wire.collections)?;
    let of = latest_of(&wire.backup_id, wire.latest_of)?.unwrap_or_default();
    let wanted = Wanted {
        collections: Selection::new(&distinct("collections", wire.collections)?, &[])?,
        rename: rename(wire.rename)?,
        tenants: distinct("tenants", wire.tenants)?,
        ..Wanted::default()
    };
    let repair = Repair { only: deviations(&wire.only)?, ids: ids(&wire.ids)?, undoes: None };
    let request = RestoreRequest {
        latest_of: of,
        wanted,
        confirm: wire.confirm,
        // What is compared are single objects.
        allow_partial: true,
        dry_run: wire.dry_run,
        ..RestoreRequest::new(backup_id(&wire.backup_id)?)
    };
    Call::new(
        Operation::Repair(Box::new(request.repairing(repair))),
        wire.cluster,
        wire.repository,
        wire.request_id,
        wire.lock_timeout,
    )
}

fn deviations(wire: &[i32]) -> Result<BTreeSet<Deviation>> {
    let deviation = |value: &i32| match known("only", *value)? {
        v1::Deviation::Missing => Ok(Deviation::Missing),
        v1::Deviation::Changed => Ok(Deviation::Changed),
        v1::Deviation::Extra => Ok(Deviation::Extra),
        v1::Deviation::Unspecified => Err(Error::invalid("only", "`only` holds something unspecified")),
    };
    match wire {
        [] => Ok([Deviation::Missing, Deviation::Changed].into()),
        wire => wire.iter().map(deviation).collect(),
    }
}

fn ids(wire: &[String]) -> Result<Vec<Uuid>> {
    let parse = |text: &String| {
        Uuid::parse_str(text).map_err(|_| Error::invalid("ids", format!("\"{text}\" is no UUID")))
    };
    wire.iter().map(parse).collect()
}

/// What a call asks for that undoes a job, which has made this backup of what it was about to change.
pub fn undo_call(
    wire: v1::UndoRequest,
    request: &Request,
    job: &str,
    saved: BackupId,
    is_whole: bool,
) -> Result<Call> {
    check_names("confirm", &wire.confirm)?;
    let (confirm, dry_run) = (wire.confirm, wire.dry_run);
    let undoing = RestoreRequest { confirm, dry_run, ..RestoreRequest::new(saved) };
    let operation = match is_whole {
        true => Operation::Restore(Box::new(RestoreRequest {
            if_exists: IfExists::Replace,
            backup_first: true,
            undoable: true,
            ..undoing
        })),
        false => {
            let repair = Repair { undoes: Some(job.to_owned()), ..Repair::whole() };
            Operation::Repair(Box::new(undoing.repairing(repair)))
        }
    };
    let Request { cluster, repository, .. } = request.clone();
    Call::new(operation, cluster, repository, wire.request_id, wire.lock_timeout)
}

fn behind_alias(wire: &v1::RestoreRequest, if_exists: IfExists, check: Check) -> Result<Option<BehindAlias>> {
    let v1::RestoreRequest { behind_alias: alias, drop_previous, .. } = wire;
    let invalid = |text: &str| Error::invalid("behind_alias", text);
    check_name("behind_alias", alias)?;
    check_name("drop_previous", drop_previous)?;
    if alias.is_empty() {
        return match drop_previous.is_empty() {
            true => Ok(None),
            false => {
                Err(Error::invalid("drop_previous", "`drop_previous` is about an alias, and none is given"))
            }
        };
    }
    if !is_collection_name(alias) {
        let text = "an alias must be a capital letter and up to 254 letters, digits and `_`";
        return Err(invalid(&format!("\"{alias}\" cannot be an alias: {text}")));
    }
    if wire.collections.len() != 1 || wire.collections.iter().any(|name| is_pattern(name)) {
        return Err(invalid("an alias points to one collection").hint("name the one that is to be behind it"));
    }
    if wire.schema_only || wire.data_only || check != Check::Digest || !matches!(if_exists, IfExists::Fail) {
        let text = "an alias is switched to a new collection with objects that are compared first";
        return Err(invalid(text).hint("leave out what is against that"));
    }
    let drop_previous = Some(drop_previous.clone()).filter(|name| !name.is_empty());
    Ok(Some(BehindAlias { alias: alias.clone(), drop_previous }))
}

pub fn verify_call(wire: v1::VerifyBackupRequest) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("exclude", &wire.exclude)?;
    check_pairs("rename", &wire.rename)?;
    check_names("tenants", &wire.tenants)?;
    check_name("backup_id", &wire.backup_id)?;
    check_name("cluster", &wire.cluster)?;
    check_name("repository", &wire.repository)?;
    if !wire.tenants.is_empty() && !wire.against_live {
        let text = "only a comparison with the cluster is of some tenants";
        return Err(Error::invalid("tenants", text).hint("set `against_live`, or leave them out"));
    }
    let inactive_tenants = inactive_tenants(wire.inactive_tenants)?;
    if inactive_tenants != InactiveTenants::Report && !wire.against_live {
        let text = "tenants are only inactive on a cluster, and none is compared";
        return Err(Error::invalid("inactive_tenants", text).hint("set `against_live`, or leave it out"));
    }
    let level = match (known("level", wire.level)?, wire.against_live) {
        (v1::VerifyLevel::Unspecified, true) => Level::AgainstLive,
        (_, true) => {
            let text = "`level` and `against_live` are two different verifications";
            return Err(Error::invalid("level", text).hint("leave one of them out"));
        }
        (v1::VerifyLevel::Unspecified | v1::VerifyLevel::Files, false) => Level::Files,
        (v1::VerifyLevel::Rows, false) => Level::Rows,
        (v1::VerifyLevel::Restorable, false) => Level::Restorable,
    };
    let max_findings = match wire.max_findings {
        0 => DEFAULT_FINDINGS,
        wanted => (wanted as usize).min(MAX_FINDINGS),
    };
    // What is compared with a cluster is a backup of it.
    let of_cluster = || match wire.against_live && !wire.cluster.is_empty() {
        true => LatestOf { cluster: Some(wire.cluster.clone()), tag: None },
        false => LatestOf::default(),
    };
    let request = VerifyRequest {
        latest_of: latest_of(&wire.backup_id, wire.latest_of)?.unwrap_or_else(of_cluster),
        backup_id: backup_id(&wire.backup_id)?,
        level,
        collections: Selection::new(&wire.collections, &wire.exclude)?,
        rename: rename(wire.rename)?,
        tenants: distinct("tenants", wire.tenants)?,
        inactive_tenants,
        max_findings,
    };
    Call::new(Operation::Verify(request), wire.cluster, wire.repository, wire.request_id, wire.lock_timeout)
}

pub fn clear_call(wire: v1::ClearRequest) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("tenants", &wire.tenants)?;
    check_names("confirm", &wire.confirm)?;
    check_name("cluster", &wire.cluster)?;
    check_name("repository", &wire.repository)?;
    exact("collections", "a clear", &wire.collections)?;
    let request = ClearRequest {
        collections: distinct("collections", wire.collections)?,
        tenants: distinct("tenants", wire.tenants)?,
        confirm: wire.confirm,
        backup_first: wire.backup_first,
        dry_run: wire.dry_run,
    };
    Call::new(Operation::Clear(request), wire.cluster, wire.repository, wire.request_id, wire.lock_timeout)
}

/// Names of collections, of which there must be some, for what takes no patterns.
fn exact(field: &'static str, what: &str, names: &[String]) -> Result<()> {
    if names.is_empty() {
        let text = format!("`{field}` is empty: {what} must name what it is about");
        return Err(Error::invalid(field, text));
    }
    match names.iter().find(|name| is_pattern(name)) {
        None => Ok(()),
        Some(pattern) => {
            let text = format!("\"{pattern}\" is a pattern, and {what} takes exact names only");
            Err(Error::invalid(field, text).hint("name each collection"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn clear(collections: &[&str]) -> v1::ClearRequest {
        v1::ClearRequest { collections: names(collections), ..Default::default() }
    }

    fn restore(rename: &[(&str, &str)]) -> v1::RestoreRequest {
        let rename = rename.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        v1::RestoreRequest { backup_id: "nightly".to_owned(), rename, ..Default::default() }
    }

    #[test]
    fn a_malformed_field_is_refused_by_name() {
        let backup = |change: fn(&mut v1::BackupRequest)| {
            let mut request = v1::BackupRequest::default();
            change(&mut request);
            backup_call(request).map(|_| ())
        };
        let restore_with = |key: &str, value: &str| {
            let settings = [(key.to_owned(), value.to_owned())].into();
            restore_call(v1::RestoreRequest { settings, ..restore(&[]) }).map(|_| ())
        };
        let verify = |level: v1::VerifyLevel| {
            let backup_id = "b".to_owned();
            let request = v1::VerifyBackupRequest {
                backup_id,
                level: level.into(),
                against_live: true,
                ..Default::default()
            };
            verify_call(request).map(|_| ())
        };
        let cases = [
            ("collections", backup(|request| request.collections = names(&["[z"]))),
            ("exclude", backup(|request| request.exclude = names(&[""]))),
            ("collections", backup(|request| request.collections = vec!["N".repeat(256)])),
            ("tenants", backup(|request| request.tenants = (0..10_001).map(|n| n.to_string()).collect())),
            ("cluster", backup(|request| request.cluster = "c".repeat(3_000_000))),
            ("rename", restore_call(restore(&[(&"A".repeat(256), "B")])).map(|_| ())),
            ("backup_id", backup_id(&"b".repeat(3_000_000)).map(|_| ())),
            ("tenants", backup(|request| request.tenants = names(&["acme", "acme"]))),
            ("backup_id", backup(|request| request.backup_id = "../etc".to_owned())),
            ("request_id", backup(|request| request.request_id = "ü".repeat(129))),
            ("backup_id", restore_call(v1::RestoreRequest::default()).map(|_| ())),
            ("rename", restore_call(restore(&[("A", "lower")])).map(|_| ())),
            ("rename", restore_call(restore(&[("A", "C"), ("B", "C")])).map(|_| ())),
            ("inactive_tenants", backup(|request| request.inactive_tenants = 9)),
            ("settings", restore_with("colour", "red")),
            ("level", verify(v1::VerifyLevel::Rows)),
            ("collections", clear_call(clear(&[])).map(|_| ())),
            ("collections", clear_call(clear(&["Article*"])).map(|_| ())),
            ("collections", clear_call(clear(&["Article", "Article"])).map(|_| ())),
        ];
        for (field, result) in cases {
            assert_eq!(result.unwrap_err().field(), Some(field));
        }
    }

    #[test]
    fn a_good_request_comes_through() {
        let call = restore_call(restore(&[("Article", "Article_2")])).unwrap();
        let Operation::Restore(request) = call.request.operation else { panic!() };
        assert_eq!(request.wanted.rename["Article"], "Article_2");
        assert_eq!((request.backup_id.to_string().as_str(), call.request_id), ("nightly", None));
        let collections = vec!["N".repeat(255)];
        let request = v1::BackupRequest { request_id: "ü".repeat(128), collections, ..Default::default() };
        assert!(backup_call(request).unwrap().request_id.is_some());
    }
}
