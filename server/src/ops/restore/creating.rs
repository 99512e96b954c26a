//! Creating the collections and tenants of a restore.

use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::ops::JobContext;
use crate::weaviate::{Cluster, compare_schemas};

/// Creates all collections, still empty, and their tenants. If one does not come out as it was, all are dropped again, so
/// that a failed restore leaves nothing behind.
pub async fn create_all(job: &JobContext, cluster: &Cluster, targets: &[Target]) -> Result<()> {
    let mut created = Vec::new();
    for target in targets {
        // A creation whose answer is not waited for could leave a collection that nobody takes away.
        let result = match job.check_stop() {
            Ok(()) => {
                created.push(target.collection.name.as_str());
                create(job, cluster, target).await
            }
            stopped => stopped,
        };
        if let Err(error) = result {
            return Err(undo(cluster, &created, error).await);
        }
    }
    Ok(())
}

async fn create(job: &JobContext, cluster: &Cluster, target: &Target) -> Result<()> {
    let name = &target.collection.name;
    let made = cluster.create_collection(&target.collection.schema).await?;
    let (fatal, minor): (Vec<_>, Vec<_>) = compare_schemas(&target.collection.schema, &made.schema)
        .into_iter()
        .partition(|difference| difference.matters);
    if !fatal.is_empty() {
        let texts: Vec<_> = fatal.iter().take(5).map(ToString::to_string).collect();
        return Err(Error::new(
            Kind::SchemaMismatch,
            format!("Weaviate did not create collection \"{name}\" as it was: {}", texts.join("; ")),
        )
        .hint("the target may be an older version of Weaviate, or configured differently"));
    }
    for difference in minor.iter().filter(|difference| difference.wanted.is_some()) {
        let text = format!(
            "Weaviate did not take a setting that only concerns its inner workings: {}",
            difference.path
        );
        job.progress.warn("setting_not_taken", text, name.clone());
    }
    cluster.create_tenants(name, &target.tenants).await
}

async fn undo(cluster: &Cluster, created: &[&str], error: Error) -> Error {
    for name in created {
        if let Err(left) = cluster.drop_collection(name).await {
            return error.hint(format!(
                "also, collection \"{name}\", which the job had created, could not be dropped again: {left}"
            ));
        }
    }
    error
}
