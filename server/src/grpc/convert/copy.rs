//! A copy that is asked for.

use selvedge_model::Selection;
use selvedge_model::error::{Error, Result};
use selvedge_ops::{Check, CopyRequest, IfExists, Operation, Request};
use selvedge_proto::v1;

use super::Call;
use super::fields::{check, distinct, if_exists, inactive_tenants, passes, rename};
use super::names::{check_name, check_names, check_pairs};
use super::settings::settings;

/// `since` is the request of the copy that is to be repeated, if one is.
pub fn copy_call(wire: v1::CopyRequest, since: Option<&Request>) -> Result<Call> {
    check_names("collections", &wire.collections)?;
    check_names("exclude", &wire.exclude)?;
    check_names("tenants", &wire.tenants)?;
    check_names("confirm", &wire.confirm)?;
    check_pairs("rename", &wire.rename)?;
    check_pairs("settings", &wire.settings)?;
    wire.patches.keys().try_for_each(|name| check_name("patches", name))?;
    for (field, name) in [("cluster", &wire.cluster), ("to", &wire.to), ("repository", &wire.repository)] {
        check_name(field, name)?;
    }
    let if_exists = if_exists(wire.if_exists)?;
    if if_exists == IfExists::Merge {
        let text = "a copy makes collections, and merges into none";
        return Err(Error::invalid("if_exists", text).hint("replace them, or copy under another name"));
    }
    let settle = passes(wire.settle_passes)?;
    let check = match since {
        Some(_) if wire.check == v1::RestoreCheck::Unspecified as i32 => Check::Count,
        _ => check(wire.check)?,
    };
    let asked = CopyRequest {
        to: wire.to,
        collections: Selection::new(&wire.collections, &wire.exclude)?,
        tenants: distinct("tenants", wire.tenants)?,
        inactive_tenants: inactive_tenants(wire.inactive_tenants)?,
        rename: rename(wire.rename)?,
        without_references: wire.without_references,
        settings: settings(wire.settings, wire.patches)?,
        if_exists,
        confirm: wire.confirm,
        since: None,
        settle,
        settle_below: if settle == 0 { 0 } else { wire.settle_below.max(1) },
        check,
        keys: None,
        dry_run: wire.dry_run,
    };
    let (request, cluster, repository) = match since {
        None => (asked, wire.cluster, wire.repository),
        Some(since) => repeated(asked, wire.cluster, wire.repository, since)?,
    };
    Call::new(Operation::Copy(Box::new(request)), cluster, repository, wire.request_id, wire.lock_timeout)
}

/// What a copy was of, and where, is what its repetition is of.
fn repeated(
    asked: CopyRequest,
    cluster: String,
    repository: String,
    since: &Request,
) -> Result<(CopyRequest, String, String)> {
    let Operation::Copy(before) = &since.operation else {
        return Err(Error::invalid("since", "the job is no copy").hint("name one that was, or leave it out"));
    };
    let unset = CopyRequest {
        inactive_tenants: asked.inactive_tenants,
        settle: asked.settle,
        settle_below: asked.settle_below,
        check: asked.check,
        dry_run: asked.dry_run,
        to: asked.to.clone(),
        ..CopyRequest::default()
    };
    if asked != unset {
        let text = "what is copied with `since`, and how, is what that job has copied";
        return Err(Error::invalid("since", text).hint("leave out what says it anew"));
    }
    let places = [(&cluster, &since.cluster), (&repository, &since.repository), (&asked.to, &before.to)];
    if let Some((now, then)) = places.into_iter().find(|(now, then)| !now.is_empty() && now != then) {
        let text = format!("the job was about \"{then}\", and not about \"{now}\"");
        return Err(Error::invalid("since", text).hint("leave out the names of its places"));
    }
    let request = CopyRequest {
        to: before.to.clone(),
        collections: before.collections.clone(),
        tenants: before.tenants.clone(),
        rename: before.rename.clone(),
        without_references: before.without_references,
        since: before.keys.clone(),
        ..asked
    };
    Ok((request, since.cluster.clone(), since.repository.clone()))
}
