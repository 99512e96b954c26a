//! Creating the collections and tenants of a restore.

use std::sync::Arc;

use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::ops::JobContext;
use crate::weaviate::{Cluster, Difference, compare_schemas};

/// Creates all collections, still empty, and their tenants. If one does not come out as it was, all that were created are
/// dropped again, so that a failed restore leaves nothing behind. Runs to its end whatever happens to the job.
pub async fn create_all(job: JobContext, cluster: Cluster, targets: Arc<[Target]>) -> Result<()> {
    let mut created = Vec::new();
    for target in targets.iter() {
        if let Err(error) = create(&job, &cluster, target, &mut created).await {
            return Err(undo(&cluster, &created, error).await);
        }
    }
    Ok(())
}

async fn create<'a>(
    job: &JobContext,
    cluster: &Cluster,
    target: &'a Target,
    created: &mut Vec<&'a str>,
) -> Result<()> {
    job.check_stop()?;
    let (name, wanted) = (&target.collection.name, &target.collection.schema);
    cluster.begin_collection(wanted).await?;
    // Only now it is ours to drop: what made Weaviate refuse the name may be somebody else's collection.
    created.push(name);
    let made = cluster.finish_collection(wanted).await?;
    let (fatal, minor): (Vec<_>, Vec<_>) =
        compare_schemas(wanted, &made.schema).into_iter().partition(|difference| difference.matters);
    if !fatal.is_empty() {
        let texts: Vec<_> = fatal.iter().take(5).map(ToString::to_string).collect();
        return Err(Error::new(
            Kind::SchemaMismatch,
            format!("Weaviate did not create collection \"{name}\" as it was: {}", texts.join("; ")),
        )
        .hint("the target may be an older version of Weaviate, or configured differently"));
    }
    minor.iter().for_each(|difference| warn(job, name, difference));
    cluster.create_tenants(name, &target.tenants).await
}

fn warn(job: &JobContext, name: &str, difference: &Difference) {
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

async fn undo(cluster: &Cluster, created: &[&str], mut error: Error) -> Error {
    for name in created {
        if let Err(left) = cluster.drop_collection(name).await {
            error = error
                .also(format!("drop \"{name}\", which the job had created, by hand: it could not ({left})"));
        }
    }
    error
}
