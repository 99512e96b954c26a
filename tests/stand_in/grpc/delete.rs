//! `BatchDelete`, by id.

use selvedge_proto::weaviate::{BatchDeleteObject, BatchDeleteReply, BatchDeleteRequest};
use tonic::Status;
use uuid::Uuid;

use super::no_such_class;
use super::search::condition;
use crate::stand_in::Shared;
use crate::stand_in::rights::{Asked, Rights};

pub(super) fn delete(
    shared: &Shared,
    request: &BatchDeleteRequest,
    rights: &Rights,
) -> Result<BatchDeleteReply, Status> {
    let tenant = request.tenant();
    let mut store = shared.contents.lock();
    rights.demand("delete", Asked::Data(&store.name_of(&request.collection), tenant, "*"))?;
    let class = store.resolve_mut(&request.collection).ok_or_else(|| no_such_class(&request.collection))?;
    let filters = request.filters.as_ref();
    let fits =
        condition(filters.ok_or_else(|| Status::unknown("batch delete params: no filters in request"))?)?;
    class
        .check_tenant(tenant)
        .map_err(|refusal| Status::from(refusal.within(|text| format!("batch delete: {text}"))))?;
    let of = |held: &String| tenant.is_empty() || held == tenant;
    let (mut matches, mut successful) = (0, 0);
    for (_, partition) in class.partitions.iter_mut().filter(|(held, _)| of(held)) {
        let found: Vec<Uuid> = partition.objects.keys().filter(|id| fits(id)).copied().collect();
        matches += found.len() as i64;
        for id in found {
            if (successful as usize) < shared.options.max_results {
                partition.objects.remove(&id);
                successful += 1;
            }
        }
    }
    let object = BatchDeleteObject { successful: true, error: None };
    let objects = if request.verbose { vec![object; successful as usize] } else { Vec::new() };
    Ok(BatchDeleteReply { failed: 0, matches, successful, objects })
}
