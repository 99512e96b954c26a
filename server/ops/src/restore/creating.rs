//! Creating the collections and tenants of a restore.

use std::sync::Arc;

use serde_json::Value;

use super::begun::Begun;
use super::existing::drop_noted;
use super::replaced::Replaced;
use super::target::{How, Target, Targets};
use crate::Context;
use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result, listed};
use selvedge_weaviate::{Cluster, Creation, Difference, compare_schemas};

/// Creates all collections, still empty, and their tenants. If one does not come out as it was, all that were created are
/// dropped again, so that a failed restore leaves nothing behind. Runs to its end whatever happens to the job.
pub async fn create_all(job: Context, cluster: Cluster, targets: Arc<Targets>) -> Result<()> {
    let (mut dropped, mut created) = (Vec::new(), Vec::new());
    let creating = async {
        drop_replaced(&job, &cluster, &targets.all, &mut dropped).await?;
        // What is dropped is to come back, whoever cancels the job, and whatever has to be tried again.
        let (stoppable, careful) = match targets.replace_any() {
            true => (None, cluster.patient()),
            false => (Some(&job), cluster.uncut()),
        };
        create(&job, stoppable, &careful, &targets.all, &mut created).await?;
        Begun::created(&job).await
    };
    let result = creating.await;
    let result = result.map_err(|error| match dropped.is_empty() {
        true => error,
        false => {
            let names = listed(&dropped);
            error.also(format!(
                "what was to be replaced is dropped: {names}; resume the job, or restore it again"
            ))
        }
    });
    match result {
        Ok(()) => Ok(()),
        // Whoever has cancelled the job should not wait long for a Weaviate that hangs.
        Err(error) if job.stop_token().is_cancelled() => {
            Err(undo(&cluster.hasty(), &targets.all, &created, error).await)
        }
        Err(error) => Err(undo(&cluster.patient(), &targets.all, &created, error).await),
    }
}

/// Drops what is replaced, and writes it down: what is there afterwards is never dropped for this.
async fn drop_replaced<'a>(
    job: &Context,
    cluster: &Cluster,
    targets: &'a [Arc<Target>],
    dropped: &mut Vec<&'a str>,
) -> Result<()> {
    let replaced: Vec<_> = targets.iter().filter(|target| target.replaces.is_some()).collect();
    if replaced.is_empty() {
        return Ok(());
    }
    job.check_stop()?;
    job.journal().check_newest().await?;
    let cluster = cluster.patient();
    for target in &replaced {
        // Since the plan was made, tenants may have come that would not come back.
        Replaced::find(&cluster, &target.collection.name, &target.tenants).await?;
    }
    for target in replaced {
        let name = target.collection.name.as_str();
        if let Some(there) = cluster.collection(name).await? {
            dropped.push(name);
            drop_noted(job, &cluster, &there).await?;
        }
    }
    Ok(())
}

async fn create<'a>(
    job: &Context,
    stoppable: Option<&Context>,
    cluster: &Cluster,
    targets: &'a [Arc<Target>],
    created: &mut Vec<&'a str>,
) -> Result<()> {
    let check_stop = || stoppable.map_or(Ok(()), Context::check_stop);
    for target in targets {
        // It is begun, and completed with its tenants.
        target.counters.begin_phase(if target.is_merged() { 1 } else { 2 });
    }
    for (target, creation) in created_of(targets) {
        check_stop()?;
        let begun = cluster.begin_collection(creation).await;
        begun.map_err(|error| unbegun(job, &target.collection.name, error))?;
        // Only now it is ours to drop: what made Weaviate refuse the name may be somebody else's collection.
        created.push(&target.collection.name);
        target.counters.add_of_phase(1);
    }
    for (target, creation) in created_of(targets) {
        check_stop()?;
        let made = cluster.complete_collection(creation).await?;
        compare(job, &target.collection.name, &creation.initial, &made.schema)?;
        cluster.create_tenants(&target.collection.name, &target.tenants_at_first()).await?;
        target.counters.end_phase();
    }
    // Last, because they stay if something fails: whoever merges again finds them.
    for target in targets.iter().filter(|target| target.is_merged()) {
        check_stop()?;
        cluster.create_tenants(&target.collection.name, &target.tenants_at_first()).await?;
        target.counters.end_phase();
    }
    Ok(())
}

fn created_of(targets: &[Arc<Target>]) -> impl Iterator<Item = (&Arc<Target>, &Creation)> {
    targets.iter().filter_map(|target| match &target.how {
        How::Create(creation) => Some((target, &**creation)),
        How::Merge(_) => None,
    })
}

/// Why a collection could not be created. What Weaviate has not answered it may do all the same; but what is there then need
/// not be ours, so it is not dropped.
fn unbegun(job: &Context, name: &str, error: Error) -> Error {
    if !error.is_transient() && !error.is_unclear() {
        return error;
    }
    let error = match job.check_stop() {
        Ok(()) => error,
        // That is why it was not tried again.
        Err(stopped) => stopped.caused_by(error),
    };
    error.also(format!(
        "collection \"{name}\" may have been created all the same: drop it if it is there and empty"
    ))
}

/// Fails if the collection would not be the same; warns of the rest.
pub fn compare(job: &Context, name: &str, wanted: &Value, made: &Value) -> Result<()> {
    let (fatal, minor): (Vec<_>, Vec<_>) =
        compare_schemas(wanted, made).into_iter().partition(|difference| difference.matters);
    if !fatal.is_empty() {
        let texts: Vec<_> = fatal.iter().take(5).map(ToString::to_string).collect();
        return Err(Error::new(
            Kind::SchemaMismatch,
            format!("Weaviate did not create collection \"{name}\" as it was: {}", texts.join("; ")),
        )
        .hint("the target may be an older version of Weaviate, or configured differently"));
    }
    minor.iter().for_each(|difference| warn(job, name, difference));
    Ok(())
}

fn warn(job: &Context, name: &str, difference: &Difference) {
    if difference.wanted.is_some() {
        let text = format!(
            "Weaviate did not take a setting that only concerns its inner workings: {}",
            difference.path
        );
        job.progress.warn("setting_not_taken", text, name);
    } else if difference.got.as_ref().is_some_and(|added| added["enabled"] == true) {
        let text =
            format!("Weaviate switched something on that the original does not have: {}", difference.path);
        job.progress.warn("setting_added", text, name);
    }
}

/// Drops what was created, as far as it is still what was created: what somebody else has put in since is not ours. What took
/// the place of another collection stays, empty: better than none, and the job can go on from there.
async fn undo(cluster: &Cluster, targets: &[Arc<Target>], created: &[&str], mut error: Error) -> Error {
    let is_ours =
        |target: &&Arc<Target>| created.contains(&target.collection.name.as_str()) && !target.in_place;
    for target in targets.iter().filter(is_ours) {
        let name = &target.collection.name;
        match drop_if_untouched(cluster, target).await {
            Ok(true) => {}
            Ok(false) => {
                error = error.also(format!("\"{name}\" is left as it is: somebody else writes to it"));
            }
            Err(left) => {
                error = error.also(format!(
                    "drop \"{name}\", which the job had created, by hand: it could not ({left})"
                ));
            }
        }
    }
    error
}

/// False if there is something in it. Nothing has been written by the job yet.
pub async fn drop_if_untouched(cluster: &Cluster, target: &Target) -> Result<bool> {
    let name = &target.collection.name;
    let Some(there) = cluster.collection(name).await? else { return Ok(true) };
    let is_empty = if there.multi_tenant {
        are_untouched(cluster, target).await?
    } else {
        cluster.count(name, None).await? == 0
    };
    if !is_empty {
        return Ok(false);
    }
    cluster.drop_collection(name).await.map(|()| true)
}

/// Whether these are the tenants that the job creates, and nothing is in them. One that is to be filled is created active: if it
/// is not, somebody has put it to sleep with whatever is in it.
async fn are_untouched(cluster: &Cluster, target: &Target) -> Result<bool> {
    let name = &target.collection.name;
    let tenants = match cluster.tenants_in_full(name, &[]).await {
        Err(error) if error.kind() == Kind::WeaviatePermissionDenied => return Ok(false),
        tenants => tenants?,
    };
    let at_first = target.tenants_at_first();
    let ours = |tenant: &Tenant| at_first.iter().find(|ours| ours.name == tenant.name);
    let is_as_created = |tenant: &Tenant| ours(tenant).is_some_and(|ours| ours.status == tenant.status);
    if !tenants.iter().all(is_as_created) {
        return Ok(false);
    }
    let active = tenants.iter().filter(|tenant| tenant.status.is_active());
    let counts = cluster.count_tenants(name, active.map(|tenant| tenant.name.as_str())).await?;
    Ok(counts.into_iter().all(|count| count == Some(0)))
}
