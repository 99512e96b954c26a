//! Emptying one collection, and proving that it is empty and otherwise the same.

use std::collections::BTreeSet;

use super::clearing::{Cleared, Saved, cleared_file, finished_file};
use super::proving::prove;
use super::sameness::fail_if_different;
use super::victim::Victim;
use crate::{CollectionCounters, Context, Phase};
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Tenant};
use selvedge_weaviate::{Cluster, compare_schemas};

/// Tenants that are missing at a time, between being deleted and being created again.
const CHUNK: usize = 100;

pub async fn clear(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    victim: Victim,
    counters: &CollectionCounters,
) -> Result<()> {
    let mut saved = Saved::new(job, cluster, repository, &victim).await?;
    if victim.collection.multi_tenant {
        recreate_tenants(job, cluster, &victim, &mut saved, counters).await?;
    } else {
        job.or_stop(check_unchanged(cluster, &victim.collection)).await?;
        prove(job, cluster, &victim.collection.name, &victim.collection, &mut saved).await?;
        saved.begin_recreating().await?;
        let (cluster, collection, place) = (cluster.patient(), victim.collection.clone(), saved.place());
        let journal = job.journal().clone();
        let recreate = async move {
            journal.check_newest().await?;
            recreate(&cluster, &collection, &place).await?;
            journal.write(&cleared_file(&collection.name), &()).await
        };
        job.uncut(recreate).await?;
    }
    saved.end(job).await?;
    job.progress.set_phase(Phase::Checking);
    // It is cleared: a cancel comes too late.
    check(&cluster.uncut(), &victim).await?;
    counters.add_objects(victim.objects);
    job.progress.set_phase(Phase::Clearing);
    Ok(())
}

async fn check_unchanged(cluster: &Cluster, planned: &Collection) -> Result<()> {
    let name = &planned.name;
    let now = cluster.collection(name).await?;
    if now.is_some_and(|now| compare_schemas(&planned.schema, &now.schema).is_empty()) {
        return Ok(());
    }
    Err(Error::new(
        Kind::SchemaChanged,
        format!("the schema of collection \"{name}\" changed while the clear was planned"),
    )
    .hint("nothing was changed; start the clear again"))
}

/// From here to the end the collection is missing. Neither a cancel nor a shutdown cuts this.
async fn recreate(cluster: &Cluster, collection: &Collection, saved: &str) -> Result<()> {
    let name = &collection.name;
    cluster.drop_collection(name).await.map_err(|error| {
        error.also(format!(
            "if collection \"{name}\" is gone, POST its schema, saved in {saved}, to /v1/schema"
        ))
    })?;
    let made = match cluster.create_collection(&collection.schema).await {
        Ok(made) => made,
        Err(error) => {
            return Err(error
                .context(format_args!("collection \"{name}\" was dropped and could not be created again"))
                .also(format!(
                    "its schema is saved in {saved}: create it with POST /v1/schema, or restart selvedge-server, which does it"
                )));
        }
    };
    fail_if_different(name, &collection.schema, &made.schema)
        .map_err(|error| error.also(format!("the schema as it was is saved in {saved}")))
}

/// Chunk by chunk, each of them whole: a cancel takes effect between two chunks.
async fn recreate_tenants(
    job: &Context,
    cluster: &Cluster,
    victim: &Victim,
    saved: &mut Saved,
    counters: &CollectionCounters,
) -> Result<()> {
    let ledger = job.journal().ledger(&victim.collection.name, Cleared::WORK);
    for chunk in victim.tenants.chunks(CHUNK) {
        if let Err(error) = job.check_stop() {
            saved.end(job).await?;
            return Err(error);
        }
        saved.begin_tenants(chunk).await?;
        let (cluster, name, tenants) = (cluster.patient(), victim.collection.name.clone(), chunk.to_vec());
        let (journal, ledger) = (job.journal().clone(), ledger.clone());
        let recreate = async move {
            journal.check_newest().await?;
            cluster.delete_tenants(&name, &tenants).await?;
            cluster.create_tenants(&name, &tenants).await?;
            let tenants = tenants.into_iter().map(|tenant| tenant.name).collect();
            ledger.keep_surely(&Cleared { tenants }).await
        };
        job.uncut(recreate).await.map_err(|error| {
            error.also(format!(
                "tenants may be missing now: create them again from what is saved beside {}, or restart selvedge-server, \
                 which does it",
                saved.place()
            ))
        })?;
        counters.add_tenants(chunk.len() as u64);
    }
    job.journal().write(&cleared_file(&victim.collection.name), &()).await
}

/// The tenants that earlier attempts have cleared.
pub async fn cleared_tenants(job: &Context, collection: &str) -> Result<BTreeSet<String>> {
    let ledger = job.journal().ledger(collection, Cleared::WORK);
    let finished = job.journal().read::<Cleared>(&finished_file(collection)).await?;
    let mut cleared: BTreeSet<_> = finished.into_iter().flat_map(|record| record.tenants).collect();
    for name in ledger.earlier().await? {
        cleared.extend(ledger.read::<Cleared>(&name).await?.into_iter().flat_map(|record| record.tenants));
    }
    Ok(cleared)
}

/// Empty, and otherwise as before.
async fn check(cluster: &Cluster, victim: &Victim) -> Result<()> {
    let name = &victim.collection.name;
    let now = cluster.collection(name).await?.ok_or_else(|| {
        Error::new(
            Kind::SchemaMismatch,
            format!("collection \"{name}\" is gone although it was created again"),
        )
    })?;
    fail_if_different(name, &victim.collection.schema, &now.schema)?;
    if victim.collection.multi_tenant {
        check_tenants(cluster, victim).await?;
    } else {
        fail_if_not_empty(name, None, cluster.count(name, None).await?)?;
    }
    let aliases = cluster.aliases().await?.of(name);
    if aliases != victim.aliases {
        return Err(Error::new(
            Kind::SchemaMismatch,
            format!("the aliases of collection \"{name}\" were {:?} and are {aliases:?}", victim.aliases),
        ));
    }
    Ok(())
}

async fn check_tenants(cluster: &Cluster, victim: &Victim) -> Result<()> {
    let name = &victim.collection.name;
    let now = cluster.tenants(name).await?;
    let found =
        |tenant: &Tenant| now.binary_search_by(|other| other.name.cmp(&tenant.name)).ok().map(|at| &now[at]);
    if let Some(tenant) = victim.tenants.iter().find(|tenant| found(tenant) != Some(tenant)) {
        return Err(Error::new(
            Kind::SchemaMismatch,
            format!(
                "tenant \"{}\" of collection \"{name}\" is not there as it was ({})",
                tenant.name, tenant.status
            ),
        ));
    }
    let active: Vec<_> = victim.tenants.iter().filter(|tenant| tenant.status.is_active()).collect();
    let counts = cluster.count_tenants(name, active.iter().map(|tenant| tenant.name.as_str())).await?;
    active
        .iter()
        .zip(counts)
        .try_for_each(|(tenant, count)| fail_if_not_empty(name, Some(&tenant.name), count.unwrap_or(0)))
}

fn fail_if_not_empty(name: &str, tenant: Option<&str>, count: u64) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let tenant = tenant.map_or(String::new(), |tenant| format!(" in tenant \"{tenant}\""));
    Err(Error::new(
        Kind::CountMismatch,
        format!("collection \"{name}\" holds {count} objects{tenant} after it was cleared"),
    )
    .hint("somebody writes to it; stop the writers and clear it again"))
}
