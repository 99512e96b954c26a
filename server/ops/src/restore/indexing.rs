//! Waiting until Weaviate has indexed what was written, where it does that in the background.

use std::sync::Arc;
use std::time::Duration;

use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_weaviate::Cluster;
use tokio::time::{Instant, sleep};

use super::target::{Target, Targets};
use crate::{Context, Phase};

const POLL: Duration = Duration::from_secs(1);
/// Queues are written out late: only several looks that find nothing are believed.
const LOOKS: u32 = 3;
/// Without any vector being indexed.
const STALLED: Duration = Duration::from_mins(10);

/// Returns when no vector waits any more.
pub async fn wait(job: &Context, cluster: &Cluster, targets: &Targets) -> Result<()> {
    job.progress.set_phase(Phase::Indexing);
    let (mut found_none, mut before, mut moved) = (0, u64::MAX, Instant::now());
    while found_none < LOOKS {
        let waiting = job.or_stop(waiting(job, cluster, targets)).await?;
        job.progress.set_vectors_to_index(waiting);
        found_none = if waiting == 0 { found_none + 1 } else { 0 };
        if waiting < before {
            moved = Instant::now();
        }
        before = waiting;
        if moved.elapsed() > STALLED {
            let text = format!(
                "{} have waited to be indexed for {} minutes, and none was",
                counted(waiting, "vector"),
                STALLED.as_secs() / 60
            );
            return Err(Error::new(Kind::WeaviateOverloaded, text).hint(
                "everything is written and checked; look at Weaviate's log, and resume the job to wait on",
            ));
        }
        let pause = async {
            sleep(POLL).await;
            Ok(())
        };
        job.or_stop(pause).await?;
    }
    Ok(())
}

/// Of all collections.
async fn waiting(job: &Context, cluster: &Cluster, targets: &Targets) -> Result<u64> {
    let mut sum = 0;
    let is_filled = |target: &&Arc<Target>| target.rows.values().any(|rows| *rows > 0);
    for target in targets.all.iter().filter(is_filled) {
        let name = &target.collection.name;
        match cluster.vectors_to_index(name).await? {
            Some(waiting) => sum += waiting,
            None => {
                let text =
                    "whether all vectors are indexed is not known: Weaviate shows no shards to this key";
                job.progress.warn("indexing_unknown", text, name.clone());
            }
        }
    }
    Ok(sum)
}
