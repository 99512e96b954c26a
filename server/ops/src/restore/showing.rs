//! The plan of a restore as it is shown: by a dry run, and before something is destroyed.

use std::time::Duration;

use selvedge_archive::{CollectionReader, Damage, DamageKind, DataFormat, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

use super::requirements::is_indexed;
use super::target::{Planned, Target};
use crate::{Check, Failure, MergeCounts, Plan, PlannedCollection, Report, RestoreRequest, estimate};

/// `surveys` are of the collections that are merged into, as far as they were taken.
pub async fn plan(
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
    planned: &Planned,
    surveys: Vec<Option<MergeCounts>>,
    confirmation: Vec<String>,
) -> Result<Plan> {
    let times = planned.all.iter().zip(&surveys).map(|(target, merge)| time(request, target, *merge));
    let time = times.sum();
    let shown = planned.all.iter().zip(surveys).map(|(target, merge)| shown(request, target, merge));
    let plan = Plan::of(shown.collect()).taking(time);
    let mut plan = Plan { confirmation, notes: planned.notes.clone(), ..plan };
    if !plan.confirmation.is_empty() {
        plan.tell_backups(cluster, repository, &plan.confirmation.clone()).await?;
    }
    Ok(plan)
}

/// Nothing is destroyed before it is confirmed by name.
pub async fn unconfirmed(
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
    planned: &Planned,
    surveys: Vec<Option<MergeCounts>>,
    confirmation: Vec<String>,
) -> Result<Failure> {
    Ok(not_confirmed(request, plan(cluster, repository, request, planned, surveys, confirmation).await?))
}

/// That this plan is refused unless what it asks for is confirmed.
pub fn not_confirmed(request: &RestoreRequest, plan: Plan) -> Failure {
    let names = plan.confirmation.join(", ");
    let what = if request.repair.is_some() { "deleting objects of" } else { "replacing" };
    let text = format!("nothing was changed: {what} {names} needs to be confirmed");
    let error = Error::new(Kind::ConfirmationRequired, text).hint("repeat the names in `confirm`");
    let (plan, backup_id) = (Some(plan), Some(request.backup_id.clone()));
    Failure::for_good(error, Report { backup_id, plan, ..Report::default() })
}

/// What was edited on purpose is no damage.
pub fn damaged(reader: &CollectionReader, damage: &Damage) -> Error {
    let error = reader.corrupt(damage);
    let is_there = damage.kind != DamageKind::Missing;
    match is_there && DataFormat::of_file(&damage.file).is_some_and(DataFormat::is_lines) {
        true => error.also("if it was edited on purpose, say so with `allow_modified`"),
        false => error,
    }
}

fn shown(request: &RestoreRequest, target: &Target, merge: Option<MergeCounts>) -> PlannedCollection {
    let mut plan = target.planned(merge);
    if request.backup_first && target.replaces.is_some() {
        plan.notes.push("it is only dropped after a backup was made and compared with it".to_owned());
    }
    plan
}

fn time(request: &RestoreRequest, target: &Target, merge: Option<MergeCounts>) -> Duration {
    let all: u64 = target.rows.values().sum();
    let written = merge.map_or(all, |merge| merge.new + merge.overwritten);
    let bytes = if all == 0 {
        0
    } else {
        (u128::from(target.bytes()) * u128::from(written) / u128::from(all)) as u64
    };
    let backed_up =
        target.replaces.filter(|_| request.backup_first).map_or(0, |replaced| replaced.objects * 2);
    let compared = if request.check == Check::Digest { all } else { 0 };
    let merged = if target.is_merged() { all } else { 0 };
    estimate::of_collections(1)
        + estimate::of_tenants(target.tenants.len())
        + estimate::of_writing(written, bytes, fills_graph(target))
        + estimate::of_reading(backed_up + compared + merged)
}

/// Whether the vectors of its objects get into an index that is more than a list.
fn fills_graph(target: &Target) -> bool {
    let spaces = target.collection.vector_spaces.iter().filter(|space| space.index_type != "flat");
    let mut indexed =
        spaces.filter(|space| is_indexed(&target.collection, space.name.as_deref().unwrap_or_default()));
    let has = |name: &Option<String>| target.spaces().iter().any(|space| space.name == *name);
    indexed.any(|space| has(&space.name))
}
