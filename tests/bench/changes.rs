//! Changes to what was loaded.

use std::time::Duration;

use selvedge_proto::weaviate::BatchObjectsRequest;

use crate::data;
use crate::ground::Ground;

/// What was written so shortly before it was read is read again by whatever looks for changes.
const SETTLED: Duration = Duration::from_secs(4);

pub async fn settle() {
    tokio::time::sleep(SETTLED).await;
}

/// Cuts off the last objects, as requests of their own.
pub fn take_last(requests: &mut Vec<BatchObjectsRequest>, mut count: usize) -> Vec<BatchObjectsRequest> {
    let mut last = Vec::new();
    while let Some(request) = requests.last_mut().filter(|_| count > 0) {
        let at = request.objects.len().saturating_sub(count);
        let objects = request.objects.split_off(at);
        count -= objects.len();
        last.push(BatchObjectsRequest { objects, consistency_level: None });
        if at == 0 {
            requests.pop();
        }
    }
    last
}

/// Writes every n-th object again with the vector of its neighbour, and deletes half as many others.
pub async fn make(
    ground: &Ground<'_>,
    source: &str,
    requests: &[BatchObjectsRequest],
    one_in: usize,
) -> anyhow::Result<()> {
    overwrite(ground, requests, one_in).await?;
    let all = requests.iter().flat_map(|request| &request.objects);
    for object in all.skip(one_in / 2).step_by(2 * one_in) {
        ground.stage.rest.delete(&format!("/v1/objects/{source}/{}", object.uuid)).await?;
    }
    Ok(())
}

/// Writes every n-th object again with the vector of its neighbour.
pub async fn overwrite(
    ground: &Ground<'_>,
    requests: &[BatchObjectsRequest],
    one_in: usize,
) -> anyhow::Result<()> {
    let all: Vec<_> = requests.iter().flat_map(|request| &request.objects).collect();
    let changed = all.iter().zip(all.iter().skip(1)).step_by(one_in).map(|(object, neighbour)| {
        let mut object = (*object).clone();
        object.vector_bytes.clone_from(&neighbour.vector_bytes);
        object
    });
    ground.bare.load(data::batched(data::OBJECTS_A_REQUEST, changed)).await
}
