//! Trying a schema under another name, before the collection that has it, or is to have it, is dropped.

use std::collections::BTreeMap;

use selvedge_model::Collection;
use selvedge_model::error::{Kind, Result};
use selvedge_weaviate::Cluster;

use super::clearing::Saved;
use super::sameness::fail_if_different;
use crate::Context;
use crate::probe::probe_name;

/// Proves that collection `name` can be created as `wanted` says, which has that name too, and leaves it as it is.
pub async fn prove(
    job: &Context,
    cluster: &Cluster,
    name: &str,
    wanted: &Collection,
    saved: &mut Saved,
) -> Result<()> {
    let (name, probe) = (name.to_owned(), probe_name(name));
    let wanted = wanted.renamed(&BTreeMap::from([(name.clone(), probe.clone())]))?;
    saved.begin(&probe).await?;
    // A cancel cuts no call, or the probe would stay. But then none is repeated: nothing is destroyed yet.
    let (cluster, its_name) = (cluster.uncut(), probe.clone());
    let proof = async move { Ok(try_out(&cluster, &name, &its_name, &wanted).await) };
    let Proof { outcome, is_gone } = job.uncut(proof).await?;
    let outcome = outcome.map_err(|error| {
        let hint = error.hint_text().unwrap_or("nothing was changed").to_owned();
        let error =
            error.context("the schema could not be created, so the collection was left alone").hint(hint);
        match job.check_stop() {
            Err(stopped) if error.is_transient() => stopped.caused_by(error),
            _ => error,
        }
    });
    match outcome.and_then(|()| job.check_stop()) {
        Ok(()) => Ok(()),
        Err(error) if is_gone => {
            saved.end(job).await?;
            Err(error)
        }
        Err(error) => Err(error.also(format!(
            "the empty collection \"{probe}\" may be left over: delete it, or restart selvedge-server, which does it"
        ))),
    }
}

/// What came of creating a schema under another name.
struct Proof {
    outcome: Result<()>,
    /// Whether what was created is known to be gone again.
    is_gone: bool,
}

/// Creates the schema under another name, to be sure that Weaviate accepts it and makes the same of it.
async fn try_out(cluster: &Cluster, name: &str, probe: &str, wanted: &Collection) -> Proof {
    let made = cluster.create_collection(&wanted.schema).await;
    // Weaviate may do later what it has not answered.
    let may_come = made.as_ref().is_err_and(|error| error.kind() == Kind::WeaviateUnreachable);
    let dropped = cluster.drop_collection(probe).await;
    // What may not be created may not be dropped either.
    let is_gone = dropped.is_ok() || matches!(cluster.collection(probe).await, Ok(None));
    let outcome = match (made, dropped) {
        (Ok(made), Ok(())) => fail_if_different(name, &wanted.schema, &made.schema),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    };
    Proof { outcome, is_gone: is_gone && !may_come }
}
