//! The gRPC half.

mod delete;
mod search;
mod select;
mod value;
mod write;

use std::sync::Arc;

use axum::Router;
use prost::Message;
use selvedge_proto::weaviate::aggregate_reply::{Result as Counted, Single};
use selvedge_proto::weaviate::tenants_get_request::Params;
use selvedge_proto::weaviate::weaviate_server::{Weaviate, WeaviateServer};
use selvedge_proto::weaviate::{
    AggregateReply, AggregateRequest, BatchDeleteReply, BatchDeleteRequest, BatchObjectsReply,
    BatchObjectsRequest, SearchReply, SearchRequest, Tenant, TenantActivityStatus, TenantsGetReply,
    TenantsGetRequest,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::faults::{RefusedObjects, Rewound};
use super::refusal::Refusal;
use super::rights::{Asked, Rights};
use super::schema::class_name;
use super::tenants::Status as Activity;
use super::{Shared, tenants};

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    // Sizes are checked by hand: tonic has other codes for them.
    let service = WeaviateServer::new(Service(shared))
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    // Says that it serves as long as it answers at all, as the real one does.
    let (_, health) = tonic_health::server::health_reporter();
    Routes::new(service).add_service(health).prepare().into_axum_router()
}

struct Service(Arc<Shared>);

impl Service {
    fn fit(&self, message: &impl Message, doing: &str) -> Result<(), Status> {
        let (size, most) = (message.encoded_len(), self.0.options.max_message_bytes);
        if size > most {
            return Err(Status::resource_exhausted(format!(
                "grpc: {doing} message larger than max ({size} vs. {most})"
            )));
        }
        Ok(())
    }
}

/// The gate has found out who calls.
fn rights<T>(request: &Request<T>) -> Rights {
    request.extensions().get().cloned().unwrap_or_default()
}

pub(super) fn no_such_class(name: &str) -> Status {
    Status::unknown(format!("could not find class {} in schema", class_name(name)))
}

#[tonic::async_trait]
impl Weaviate for Service {
    async fn search(&self, mut request: Request<SearchRequest>) -> Result<Response<SearchReply>, Status> {
        if request.extensions().get::<Rewound>().is_some() {
            request.get_mut().after.clear();
        }
        let reply = search::search(&self.0, request.get_ref(), &rights(&request))?;
        self.fit(&reply, "trying to send")?;
        Ok(Response::new(reply))
    }

    async fn batch_objects(
        &self,
        request: Request<BatchObjectsRequest>,
    ) -> Result<Response<BatchObjectsReply>, Status> {
        self.fit(request.get_ref(), "received")?;
        let refused = request.extensions().get::<RefusedObjects>().cloned().unwrap_or_default();
        let rights = rights(&request);
        Ok(Response::new(write::store(&self.0, request.into_inner(), &refused, &rights)))
    }

    async fn batch_delete(
        &self,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteReply>, Status> {
        let rights = rights(&request);
        delete::delete(&self.0, request.get_ref(), &rights).map(Response::new)
    }

    async fn aggregate(
        &self,
        request: Request<AggregateRequest>,
    ) -> Result<Response<AggregateReply>, Status> {
        if !self.0.version.aggregates() {
            return Err(Status::unimplemented("unknown method Aggregate for service weaviate.v1.Weaviate"));
        }
        let rights = rights(&request);
        let request = request.get_ref();
        let mut store = self.0.contents.lock();
        rights
            .demand("read", Asked::Data(&store.name_of(&request.collection), &request.tenant, "*"))
            .map_err(|refusal| Status::from(refusal.within(|text| format!("parse params: {text}"))))?;
        let class = store.resolve_mut(&request.collection).ok_or_else(|| {
            Status::unknown(format!("parse params: {}", no_such_class(&request.collection).message()))
        })?;
        let held = class
            .readable(&request.tenant)
            .map_err(|refusal| Status::from(refusal.within(|text| format!("aggregate: {text}"))))?;
        let count: usize = held.iter().map(|partition| partition.objects.len()).sum();
        let single = Single { objects_count: request.objects_count.then_some(count as i64) };
        Ok(Response::new(AggregateReply { result: Some(Counted::SingleResult(single)) }))
    }

    async fn tenants_get(
        &self,
        request: Request<TenantsGetRequest>,
    ) -> Result<Response<TenantsGetReply>, Status> {
        let rights = rights(&request);
        let request = request.get_ref();
        if request.collection.is_empty() {
            return Err(Status::unknown("get tenants: missing collection "));
        }
        let wanted = match &request.params {
            Some(Params::Names(names)) if names.values.is_empty() => {
                return Err(Status::unknown("get tenants: must specify at least one tenant name"));
            }
            Some(Params::Names(names)) => Some(&names.values),
            None => None,
        };
        let store = self.0.contents.lock();
        let class = tenants::of(&store, &request.collection).map_err(|refusal: Refusal| {
            Status::from(refusal.within(|text| format!("get tenants: {text}")))
        })?;
        let found =
            class.partitions.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted.contains(name)));
        let seen = found.filter(|(name, _)| rights.may("read", Asked::Tenant(class.name(), name)));
        let tenants = seen
            .map(|(name, partition)| Tenant {
                name: name.clone(),
                activity_status: activity(partition.status).into(),
            })
            .collect();
        Ok(Response::new(TenantsGetReply { tenants }))
    }
}

fn activity(status: Activity) -> TenantActivityStatus {
    match status {
        Activity::Hot => TenantActivityStatus::Hot,
        Activity::Cold => TenantActivityStatus::Cold,
        Activity::Frozen => TenantActivityStatus::Frozen,
    }
}
